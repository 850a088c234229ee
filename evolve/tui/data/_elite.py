"""What is said beside the map: the elite under the cursor, the island, and how archives fill over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from rich.text import Text

from evolve.tui.data._chart import Series, chart
from evolve.tui.data._format import NONE, duration, score
from evolve.tui.data._heat import HeatMap
from evolve.tui.data._island_map import IslandMap
from evolve.tui.data._run import RunState
from evolve.tui.data._text import one_line, shown

_STYLES = ("cyan", "magenta", "green", "bright_yellow", "blue", "red")
COVERAGE, QD_SCORE = "coverage", "qd_score"


def island_line(island: IslandMap, islands: int) -> Text:
    """Say what the map shows of an island."""
    kind = "grid" if island.centroids is None else "tessellation (CVT)"
    filled = len(island.ids)
    share = 100 * filled / island.count
    line = Text(f"island {island.island} of 0 to {islands - 1}", "bold", end="")
    line.append(f", {kind}: {filled:,} of {island.count:,} cells filled ({share:.1f} %)", "")
    line.append(f", QD score {score(island.qd_score, 6)}", "")
    if island.revision:
        line.append(f", ranges adapted {island.revision} times", "")
    return line


def elite_lines(heat: HeatMap, cursor: tuple[int, int], run: RunState) -> list[Text]:
    """Say what the elite under the cursor is, or which values an elite there would have."""
    row, column = cursor
    lines = [_place_line(heat, row, column), Text("")]
    index = heat.elite_at(row, column)
    if index is None:
        return [*lines, Text("vacant: no program here yet", "dim")]
    island, ledger = heat.island, run.ledger
    program = int(island.ids[index])
    lines.append(Text(f"program {program}", "bold", end=""))
    lines.append(
        Text(f"{one_line(run.about.metric, 16)} {score(float(island.objective[index]), 12)}", "bold", end="")
    )
    for measure, value in zip(island.measures, island.points[index].tolist(), strict=True):
        lines.append(Text(f"{shown(measure.metric)} {score(value, 6)}", end=""))
    known = ledger.row_of(program)
    if known is not None:
        lines.append(Text(f"by {shown(ledger.text('operator', known))}", end=""))
        lines.append(Text(f"at {duration(float(ledger['at_s'][known]))}", end=""))
    return [*lines, Text("Enter opens it", "dim")]


def _place_line(heat: HeatMap, row: int, column: int) -> Text:
    parts = [f"{shown(heat.across.name)} {_between(heat.across.edges, column)}"]
    if heat.up is not None:
        parts.append(f"{shown(heat.up.name)} {_between(heat.up.edges, row)}")
    return Text("\n".join(parts), "dim", end="")


def _between(edges: Sequence[float], index: int) -> str:
    return f"{edges[index]:.4g} to {edges[index + 1]:.4g}"


def history(run: RunState, what: str, width: int, height: int) -> list[Text]:
    """Draw coverage or QD score of every island over the commits.

    Args:
        run: The run.
        what: `COVERAGE` (in per cent) or `QD_SCORE`.
        width: In characters.
        height: In characters.
    """
    notes = run.archives
    xs = np.array([note["commits"] for note in notes], dtype=np.float64)
    series = []
    for island, name in enumerate(run.about.islands):
        ys = np.array([_value(note, island, what) for note in notes], dtype=np.float64)
        style = _STYLES[island % len(_STYLES)]
        series.append(Series(f"island {name}", xs, ys, style, steps=False))
    return chart(series, (), width, height, x_name="programs", empty="no notes of the archives yet")


def _value(note: Mapping[str, Any], island: int, what: str) -> float:
    islands = note["islands"]
    value = islands[island].get(what) if island < len(islands) else None
    if value is None:
        return float("nan")
    return 100.0 * value if what == COVERAGE else float(value)


def title_of(heat: HeatMap) -> str:
    """Name the measures of a map."""
    up = NONE if heat.up is None else shown(heat.up.name)
    return f"{up} over {shown(heat.across.name)}"
