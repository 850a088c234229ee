"""Runs of a simulated world in which somebody asks for something at chosen moments."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, RunResult, aresume
from evolve.engine._obey import Obedience
from evolve.store import Event, Reader, Request
from evolve.store._request import checked
from tests.engine.helpers import TWO_ISLANDS
from tests.engine.simulated import Watching, World, begin, inside

Ask = tuple[int, str, dict[str, Any]]
"""After how many evaluations, what, with which arguments."""

BETTER = """
def value(n):
    return 0.9 + 0.001 * n
"""
ASKS: list[Ask] = [
    (6, "inject", {"text": BETTER, "note": "by [hand]"}),
    (9, "pin", {"program": 1}),
    (12, "ban", {"program": 3}),
    (15, "inject", {"text": "def other(n):\n    return 1\n"}),
    (18, "inject", {"text": BETTER.replace("0.001", "0.002"), "island": 1}),
    (22, "ban", {"program": 1}),
    (25, "unban", {"program": 3}),
    (28, "pin", {"program": 5}),
    (32, "unpin", {"program": 5}),
    (36, "inject", {"text": BETTER}),
]
"""One of each kind, with programs that are good, wrong, and known already."""


@contextmanager
def hands(world: World, asks: Sequence[Ask]) -> Iterator[list[tuple[Request, tuple[bool, str]]]]:
    """Have these asked in the runs of a world; yield the requests with their answers."""
    engines: list[Obedience] = []
    said: list[tuple[Request, tuple[bool, str]]] = []
    jobs: list[asyncio.Task[None]] = []
    judge = world.judge
    left = list(enumerate(asks, 1))

    class Known(Obedience):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            engines.append(self)

    async def ask(number: int, kind: str, arguments: dict[str, Any]) -> None:
        known, given = checked(kind, arguments)
        request = Request(number, known, given, f"moment {number}")
        said.append((request, await engines[-1].obey(request)))

    def judged(value: float) -> dict[str, float]:
        while left and world.evaluated >= left[0][1][0]:
            number, (_, kind, arguments) = left.pop(0)
            jobs.append(asyncio.get_running_loop().create_task(ask(number, kind, arguments)))
        return judge(value)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("evolve.engine._session.Obedience", Known)
        patch.setattr(world, "judge", judged)
        yield said


def steered(
    world: World, folder: Path, asks: Sequence[Ask] = ASKS, *, name: str = "run", **options: Any
) -> tuple[RunResult, list[tuple[Request, tuple[bool, str]]]]:
    """Begin a run without models in which these are asked."""
    given = {"models": None, "islands": TWO_ISLANDS, "budget": Budget(max_evals=60), "window": 6, **options}
    with hands(world, asks) as said:
        return begin(world, folder, name, cache=False, **given), said


def resumed(world: World, folder: Path, **options: Any) -> RunResult:
    """Go on with a run."""
    with inside(world):
        return asyncio.run(aresume(folder, display=Watching(world), cache=False, **options))


def requests_of(folder: Path) -> list[Event]:
    with Reader(folder) as reader:
        return list(reader.events(kind="request"))


def cut(run: Path, to: Path, commits: int, *, without: int | None = None) -> Path:
    """Copy a run with its first commits only, and with its requests, all or without one."""
    kept = [event.id for event in requests_of(run) if event.data["id"] != without]
    shutil.copytree(run, to)
    with closing(sqlite3.connect(to / "run.db")) as copy, copy:
        for table, column in (
            ("stage_result", "ticket"),
            ("evaluation", "program"),
            ("parentage", "child"),
        ):
            copy.execute(
                f"DELETE FROM {table} WHERE {column} NOT IN (SELECT id FROM program WHERE seq <= ?)",
                (commits,),
            )
        for table in ("archive_event", "migration", "program"):
            copy.execute(f"DELETE FROM {table} WHERE seq > ?", (commits,))
        marks = ",".join("?" * len(kept))
        copy.execute(f"DELETE FROM event WHERE kind != 'request' OR id NOT IN ({marks})", kept)
    return to
