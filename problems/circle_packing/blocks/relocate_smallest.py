"""Take the smallest circles out and put each into the widest hole that is left.

Use it before a polish, when some circles are much smaller than others or when a layout has loose
places. The result is valid; nothing else moves.
"""

import numpy as np


def relocate_smallest(centers, radii, count=1, grid=60):
    """Return the layout with its smallest circles moved into holes, where that makes them larger.

    Args:
        centers: (n, 2) centres.
        radii: (n,) radii.
        count: How many circles to move, the smallest first.
        grid: Places looked at on each side of the square.
    """
    centers = np.array(centers, dtype=float)
    radii = np.array(radii, dtype=float)
    ticks = (np.arange(min(max(int(grid), 2), 300)) + 0.5) / min(max(int(grid), 2), 300)
    places = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    wall = np.minimum(places, 1 - places).min(axis=1)
    for k in np.argsort(radii, kind="stable")[: max(0, int(count))]:
        others = np.arange(len(radii)) != k
        gaps = np.linalg.norm(places[:, None] - centers[None, others], axis=2) - radii[others]
        room = np.minimum(wall, gaps.min(axis=1, initial=1.0))
        best = room.argmax()
        if room[best] > radii[k]:
            centers[k], radii[k] = places[best], room[best] * (1 - 1e-12)
    return centers, radii
