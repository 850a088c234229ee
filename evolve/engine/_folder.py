"""The folder of a run: made for it, and removed when the run ended before it began."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path

from evolve.errors import EvolveError, StoreError, UsageError
from evolve.store import Reader

PROMPTS = "prompts"
"""In the run's folder: the templates that replace the package's, as they were when the run began."""
MEMORY_IN, MEMORY_OUT = "memory-in.json", "memory.json"
"""The memory that the run began with, and the one that it ended with."""


def create_folder(runs: Path, run_id: str | None, stem: str, seed: int | None) -> Path:
    """Make the folder of a new run.

    Args:
        runs: Folder that holds the runs.
        run_id: Its name; omitted: made of the rest.
        stem: What the name begins with.
        seed: Seed to name, with the time; None for a name that is the stem alone.

    Raises:
        UsageError: the name is none, or is taken.
        StoreError: it cannot be made.
    """
    if run_id is not None and (run_id in ("", ".", "..") or Path(run_id).name != run_id):
        raise UsageError(
            f"--id {run_id!r}: must be the plain name of a folder. Say with --runs where it is made."
        )
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = run_id or (stem if seed is None else f"{stem}-{stamp}-s{seed}")
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            folder = runs / (name if attempt == 1 else f"{name}-{attempt}")
            if not folder.exists():
                folder.mkdir()
                return folder
            if run_id is not None:
                raise UsageError(
                    f"{folder}: exists already. Choose another --id, or `evolve resume {run_id}`."
                )
    except OSError as error:
        raise StoreError(
            f"{runs}: a run folder cannot be made there ({error.strerror}). Choose another with --runs."
        ) from None
    raise UsageError(f"{runs / name}: a thousand runs of this name exist. Choose another --id.")


def remove_if_empty(folder: Path) -> None:
    """Remove a run that ended in an error before its first commit: there is nothing to resume.

    On any doubt it stays: what cannot be read is not known to be empty.
    """
    if (folder / "run.db").exists():
        try:
            with Reader(folder) as reader:
                if reader.committed() > 0:
                    return
        except EvolveError:
            return
    shutil.rmtree(folder, ignore_errors=True)


def copy_templates(source: Path, target: Path) -> None:
    """Copy the templates of a folder: plain files only, for a link could point at any file of the user's."""
    target.mkdir(exist_ok=True)
    for path in sorted(source.glob("*.j2")):
        if path.is_file() and not path.is_symlink():
            shutil.copyfile(path, target / path.name)


def copy_into(folder: Path, prompts: list[Path], memory: Path | None) -> None:
    """Copy what a run depends on and users may change later.

    Args:
        folder: The run's.
        prompts: Folders of templates; those of the first count most.
        memory: File of a memory.

    Raises:
        StoreError: it cannot be written.
    """
    try:
        for source in reversed(prompts):
            copy_templates(source, folder / PROMPTS)
        if memory is not None:
            shutil.copyfile(memory, folder / MEMORY_IN)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error}). Free space or choose another folder."
        ) from None
