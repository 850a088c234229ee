"""Draw every pane of the app for the documentation: `make screenshots` writes docs/images/*.svg.

The run that is shown is a real one, of fixed seed; its times are replaced by even ones, so that the pictures
change only when the app, the engine or the problem does.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot

import evolve
from evolve.tui._app import EvolveApp

IMAGES = Path(__file__).parent / "images"
SIZE = (120, 36)
NAME = "circle_packing-s{}"
EVALUATIONS = 160
PICTURES: dict[str, tuple[tuple[str, ...], str]] = {
    "overview": (("1",), "operators"),
    "archive": (("2",), "under the cursor"),
    "programs": (("3",), "jitter"),
    "program": (("3", "b", "tab"), "diff"),
    "lineage": (("escape", "4", "e"), "from the seed"),
    "picture": (("5", "e"), "sum_radii"),
    "control": (("6",), "what can be asked"),
    "runs": (("7",), NAME.format(2)),
    "help": (("1", "question_mark"), "How the run stands"),
}
"""By name: the keys that lead there from the one before, and a text that is there when all is drawn."""
PATIENCE_S = 60.0

# times of even steps in place of those that were measured
EVEN_TIMES = (
    "UPDATE program SET at_s = seq * 0.04",
    "UPDATE evaluation SET wall_s = 0.03 WHERE wall_s > 0",
    "UPDATE stage_result SET wall_s = 0.01, cpu_s = 0.01",
    "UPDATE event SET at = '2026-01-02T03:04:05+00:00', "
    "at_s = coalesce((SELECT program.at_s FROM program WHERE program.id = event.ticket), 0.0)",
    "UPDATE run SET created_at = '2026-01-02T03:04:05+00:00'",
)
_FONT = re.compile(r",\s*url\(\"https?://[^\"]+\"\)\s*format\(\"\w+\"\)")


def make_run(runs: Path) -> Path:
    """Evolve a circle packing, the same every time."""
    for seed, evaluations in ((2, EVALUATIONS // 2), (1, EVALUATIONS)):
        name = NAME.format(seed)
        evolve.run(
            "circle_packing",
            seed=seed,
            islands="ring4",
            budget=evolve.Budget(max_evals=evaluations),
            runs=runs,
            run_id=name,
        )
        with sqlite3.connect(runs / name / "run.db") as store:
            for statement in EVEN_TIMES:
                store.execute(statement)
        store.close()
    return runs / NAME.format(1)


async def draw(folder: Path) -> None:
    """Open every pane and save what it shows."""
    started = time.monotonic()
    app = EvolveApp(folder, folder.parent, clock=lambda: started)
    async with app.run_test(size=SIZE) as pilot:
        await still(pilot, f"{EVALUATIONS} of {EVALUATIONS} evaluations")
        for name, (keys, sign) in PICTURES.items():
            await pilot.press(*keys)
            picture = await still(pilot, sign)
            (IMAGES / f"{name}.svg").write_text(picture)


async def still(pilot: Pilot[object], sign: str) -> str:
    """Return a picture when it shows a text and does not change any more."""
    seen = [""]

    def done() -> bool:
        seen.append(_FONT.sub("", pilot.app.export_screenshot()))
        shown = seen[-1].replace("&#160;", " ")
        return sign in shown and seen[-1] == seen[-2]

    await until(pilot, done)
    return seen[-1]


async def until(pilot: Pilot[object], condition: Callable[[], bool]) -> None:
    """Let the app work until a condition holds.

    Raises:
        TimeoutError: it does not come to hold.
    """
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await pilot.pause(0.5)


def main() -> None:
    """Make the run and draw it."""
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(draw(make_run(Path(name) / "runs")))


if __name__ == "__main__":
    main()
