"""What the tickets in flight are being evaluated by: for whoever watches, and for nothing else."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from functools import partial

from evolve.store import Doing

_MOST_SHOWN = 256


class Flights:
    """Stages that are being executed, with the time since when."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._since: dict[tuple[int, str], float] = {}

    def watch(self, ticket: int) -> Callable[[str, bool], None]:
        """Return what the pipeline tells when a stage of a ticket begins (True) and ends (False)."""
        return partial(self._note, ticket)

    def _note(self, ticket: int, stage: str, begins: bool) -> None:
        if begins:
            self._since[ticket, stage] = self._clock()
        else:
            self._since.pop((ticket, stage), None)

    def doing(self) -> tuple[Doing, ...]:
        """Return what goes on, the longest first."""
        now = self._clock()
        longest = heapq.nsmallest(_MOST_SHOWN, self._since.items(), key=lambda item: item[1])
        return tuple(Doing(ticket, stage, max(0.0, now - since)) for (ticket, stage), since in longest)
