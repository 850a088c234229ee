"""HTTP/1.1 on a bare asyncio protocol: keep-alive, one answer at a time, each written in one send."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

_MAX_HEAD = 64 * 1024
_MAX_BODY = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has arrived whole; names of headers are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What is written, when, and how much of it.

    Attributes:
        status: HTTP status.
        body: JSON, or what is left of it.
        headers: Beside those that every answer has.
        delay_s: Seconds to wait before anything is written.
        delivery: "none" resets the connection; "half" ends it in mid-body; "stall" does so after `stall_s`.
        stall_s: Seconds of silence in mid-body.
    """

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    delivery: Literal["whole", "none", "half", "stall"] = "whole"
    stall_s: float = 0.0

    def encoded(self) -> bytes:
        """Return status line, headers and body as one piece: in two, Nagle and delayed ACK add 40 ms."""
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            "content-type: application/json",
            f"content-length: {len(self.body)}",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace") + self.body


class Connections:
    """All open connections of a server, and how many of them wait for an answer."""

    def __init__(self, answer: Callable[[Request, int], Answer]) -> None:
        self.answer = answer
        self.in_flight = 0
        self.open: set[Connection] = set()

    def __call__(self) -> Connection:
        """Return the protocol of a new connection."""
        return Connection(self)

    def abort(self) -> None:
        """End all connections at once."""
        for connection in list(self.open):
            connection.abort()


class Connection(asyncio.Protocol):
    """One connection: requests are answered in turn, however many have arrived."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._buffer = bytearray()
        self._transport: asyncio.Transport
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._connections.open.add(self)

    def connection_lost(self, _error: Exception | None) -> None:
        """Drop the answer that was under way."""
        self._connections.open.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        self._done()

    def abort(self) -> None:
        """End the connection without a farewell."""
        self._transport.abort()

    def data_received(self, data: bytes) -> None:
        """Collect; answer when a request is whole."""
        self._buffer += data
        if not self._busy:
            self._next()

    def _next(self) -> None:
        try:
            request = self._take()
        except ValueError as error:
            self._transport.write(Answer(400, f'{{"error": {{"message": "{error}"}}}}'.encode()).encoded())
            self._transport.close()
            return
        if request is None:
            return
        self._busy = True
        self._connections.in_flight += 1
        answer = self._connections.answer(request, self._connections.in_flight)
        if answer.delay_s > 0:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(answer.delay_s, self._deliver, answer)
        else:
            self._deliver(answer)

    def _take(self) -> Request | None:
        """Take one request from the buffer; None when it has not arrived whole."""
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > _MAX_HEAD:
                raise ValueError("the headers are too long")
            return None
        head, *lines = bytes(self._buffer[:end]).decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = headers.get("content-length", "0")
        words = head.split(" ")
        if len(words) != 3 or not length.isdecimal() or "transfer-encoding" in headers:
            raise ValueError("expected a request of HTTP/1.1 with a content-length")
        if int(length) > _MAX_BODY:
            raise ValueError("the body is too long")
        whole = end + 4 + int(length)
        if len(self._buffer) < whole:
            return None
        body = bytes(self._buffer[end + 4 : whole])
        del self._buffer[:whole]
        return Request(words[0], words[1].partition("?")[0], headers, body)

    def _deliver(self, answer: Answer) -> None:
        self._timer = None
        if answer.delivery == "whole":
            self._transport.write(answer.encoded())
            self._done()
            # Not by a call: a client may have sent any number of requests ahead.
            asyncio.get_running_loop().call_soon(self._go_on)
            return
        if answer.delivery == "none":
            self._transport.abort()
            return
        data = answer.encoded()
        self._transport.write(data[: len(data) - len(answer.body) // 2])
        if answer.delivery == "half":
            self._transport.close()
        else:
            self._timer = asyncio.get_running_loop().call_later(answer.stall_s, self._transport.abort)

    def _go_on(self) -> None:
        if not self._busy and not self._transport.is_closing():
            self._next()

    def _done(self) -> None:
        if self._busy:
            self._busy = False
            self._connections.in_flight -= 1
