"""Move points of the smallest triangle, again and again, to better places; no gradients.

Use it on a start before the polish: it may carry a point across a line through two others, which the
polish cannot do.
"""

import numpy as np


def relocate_worst(points, moves=60, tries=64, local=0.05, seed=0):
    """Return the points after seeded moves, none of which lowers the smallest area.

    Args:
        points: (n, 2) points inside the triangle.
        moves: How often to move one point of the smallest triangle.
        tries: Places looked at in each move: half of them anywhere, half nearby.
        local: Standard deviation of the places nearby.
        seed: Any integer; it alone decides the places.
    """
    points = np.array(points, dtype=float)
    n = len(points)
    if n < 3:
        return points
    rng = np.random.default_rng(abs(int(seed)))
    half = min(max(int(tries) // 2, 1), 500)
    for _ in range(min(int(moves), 500)):
        k = relocate_worst_pick(points, rng)
        places = rng.random((half, 2))
        places = np.where(places.sum(axis=1, keepdims=True) > 1, 1 - places, places)
        nearby = np.clip(points[k] + local * rng.normal(size=(half, 2)), 0.0, 1.0)
        nearby /= np.maximum(1.0, nearby.sum(axis=1, keepdims=True) * (1 + 1e-15))
        places = np.vstack([points[k], places, nearby])
        others = np.delete(points, k, axis=0)
        first, second = np.triu_indices(n - 1, 1)
        along = others[second] - others[first]
        away = places[:, None] - others[None, first]
        areas = np.abs(along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0])
        points[k] = places[areas.min(axis=1).argmax()]
    return points


def relocate_worst_pick(points, rng):
    """Return a random corner of the smallest triangle."""
    n = len(points)
    i, j = np.triu_indices(n, 1)
    along = points[j] - points[i]
    away = points[None] - points[i][:, None]
    areas = np.abs(along[:, :1] * away[..., 1] - along[:, 1:] * away[..., 0])
    areas[np.arange(len(i)), i] = areas[np.arange(len(i)), j] = np.inf
    pair, corner = np.unravel_index(areas.argmin(), areas.shape)
    return int(rng.choice([i[pair], j[pair], corner]))
