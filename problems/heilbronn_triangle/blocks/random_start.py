"""Start from seeded random points, each chosen to be far from the lines through those before.

Use it to leave the basin of the present layout; another seed gives another start. Polish it afterwards.
"""

import numpy as np


def random_start(n, seed=0, tries=32):
    """Return n points of the triangle (0, 0), (1, 0), (0, 1).

    Args:
        n: Number of points.
        seed: Any integer; it alone decides the layout.
        tries: Random places looked at for each point; the one with the largest smallest triangle wins.
    """
    rng = np.random.default_rng(abs(int(seed)))
    points = np.empty((n, 2))
    for k in range(n):
        places = rng.random((min(max(int(tries), 1), 1000), 2))
        places = np.where(places.sum(axis=1, keepdims=True) > 1, 1 - places, places)
        first, second = np.triu_indices(k, 1)
        along = points[second] - points[first]
        away = places[:, None] - points[None, first]
        areas = np.abs(along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0])
        points[k] = places[areas.min(axis=1, initial=1.0).argmax()]
    return points
