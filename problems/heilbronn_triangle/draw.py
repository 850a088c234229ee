"""Picture of points in a triangle."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np


def draw(axes: Any, artifact: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Draw the points in an equilateral triangle, with the smallest triangles shaded, on matplotlib axes."""
    from matplotlib.patches import Polygon

    points = np.asarray(artifact["points"])
    # Shares of area survive an affine map, and the equilateral triangle shows the symmetry.
    shown = points @ np.array([[1.0, 0.0], [0.5, np.sqrt(0.75)]])
    triples = list(combinations(range(len(points)), 3))
    first, second, third = (points[list(corner)] for corner in zip(*triples, strict=True))
    u, v = second - first, third - first
    areas = np.abs(u[:, 0] * v[:, 1] - u[:, 1] * v[:, 0])
    outline = [(0.0, 0.0), (1.0, 0.0), (0.5, np.sqrt(0.75))]
    axes.add_patch(Polygon(outline, fill=False, linewidth=1.5, edgecolor="black"))
    for k in np.flatnonzero(areas <= areas.min() * (1 + 1e-6) + 1e-15)[:60]:
        axes.add_patch(Polygon(shown[list(triples[k])], facecolor="tab:orange", alpha=0.25, edgecolor="none"))
    axes.scatter(shown[:, 0], shown[:, 1], color="tab:blue", zorder=3)
    axes.set_xlim(-0.03, 1.03)
    axes.set_ylim(-0.03, 0.9)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"n = {params['n']}, smallest triangle {areas.min():.8f} of the whole")
