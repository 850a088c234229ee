"""The process behind one window of the browser."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from aiohttp import web
from textual_serve.app_service import AppService
from textual_serve.download_manager import DownloadManager

import evolve

LEAVE_S = 3.0
"""Seconds that an app has for ending when it is asked to."""

STUCK_S = 10.0
"""Seconds in which it has to read what it is told."""

_ROOT = str(Path(evolve.__file__).resolve().parents[1])  # the app is of the same code as the server
_GREETING = b"__GANGLION__\n"  # how the app's driver says that it speaks in packets from here on
_KEPT = (
    *("HOME", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER"),
    *("PYTHONPATH", "VIRTUAL_ENV", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"),
    *("EVOLVE_TUI", "NO_COLOR", "TEXTUAL_ANIMATIONS"),
)
"""What the app gets of the environment: it finds its files and settings, but no key."""


class Session(AppService):
    """One app, from the opening of its websocket to its end.

    The protocol is textual-serve's. The process is started without a shell and with a small environment,
    leaves the terminal's signals to the server, and is killed when it does not end by itself.
    """

    def __init__(
        self, command: Sequence[str], websocket: web.WebSocketResponse, downloads: DownloadManager
    ) -> None:
        super().__init__(
            shlex.join(command),
            write_bytes=self._show,
            write_str=websocket.send_str,
            close=self._close,
            download_manager=downloads,
        )
        self._argv = command
        self._websocket = websocket

    async def forward(self, message: object) -> None:
        """Pass a message of the page on to the app; what is not understood is dropped.

        Raises:
            TimeoutError: the app does not read any more.
        """
        async with asyncio.timeout(STUCK_S):
            match message:
                case ["stdin", str(text)]:
                    await self.send_bytes(text.encode(errors="replace"))
                case ["resize", {"width": int(width), "height": int(height)}]:
                    await self.set_terminal_size(*cells(width, height))
                case ["ping", str(stamp)]:
                    await self._websocket.send_json(["pong", stamp])
                case ["blur"]:
                    await self.blur()
                case ["focus"]:
                    await self.focus()

    async def run(self) -> None:
        """Pass on what the app shows until it ends; see `AppService.run`."""
        assert self._process is not None
        assert self._process.stdout is not None
        stream = self._process.stdout
        try:
            while await stream.readline() != _GREETING:
                if stream.at_eof():
                    return
            while True:
                kind, size = await stream.readexactly(1), await stream.readexactly(4)
                await self._receive(kind, await stream.readexactly(int.from_bytes(size, "big")))
        except (asyncio.IncompleteReadError, ConnectionResetError):
            return
        except ValueError:  # not an app, or not of our protocol: `stop` ends it
            return
        finally:
            await self._close()

    async def stop(self) -> None:
        """Ask the app to end, kill it when it does not, and wait for its end; a second call does no harm."""
        process, task = self._process, self._task
        if process is None or task is None:
            return
        await self._download_manager.cancel_app_downloads(self.app_service_id)
        try:
            async with asyncio.timeout(LEAVE_S):
                await self.send_meta({"type": "quit"})
                await process.wait()
        except TimeoutError:
            if process.returncode is None:
                process.kill()
            await process.wait()
        _, unfinished = await asyncio.wait([task], timeout=1)
        for late in unfinished:  # it waits for a browser that does not read
            late.cancel()

    async def on_meta(self, data: bytes) -> None:
        """See `AppService.on_meta`; what the app asks of the browser is limited to downloads."""
        if json.loads(data).get("type") != "open_url":
            await super().on_meta(data)

    async def _receive(self, kind: bytes, payload: bytes) -> None:
        if kind == b"D":
            await self.on_data(payload)
        elif kind == b"M":
            await self.on_meta(payload)
        elif kind == b"P":
            await self.on_packed(payload)

    async def _show(self, data: bytes) -> None:
        with contextlib.suppress(ConnectionResetError):  # what nobody sees is dropped: the app ends in peace
            await self._websocket.send_bytes(data)

    async def _close(self) -> None:
        await self._websocket.close()

    def _build_environment(self, width: int = 80, height: int = 24) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        path = [_ROOT, *filter(None, [kept.get("PYTHONPATH")])]
        return kept | {
            "PYTHONPATH": os.pathsep.join(path),
            "TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver",
            "TEXTUAL_COLOR_SYSTEM": "truecolor",
            "TERM_PROGRAM": "textual",
            "COLUMNS": str(width),
            "ROWS": str(height),
        }

    async def _open_app_process(self, width: int = 80, height: int = 24) -> Process:
        self._process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=PIPE,
            stdout=PIPE,
            env=self._build_environment(width, height),
            start_new_session=True,  # a Ctrl-C in the terminal is for the server, which ends the apps
        )
        self._stdin = self._process.stdin
        return self._process


def cells(width: int, height: int) -> tuple[int, int]:
    """Return a terminal size that can be drawn, in cells."""
    return min(max(width, 20), 1000), min(max(height, 5), 500)
