"""Concurrency classes: which stages may run at the same time."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator

CPU, MODEL, EXCLUSIVE = "cpu", "model", "exclusive"

MODEL_STAGES = 64
"""Stages that may wait for models at once; how many calls are really in flight the models' own limits say."""


class Lanes:
    """Lets stages in by their class.

    "cpu": any number, the executor bounds what really runs. "exclusive": alone, without any stage of "cpu",
    so that nothing disturbs what it measures. "model": up to a limit, beside everything else. First come,
    first served, so that nobody waits for ever. Belongs to one event loop; who is inside may not enter again.
    """

    def __init__(self, *, model: int = MODEL_STAGES) -> None:
        self._models = asyncio.Semaphore(model)
        self._inside = 0
        self._alone = False
        self._queue: deque[tuple[asyncio.Future[None], bool]] = deque()

    @contextlib.asynccontextmanager
    async def enter(self, kind: str) -> AsyncIterator[None]:
        """Wait for admission; leave at the end of the block."""
        if kind == MODEL:
            async with self._models:
                yield
            return
        await self._admit(kind == EXCLUSIVE)
        try:
            yield
        finally:
            self._inside -= 1
            self._alone = False
            self._wake()

    async def _admit(self, alone: bool) -> None:
        if not self._queue and self._fits(alone):
            self._take(alone)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (turn, alone)
        self._queue.append(entry)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # let in at the very moment
                self._inside -= 1
                self._alone = False
            elif entry in self._queue:
                self._queue.remove(entry)
            self._wake()
            raise

    def _fits(self, alone: bool) -> bool:
        return not self._alone and not (alone and self._inside)

    def _take(self, alone: bool) -> None:
        self._inside += 1
        self._alone = alone

    def _wake(self) -> None:
        while self._queue:
            turn, alone = self._queue[0]
            if not turn.cancelled():  # else it has given up, and has not come to say so yet
                if not self._fits(alone):
                    return
                self._take(alone)
                turn.set_result(None)
            self._queue.popleft()
