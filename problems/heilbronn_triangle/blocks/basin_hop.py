"""Hop between local optima: move a few points elsewhere, polish, keep the better layout.

Use it after a polish, when that alone no longer gains. Hops are counted, never timed, so the result
depends on the arguments alone; another seed tries other hops.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import minimize


def basin_hop(points, hops=12, tries=100, seed=0):
    """Return the best layout found; the given one when no hop improves it.

    Args:
        points: (n, 2) points.
        hops: How many moves to try, at most 60; each takes one to three points and is polished.
        tries: Random places looked at for every point that is moved.
        seed: Any integer; it alone decides the moves.
    """
    given = points
    points = np.clip(np.asarray(points, dtype=float), 0.0, 1.0)
    points = points / np.maximum(1.0, points.sum(axis=1, keepdims=True) * (1 + 1e-15))
    n = len(points)
    if n < 3:
        return given
    rng = np.random.default_rng(abs(int(seed)))
    a, b, c = np.array(list(combinations(range(n), 3))).T
    start = best = np.abs(basin_hop_areas(points.T.ravel(), n, a, b, c)).min()
    for _ in range(min(int(hops), 60)):
        moved = points.copy()
        for k in rng.choice(n, size=rng.integers(1, 4), replace=False):
            moved[k] = basin_hop_place(np.delete(moved, k, axis=0), min(max(int(tries), 1), 1000), rng)
        moved = basin_hop_polish(moved)
        smallest = np.abs(basin_hop_areas(moved.T.ravel(), n, a, b, c)).min()
        if smallest > best:
            points, best = moved, smallest
    return points if best > start else given


def basin_hop_place(others, tries, rng):
    """Return the one of many random places whose smallest triangle with two other points is largest."""
    places = rng.random((tries, 2))
    places = np.where(places.sum(axis=1, keepdims=True) > 1, 1 - places, places)
    first, second = np.triu_indices(len(others), 1)
    along = others[second] - others[first]
    away = places[:, None] - others[None, first]
    areas = np.abs(along[:, 0] * away[..., 1] - along[:, 1] * away[..., 0])
    return places[areas.min(axis=1, initial=1.0).argmax()]


def basin_hop_polish(points, iterations=100):
    """Return a locally optimal layout; the given one when nothing better is found.

    Args:
        points: (n, 2) points.
        iterations: Most SLSQP iterations.
    """
    given = points
    points = np.clip(np.asarray(points, dtype=float), 0.0, 1.0)
    points = points / np.maximum(1.0, points.sum(axis=1, keepdims=True) * (1 + 1e-15))
    n = len(points)
    if n < 3:
        return given
    a, b, c = np.array(list(combinations(range(n), 3))).T
    start = basin_hop_areas(points.T.ravel(), n, a, b, c)
    sign = np.where(start < 0, -1.0, 1.0)
    row = np.arange(len(a))
    matrix = np.zeros((len(a) + n, 2 * n + 1))
    matrix[row, -1] = -1.0  # rules: sign * area - t >= 0, and 1 - x - y >= 0
    matrix[len(a) + np.arange(n), np.arange(n)] = matrix[len(a) + np.arange(n), n + np.arange(n)] = -1.0
    downhill = np.append(np.zeros(2 * n), -1.0)

    def rules(v):
        return np.append(sign * basin_hop_areas(v, n, a, b, c) - v[-1], 1.0 - v[:n] - v[n : 2 * n])

    def slopes(v):
        x, y = v[:n], v[n : 2 * n]
        for p, q, r in ((a, b, c), (b, c, a), (c, a, b)):
            matrix[row, p] = sign * (y[q] - y[r])
            matrix[row, n + p] = sign * (x[r] - x[q])
        return matrix.copy()

    answer = minimize(
        lambda v: -v[-1],
        np.append(points.T.ravel(), np.abs(start).min()),
        jac=lambda _: downhill,
        method="SLSQP",
        bounds=[(0.0, 1.0)] * (2 * n + 1),
        constraints={"type": "ineq", "fun": rules, "jac": slopes},
        options={"maxiter": min(max(int(iterations), 1), 300), "ftol": 1e-14},
    )
    if not np.isfinite(answer.x).all():
        return given
    moved = np.clip(answer.x[: 2 * n].reshape(2, n).T, 0.0, 1.0)
    moved = moved / np.maximum(1.0, moved.sum(axis=1, keepdims=True) * (1 + 1e-15))
    smallest = np.abs(basin_hop_areas(moved.T.ravel(), n, a, b, c)).min()
    return moved if smallest > np.abs(start).min() else given


def basin_hop_areas(v, n, a, b, c):
    """Return twice the signed areas of the triangles of points a, b, c; v holds all x, then all y."""
    x, y = v[:n], v[n : 2 * n]
    return (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
