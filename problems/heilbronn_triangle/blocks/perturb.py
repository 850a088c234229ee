"""Shake all points by seeded noise, to leave a local optimum.

Use it between two polishing steps: alone it only lowers the smallest area.
"""

import numpy as np


def perturb(points, scale=0.03, seed=0):
    """Return the shaken points, still inside the triangle.

    Args:
        points: (n, 2) points.
        scale: Standard deviation of the moves; the triangle's legs are 1 long.
        seed: Any integer; it alone decides the moves.
    """
    rng = np.random.default_rng(abs(int(seed)))
    points = np.asarray(points, dtype=float)
    points = np.clip(points + scale * rng.normal(size=points.shape), 0.0, 1.0)
    return points / np.maximum(1.0, points.sum(axis=1, keepdims=True) * (1 + 1e-15))
