"""Start from staggered rows, as in a honeycomb, with equal radii.

Use it instead of another start when a regular layout is wanted; polish it afterwards, since the
rows leave gaps at the walls.
"""

import numpy as np


def hexagonal_start(n, stretch=1.0, stagger=0.5, safety=0.999):
    """Return n centres in staggered rows and the largest equal radii that fit them.

    Args:
        n: Number of circles.
        stretch: More than 1 gives more rows with fewer circles each.
        stagger: Shift of every other row, in steps of the row.
        safety: Share of the largest equal radius that is used.
    """
    rows = int(np.clip(round(stretch * np.sqrt(1.1 * n)), 1, n))
    counts = [n // rows + (row < n % rows) for row in range(rows)]
    order = sorted(range(rows), key=lambda row: (row % 2, row))
    points = []
    for row, size in zip(order, counts, strict=True):
        shift = stagger * (row % 2) - 0.5 * stagger
        columns = (np.arange(size) + 0.5 + 0.5 * shift) / size
        points.extend((x, (row + 0.5) / rows) for x in columns)
    centers = np.clip(np.array(points), 0.01, 0.99)
    wall = np.minimum(centers, 1 - centers).min()
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    return centers, np.full(n, safety * min(wall, gaps.min() / 2))
