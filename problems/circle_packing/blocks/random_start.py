"""Start from seeded random centres that keep some distance from one another.

Use it to leave the basin of the present layout; another seed gives another start. Polish it afterwards.
"""

import numpy as np


def random_start(n, seed=0, tries=8, safety=0.999):
    """Return n scattered centres, and radii that share the room between nearest neighbours.

    Args:
        n: Number of circles.
        seed: Any integer; it alone decides the layout.
        tries: Random places looked at for each circle, the loneliest wins; more makes an evener layout.
        safety: Share of the available room that the radii take.
    """
    rng = np.random.default_rng(abs(int(seed)))
    centers = np.empty((n, 2))
    for k in range(n):
        places = rng.uniform(0.02, 0.98, (max(1, int(tries)), 2))
        room = np.minimum(places, 1 - places).min(axis=1)
        if k:
            gaps = np.linalg.norm(places[:, None] - centers[None, :k], axis=2)
            room = np.minimum(room, gaps.min(axis=1) / 2)
        centers[k] = places[room.argmax()]
    wall = np.minimum(centers, 1 - centers).min(axis=1)
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    return centers, safety * np.minimum(wall, gaps.min(axis=1) / 2)
