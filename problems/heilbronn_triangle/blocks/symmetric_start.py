"""Start from a layout that looks the same from all three corners.

Use it instead of a random start: good layouts are often symmetric. Polish it afterwards; the polish may
break the symmetry.
"""

import numpy as np


def symmetric_start(n, seed=0, noise=0.01):
    """Return n points in threes that are turned into each other by exchanging the corners.

    Args:
        n: Number of points; those left over by threes are placed at random.
        seed: Any integer; it alone decides the layout.
        noise: Size of the irregularity added, as exact symmetry can put points in line.
    """
    rng = np.random.default_rng(abs(int(seed)))
    shares = rng.dirichlet([0.7, 0.7, 0.7], size=(n + 2) // 3)  # weights of the three corners
    turned = np.stack([shares, np.roll(shares, 1, axis=1), np.roll(shares, 2, axis=1)], axis=1)
    weights = turned.reshape(-1, 3)[:n] + abs(noise) * rng.random((n, 3))
    weights /= weights.sum(axis=1, keepdims=True)
    return 0.001 + 0.997 * weights[:, :2]
