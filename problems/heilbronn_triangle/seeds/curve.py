"""Points along a bent curve across the triangle: no three are in line."""

import numpy as np


def place(n, start=0.05, end=0.95, bend=2.0):
    """Place n points on a parabola from near one end of the longest side to near the other."""
    t = np.linspace(start, end, n)
    points = np.empty((n, 2))
    points[:, 0] = t**bend
    points[:, 1] = (1 - t) ** bend
    return points
