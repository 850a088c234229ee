"""Shake all centres by seeded noise, to leave a local optimum.

Use it between two polishing steps: alone it only lowers the sum. Radii are kept, except those of circles
that would overlap or stick out.
"""

import numpy as np


def perturb(centers, radii, scale=0.25, seed=0):
    """Return the shaken layout, still valid.

    Args:
        centers: (n, 2) centres.
        radii: (n,) radii.
        scale: Standard deviation of the moves, in units of the mean radius.
        seed: Any integer; it alone decides the moves.
    """
    rng = np.random.default_rng(abs(int(seed)))
    radii = np.clip(np.asarray(radii, dtype=float), 1e-9, 0.5)
    noise = rng.normal(size=np.shape(centers))
    centers = np.clip(centers + scale * radii.mean() * noise, 0.01, 0.99)
    radii = np.minimum(radii, np.minimum(centers, 1 - centers).min(axis=1))
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    fit = (gaps / (radii[:, None] + radii[None, :])).min(axis=1)
    return centers, radii * np.minimum(1.0, fit) * (1 - 1e-12)
