"""Messages between the engine and its helper processes: a JSON head, a raw body, and descriptors.

Frame: 4 bytes length of the head, 8 bytes length of the body (little-endian), head, body. The
heads come from our own processes only; a program's bytes travel as an unread body.
"""

from __future__ import annotations

import json
import socket
import struct
from typing import Any

_FRAME = struct.Struct("<IQ")
_MAX_HEAD = 16 * 2**20


def pack(head: dict[str, Any], body: bytes = b"") -> bytes:
    """Encode one message."""
    text = json.dumps(head).encode()
    return _FRAME.pack(len(text), len(body)) + text + body


class Disconnected(ConnectionError):  # noqa: N818 - what happened, and often as it should
    """The other side is gone."""


def receive(sock: socket.socket, max_fds: int = 0) -> tuple[dict[str, Any], bytes, list[int]]:
    """Read one message, blocking; descriptors sent along with its first byte are returned too."""
    fds: list[int] = []
    if max_fds:
        start, fds, _, _ = socket.recv_fds(sock, _FRAME.size, max_fds)
    else:
        start = sock.recv(_FRAME.size)
    if not start:
        raise Disconnected
    start += _receive_exactly(sock, _FRAME.size - len(start))
    head_size, body_size = _FRAME.unpack(start)
    head = json.loads(_receive_exactly(sock, head_size))
    return head, _receive_exactly(sock, body_size), fds


def _receive_exactly(sock: socket.socket, size: int) -> bytes:
    parts = bytearray()
    while len(parts) < size:
        part = sock.recv(min(size - len(parts), 2**20))
        if not part:
            raise Disconnected
        parts += part
    return bytes(parts)


async def receive_async(sock: socket.socket) -> tuple[dict[str, Any], bytes]:
    """Read one message from a non-blocking socket."""
    head_size, body_size = _FRAME.unpack(await _receive_exactly_async(sock, _FRAME.size))
    if head_size > _MAX_HEAD:
        raise Disconnected
    head = json.loads(await _receive_exactly_async(sock, head_size))
    return head, await _receive_exactly_async(sock, body_size) if body_size else b""


async def _receive_exactly_async(sock: socket.socket, size: int) -> bytes:
    from asyncio import get_running_loop  # here: the zygote has no use for it, and a smaller one forks faster

    loop = get_running_loop()
    parts = bytearray()
    while len(parts) < size:
        part = await loop.sock_recv(sock, min(size - len(parts), 2**20))
        if not part:
            raise Disconnected
        parts += part
    return bytes(parts)
