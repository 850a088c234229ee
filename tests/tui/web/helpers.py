"""A server with a window to look through, without a browser."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass

import aiohttp
import pyte

from evolve.tui.web._server import Server

LITTLE_APP = [sys.executable, "-m", "tests.tui.web.little_app"]
PATIENCE_S = 60


class Screen:
    """What a terminal shows of the bytes that it has got."""

    def __init__(self, width: int = 80, height: int = 24) -> None:
        self._screen = pyte.Screen(width, height)
        self._stream = pyte.ByteStream(self._screen)

    def feed(self, data: bytes) -> None:
        # pyte knows no private modes with an intermediate "$": it would print their last letter
        self._stream.feed(data.replace(b"\x1b[?2026$p", b""))

    @property
    def text(self) -> str:
        return "\n".join(self._screen.display)

    def place(self, text: str) -> tuple[int, int]:
        """Return the column and the row in which a text begins."""
        return next((line.index(text), y) for y, line in enumerate(self._screen.display) if text in line)


@dataclass
class Window:
    """A websocket of the page, and the screen behind it."""

    socket: aiohttp.ClientWebSocketResponse
    screen: Screen
    said: list[list[object]]
    """Messages to the page that are not for the screen."""

    async def until(self, condition: Callable[[], bool]) -> None:
        """Read until the condition holds.

        Raises:
            AssertionError: the websocket was closed before.
        """
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                message = await self.socket.receive()
                assert message.type in (aiohttp.WSMsgType.BINARY, aiohttp.WSMsgType.TEXT), self.screen.text
                if message.type is aiohttp.WSMsgType.TEXT:
                    self.said.append(message.json())
                else:
                    self.screen.feed(message.data)

    async def shows(self, text: str) -> str:
        """Wait for a text on the screen; return the screen's whole text without line ends."""
        await self.until(lambda: text in self.screen.text)
        return "".join(line.rstrip() for line in self.screen.text.split("\n"))

    async def closed(self) -> None:
        """Wait until the server closes the websocket."""
        async with asyncio.timeout(PATIENCE_S):
            async for _ in self.socket:
                pass

    async def press(self, key: str) -> None:
        await self.socket.send_json(["stdin", key])


@dataclass
class Place:
    """A server under test, and a client that has no cookie yet."""

    server: Server
    client: aiohttp.ClientSession
    origin: str

    @property
    def secret(self) -> str:
        return self.server.address.partition("token=")[2]

    async def enter(self) -> None:
        """Open the page by the printed address, and get the cookie."""
        async with self.client.get(self.server.address) as response:
            assert response.status == 200

    async def window(self) -> Window:
        """Open a window as the page does."""
        url = f"{self.origin}/ws?width=80&height=24"
        return Window(await self.client.ws_connect(url, origin=self.origin), Screen(), [])


@contextlib.asynccontextmanager
async def serving(command: Sequence[str] = LITTLE_APP, windows: int = 2) -> AsyncIterator[Place]:
    """Serve a command, the little app if none is given."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = Server(command, listening, name="<a run>", windows=windows)
        ended = asyncio.Event()
        task = asyncio.create_task(server.run(ended))
        # cookies of addresses without a name are kept only when asked to
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as client:
            try:
                yield Place(server, client, f"http://127.0.0.1:{listening.getsockname()[1]}")
            finally:
                ended.set()
                await task


def alive(pid: int) -> bool:
    """Tell whether a process is there and has not ended."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition that nothing announces."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


async def gone(pid: int) -> None:
    """Wait until a process has ended."""
    await asyncio.to_thread(until, lambda: not alive(pid))
