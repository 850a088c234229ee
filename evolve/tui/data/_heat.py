"""The heat map of an island: elites over two of its measures."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from rich.text import Text

from evolve.tui.data._format import score
from evolve.tui.data._island_map import IslandMap
from evolve.tui.data._text import cut, shown

VACANT = -1
_LEVELS = "░▒▓█"
_COLOURS = ("#3b6fb5", "#2a9d8e", "#5fb53f", "#e0a800")
"""From low to high; told by the shade of the character too."""
_MARGIN = 9
_MOST_WIDE, _MOST_HIGH = 4, 2


@dataclass(frozen=True, slots=True)
class Axis:
    """One side of a map.

    Attributes:
        name: Of the measure.
        edges: (n + 1,) values between its places, ascending.
        log: Places are equally wide on a logarithmic scale.
        adapts: The range follows what is seen.
    """

    name: str
    edges: tuple[float, ...]
    log: bool
    adapts: bool

    @property
    def count(self) -> int:
        """Number of places."""
        return len(self.edges) - 1


@dataclass(frozen=True, slots=True)
class HeatMap:
    """Elites placed in a plane.

    Attributes:
        island: What is shown.
        across: The measure from left to right.
        up: The measure from bottom to top; None when there is only one.
        places: (rows, columns) index of the elite at each place, `VACANT` for none; row 0 is at the bottom.
        note: What the reader has to know of how it was made; empty for a plain grid.
    """

    island: IslandMap
    across: Axis
    up: Axis | None
    places: np.ndarray
    note: str

    def elite_at(self, row: int, column: int) -> int | None:
        """Return the index of the elite at a place."""
        index = int(self.places[row, column])
        return None if index == VACANT else index

    def place_of(self, elite: int) -> tuple[int, int] | None:
        """Return (row, column) of an elite; None when another one stands before it."""
        found = np.argwhere(self.places == elite)
        return (int(found[0][0]), int(found[0][1])) if len(found) else None


def heat_map(
    island: IslandMap, across: int, up: int | None, columns: int, rows: int, *, maximize: bool
) -> HeatMap:
    """Place the elites of an island by two of its measures.

    Where several fall on one place, because there are further measures or the screen has fewer places than
    the archive has bins, the best one is shown.

    Args:
        island: The elites.
        across: Index of the measure from left to right.
        up: Index of the measure from bottom to top; None: there is only one.
        columns: Most places from left to right.
        rows: Most places from bottom to top.
        maximize: Whether a higher score is better.
    """
    x_axis, x_step = _axis(island, across, columns)
    y_axis, y_step = (None, 1) if up is None else _axis(island, up, rows)
    shape = (1 if y_axis is None else y_axis.count, x_axis.count)
    notes = []
    if island.centroids is not None and len(island.measures) == 2 and up is not None:
        places = _tessellated(island, across, up, shape)
        notes.append("each place shows the cell of the nearest centroid")
    else:
        xs = island.bins[across].indices(island.points[:, across]) // x_step
        ys = np.zeros_like(xs) if up is None else island.bins[up].indices(island.points[:, up]) // y_step
        places = _best_of(island, xs, ys, shape, maximize=maximize)
        if island.centroids is not None:
            notes.append("elites by their measures; the archive's own cells are a tessellation")
    hidden = [m.metric for i, m in enumerate(island.measures) if i not in (across, up)]
    if hidden:
        notes.append(f"the best over {', '.join(hidden)}")
    if max(x_step, y_step) > 1:
        notes.append(f"a place shows the best of {x_step} × {y_step} cells")
    return HeatMap(island, x_axis, y_axis, places, "; ".join(notes))


def _axis(island: IslandMap, measure: int, most: int) -> tuple[Axis, int]:
    bins, declared = island.bins[measure], island.measures[measure]
    step = max(1, math.ceil(bins.count / max(1, most)))
    edges = bins.edges[::step]
    if edges[-1] != bins.edges[-1]:
        edges = (*edges, bins.edges[-1])
    return Axis(declared.metric, tuple(edges), declared.scale == "log", declared.adapt), step


def _best_of(
    island: IslandMap, xs: np.ndarray, ys: np.ndarray, shape: tuple[int, int], *, maximize: bool
) -> np.ndarray:
    places = np.full(shape, VACANT, dtype=np.int64)
    order = np.argsort(island.objective if maximize else -island.objective, kind="stable")
    places[ys[order], xs[order]] = order  # later ones, which are better, stay
    return places


def _tessellated(island: IslandMap, across: int, up: int, shape: tuple[int, int]) -> np.ndarray:
    assert island.centroids is not None
    rows, columns = shape
    x = (np.arange(columns) + 0.5) / columns
    y = (np.arange(rows) + 0.5) / rows
    centers = island.centroids[:, [across, up]]
    elite_of = np.full(island.count, VACANT, dtype=np.int64)
    elite_of[island.cells] = np.arange(len(island.cells))
    places = np.empty(shape, dtype=np.int64)
    for row in range(rows):
        distance = (x[:, None] - centers[None, :, 0]) ** 2 + (y[row] - centers[None, :, 1]) ** 2
        places[row] = elite_of[distance.argmin(axis=1)]
    return places


def room(width: int, height: int, *, flat: bool) -> tuple[int, int]:
    """Return how many places (columns, rows) a drawing of a size can hold."""
    return max(1, width - _MARGIN), 1 if flat else max(1, height - 3)


def levels(values: np.ndarray, *, maximize: bool) -> np.ndarray:
    """Return the level of each score by rank, 0 (worst) upwards: each level holds as many elites."""
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    ascending = np.sort(values if maximize else -values)
    ranks = np.searchsorted(ascending, values if maximize else -values, side="right")
    return np.asarray(-(-ranks * len(_COLOURS) // len(values)) - 1)


def draw(
    heat: HeatMap, cursor: tuple[int, int], width: int, height: int, *, maximize: bool
) -> tuple[list[Text], tuple[int, int, int]]:
    """Draw a map with its axes.

    Args:
        heat: The map.
        cursor: (row, column) of the selected place.
        width: In characters.
        height: In characters.
        maximize: Whether a higher score is better.

    Returns:
        The lines, the best elite marked ★ and the selected place in brackets; and (left margin, width,
        height) of the places in characters, to find one under the mouse.
    """
    rows, columns = heat.places.shape
    wide = max(1, min(_MOST_WIDE, (width - _MARGIN) // columns))
    high = max(1, min(_MOST_HIGH, (height - 3) // rows))
    level = levels(heat.island.objective, maximize=maximize)
    values = heat.island.objective
    best = int(np.argmax(values if maximize else -values)) if len(values) else VACANT
    lines = []
    for row in reversed(range(rows)):
        for part in reversed(range(high)):
            line = Text(_row_label(heat, row, part, high), "dim", end="")
            for column in range(columns):
                here = (row, column) == cursor
                line.append_text(_place(int(heat.places[row, column]), level, best, wide, selected=here))
            lines.append(line)
    lines += _bottom(heat, columns * wide)
    return lines, (_MARGIN, wide, high)


def _place(elite: int, level: np.ndarray, best: int, wide: int, *, selected: bool) -> Text:
    if elite == VACANT:
        inside, style = "·".center(wide) if wide > 1 else "·", "dim"
    else:
        number = int(level[elite])
        shade = _LEVELS[number]
        inside = shade * wide
        style = _COLOURS[number]
        if elite == best:
            inside, style = "★".center(wide, shade), f"bold {style}"
    if not selected:
        return Text(inside, style, end="")
    if wide == 1:
        return Text("╳" if elite == VACANT else "◆", "bold reverse", end="")
    if wide == 2:  # no room for both brackets around the star
        return Text("[★" if "★" in inside else "[]", "bold reverse", end="")
    return Text(f"[{inside[1:-1]}]", "bold reverse", end="")


def _row_label(heat: HeatMap, row: int, part: int, high: int) -> str:
    """Return what stands left of a row: its lower edge, at some of the rows."""
    if heat.up is None or part:
        return " " * (_MARGIN - 1) + "│"
    every = max(1, round(4 / high))
    text = f"{heat.up.edges[row]:.4g}" if row % every == 0 else ""
    return f"{cut(text, _MARGIN - 2):>{_MARGIN - 2}} │"


def _bottom(heat: HeatMap, width: int) -> list[Text]:
    axis = heat.across
    left, right = f"{axis.edges[0]:.4g}", f"{axis.edges[-1]:.4g}"
    gap = max(1, width - len(left) - len(right))
    name = cut(f"{shown(axis.name)}{' (log)' if axis.log else ''}", max(0, gap - 2))
    below = left + name.center(gap) + right
    corner = " " * (_MARGIN - 1) + "└" + "─" * width
    up = "" if heat.up is None else f"↑ {shown(heat.up.name)}{' (log)' if heat.up.log else ''}"
    return [
        Text(corner, "dim", end=""),
        Text(" " * _MARGIN + below, "dim", end=""),
        Text(f"{up:<{_MARGIN}}", "dim", end=""),
    ]


def legend(heat: HeatMap, *, maximize: bool) -> list[Text]:
    """Say which shades stand for which scores, best first."""
    values = heat.island.objective
    level = levels(values, maximize=maximize)
    lines = []
    for number in reversed(range(len(_COLOURS))):
        inside = values[level == number]
        if len(inside):
            shade = _LEVELS[number] * 2
            line = Text(shade, _COLOURS[number], end="")
            line.append(f" {score(float(inside.min()), 6)} to {score(float(inside.max()), 6)}", "")
            lines.append(line)
    lines.append(Text("·· vacant", "dim", end=""))
    return lines
