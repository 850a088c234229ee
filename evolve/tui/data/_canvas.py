"""A drawing surface of braille dots: two across and four down in every character."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import numpy as np
from rich.text import Text

Point = tuple[float, float]
_WEIGHTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800


class Canvas:
    """Dots with a style for each character; what is drawn later decides the style, outside is cut off.

    Args:
        columns: Width in characters.
        rows: Height in characters.
    """

    def __init__(self, columns: int, rows: int) -> None:
        self.columns, self.rows = max(1, columns), max(1, rows)
        self._dots = np.zeros((4 * self.rows, 2 * self.columns), dtype=bool)
        self._styles = np.zeros((self.rows, self.columns), dtype=np.int16)
        self._names = [""]

    @property
    def width(self) -> int:
        """Number of dots across."""
        return 2 * self.columns

    @property
    def height(self) -> int:
        """Number of dots down."""
        return 4 * self.rows

    def dots(self, xs: np.ndarray, ys: np.ndarray, style: str = "") -> None:
        """Set dots by their integer places; y grows downwards."""
        inside = (xs >= 0) & (xs < self.width) & (ys >= 0) & (ys < self.height)
        xs, ys = xs[inside].astype(np.int64), ys[inside].astype(np.int64)
        self._dots[ys, xs] = True
        self._styles[ys // 4, xs // 2] = self._number(style)

    def line(self, start: Point, end: Point, style: str = "", *, dash: int = 0) -> None:
        """Draw a straight line between two places in dots; with `dash`, every so many dots a gap as long."""
        clipped = _clipped(np.array([start]), np.array([end]), self.width, self.height)
        if not len(clipped):
            return
        x0, y0, x1, y1 = clipped[0].tolist()
        steps = max(1, math.ceil(max(abs(x1 - x0), abs(y1 - y0))))
        xs, ys = np.rint(np.linspace(x0, x1, steps + 1)), np.rint(np.linspace(y0, y1, steps + 1))
        if dash:
            on = np.arange(steps + 1) // dash % 2 == 0
            xs, ys = xs[on], ys[on]
        self.dots(xs, ys, style)

    def path(self, points: Sequence[Point], style: str = "", *, closed: bool = False) -> None:
        """Draw straight lines from point to point."""
        ends = np.asarray([*points, points[0]] if closed and points else points, dtype=np.float64)
        if len(ends) < 2:
            return
        x0, y0, x1, y1 = _clipped(ends[:-1], ends[1:], self.width, self.height).T
        steps = np.maximum(1, np.ceil(np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)))).astype(np.int64)
        line = np.repeat(np.arange(len(steps)), steps + 1)  # all lines at once: a chart has thousands
        first = np.cumsum(steps + 1) - (steps + 1)
        along = (np.arange(len(line)) - first[line]) / steps[line]
        xs = x0[line] + along * (x1 - x0)[line]
        ys = y0[line] + along * (y1 - y0)[line]
        self.dots(np.rint(xs), np.rint(ys), style)

    def ellipse(self, center: Point, across: float, down: float, style: str = "") -> None:
        """Draw an ellipse by its two half axes in dots."""
        steps = min(4_000, max(12, int(4 * (across + down))))
        angle = np.linspace(0.0, 2 * math.pi, steps, endpoint=False)
        xs, ys = center[0] + across * np.cos(angle), center[1] + down * np.sin(angle)
        self.dots(np.rint(xs), np.rint(ys), style)

    def fill(self, points: Sequence[Point], style: str = "", *, every: int = 1) -> None:
        """Fill a polygon by the even-odd rule; with `every` above 1 as a pattern of sparser dots."""
        corners = np.asarray(points, dtype=np.float64)
        if len(corners) < 3:
            return
        top = max(0, math.floor(corners[:, 1].min()))
        bottom = min(self.height - 1, math.ceil(corners[:, 1].max()))
        following = np.roll(corners, -1, axis=0)
        for y in range(top, bottom + 1):
            crosses = (corners[:, 1] <= y) != (following[:, 1] <= y)
            if not crosses.any():
                continue
            a, b = corners[crosses], following[crosses]
            at = np.sort(a[:, 0] + (y - a[:, 1]) * (b[:, 0] - a[:, 0]) / (b[:, 1] - a[:, 1]))
            for left, right in zip(at[::2], at[1::2], strict=False):
                first, last = max(0, math.ceil(left)), min(self.width - 1, math.floor(right))
                xs = np.arange(first, last + 1)
                xs = xs[(xs + y) % every == 0]
                self.dots(xs, np.full(len(xs), y), style)

    def lines(self) -> list[Text]:
        """Return the rows of characters."""
        blocks = self._dots.reshape(self.rows, 4, self.columns, 2)
        codes = np.einsum("rdcx,dx->rc", blocks, _WEIGHTS)
        return [self._row(codes[row], self._styles[row]) for row in range(self.rows)]

    def _row(self, codes: np.ndarray, styles: np.ndarray) -> Text:
        text = Text("".join(chr(_BLANK + code) if code else " " for code in codes.tolist()), end="")
        for start, end, style in _runs(styles.tolist()):
            if style:
                text.stylize(self._names[style], start, end)
        return text

    def _number(self, style: str) -> int:
        if style not in self._names:
            self._names.append(style)
        return self._names.index(style)


def _runs(values: Sequence[int]) -> Iterable[tuple[int, int, int]]:
    start = 0
    for end in range(1, len(values) + 1):
        if end == len(values) or values[end] != values[start]:
            yield start, end, values[start]
            start = end


def _clipped(starts: np.ndarray, ends: np.ndarray, width: int, height: int) -> np.ndarray:
    """Cut lines to the surface (Liang and Barsky), so that none is longer than the screen.

    Args:
        starts: (n, 2) where they begin.
        ends: (n, 2) where they end.
        width: In dots.
        height: In dots.

    Returns:
        (m, 4) x and y of both ends of what is left of those that reach the surface, in order.
    """
    finite = np.isfinite(starts).all(axis=1) & np.isfinite(ends).all(axis=1)
    starts, ends = starts[finite], ends[finite]
    way = ends - starts
    first, last = np.zeros(len(way)), np.ones(len(way))
    outside = np.zeros(len(way), dtype=bool)
    for axis, size in ((0, width), (1, height)):
        at, by = starts[:, axis], way[:, axis]
        outside |= (by == 0) & ((at < -0.5) | (at > size - 0.5))
        with np.errstate(divide="ignore", invalid="ignore"):
            enter = np.where(by == 0, 0.0, (np.where(by > 0, -0.5, size - 0.5) - at) / by)
            leave = np.where(by == 0, 1.0, (np.where(by > 0, size - 0.5, -0.5) - at) / by)
        first, last = np.maximum(first, enter), np.minimum(last, leave)
    kept = ~outside & (first <= last)
    starts, way, first, last = starts[kept], way[kept], first[kept, None], last[kept, None]
    return np.hstack((starts + first * way, starts + last * way))
