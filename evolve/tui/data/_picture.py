"""Shapes as braille dots."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rich.text import Text

from evolve.problem import Circle, Dots, Path, Polygon, Shape
from evolve.tui.data._canvas import Canvas, Point

_STYLE, _STRONG = "cyan", "bold yellow"
_SHADING = 3
"""Of the dots inside a filled polygon, every third is set."""


class _Plane:
    """Where points of the plane lie on a canvas: one scale for both directions, centred."""

    def __init__(self, shapes: Sequence[Shape], canvas: Canvas) -> None:
        corners = np.array([corner for shape in shapes for corner in _extent(shape)], dtype=np.float64)
        low, high = corners.min(axis=0), corners.max(axis=0)
        span = np.where(high > low, high - low, 1.0)
        self.scale = float(min((canvas.width - 1) / span[0], (canvas.height - 1) / span[1]))
        middle = (low + high) / 2
        self._x = (canvas.width - 1) / 2 - self.scale * float(middle[0])
        self._y = (canvas.height - 1) / 2 + self.scale * float(middle[1])

    def at(self, point: Point) -> Point:
        """Return the dot of a point; y grows upwards in the plane and downwards on the canvas."""
        return self._x + self.scale * point[0], self._y - self.scale * point[1]


def _extent(shape: Shape) -> list[Point]:
    if isinstance(shape, Circle):
        (x, y), r = shape.center, shape.radius
        return [(x - r, y - r), (x + r, y + r)]
    return list(shape.points)


def picture(shapes: Sequence[Shape], width: int, height: int) -> list[Text]:
    """Draw shapes as large as they fit; those that stand out are drawn last, in bold.

    Args:
        shapes: At least one with a point.
        width: In characters.
        height: In characters.
    """
    if not any(_extent(shape) for shape in shapes) or width < 2 or height < 2:
        return [Text("nothing to draw", "dim")]
    canvas = Canvas(width, height)
    plane = _Plane(shapes, canvas)
    for shape in sorted(shapes, key=lambda shape: shape.strong):
        _draw(canvas, plane, shape, _STRONG if shape.strong else _STYLE)
    return canvas.lines()


def _draw(canvas: Canvas, plane: _Plane, shape: Shape, style: str) -> None:
    if isinstance(shape, Circle):
        reach = shape.radius * plane.scale
        canvas.ellipse(plane.at(shape.center), reach, reach, style)
        if shape.strong:
            _cross(canvas, plane.at(shape.center), style)
        return
    points = [plane.at(point) for point in shape.points]
    if isinstance(shape, Dots):
        for point in points:
            _cross(canvas, point, style)
    elif isinstance(shape, Path):
        canvas.path(points, style)
    elif isinstance(shape, Polygon):
        if shape.filled:
            canvas.fill(points, style, every=_SHADING)
        canvas.path(points, style, closed=True)


def _cross(canvas: Canvas, point: Point, style: str) -> None:
    x, y = point
    canvas.line((x - 1, y), (x + 1, y), style)
    canvas.line((x, y - 1), (x, y + 1), style)
