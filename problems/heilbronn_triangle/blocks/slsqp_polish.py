"""Move all points together to a local optimum of the smallest area, by SLSQP with exact gradients.

Use it after a start or a move. Each triangle keeps its orientation, so no point crosses a line through
two others: which local optimum is found depends on the start.
"""

from itertools import combinations

import numpy as np
from scipy.optimize import minimize


def slsqp_polish(points, iterations=100):
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
    start = slsqp_polish_areas(points.T.ravel(), n, a, b, c)
    sign = np.where(start < 0, -1.0, 1.0)
    row = np.arange(len(a))
    matrix = np.zeros((len(a) + n, 2 * n + 1))
    matrix[row, -1] = -1.0  # rules: sign * area - t >= 0, and 1 - x - y >= 0
    matrix[len(a) + np.arange(n), np.arange(n)] = matrix[len(a) + np.arange(n), n + np.arange(n)] = -1.0
    downhill = np.append(np.zeros(2 * n), -1.0)

    def rules(v):
        return np.append(sign * slsqp_polish_areas(v, n, a, b, c) - v[-1], 1.0 - v[:n] - v[n : 2 * n])

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
    smallest = np.abs(slsqp_polish_areas(moved.T.ravel(), n, a, b, c)).min()
    return moved if smallest > np.abs(start).min() else given


def slsqp_polish_areas(v, n, a, b, c):
    """Return twice the signed areas of the triangles of points a, b, c; v holds all x, then all y."""
    x, y = v[:n], v[n : 2 * n]
    return (x[b] - x[a]) * (y[c] - y[a]) - (x[c] - x[a]) * (y[b] - y[a])
