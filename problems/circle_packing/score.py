"""Trusted scorer: exact verification of circles in the unit square.

A float64 is a rational number, so the rules are decided in integers, with zero tolerance. Floats only
screen out what is far from any decision.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evolve.problem import Invalid, Score

Floats = NDArray[np.float64]

REPAIRS = (0.0, 1e-16, 1e-15, 1e-14, 1e-13, 1e-12)
"""Amounts that may be subtracted from every radius; the smallest that makes the layout valid is used."""

SCREEN = 1e-14
"""Squared gaps beyond this are decided in floats: inside the square their rounding error is below 2e-15."""

HOPELESS = 1e-11
"""A violation larger than this is beyond any repair; it is reported without trying."""

TOUCHING = 1e-7
"""Gap below which the feedback and the measures call two circles, or a circle and a wall, in contact."""

SIDES = ("left", "bottom", "right", "top")
WORST_SHOWN = 3


def score(output: Any, params: Mapping[str, Any], case: Mapping[str, Any]) -> Score:
    """Verify `(centers, radii)` and measure the packing.

    Args:
        output: What the program returned: plain data, possibly hostile.
        params: `n`, the number of circles.
        case: Unused; the problem has one case.

    Raises:
        Invalid: a rule is broken; the text says which, where and by how much.
    """
    centers, radii = _read(output, params["n"])
    _refuse_gross_violations(centers, radii)
    for repair in REPAIRS:
        smaller = radii - repair
        if _is_valid(centers, smaller):
            return _measure(centers, smaller, repair)
    raise Invalid(f"{_violations(centers, radii)}. Rounding repairs up to {REPAIRS[-1]:g} did not help")


def _read(output: Any, n: int) -> tuple[Floats, Floats]:
    if n < 1:
        raise Invalid(f"n must be at least 1 circle, got {n}")
    if not isinstance(output, tuple | list):
        raise Invalid(f"must return (centers, radii), got {_kind(output)}")
    if len(output) != 2:
        raise Invalid(f"must return the two values (centers, radii), got {len(output)} values")
    return _numbers("centers", output[0], (n, 2)), _numbers("radii", output[1], (n,))


def _numbers(name: str, data: Any, shape: tuple[int, ...]) -> Floats:
    """Convert lists of numbers or a real array to a finite float64 array of the shape."""
    items = _items(name, data, shape)
    if len(shape) == 2:
        rows = [_items(f"{name}[{k}]", row, shape[1:]) for k, row in enumerate(items)]
        items = [item for row in rows for item in row]
    values = np.array([_number(name, item) for item in items], dtype=np.float64).reshape(shape)
    if not np.isfinite(values).all():
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(values))[0])
        raise Invalid(f"{name}{list(where)} must be finite, got {float(values[where])}")
    return values


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


def _number(name: str, item: Any) -> float:
    if isinstance(item, bool | np.bool_) or not isinstance(item, int | float | np.integer | np.floating):
        raise Invalid(f"{name} must hold real numbers, got {_kind(item)}")
    try:
        return float(item)
    except OverflowError:
        raise Invalid(f"{name} must be finite, got an integer of {int(item).bit_length()} bits") from None


def _kind(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    return "None" if value is None else f"a value of type {type(value).__name__}"


def _refuse_gross_violations(centers: Floats, radii: Floats) -> None:
    """Refuse at once what no repair can mend; afterwards all numbers lie in or next to [0, 1]."""
    if not (radii > 0).all():
        k = int(np.argmin(radii))
        count = int((radii <= 0).sum())
        raise Invalid(
            f"radii must be positive: radius {k} is {radii[k]:.6g} ({count} of {len(radii)} are not positive)"
        )
    outside, overlap = _excesses(centers, radii)
    if max(float(outside.max()), float(overlap.max())) > HOPELESS:
        raise Invalid(_violations(centers, radii))


def _excesses(centers: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Return by how much circles leave each side (n, 4), and overlap (n, n; −inf unless i < j)."""
    with np.errstate(over="ignore"):
        outside = np.hstack([radii[:, None] - centers, centers + radii[:, None] - 1.0])
        between = np.hypot(*(centers[:, None] - centers[None, :]).transpose(2, 0, 1))
        sums = radii[:, None] + radii[None, :]
        # inf − inf only arises from radii that leave the square anyway
        overlap = np.where(np.isinf(sums) & np.isinf(between), np.inf, 0.0)
        np.subtract(sums, between, out=overlap, where=~np.isinf(overlap))
    overlap[np.tril_indices(len(radii))] = -np.inf
    return outside, overlap


