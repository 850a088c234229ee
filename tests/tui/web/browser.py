"""Chromium without a screen, driven by its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import io
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import matplotlib.image
import numpy as np
from numpy.typing import NDArray

from tests.tui.web.helpers import PATIENCE_S, Screen

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

WIDTH, HEIGHT = 1000, 600
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-dev-shm-usage", f"--window-size={WIDTH},{HEIGHT}", "--remote-debugging-port=0",
)  # fmt: skip


class Tab:
    """A tab: what it asks of the network, what its websocket gets, what it complains of."""

    def __init__(self, connection: aiohttp.ClientWebSocketResponse) -> None:
        self._connection = connection
        self._session: dict[str, str] = {}
        self._number = 0
        self.requested: list[str] = []
        self.complaints: list[str] = []
        self.screen = Screen()
        self.cells = (80, 24)

    async def begin(self) -> None:
        """Attach to a new tab."""
        target = await self.ask("Target.createTarget", url="about:blank")
        attached = await self.ask("Target.attachToTarget", targetId=target["targetId"], flatten=True)
        self._session = {"sessionId": attached["sessionId"]}
        for domain in ("Page", "Network", "Log", "Runtime"):
            await self.ask(f"{domain}.enable")
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH,
            height=HEIGHT,
            deviceScaleFactor=1,
            mobile=False,
        )

    async def ask(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        await self._connection.send_json(
            {"id": self._number, "method": method, "params": parameters, **self._session}
        )
        while (message := await self._next()).get("id") != self._number:
            pass
        assert "error" not in message, message
        result: dict[str, Any] = message["result"]
        return result

    async def value(self, expression: str) -> Any:
        """Return the value of an expression of JavaScript, awaited if it is a promise."""
        answer = await self.ask(
            "Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True
        )
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    async def until(self, condition: Callable[[], bool]) -> None:
        """Follow what happens until the condition holds."""
        while not condition():
            await self._next()

    async def place(self, text: str) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom in pixels of a text that the terminal shows."""
        x, y, width, height = await self.value(
            "(({x, y, width, height}) => [x, y, width, height])"
            "(document.querySelector('.xterm-screen').getBoundingClientRect())"
        )
        across, down = width / self.cells[0], height / self.cells[1]
        column, row = self.screen.place(text)
        return (
            x + column * across, y + row * down, x + (column + len(text)) * across, y + (row + 1) * down
        )  # fmt: skip

    async def click(self, text: str) -> None:
        """Click into the middle of a text that the terminal shows."""
        left, top, right, bottom = await self.place(text)
        where = {"x": (left + right) / 2, "y": (top + bottom) / 2}
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            await self.ask("Input.dispatchMouseEvent", type=kind, **where, button="left", clickCount=1)

    async def screenshot(self) -> NDArray[np.float32]:
        """Return a picture of the page, (height, width, 3 or 4) in [0, 1]."""
        answer = await self.ask("Page.captureScreenshot", format="png")
        picture: NDArray[np.float32] = matplotlib.image.imread(io.BytesIO(base64.b64decode(answer["data"])))
        return picture

    async def _next(self) -> dict[str, Any]:
        async with asyncio.timeout(PATIENCE_S):
            message: dict[str, Any] = await self._connection.receive_json()
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, about: dict[str, Any]) -> None:
        if method == "Network.requestWillBeSent":
            self.requested.append(about["request"]["url"])
        elif method == "Network.webSocketCreated":
            self.requested.append(about["url"])
            query = parse_qs(urlsplit(about["url"]).query)
            self.cells = int(query["width"][0]), int(query["height"][0])
            self.screen = Screen(*self.cells)
        elif method == "Network.webSocketFrameReceived" and about["response"]["opcode"] == 2:
            self.screen.feed(base64.b64decode(about["response"]["payloadData"]))
        elif method == "Log.entryAdded" and about["entry"]["level"] == "error":
            self.complaints.append(about["entry"]["text"])
        elif method == "Runtime.exceptionThrown":
            self.complaints.append(str(about["exceptionDetails"]))


@contextlib.asynccontextmanager
async def tab(*flags: str) -> AsyncIterator[Tab]:
    """Start Chromium with nothing of the user's, open a tab, end all of it."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        process = await asyncio.create_subprocess_exec(
            CHROMIUM,
            *_FLAGS,
            *flags,
            f"--user-data-dir={profile}",
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            env={"HOME": profile, "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"},
        )
        try:
            async with asyncio.timeout(PATIENCE_S):
                address = await _devtools(process)
            async with (
                aiohttp.ClientSession() as client,
                client.ws_connect(address, max_msg_size=0) as connection,
            ):
                opened = Tab(connection)
                await opened.begin()
                yield opened
        finally:
            process.kill()
            await process.wait()


async def _devtools(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    said = ""
    while line := (await process.stderr.readline()).decode():
        said += line
        if line.startswith("DevTools listening on "):
            return line.split()[-1]
    raise AssertionError(f"Chromium did not start: {said}")
