"""Trusted scorer: exact smallest triangle area of points in a triangle.

A float64 is a rational number, so the rules and the areas are computed in integers, with zero tolerance.
Floats only screen out triangles that are certainly not the smallest.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolve.problem import Invalid, Score

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

REPAIRS = (0.0, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12)
"""How far all points may be pulled towards the centroid; the least that brings them inside is used.

A pull by e moves x to x + e (1 - 3 x), and y alike: points on a side move inwards by about e.
"""

SCREEN = 1e-14
"""Triangles larger than the least by more than this are skipped: float areas are off by less than 2e-15."""

HOPELESS = 1e-11
"""A point further outside than this is beyond any repair."""

ON_EDGE = 1e-7
"""Distance below which the feedback and the measures call a point on the border."""

SIDES = ("left", "bottom", "sloping")
WORST_SHOWN = 3


def score(output: Any, params: Mapping[str, Any], case: Mapping[str, Any]) -> Score:
    """Verify the points and measure their smallest triangle.

    Args:
        output: What the program returned: plain data, possibly hostile.
        params: `n`, the number of points.
        case: Unused; the problem has one case.

    Raises:
        Invalid: a rule is broken; the text says which, where and by how much.
    """
    points = _read(output, params["n"])
    outside = _outside(points)
    if float(outside.max()) <= HOPELESS:
        for repair in REPAIRS:
            pulled = points + repair * (1.0 - 3.0 * points) if repair else points
            if _is_inside(pulled):
                return _measure(pulled, repair)
    raise Invalid(_violations(outside))


def _read(output: Any, n: int) -> Floats:
    """Convert a list of pairs or a real array to a finite (n, 2) float64 array."""
    if n < 3:
        raise Invalid(f"n must be at least 3 points, got {n}")
    rows = [_items(f"points[{k}]", row, (2,)) for k, row in enumerate(_items("points", output, (n, 2)))]
    points = np.array([[_number(item) for item in row] for row in rows], dtype=np.float64)
    if not np.isfinite(points).all():
        k, axis = (int(index) for index in np.argwhere(~np.isfinite(points))[0])
        raise Invalid(f"points[{k}, {axis}] must be finite, got {float(points[k, axis])}")
    return points


def _items(name: str, data: Any, shape: tuple[int, ...]) -> list[Any]:
    if isinstance(data, np.ndarray):
        if data.dtype.kind not in "fiu":
            raise Invalid(f"{name} must hold real numbers, got an array of {data.dtype}")
        if data.shape != shape:
            raise Invalid(f"{name} must have shape {shape}, got {data.shape}")
        return list(data)
    if not isinstance(data, list | tuple):
        raise Invalid(f"{name} must be an array of shape {shape}, got {_kind(data)}")
    if len(data) != shape[0]:
        raise Invalid(f"{name} must have {shape[0]} entries, got {len(data)}")
    return list(data)


def _number(item: Any) -> float:
    if isinstance(item, bool | np.bool_) or not isinstance(item, int | float | np.integer | np.floating):
        raise Invalid(f"points must hold real numbers, got {_kind(item)}")
    try:
        return float(item)
    except OverflowError:
        raise Invalid(f"points must be finite, got an integer of {int(item).bit_length()} bits") from None


def _kind(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _outside(points: Floats) -> Floats:
    """Return how far each point is beyond the left, bottom and sloping side, (n, 3); negative inside."""
    with np.errstate(over="ignore"):
        return np.column_stack([-points, points[:, 0] + points[:, 1] - 1.0])


def _is_inside(points: Floats) -> bool:
    """Decide x ≥ 0, y ≥ 0 and x + y ≤ 1 exactly."""
    if (points < 0).any():
        return False
    total = points[:, 0] + points[:, 1]  # rounding keeps order: only a sum that rounds to 1.0 is in doubt
    if (total > 1.0).any():
        return False
    doubtful, one = _integers(points[total == 1.0])
    return all(x + y <= one for x, y in doubtful)


def _violations(outside: Floats) -> str:
    found = sorted(
        ((float(outside[k, s]), int(k), int(s)) for k, s in np.argwhere(outside > 0)), reverse=True
    )
    if not found:
        return (
            "a point leaves the triangle by less than float rounding shows, and pulling inwards did not help"
        )
    shown = "; ".join(
        f"point {k} leaves the triangle at the {SIDES[s]} side by {excess:.2g}"
        for excess, k, s in found[:WORST_SHOWN]
    )
    more = len(found) - WORST_SHOWN
    return shown + (f"; {more} further violation{'s' if more > 1 else ''}" if more > 0 else "")


def _integers(points: Floats) -> tuple[list[tuple[int, int]], int]:
    """Scale coordinates to integers by one power of two, exactly; return the pairs and the power."""
    ratios = [value.as_integer_ratio() for value in points.ravel().tolist()]
    scale = max((bottom for _, bottom in ratios), default=1)
    numbers = iter([top * (scale // bottom) for top, bottom in ratios])
    return list(zip(numbers, numbers, strict=True)), scale


def _areas(points: Floats, triples: Ints) -> Floats:
    """Areas of triangles relative to the outer one, which has area 1/2: the size of the determinant."""
    (ax, ay), (bx, by), (cx, cy) = points[triples].transpose(1, 2, 0)
    return np.asarray(np.abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay)))


def _exact_minimum(points: Floats, triples: Ints, areas: Floats) -> float:
    """Return the smallest relative area, rounded once from its exact value."""
    exact, scale = _integers(points)
    smallest: int | None = None
    for i, j, k in triples[areas <= areas.min() + SCREEN].tolist():
        (ax, ay), (bx, by), (cx, cy) = exact[i], exact[j], exact[k]
        area = abs((bx - ax) * (cy - ay) - (cx - ax) * (by - ay))
        smallest = area if smallest is None else min(smallest, area)
        if smallest == 0:
            break
    assert smallest is not None
    return smallest / scale**2  # division of integers rounds correctly


def _measure(points: Floats, repair: float) -> Score:
    triples = np.array(list(combinations(range(len(points)), 3)))
    areas = _areas(points, triples)
    smallest = _exact_minimum(points, triples, areas)
    # Shares of the three corners: every measure looks the same from all of them.
    shares = np.column_stack([points, 1.0 - points.sum(axis=1)])
    at_edge = shares.min(axis=1) <= ON_EDGE
    tight = areas <= smallest * (1 + 1e-6) + 1e-15
    return Score(
        metrics={
            "min_area": smallest,
            "spread": float(np.sqrt(((shares - 1 / 3) ** 2).sum(axis=1).mean())),
            "off_center": float(np.linalg.norm(shares.mean(axis=0) - 1 / 3)),
            "edge_share": float(at_edge.mean()),
            "mean_area": float(areas.mean()),
            "tight_triangles": float(tight.sum()),
            "repair": repair,
        },
        feedback=_feedback(points, triples[tight], smallest, int(at_edge.sum()), repair),
        artifact={"points": points},
    )


def _feedback(points: Floats, tight: Ints, smallest: float, at_edge: int, repair: float) -> str:
    counts = np.bincount(tight.ravel(), minlength=len(points))
    busy = int(counts.argmax())
    named = ", ".join("-".join(map(str, triple)) for triple in tight[:WORST_SHOWN].tolist())
    free = np.flatnonzero(counts == 0).tolist()
    parts = [
        f"Valid, smallest triangle {smallest:.10g} of the whole.",
        f"{len(tight)} triangles are that small ({named}{', ...' if len(tight) > WORST_SHOWN else ''});"
        f" point {busy} is in {counts[busy]} of them.",
        f"{at_edge} of {len(points)} points lie on the border.",
    ]
    if smallest == 0:
        parts.append("Three points are in line or two coincide: move one of them.")
    if free:
        parts.append(f"In none of them, so free to move: points {', '.join(map(str, free[:8]))}.")
    if repair:
        parts.append(
            f"Rounding put a point outside: all points were pulled inwards by {repair:g} to repair it."
        )
    return " ".join(parts)
