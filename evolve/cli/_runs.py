"""Find runs by name, and say what state they are in."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from evolve._toml import suggest
from evolve.engine import FAILED, REPLAYS, Budget, explain
from evolve.errors import EvolveError, RunError, UsageError
from evolve.pipeline import SHARED_TRUST
from evolve.store import Commit, Event, Reader, StageResultRow, is_live


def _age(folder: Path) -> tuple[str, str]:
    """Return the time at which a run was begun, for sorting; one that cannot be read comes first."""
    try:
        with Reader(folder) as reader:
            return reader.run().created_at, folder.name
    except EvolveError:
        return "", folder.name


def run_folders(runs: Path) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    return sorted((path.parent for path in runs.glob("*/run.db")), key=_age)


def _is_replay(folder: Path) -> bool:
    """Tell whether a run only repeats another one, which is what `last` means then."""
    try:
        with Reader(folder) as reader:
            return bool(reader.events(kind=REPLAYS))
    except EvolveError:
        return False


def find_run(name: str, runs: Path) -> Path:
    """Resolve a run given by path, by name, by an unambiguous part of its name, or as "last".

    "last" is the newest run that is no replay: a replay only repeats another one.

    Raises:
        UsageError: none or several fit; names them.
    """
    path = Path(name)
    if (path / "run.db").is_file():
        return path
    folders = run_folders(runs)
    if name == "last" and folders:
        return next((folder for folder in reversed(folders) if not _is_replay(folder)), folders[-1])
    exact = [folder for folder in folders if folder.name == name]
    fits = exact or [folder for folder in folders if name in folder.name]
    if len(fits) == 1:
        return fits[0]
    if len(fits) > 1:
        names = ", ".join(folder.name for folder in fits[:8])
        raise UsageError(f"run {name!r}: fits {len(fits)} runs in {runs}/: {names}. Give more of the name.")
    if path.is_dir():
        raise UsageError(
            f"{path}: is not a run: it holds no run.db. `evolve runs` lists the runs in {runs}/."
        )
    known = [folder.name for folder in folders]
    raise UsageError(
        f"run {name!r}: there is no such folder and no such run in {runs}/.{suggest(name, known)} "
        + (f"Latest: {known[-1]}." if known else "There are none yet; begin one with `evolve run PROBLEM`.")
    )


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
