"""Say what state runs are in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evolve.engine import FAILED, Budget, explain
from evolve.errors import RunError
from evolve.pipeline import SHARED_TRUST
from evolve.store import Commit, Event, Reader, StageResultRow, find_run, is_live, run_folders

__all__ = [
    "best_of",
    "ending_of",
    "find_run",
    "program_of",
    "run_folders",
    "state_of",
    "trust_of",
]


def trust_of(rows: Iterable[StageResultRow]) -> str | None:
    """Tell by the marks of a program's stages whether it could have written its own verdict.

    Returns:
        "shared" when it could, else "separate"; None when it has not been run.
    """
    layers = {layer for row in rows for layer in row.layers.split()}
    return ("shared" if SHARED_TRUST in layers else "separate") if layers else None


def best_of(reader: Reader) -> Commit | None:
    """Return the best program as the engine recorded it; the problem, which may have moved, is not needed."""
    bests = reader.events(kind="best")
    program = bests[-1].ticket if bests else None
    return None if program is None else reader.commit(program)


def program_of(reader: Reader, given: Any) -> int:
    """Return the id of a program that is given by its id, or as `best`, or not at all, which means the same.

    Raises:
        RunError: the best one is asked for and there is no valid program yet.
    """
    if isinstance(given, int):
        return given
    best = best_of(reader)
    if best is None:
        raise RunError(f"{reader.path.parent}: holds no valid program yet. Name a program by its id.")
    return best.program.id


def state_of(folder: Path, reader: Reader) -> str:
    """Say in one word or two how a run stands."""
    if is_live(folder):
        return "running"
    mark = _last_mark(reader)
    if mark is not None and mark.kind == "stopped":
        return str(mark.data["reason"])
    return FAILED if mark is not None and mark.kind == FAILED else "broken off"


def ending_of(folder: Path, reader: Reader, budget: Budget) -> str:
    """Say why a run is not in progress any more; an empty text while it is."""
    if is_live(folder):
        return ""
    mark = _last_mark(reader)
    if mark is not None and mark.kind == "stopped":
        return explain(str(mark.data["reason"]), budget)
    if mark is not None and mark.kind == FAILED:
        return str(mark.data["error"])
    return "it was killed, or could not write any more; `evolve resume` goes on"


def _last_mark(reader: Reader) -> Event | None:
    marks = [event for event in reader.events() if event.kind in ("started", "resumed", "stopped", FAILED)]
    return marks[-1] if marks else None
