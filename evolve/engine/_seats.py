"""How many programs are evaluated at once: a number that may change while they are."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator


class Seats:
    """A bounded number of seats, taken in the order of asking. Belongs to one event loop."""

    def __init__(self, count: int) -> None:
        """Begin with that many; at least 1."""
        self.count = count
        """How many there are; when there were more, those who sit stay until they are done."""
        self.taken = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait for a seat."""
        return len(self._queue)

    def resize(self, count: int) -> None:
        """Have that many from now on, at least 1; nobody has to get up."""
        self.count = count
        self._seat()

    @contextlib.asynccontextmanager
    async def seat(self) -> AsyncIterator[None]:
        """Wait for a seat; get up at the end of the block."""
        await self._sit()
        try:
            yield
        finally:
            self.taken -= 1
            self._seat()

    async def _sit(self) -> None:
        if not self._queue and self.taken < self.count:
            self.taken += 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():  # seated at the very moment
                self.taken -= 1
                self._seat()
            else:
                self._queue.remove(turn)
            raise

    def _seat(self) -> None:
        while self._queue and self.taken < self.count:
            self.taken += 1
            self._queue.popleft().set_result(None)
