"""Line charts as text: curves of steps, reference lines with their names, axes with numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from rich.text import Text

from evolve.tui.data._canvas import Canvas
from evolve.tui.data._format import compact
from evolve.tui.data._text import cut

_LEAST_WIDTH, _LEAST_HEIGHT = 24, 5
_LEVEL = "yellow"
"""Style of reference levels; no curve has it."""
MARKS = "●▲■◆★✚○△□◇"
"""Tell curves apart without colours; a curve carries its mark at its end."""


@dataclass(frozen=True, slots=True)
class Series:
    """One curve.

    Attributes:
        name: Shown in the legend.
        xs: (n,) ascending.
        ys: (n,) values; NaN are gaps.
        style: Of the line.
        steps: Whether a value holds until the next one.
    """

    name: str
    xs: np.ndarray
    ys: np.ndarray
    style: str = ""
    steps: bool = True


@dataclass(frozen=True, slots=True)
class Reference:
    """A level that the curves are compared with.

    Attributes:
        value: In units of the curves.
        name: Where it comes from.
    """

    value: float
    name: str


@dataclass(frozen=True, slots=True)
class Frame:
    """The part of the plane that is shown."""

    left: float
    right: float
    low: float
    high: float

    def across(self, x: float, dots: int) -> float:
        """Return where a value lies across a number of dots."""
        return (x - self.left) / (self.right - self.left) * (dots - 1)

    def down(self, y: float, dots: int) -> float:
        """Return where a value lies down a number of dots."""
        return (self.high - y) / (self.high - self.low) * (dots - 1)


def thinned(xs: np.ndarray, ys: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Keep what a curve shows at a width: the first, lowest, highest and last point of every column.

    Args:
        xs: (n,) ascending.
        ys: (n,) values, without NaN.
        columns: Width; at most four points a column are kept.
    """
    if len(xs) <= 4 * columns or columns < 1:
        return xs, ys
    width = (xs[-1] - xs[0]) or 1
    column = np.minimum(((xs - xs[0]) / width * columns).astype(np.int64), columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    ends = np.append(starts[1:], len(xs)) - 1
    # Within a column by value: ties go to the earlier row.
    order = np.lexsort((ys, column))
    kept = np.unique(np.concatenate((starts, ends, order[starts], order[ends])))
    return xs[kept], ys[kept]


def frame_of(
    series: Sequence[Series],
    references: Sequence[Reference],
    since: float | None = None,
    focus: float | None = None,
) -> Frame | None:
    """Return the smallest frame around curves, with some room; None when there is nothing to show.

    Args:
        series: The curves.
        references: Levels; those far away from the curves stay outside.
        since: Leave out what lies left of this x; a curve's level there counts.
        focus: Only what lies right of this x decides from where to where the frame reaches in height.
    """
    xs = [one.xs[np.isfinite(one.ys)] for one in series]
    ys = [one.ys[np.isfinite(one.ys)] for one in series]
    if not any(len(part) for part in ys):
        return None
    left = min(float(part[0]) for part in xs if len(part)) if since is None else since
    right = max(float(part[-1]) for part in xs if len(part))
    start = left if focus is None else max(left, focus)
    seen = [_since(x, y, start) for x, y in zip(xs, ys, strict=True) if len(y)]
    low = min(float(part.min()) for part in seen if len(part))
    high = max(float(part.max()) for part in seen if len(part))
    reach = (high - low) or abs(high) or 1.0
    near = [one.value for one in references if low - reach <= one.value <= high + reach]
    low, high = min(low, *near, low), max(high, *near, high)
    margin = (high - low) * 0.04 or abs(high) * 1e-6 or 1.0
    bottom = 0.0 if 0 <= low < margin else low - margin  # what is never negative has no negative axis
    return Frame(left, right if right > left else left + 1.0, bottom, high + margin)


def _since(xs: np.ndarray, ys: np.ndarray, left: float) -> np.ndarray:
    first = max(0, int(np.searchsorted(xs, left, side="right")) - 1)
    return ys[first:]


def chart(
    series: Sequence[Series],
    references: Sequence[Reference],
    width: int,
    height: int,
    *,
    since: float | None = None,
    focus: float | None = None,
    log: bool = False,
    x_name: str = "",
    empty: str = "nothing to show yet",
) -> list[Text]:
    """Draw curves with axes.

    Args:
        series: The curves; with several, a legend line comes last.
        references: Levels that are drawn as dashed lines, with their names where there is room.
        width: In characters.
        height: In characters, with axes and legend.
        since: Show only what lies right of this x.
        focus: Scale to what lies right of this x; what lies above or below it is cut off.
        log: The values are logarithms to base 10; the axis says the numbers themselves.
        x_name: What x counts.
        empty: Said when there is nothing to draw.

    Returns:
        `height` rows.
    """
    if width < _LEAST_WIDTH or height < _LEAST_HEIGHT:
        return _padded([Text(cut("too small for a chart", width), style="dim")], height)
    frame = frame_of(series, references, since, focus)
    if frame is None:
        return _padded([Text(cut(empty, width), style="dim")], height)
    legend = len(series) > 1
    rows = height - 2 - legend
    labels = _levels(frame, rows, log=log)
    margin = max(len(text) for text in labels.values()) + 1
    canvas = Canvas(width - margin - 1, rows)
    shown = [one for one in references if frame.low <= one.value <= frame.high]
    for one in shown:
        y = frame.down(one.value, canvas.height)
        canvas.line((0, y), (canvas.width - 1, y), _LEVEL, dash=2)
    ends = [_draw(canvas, frame, one) for one in series]
    lines = canvas.lines()
    _name_references(lines, shown, frame, canvas)
    _point_beyond(lines, [one for one in references if one not in shown], frame, canvas)
    for end, mark in zip(ends, MARKS, strict=False):
        if legend and end is not None:
            _put(lines, end, mark)
    drawn = [
        Text.assemble((labels.get(row, "").rjust(margin), "dim"), ("│", "dim"), line)
        for row, line in enumerate(lines)
    ]
    drawn += _axis(frame, margin, canvas.columns, x_name)
    if legend:
        drawn.append(_legend(series, width))
    return drawn


def _draw(canvas: Canvas, frame: Frame, one: Series) -> tuple[int, int] | None:
    """Draw a curve; return the row and column of its end."""
    known = np.isfinite(one.ys)
    xs, ys = one.xs[known], one.ys[known]
    if not len(xs):
        return None
    first = max(0, int(np.searchsorted(xs, frame.left, side="right")) - 1)
    xs, ys = thinned(xs[first:], ys[first:], canvas.width)
    points = [
        (frame.across(x, canvas.width), frame.down(y, canvas.height))
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True)
    ]
    if one.steps:
        corners = [
            corner for (x0, y0), (x1, y1) in pairwise(points) for corner in ((x0, y0), (x1, y0), (x1, y1))
        ]
        points = [*corners, points[-1]]
    if len(points) == 1:
        canvas.dots(np.array([points[0][0]]), np.array([points[0][1]]), one.style)
    canvas.path(points, one.style)
    x, y = points[-1]
    row = min(canvas.rows - 1, max(0, int(y) // 4))
    return row, min(canvas.columns - 1, max(0, int(x) // 2))


def _levels(frame: Frame, rows: int, *, log: bool) -> dict[int, str]:
    """Return the numbers beside the axis, by row: as short as they can be told apart."""
    count = max(2, min(6, rows // 2))
    at = sorted({round(row) for row in np.linspace(0, rows - 1, count)})
    values = [frame.high - (frame.high - frame.low) * row / max(1, rows - 1) for row in at]
    if log:
        return dict(zip(at, (f"{10.0**value:.1e}" for value in values), strict=True))
    for digits in range(2, 17):
        texts = [_number(value, digits) for value in values]
        if len(set(texts)) == len(texts) and _steady(values, texts):
            break
    return dict(zip(at, texts, strict=True))


def _number(value: float, digits: int) -> str:
    """Round to so many significant digits; whole numbers of ordinary size stand without an exponent."""
    text = f"{value:.{digits}g}"
    return f"{float(text):.0f}" if "e+" in text and abs(value) < 1e6 else text


def _steady(values: Sequence[float], texts: Sequence[str]) -> bool:
    """Tell whether rounding moves no number by more than a tenth of their distance."""
    step = abs(values[0] - values[-1]) / max(1, len(values) - 1)
    return all(abs(float(text) - value) <= step / 10 for value, text in zip(values, texts, strict=True))


def _axis(frame: Frame, margin: int, columns: int, name: str) -> list[Text]:
    line = " " * margin + "└" + "─" * columns
    left, right = compact(frame.left), compact(frame.right)
    middle = cut(name, max(0, columns - len(left) - len(right) - 2))
    gap = columns - len(left) - len(right)
    below = left + middle.center(gap) + right
    return [Text(line, style="dim"), Text(" " * (margin + 1) + below, style="dim")]


def _name_references(
    lines: list[Text], references: Sequence[Reference], frame: Frame, canvas: Canvas
) -> None:
    """Write the names of the levels on their lines, where no curve is covered if there is such a place."""
    taken: set[int] = set()
    for one in sorted(references, key=lambda reference: -reference.value):
        row = min(canvas.rows - 1, int(frame.down(one.value, canvas.height)) // 4)
        name = cut(f" {one.name} ", canvas.columns - 2)
        if row in taken or len(name) < 5:
            continue
        taken.add(row)
        _overwrite(lines, row, _free(lines[row], len(name)), name, _LEVEL)


def _free(line: Text, length: int) -> int:
    """Return a column from which so many characters cover no curve, the first if there is none."""
    curves = (range(span.start, span.end) for span in line.spans if span.style != _LEVEL)
    covered = {column for curve in curves for column in curve if line.plain[column] != " "}
    places = (left for left in range(1, len(line) - length) if covered.isdisjoint(range(left, left + length)))
    return next(places, 1)


def _point_beyond(lines: list[Text], hidden: list[Reference], frame: Frame, canvas: Canvas) -> None:
    """Say where the nearest level lies that the frame does not hold, above and below."""
    above = min((one for one in hidden if one.value > frame.high), key=lambda one: one.value, default=None)
    below = max((one for one in hidden if one.value < frame.low), key=lambda one: one.value, default=None)
    for one, row, arrow in ((above, 0, "↑"), (below, canvas.rows - 1, "↓")):
        if one is not None:
            name = cut(f" {arrow} {one.name} ", canvas.columns - 2)
            _overwrite(lines, row, _free(lines[row], len(name)), name, _LEVEL)


def _put(lines: list[Text], place: tuple[int, int], mark: str) -> None:
    row, column = place
    _overwrite(lines, row, column, mark, "bold")


def _overwrite(lines: list[Text], row: int, column: int, text: str, style: str) -> None:
    line = lines[row]
    lines[row] = Text.assemble(line[:column], (text, style), line[column + len(text) :], end="")


def _legend(series: Sequence[Series], width: int) -> Text:
    text = Text(end="", no_wrap=True, overflow="ellipsis")
    for one, mark in zip(series, MARKS, strict=False):
        text.append(f"{mark} ", style=one.style or "bold").append(one.name).append("  ")
    if len(series) > len(MARKS):
        text.append(f"and {len(series) - len(MARKS)} more")
    text.truncate(width, overflow="ellipsis")
    return text


def _padded(lines: list[Text], height: int) -> list[Text]:
    return lines + [Text("") for _ in range(max(0, height - len(lines)))]


def gap_to(values: np.ndarray, level: float) -> np.ndarray:
    """Return the logarithm (base 10) of the distance to a level; NaN where it is reached exactly."""
    distance = np.abs(values - level)
    return np.where(distance > 0, np.log10(np.where(distance > 0, distance, 1.0)), math.nan)
