"""Picture of points in a triangle."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from evolve.problem import Dots, Polygon, Shape

CORNERS = ((0.0, 0.0), (1.0, 0.0), (0.5, float(np.sqrt(0.75))))
"""An equilateral triangle: shares of area survive an affine map, and it shows the symmetry."""


def draw(axes: Any, artifact: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Draw the points in an equilateral triangle, with the smallest triangles shaded, on matplotlib axes."""
    from matplotlib import patches

    points = np.asarray(artifact["points"])
    shown, triples, areas = _placed(points)
    axes.add_patch(patches.Polygon(CORNERS, fill=False, linewidth=1.5, edgecolor="black"))
    for triple in _smallest(triples, areas):
        axes.add_patch(
            patches.Polygon(shown[list(triple)], facecolor="tab:orange", alpha=0.25, edgecolor="none")
        )
    axes.scatter(shown[:, 0], shown[:, 1], color="tab:blue", zorder=3)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 0.9)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"n = {params['n']}, smallest triangle {areas.min():.8f} of the whole")


def shapes(artifact: Mapping[str, Any], _params: Mapping[str, Any]) -> list[Shape]:
    """Return the triangle, the points, and the smallest triangles between them, which stand out."""
    shown, triples, areas = _placed(np.asarray(artifact["points"]))
    corners = [(float(x), float(y)) for x, y in shown]
    return [
        Polygon(CORNERS),
        *(
            Polygon(tuple(corners[k] for k in triple), filled=True, strong=True)
            for triple in _smallest(triples, areas)
        ),
        Dots(tuple(corners)),
    ]


def _placed(points: np.ndarray) -> tuple[np.ndarray, list[tuple[int, ...]], np.ndarray]:
    """Return the points as drawn, all triples of them, and twice the areas of their triangles."""
    shown = points @ np.array([CORNERS[1], CORNERS[2]])
    triples = list(combinations(range(len(points)), 3))
    first, second, third = (points[list(corner)] for corner in zip(*triples, strict=True))
    u, v = second - first, third - first
    return shown, triples, np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])


def _smallest(triples: list[tuple[int, ...]], areas: np.ndarray) -> list[tuple[int, ...]]:
    """Return the triples whose triangles share the smallest area, at most 60."""
    equal = np.flatnonzero(areas <= areas.min() * (1 + 1e-6) + 1e-15)
    return [triples[k] for k in equal[:60]]
