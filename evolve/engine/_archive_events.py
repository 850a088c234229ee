"""The history of the archives as events: a bounded number of them, however long the run."""

from __future__ import annotations

import math
from typing import Any

from evolve.engine._rows import event_row
from evolve.engine._state import Applied, State
from evolve.store import Row

ARCHIVES, RANGES, RESEEDED = "archives", "ranges", "reseeded"
_FIRST_STEP = 10
_MOST_STEPS = 100


def is_noted(commits: int) -> bool:
    """Tell whether the archives are noted down after that many commits: every 10, then 20, 40, ...

    The step doubles with the run's length, so that 100,000 commits leave about 600 notes.
    """
    step = _FIRST_STEP
    while commits > step * _MOST_STEPS:
        step *= 2
    return commits % step == 0


def archives_now(state: State) -> dict[str, Any]:
    """Return best, QD score and coverage of every island; fitness is higher-is-better."""
    islands = []
    for island in state.archipelago.islands:
        archive = island.archive
        score = archive.qd_score
        islands.append(
            {
                "best": None if archive.best is None else archive.best[1],
                "qd_score": score if math.isfinite(score) else None,
                "coverage": archive.coverage,
                "elites": archive.size,
            }
        )
    return {"commits": state.committed, "islands": islands}


def archive_events(state: State, applied: Applied, ticket: int, at_s: float) -> list[Row]:
    """Return the events of a commit that the state took in just now."""
    events = []
    if is_noted(state.committed):
        events.append(event_row(ARCHIVES, ticket, at_s, archives_now(state)))
    for island in applied.refitted:
        bins = state.archipelago.islands[island].archive.bins
        ranges = {item.metric: [item.edges[0], item.edges[-1]] for item in bins}
        events.append(event_row(RANGES, ticket, at_s, {"island": island, "ranges": ranges}))
    settled = {(move.source, move.target) for move in applied.migrations if move.reseeded}
    for source, target in sorted(settled):
        events.append(event_row(RESEEDED, ticket, at_s, {"island": target, "from": source}))
    return events
