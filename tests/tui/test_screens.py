"""What every screen looks like, as text: review a change of `tests/tui/screens/` like a change of code.

`EVOLVE_SCREENS=write pytest tests/tui/test_screens.py` writes them anew.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from evolve.problem import Circle, Polygon, Shape
from evolve.tui.archive import ArchivePane
from evolve.tui.picture import PicturePane
from evolve.tui.program._screen import VIEWS
from tests.tui.pilots import Driver, app_of, press, text, until, until_shown, watching
from tests.tui.runs import Made

SCREENS = Path(__file__).parent / "screens"
SIZES = ((80, 24), (120, 40), (200, 60))
SHAPES: list[Shape] = [
    Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))),
    Circle((0.3, 0.3), 0.3),
    Circle((0.8, 0.7), 0.2, strong=True),
]


async def overview(pilot: Driver) -> None:
    await until_shown(pilot, "budget")


async def archive(pilot: Driver) -> None:
    await press(pilot, "2")
    await until(pilot, lambda: pilot.app.screen.query_one(ArchivePane).program is not None)


async def archive_over_time(pilot: Driver) -> None:
    await press(pilot, "v")
    await until_shown(pilot, "● island 0")


async def programs(pilot: Driver) -> None:
    await press(pilot, "3", "s")
    await until_shown(pilot, "score▼")


async def lineage(pilot: Driver) -> None:
    await press(pilot, "4", "e")
    await until_shown(pilot, "lineage of the best program", "◉")


async def story(pilot: Driver) -> None:
    await press(pilot, "v")
    await until_shown(pilot, "It begins with program 1")


async def picture(pilot: Driver) -> None:
    best = app_of(pilot).run_screen.run.best
    assert best is not None
    pilot.app.screen.query_one(PicturePane)._known[best[0]] = list(SHAPES)
    await press(pilot, "5", "e")
    await until_shown(pilot, f"program {best[0]}, the best", "⡏")


async def control(pilot: Driver) -> None:
    await press(pilot, "6")
    await until_shown(pilot, "no engine is at work on this run")


async def runs(pilot: Driver) -> None:
    await press(pilot, "7")
    await until_shown(pilot, "● ▸ first", "max_evals      ")


async def program_source(pilot: Driver) -> None:
    await press(pilot, "b")
    await until_shown(pilot, "def pack(n):")


async def program_diff(pilot: Driver) -> None:
    await press(pilot, "tab")
    await until_shown(pilot, "[diff]", "+++ program")


async def program_results(pilot: Driver) -> None:
    await press(pilot, "tab")
    await until_shown(pilot, f"[{VIEWS[2]}]", "metrics")


async def help_of_a_program(pilot: Driver) -> None:
    await press(pilot, "question_mark")
    await until_shown(pilot, "[program.back]" if pilot.app.size.width >= 120 else "One program:")


WALK = (
    overview,
    archive,
    archive_over_time,
    programs,
    lineage,
    story,
    picture,
    control,
    runs,
    program_source,
    program_diff,
    program_results,
    help_of_a_program,
)
"""In the order in which the keys lead from one to the next."""


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
def test_every_screen_looks_as_reviewed(made: Made, size: tuple[int, int]) -> None:
    async def session() -> dict[str, str]:
        seen = {}
        async with watching(made.folder, size=size) as pilot:
            for step in WALK:
                await step(pilot)
                await pilot.pause()
                seen[step.__name__] = text(pilot) + "\n"
        return seen

    seen = asyncio.run(session())
    for name, screen in seen.items():
        path = SCREENS / f"{name}-{size[0]}x{size[1]}.txt"
        if os.environ.get("EVOLVE_SCREENS") == "write":
            path.parent.mkdir(exist_ok=True)
            path.write_text(screen, encoding="utf-8")
        assert screen == path.read_text(encoding="utf-8"), f"{name} at {size[0]}x{size[1]} has changed"
