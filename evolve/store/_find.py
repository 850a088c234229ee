"""Find runs by name."""

from __future__ import annotations

from pathlib import Path

from evolve._toml import suggest
from evolve.errors import EvolveError, UsageError
from evolve.store._viewer import Viewer

REPLAYS = "replays"
"""Kind of the event that a run begins with which only repeats another one."""


def _age(folder: Path) -> tuple[str, str]:
    """Return the time at which a run was begun, for sorting; one that cannot be read comes first."""
    try:
        with Viewer(folder) as viewer:
            return viewer.created_at(), folder.name
    except EvolveError:
        return "", folder.name


def run_folders(runs: Path) -> list[Path]:
    """Return the folders of all runs, oldest first."""
    return sorted((path.parent for path in runs.glob("*/run.db")), key=_age)


def _is_replay(folder: Path) -> bool:
    """Tell whether a run only repeats another one, which is what `last` means then."""
    try:
        with Viewer(folder) as viewer:
            return viewer.latest(REPLAYS) is not None
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
