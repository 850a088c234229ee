"""`evolve watch --web`: the command of a window, and the life of the server."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from evolve.errors import UsageError

if TYPE_CHECKING:
    from evolve.tui.web._server import Server

WINDOWS = 4
"""Windows at once: each has a process of its own, of up to some hundred megabytes."""

_LOOPBACK = "127.0.0.1"


def serve(run_folder: Path, *, announce: Callable[[str], None], port: int | None = None) -> None:
    """Serve the app on a run to browsers on this machine, until Ctrl-C or SIGTERM.

    Args:
        run_folder: The run to watch.
        announce: Gets a text for the user, with the address and the secret in it, when the server listens.
        port: To listen on at 127.0.0.1; a free one when None.

    Raises:
        UsageError: the extra `web` is not installed, or the port cannot be used.
        RunError, StoreError: the run cannot be read.
    """
    from evolve.store import Reader  # 0.4 s, and a server of another app does not need it

    folder = run_folder.resolve()
    with Reader(folder):
        pass  # better now than in every window
    # -P: no file in the current folder can shadow a module
    command = [sys.executable, "-P", "-m", "evolve.tui.web._child", str(folder)]
    serve_command(command, name=folder.name, announce=announce, port=port)


def serve_command(
    command: Sequence[str], *, name: str, announce: Callable[[str], None], port: int | None = None
) -> None:
    """Serve any Textual app, one process a window; arguments and errors as of `serve`."""
    try:
        from evolve.tui.web._server import Server  # aiohttp takes 0.2 s
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.split(".")[0] == "evolve":
            raise
        raise UsageError(
            f"--web: needs the extra `web`, of which {error.name!r} is not installed. "
            "Install it: pip install 'evolve-engine[web]'"
        ) from None
    with _listen(port) as listening:
        server = Server(command, listening, name=name, windows=WINDOWS)
        asyncio.run(_live(server, name, announce))


def _listen(port: int | None) -> socket.socket:
    if port is not None and not 1 <= port <= 65_535:
        raise UsageError(f"--port {port}: must be between 1 and 65535; leave it out for a free port.")
    try:
        return socket.create_server((_LOOPBACK, port or 0))
    except OSError as error:
        raise UsageError(
            f"--port {port}: cannot be listened on at {_LOOPBACK}: {error}. Give another one, or none for a "
            "free one."
        ) from None


async def _live(server: Server, name: str, announce: Callable[[str], None]) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    announce(
        f"{name} is shown at {server.address}\n"
        "Open it in a browser on this machine. Whoever has the address can use the app. Ctrl-C ends it."
    )
    await server.run(ended)
