"""The server: a page with a terminal in it, and a process of the app for each window that shows it."""

from __future__ import annotations

import asyncio
import html
import json
import logging
import socket
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from urllib.parse import quote

from aiohttp import WSMsgType, web
from textual_serve.download_manager import DownloadManager

from evolve.tui.web._guard import TOKEN, Guard
from evolve.tui.web._session import Session, cells

_log = logging.getLogger(__name__)

_PAGE = Path(__file__).parent / "page"
_MAX_MESSAGE = 1 << 20  # bytes: what is pasted comes in one
_FULL = (
    "{count} windows show this run already, each with a process of its own. Close one of them, then "
    "reload this page.\n"
)


class Server:
    """Serves one app to a few windows of browsers on this machine."""

    def __init__(self, command: Sequence[str], listening: socket.socket, *, name: str, windows: int) -> None:
        """Prepare.

        Args:
            command: What starts the app, one process a window.
            listening: A socket that is bound to the loopback address; closed at the end.
            name: What the browser's tab says.
            windows: How many may be open at once.
        """
        host, port = listening.getsockname()
        self._command = command
        self._listening = listening
        self._windows = windows
        self._guard = Guard(port)
        self._downloads = DownloadManager()
        self._sessions: set[Session] = set()
        self._page = (_PAGE / "index.html").read_text().replace("{name}", html.escape(name))
        self.address = f"http://{host}:{port}/?{TOKEN}={self._guard.secret}"

    async def run(self, ended: asyncio.Event) -> None:
        """Serve until the event is set, then end every app."""
        application = web.Application(middlewares=[self._guard.middleware])
        application.on_response_prepare.append(self._guard.seal)
        application.add_routes(
            [
                web.get("/", self._index),
                web.get("/ws", self._window),
                web.get("/download/{key}", self._download),
                web.static("/page", _PAGE),
                web.static("/static", str(files("textual_serve") / "static")),
            ]
        )
        # no access log: it would hold the secret
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        try:
            await web.SockSite(runner, self._listening).start()
            await ended.wait()
        finally:
            await asyncio.gather(*(session.stop() for session in self._sessions))
            await runner.cleanup()

    async def _index(self, _: web.Request) -> web.Response:
        if len(self._sessions) >= self._windows:
            return web.Response(status=503, text=_FULL.format(count=self._windows))
        response = web.Response(text=self._page, content_type="text/html", charset="utf-8")
        self._guard.admit(response)
        return response

    async def _window(self, request: web.Request) -> web.StreamResponse:
        if len(self._sessions) >= self._windows:
            return web.Response(status=503, text=_FULL.format(count=self._windows))
        websocket = web.WebSocketResponse(heartbeat=15, max_msg_size=_MAX_MESSAGE)
        session = Session(self._command, websocket, self._downloads)
        self._sessions.add(session)
        try:
            await websocket.prepare(request)
            await session.start(*_size(request))
            async for message in websocket:
                if message.type is WSMsgType.TEXT:
                    await session.forward(_parsed(message.data))
        except ConnectionResetError:
            pass  # the browser has gone
        except OSError as error:  # no process can be started, or it does not read any more
            _log.warning("evolve watch --web: a window was closed: %s", str(error) or "its app is stuck")
            await websocket.close()
        finally:
            await session.stop()
            self._sessions.discard(session)
        return websocket

    async def _download(self, request: web.Request) -> web.StreamResponse:
        key = request.match_info["key"]
        try:
            offered = await self._downloads.get_download_metadata(key)
        except KeyError:
            return web.Response(status=404, text="There is no such download, or it was fetched already.\n")
        response = web.StreamResponse()
        response.content_type = "application/octet-stream"
        # never shown in place: the text in it is other people's
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(offered.file_name)}"
        await response.prepare(request)
        async for chunk in self._downloads.download(key):
            await response.write(chunk)
        await response.write_eof()
        return response


def _size(request: web.Request) -> tuple[int, int]:
    try:
        return cells(int(request.query["width"]), int(request.query["height"]))
    except (KeyError, ValueError):
        return 80, 24


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
