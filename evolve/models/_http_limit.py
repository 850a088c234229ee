"""A limit for the answers of servers, as they are after unpacking, and silence about the calls.

Imported together with litellm.

Whatever litellm asks over, in the end it is an httpx client that sends and reads. A client is shared within
the process, and so the limit is a matter of the call, by a context variable: calls of others are limited as
little, and logged as much, as before.
"""

from __future__ import annotations

import contextlib
import logging
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

import httpx

MOST_BYTES = 8 * 2**20
"""Longest body: more than the longest usable answer has when each of its characters is escaped."""

_BLOCK = 64 * 1024
_WINDOW = {"gzip": zlib.MAX_WBITS | 16, "x-gzip": zlib.MAX_WBITS | 16, "deflate": zlib.MAX_WBITS | 32}
"""How zlib is told what to expect; "deflate" without zlib's header, which some servers send, is refused."""


_TALKATIVE = (
    *("openai", "openai._base_client", "openai._response", "openai._legacy_response"),
    *(
        "httpx",
        "httpcore.connection",
        "httpcore.http11",
        "httpcore.http2",
        "httpcore.proxy",
        "httpcore.socks",
    ),
)
"""Loggers that show whole requests, on the terminal even, with OPENAI_LOG set; a filter is not inherited."""


class BodyRefused(httpx.TransportError):
    """The body of an answer is longer than the limit, or packed in a way that was not asked for."""


class Limit:
    """The limit of one call.

    Attributes:
        refused: Why a body of this call was refused; "" while none was. litellm may hide the exception.
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self.most_bytes = most_bytes
        self.refused = ""

    def unpacked(self, encoding: str) -> Callable[[bytes], Iterator[bytes]]:
        """Return what turns the pieces of one body, as they come, into its bytes.

        Raises:
            BodyRefused: the encoding is none that can be unpacked piece by piece.
        """
        kind = encoding.strip().lower()
        if kind not in ("", "identity", *_WINDOW):
            raise self._refusal(f"the answer is packed as {kind[:40]!r}, which was not asked for")
        unpack = zlib.decompressobj(_WINDOW[kind]) if kind in _WINDOW else None
        room = self.most_bytes

        def pieces(chunk: bytes) -> Iterator[bytes]:
            nonlocal room
            while chunk:
                piece, chunk = (chunk, b"") if unpack is None else self._some(unpack, chunk)
                room -= len(piece)
                if room < 0:
                    raise self._refusal(f"the answer is longer than {self.most_bytes} bytes")
                yield piece

        return pieces

    def _some(self, unpack: Any, chunk: bytes) -> tuple[bytes, bytes]:
        """Unpack at most a block of a piece; return it and what is left of the piece."""
        try:
            return unpack.decompress(chunk, _BLOCK), unpack.unconsumed_tail
        except zlib.error:
            raise self._refusal("the answer cannot be unpacked") from None

    def _refusal(self, why: str) -> BodyRefused:
        self.refused = why
        return BodyRefused(why)


_limit: ContextVar[Limit | None] = ContextVar("limit", default=None)


@contextlib.contextmanager
def limited() -> Iterator[Limit]:
    """Limit the answers to all that is sent over httpx within the block, in tasks begun there too."""
    limit = Limit()
    token = _limit.set(limit)
    try:
        yield limit
    finally:
        _limit.reset(token)


def install() -> None:
    """Let httpx's clients keep the limit where there is one, unlogged; more than once does no harm."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_is_of_others)
    if getattr(httpx.AsyncClient.send, "keeps_limit", False):
        return
    send, send_async = httpx.Client.send, httpx.AsyncClient.send

    def limiting(self: httpx.Client, request: httpx.Request, **how: Any) -> httpx.Response:
        if _limit.get() is not None:
            _prepare(self.event_hooks["response"], _bound, request)
        return send(self, request, **how)

    async def limiting_async(self: httpx.AsyncClient, request: httpx.Request, **how: Any) -> httpx.Response:
        if _limit.get() is not None:
            _prepare(self.event_hooks["response"], _bound_async, request)
        return await send_async(self, request, **how)

    limiting.keeps_limit = limiting_async.keeps_limit = True  # type: ignore[attr-defined]
    httpx.Client.send = limiting  # type: ignore[method-assign]
    httpx.AsyncClient.send = limiting_async  # type: ignore[method-assign]


def _is_of_others(_record: logging.LogRecord) -> bool:
    return _limit.get() is None


def _prepare(hooks: list[Callable[..., Any]], hook: Callable[..., Any], request: httpx.Request) -> None:
    # A hook sees each answer before it is read, those with an error status and redirects as well.
    if hook not in hooks:
        hooks.append(hook)
    request.headers["accept-encoding"] = "identity"


async def _bound_async(response: httpx.Response) -> None:
    limit = _limit.get()
    if limit is not None:
        assert isinstance(response.stream, httpx.AsyncByteStream)
        response.stream = _AsyncBody(response.stream, _pieces(limit, response))


def _bound(response: httpx.Response) -> None:
    limit = _limit.get()
    if limit is not None:
        assert isinstance(response.stream, httpx.SyncByteStream)
        response.stream = _Body(response.stream, _pieces(limit, response))


def _pieces(limit: Limit, response: httpx.Response) -> Callable[[bytes], Iterator[bytes]]:
    # Without the header httpx takes the bytes as they are.
    return limit.unpacked(response.headers.pop("content-encoding", ""))


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, stream: httpx.AsyncByteStream, pieces: Callable[[bytes], Iterator[bytes]]) -> None:
        self._stream = stream
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            for piece in self._pieces(chunk):
                yield piece

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Body(httpx.SyncByteStream):
    def __init__(self, stream: httpx.SyncByteStream, pieces: Callable[[bytes], Iterator[bytes]]) -> None:
        self._stream = stream
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self._stream:
            yield from self._pieces(chunk)

    def close(self) -> None:
        self._stream.close()
