"""What a solution looks like, as data: shapes in a plane that any display can draw."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

Point = tuple[float, float]
MOST_SHAPES = 20_000


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle.

    Attributes:
        center: (x, y); y grows upwards.
        radius: At least 0.
        strong: Drawn so that it stands out.
    """

    center: Point
    radius: float
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Polygon:
    """A closed polygon.

    Attributes:
        points: Its corners in order.
        filled: The inside is shaded.
        strong: Drawn so that it stands out.
    """

    points: tuple[Point, ...]
    filled: bool = False
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Path:
    """An open line from point to point; of two points it is a segment.

    Attributes:
        points: In order.
        strong: Drawn so that it stands out.
    """

    points: tuple[Point, ...]
    strong: bool = False


@dataclass(frozen=True, slots=True)
class Dots:
    """Single points.

    Attributes:
        points: In any order.
        strong: Drawn so that they stand out.
    """

    points: tuple[Point, ...]
    strong: bool = False


Shape = Circle | Polygon | Path | Dots
_KINDS: Mapping[str, type[Shape]] = {"circle": Circle, "polygon": Polygon, "path": Path, "dots": Dots}


def shapes_as_data(shapes: Sequence[Shape]) -> list[dict[str, Any]]:
    """Return shapes as data for JSON.

    Raises:
        ValueError: not a list of shapes, too many, or a number is not finite; says which.
    """
    if not isinstance(shapes, Sequence) or len(shapes) > MOST_SHAPES:
        raise ValueError(f"shapes must be a list of at most {MOST_SHAPES:,} shapes, got {_size(shapes)}")
    return [_as_data(place, shape) for place, shape in enumerate(shapes)]


def _size(shapes: object) -> str:
    return f"{len(shapes):,}" if isinstance(shapes, Sequence) else type(shapes).__name__


def _as_data(place: int, shape: Shape) -> dict[str, Any]:
    kind = next((name for name, known in _KINDS.items() if isinstance(shape, known)), None)
    if kind is None:
        raise ValueError(f"shape {place} must be a Circle, Polygon, Path or Dots, got {type(shape).__name__}")
    try:
        points = [shape.center] if isinstance(shape, Circle) else list(shape.points)
        plain = [[float(x), float(y)] for x, y in points]
        radius = float(shape.radius) if isinstance(shape, Circle) else 0.0
    except (TypeError, ValueError) as error:
        raise ValueError(f"shape {place} ({kind}) must be made of pairs of numbers: {error}") from None
    if not all(map(math.isfinite, [radius, *(value for point in plain for value in point)])) or radius < 0:
        raise ValueError(f"shape {place} ({kind}) must be made of finite numbers, its radius at least 0")
    found = {key: bool(value) for key, value in asdict(shape).items() if key in ("filled", "strong")}
    if isinstance(shape, Circle):
        return {"kind": kind, "center": plain[0], "radius": radius, **found}
    return {"kind": kind, "points": plain, **found}


def shapes_of_data(data: Sequence[Mapping[str, Any]]) -> list[Shape]:
    """Return shapes from what `shapes_as_data` gave."""
    found: list[Shape] = []
    for item in data:
        given = {key: value for key, value in item.items() if key != "kind"}
        if "points" in given:
            given["points"] = tuple((float(x), float(y)) for x, y in given["points"])
        else:
            x, y = given["center"]
            given["center"] = (float(x), float(y))
        found.append(_KINDS[item["kind"]](**given))
    return found
