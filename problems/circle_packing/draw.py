"""Picture of a packing."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from evolve.problem import Circle, Polygon, Shape


def draw(axes: Any, artifact: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """Draw the square and the circles, coloured by radius, on matplotlib axes."""
    from matplotlib import colormaps
    from matplotlib.colors import Normalize
    from matplotlib.patches import Circle, Rectangle

    centers, radii = np.asarray(artifact["centers"]), np.asarray(artifact["radii"])
    shade = Normalize(0.0, float(radii.max()))
    axes.add_patch(Rectangle((0, 0), 1, 1, fill=False, linewidth=1.5, edgecolor="black"))
    for center, radius in zip(centers, radii, strict=True):
        color = colormaps["viridis"](shade(float(radius)))
        axes.add_patch(
            Circle(tuple(center), float(radius), facecolor=color, edgecolor="black", linewidth=0.6)
        )
    axes.set_xlim(-0.02, 1.02)
    axes.set_ylim(-0.02, 1.02)
    axes.set_aspect("equal")
    axes.set_axis_off()
    axes.set_title(f"n = {params['n']}, sum of radii = {math.fsum(radii.tolist()):.8f}")


def shapes(artifact: Mapping[str, Any], _params: Mapping[str, Any]) -> list[Shape]:
    """Return the square and the circles; the smallest circle stands out."""
    centers, radii = np.asarray(artifact["centers"]), np.asarray(artifact["radii"])
    smallest = int(radii.argmin())
    square = Polygon(((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0)))
    return [
        square,
        *(
            Circle((float(x), float(y)), float(radius), strong=index == smallest)
            for index, ((x, y), radius) in enumerate(zip(centers, radii, strict=True))
        ),
    ]
