"""Recall results of other runs: equal stage, equal program, equal problem, equal machine, equal result."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import platform
import stat
import sys
from collections.abc import Mapping
from typing import Any, Protocol

import evolve
from evolve.pipeline._command import tools_of
from evolve.pipeline._stage import StageResult
from evolve.problem import Problem

KEPT = ("ok", "invalid", "refused", "gated")
"""What may be recalled: not what time, memory or a sick machine may have decided."""
_MOST_FILES = 2000
_HASHED_BYTES = 2**20
_OWN = ("run.db", "cache.db")
_METADATA = (".dist-info", ".egg-info", ".egg-link")
_UNREAD = frozenset(
    (
        "__pycache__",
        ".git",
        ".hg",
        ".ipynb_checkpoints",
        ".mypy_cache",
        ".pytest_cache",
        ".ruff_cache",
        ".venv",
    )
)
"""Folders that tools leave, in which nothing of a problem lies."""


class Shelf(Protocol):
    """Keeps plain data by key, across runs; losing it costs time only."""

    def get(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        """Return what is kept under these keys."""
        ...

    def put(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        """Keep these; never raises on account of the storage."""
        ...


class Recall:
    """Results of other runs, for one problem on this machine.

    A key stands for everything that a result follows from: besides the stage's own (see `Pipeline.keys`), the
    versions of the interpreter, of Evolve, of the installed packages and of the tools that stages start, the
    sandbox policy, and the state of all files of the problem.
    """

    def __init__(self, shelf: Shelf, problem: Problem, policy: str) -> None:
        self._shelf = shelf
        self._world = _world(problem, policy)

    def get(self, keys: Mapping[str, str]) -> dict[str, StageResult]:
        """Return the kept results by stage; what is damaged counts as not there."""
        full = {self._full(key): name for name, key in keys.items()}
        found: dict[str, StageResult] = {}
        for key, row in self._shelf.get([*full]).items():
            result = _result_of(row)
            if result is not None:
                found[full[key]] = result
        return found

    def put(self, results: Mapping[str, StageResult]) -> None:
        """Keep results by key."""
        self._shelf.put(
            {self._full(key): _row_of(result) for key, result in results.items() if result.status in KEPT}
        )

    def _full(self, key: str) -> str:
        return hashlib.sha256(f"{self._world}{key}".encode()).hexdigest()[:40]


def _row_of(result: StageResult) -> dict[str, Any]:
    return {
        "status": result.status,
        "metrics": result.metrics,
        "feedback": result.feedback,
        "printed": result.printed,
        "wall_s": result.wall_s,
        "cpu_s": result.cpu_s,
        "layers": list(result.layers),
        "cases": {name: list(values) for name, values in result.cases.items()},
    }


def _result_of(row: Mapping[str, Any]) -> StageResult | None:
    try:
        if row["status"] not in KEPT:
            return None
        return StageResult(
            status=row["status"],
            metrics={str(name): _finite(value) for name, value in row["metrics"].items()},
            feedback=str(row["feedback"]),
            printed=str(row["printed"]),
            wall_s=float(row["wall_s"]),
            cpu_s=float(row["cpu_s"]),
            layers=tuple(map(str, row["layers"])),
            cases={str(name): tuple(map(_finite, values)) for name, values in row["cases"].items()},
            recalled=True,
        )
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        return None


def _finite(value: Any) -> float:
    """Return a number of a kept result; raises ValueError, for whatever damages a file may also write NaN."""
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"must be finite, got {value}")
    return number


def _world(problem: Problem, policy: str) -> str:
    """Return what results depend on outside of the declaration."""
    content = [
        evolve.__version__,
        sys.version,
        platform.platform(),
        policy,
        _installed(),
        _state_of(str(problem.folder)),
        _tools(problem),
    ]
    return hashlib.sha256(json.dumps(content).encode("utf-8", "surrogatepass")).hexdigest()


def _installed() -> list[str]:
    """Name the installed packages with their versions, as their folders of metadata are called."""
    names: set[str] = set()
    for folder in sys.path:
        with contextlib.suppress(OSError):
            names.update(name for name in os.listdir(folder or ".") if name.endswith(_METADATA))
    return sorted(names)


def _tools(problem: Problem) -> list[str]:
    """Tell apart the tools that stages start: by the file that each name leads to, its size and its time."""
    found: set[str] = set()
    for path in tools_of(problem):
        state = os.stat(path)
        found.add(f"{os.path.realpath(path)} {state.st_size} {state.st_mtime_ns}")
    return sorted(found)


def _state_of(folder: str) -> list[tuple[str, str]]:
    """List the files that results may depend on, with what tells their contents apart.

    Runs that lie there are left out, and what they and their cache write when they lie in the folder itself.

    Links to folders are followed, for a scorer follows them too; circles end by the count.
    A folder of very many files is told apart from every other state: nothing is recalled then.
    """
    found: list[tuple[str, str]] = []
    for path, folders, files in os.walk(folder, followlinks=True):
        if path != folder and any(name in files for name in _OWN):
            folders.clear()
            continue
        folders[:] = sorted(name for name in folders if name not in _UNREAD)
        for name in sorted(name for name in files if not name.startswith(_OWN)):
            whole = os.path.join(path, name)
            with contextlib.suppress(OSError):
                found.append((os.path.relpath(whole, folder), _content_of(whole)))
        if len(found) > _MOST_FILES:
            return [(os.urandom(16).hex(), "")]
    return found


def _content_of(path: str) -> str:
    """Return the hash of a file, of a large one size and time of change instead; raises OSError."""
    state = os.stat(path)
    if state.st_size > _HASHED_BYTES or not stat.S_ISREG(state.st_mode):
        return f"{state.st_size} {state.st_mtime_ns}"
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()
