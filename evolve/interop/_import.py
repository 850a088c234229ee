"""Import a folder of another engine: into a place that the user names, or once into a place of ours."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import ProblemError, UsageError
from evolve.interop import _gigaevo, _openevolve, _shinka
from evolve.interop._draft import LAYOUTS, Draft
from evolve.interop._write import is_inside, name_of, shown_files, write
from evolve.problem import load_problem

_FORMAT = "1"
"""Changes when the same folder is imported differently."""
_READERS = {"openevolve": _openevolve, "shinka": _shinka, "gigaevo": _gigaevo}


@dataclass(frozen=True, slots=True)
class Imported:
    """An imported problem.

    Attributes:
        folder: Where it is.
        layout: Whose layout the source has.
        left: What could not be carried over, a sentence each; empty when it had been imported before.
        fresh: Whether it was written just now.
    """

    folder: Path
    layout: str
    left: tuple[str, ...]
    fresh: bool


def recognise(folder: Path) -> str | None:
    """Return whose layout a folder has; None when it holds a `problem.toml` or nothing known.

    Raises:
        UsageError: it looks like several of them.
    """
    if not folder.is_dir() or (folder / "problem.toml").exists():
        return None
    fits = [layout for layout in LAYOUTS if _READERS[layout].matches(folder)]
    if len(fits) > 1:
        raise UsageError(
            f"{folder}: could be a folder of {' or '.join(fits)}. Say which: evolve import {fits[0]} {folder}"
        )
    return fits[0] if fits else None


def import_folder(layout: str, source: Path, into: Path, *, entry: str | None = None) -> Imported:
    """Turn a folder of another engine into a declared problem.

    Nothing of the source is executed. Either all of the target is written or nothing.

    Args:
        layout: One of `LAYOUTS`.
        source: The other engine's folder; not changed.
        into: Where to write; must not exist, or be empty.
        entry: The function that the evaluator calls; found out when omitted.

    Raises:
        UsageError: the source is no such folder, or the target is in use.
        ProblemError: a file of the source is wrong, or the target cannot be written.
    """
    _check(layout, source, into)
    draft = _READERS[layout].read(source, entry)
    _write_whole(draft, source, into)
    return Imported(into.resolve(), layout, tuple(draft.left), fresh=True)


def import_once(layout: str, source: Path, home: Path) -> Imported:
    """Import a folder into one below `home` named after its content; when that is there, use it as it is.

    Raises:
        UsageError: the source is no such folder.
        ProblemError: a file of the source is wrong, or the target cannot be written.
    """
    draft = _READERS[layout].read(source, None)
    into = home / f"{name_of(source.resolve())}-{_digest(source, draft.private)[:12]}"
    if (into / "problem.toml").is_file():
        return Imported(into.resolve(), layout, (), fresh=False)
    return import_folder(layout, source, into)


def _check(layout: str, source: Path, into: Path) -> None:
    if not source.is_dir():
        raise UsageError(f"{source}: there is no such folder. Give the folder of a problem of {layout}.")
    if not _READERS[layout].matches(source):
        other = recognise(source)
        hint = f" It looks like one of {other}." if other else ""
        needed = {
            "openevolve": "initial_program.py and evaluator.py",
            "shinka": "initial.py and evaluate.py",
            "gigaevo": "validate.py, metrics.yaml and initial_programs/",
        }[layout]
        raise UsageError(f"{source}: is no folder of {layout}, which holds {needed}.{hint}")
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise UsageError(f"{into}: exists and is not empty. Choose another folder with --into.")
    if into.resolve().is_relative_to(source.resolve()):
        raise UsageError(
            f"{into}: lies inside of {source}, which is not changed. Choose another folder with --into."
        )


def _write_whole(draft: Draft, source: Path, into: Path) -> None:
    try:
        into.parent.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".import-", dir=into.parent))
    except OSError as error:
        raise ProblemError(f"{into}: cannot be written ({error.strerror}).") from None
    try:
        write(draft, source.resolve(), half, _digest(source, draft.private))
        load_problem(half)
        os.replace(half, into)  # an empty folder is replaced too
    except OSError as error:
        raise ProblemError(f"{into}: cannot be written ({error.strerror or error}).") from None
    except ProblemError as error:
        raise ProblemError(str(error).replace(str(half), str(into))) from None
    finally:
        shutil.rmtree(half, ignore_errors=True)


def _digest(source: Path, private: frozenset[str]) -> str:
    """Hash all that decides what an import writes."""
    total = hashlib.sha256(_FORMAT.encode())
    root = source.resolve()
    settings = [Path(name) for name in sorted(private) if is_inside(source / name, root)]
    settings = [file for file in settings if (source / file).is_file()]
    for file in (*settings, *shown_files(source, private)[0]):
        with (source / file).open("rb") as content:
            total.update(file.as_posix().encode() + b"\0" + hashlib.file_digest(content, "sha256").digest())
    return total.hexdigest()
