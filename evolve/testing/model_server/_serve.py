"""Run the server on an event loop, until it is told to stop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, closing
from pathlib import Path

from evolve.testing.model_server._http import Connections
from evolve.testing.model_server._script import Script
from evolve.testing.model_server._service import Service

HOST = "127.0.0.1"
_BACKLOG = 1024


@asynccontextmanager
async def serving(script: Script, log: Path, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback; the value is the URL for clients, ending in /v1.

    Args:
        script: Decides the answers.
        log: File that each call is appended to.
        port: 0 takes a free one.
    """
    with closing(Service(script, log)) as service:
        connections = Connections(service.answer)
        loop = asyncio.get_running_loop()
        server = await loop.create_server(connections, HOST, port, backlog=_BACKLOG)
        try:
            yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}/v1"
        finally:
            server.close()
            for _ in range(3):  # the loop closes them, and what it has just accepted, in its next rounds
                connections.abort()
                await asyncio.sleep(0)


async def serve(
    script: Script, log: Path, port: int, ready: Callable[[str], None], until: asyncio.Event
) -> None:
    """Serve until the event is set; `ready` is called with the URL."""
    async with serving(script, log, port) as url:
        ready(url)
        await until.wait()
