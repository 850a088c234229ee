"""Make a layout strictly valid by shrinking the circles that overlap or stick out.

Use it as the last step, after anything that moves centres or guesses radii. Circles that already fit
lose only a safety margin.
"""

import numpy as np


def shrink_to_valid(centers, radii, margin=1e-14):
    """Return the layout with each radius scaled down until nothing overlaps.

    Args:
        centers: (n, 2) centres; pulled into the square when outside.
        radii: (n,) radii.
        margin: Subtracted from every radius at the end, against rounding.
    """
    centers = np.clip(np.asarray(centers, dtype=float), 1e-6, 1 - 1e-6)
    radii = np.clip(np.asarray(radii, dtype=float), 1e-9, 0.5)
    radii = np.minimum(radii, np.minimum(centers, 1 - centers).min(axis=1))
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    fit = (gaps / (radii[:, None] + radii[None, :])).min(axis=1)
    radii = radii * np.minimum(1.0, fit)
    return centers, np.where(radii > 2 * abs(margin), radii - abs(margin), radii)