def _violations(centers: Floats, radii: Floats) -> str:
    """Name the worst violations, largest first, and count the others."""
    outside, overlap = _excesses(centers, radii)
    found = [
        (float(overlap[i, j]), f"circles {i} and {j} overlap by {overlap[i, j]:.2g}")
        for i, j in np.argwhere(overlap > 0)
    ]
    found += [
        (
            float(outside[k, side]),
            f"circle {k} leaves the square at the {SIDES[side]} by {outside[k, side]:.2g}",
        )
        for k, side in np.argwhere(outside > 0)
    ]
    found.sort(key=lambda item: -item[0])
    if not found:
        return "two circles overlap, or one leaves the square, by less than float rounding shows"
    shown = "; ".join(text for _, text in found[:WORST_SHOWN])
    more = len(found) - WORST_SHOWN
    return shown + (f"; {more} further violation{'s' if more > 1 else ''}" if more > 0 else "")


def _is_valid(centers: Floats, radii: Floats) -> bool:
    """Decide all rules exactly: r > 0, r ≤ x ≤ 1 − r, r ≤ y ≤ 1 − r, squared distance ≥ (r + r')²."""
    if not ((radii > 0).all() and (radii[:, None] <= centers).all()):
        return False
    reach = centers + radii[:, None]  # rounding keeps order: only a sum that rounds to 1.0 is in doubt
    if (reach > 1.0).any():
        return False
    for k, axis in np.argwhere(reach == 1.0):
        (x, r), one = _integers([float(centers[k, axis]), float(radii[k])])
        if x + r > one:
            return False
    i, j = np.triu_indices(len(radii), 1)
    squares = ((centers[i] - centers[j]) ** 2).sum(axis=1) - (radii[i] + radii[j]) ** 2
    if (squares < -SCREEN).any():
        return False
    close = squares <= SCREEN
    return all(_disjoint(centers, radii, int(a), int(b)) for a, b in zip(i[close], j[close], strict=True))


def _disjoint(centers: Floats, radii: Floats, i: int, j: int) -> bool:
    numbers = [*centers[i].tolist(), *centers[j].tolist(), float(radii[i]), float(radii[j])]
    (x1, y1, x2, y2, r1, r2), _ = _integers(numbers)
    return (x1 - x2) ** 2 + (y1 - y2) ** 2 >= (r1 + r2) ** 2


def _integers(values: list[float]) -> tuple[list[int], int]:
    """Scale floats to integers by one power of two, exactly; return them and the power."""
    ratios = [value.as_integer_ratio() for value in values]
    scale = max(bottom for _, bottom in ratios)
    return [top * (scale // bottom) for top, bottom in ratios], scale


def _measure(centers: Floats, radii: Floats, repair: float) -> Score:
    outside, overlap = _excesses(centers, radii)
    walls = -outside
    gaps = -np.where(np.isinf(overlap), overlap.T, overlap)  # symmetric, +inf on the diagonal
    slack = np.minimum(walls.min(axis=1), gaps.min(axis=1))
    at_wall = walls.min(axis=1) <= TOUCHING
    contacts = int((gaps <= TOUCHING).sum()) // 2 + int((walls <= TOUCHING).sum())
    return Score(
        metrics={
            "sum_radii": math.fsum(radii.tolist()),
            "radius_std": float(radii.std()),
            "corner_ratio": _corner_ratio(centers, radii),
            "wall_share": float(at_wall.mean()),
            "repair": repair,
            "contacts": float(contacts),
            "rattlers": float((slack > TOUCHING).sum()),
            "smallest_radius": float(radii.min()),
            "largest_radius": float(radii.max()),
        },
        feedback=_feedback(centers, radii, slack, contacts, int(at_wall.sum()), repair),
        artifact={"centers": centers, "radii": radii},
    )


def _corner_ratio(centers: Floats, radii: Floats) -> float:
    """Mean radius of the circles nearest to the four corners, relative to the mean of all radii."""
    corners = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    nearest = np.linalg.norm(corners[:, None] - centers[None, :], axis=2).argmin(axis=1)
    mean = float(radii.mean())  # underflows to 0 for the tiniest of radii
    return float(radii[nearest].mean()) / mean if mean > 0 else 1.0


def _feedback(
    centers: Floats, radii: Floats, slack: Floats, contacts: int, at_wall: int, repair: float
) -> str:
    small, large, loose = int(radii.argmin()), int(radii.argmax()), int(slack.argmax())
    parts = [
        f"Valid, sum of radii {math.fsum(radii.tolist()):.10f}.",
        f"{contacts} contacts (gap below {TOUCHING:g}); {at_wall} of {len(radii)} circles touch a wall.",
        f"Smallest: circle {small}, radius {radii[small]:.4g} at ({centers[small, 0]:.3f},"
        f" {centers[small, 1]:.3f}); largest: circle {large}, radius {radii[large]:.4g}.",
    ]
    if slack[loose] > TOUCHING:
        free = int((slack > TOUCHING).sum())
        parts.append(
            f"{free} circles touch nothing; the loosest, circle {loose}, has {slack[loose]:.2g} to spare."
        )
    if repair:
        parts.append(f"Rounding broke a rule: every radius was reduced by {repair:g} to repair it.")
    return " ".join(parts)
