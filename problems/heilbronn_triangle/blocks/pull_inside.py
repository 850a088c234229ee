"""Pull points that stick out of the triangle back onto it.

Use it as the last step, after anything that moves points freely.
"""

import numpy as np


def pull_inside(points, margin=1e-15):
    """Return the points, with those outside moved to the triangle's border.

    Args:
        points: (n, 2) points.
        margin: How far inside the sloping side they end, against rounding.
    """
    points = np.clip(np.asarray(points, dtype=float), 0.0, 1.0)
    total = points.sum(axis=1, keepdims=True)
    return np.where(total > 1 - margin, points * ((1 - 2 * abs(margin)) / np.maximum(total, 0.5)), points)
