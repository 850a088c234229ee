"""Move centres and radii together to a local optimum by SLSQP with exact gradients.

Use it after a start or a perturbation. It takes longer steps than `lp_polish` and so ends in other
optima; circles that are far apart are left out of the rules, and the end result is made to fit.
"""

import numpy as np
from scipy.optimize import minimize


def slsqp_polish(centers, radii, reach=1.0, passes=3, iterations=40):
    """Return a locally optimal layout; the given one when nothing better is found.

    Args:
        centers: (n, 2) centres.
        radii: (n,) radii.
        reach: How far a centre may move in one pass, in units of 1/sqrt(n).
        passes: Most runs of SLSQP, each from the result of the one before.
        iterations: Most iterations of one pass.
    """
    given = centers, radii
    centers = np.clip(np.asarray(centers, dtype=float), 0.001, 0.999)
    radii = slsqp_polish_fit(centers, np.asarray(radii, dtype=float))
    start = radii.sum()
    step = min(max(abs(reach), 0.01), 2.0) / np.sqrt(len(radii))
    for _ in range(min(int(passes), 10)):
        moved = slsqp_polish_pass(centers, radii, step, min(max(int(iterations), 1), 200))
        gain = moved[1].sum() - radii.sum()
        if gain > 0:
            centers, radii = moved
        if gain < 1e-12:
            break
    return (centers, radii) if radii.sum() > start else given


def slsqp_polish_pass(centers, radii, step, iterations):
    """Run SLSQP once, with every centre kept within a step of where it is."""
    n = len(radii)
    first, second = np.triu_indices(n, 1)
    gaps = np.linalg.norm(centers[first] - centers[second], axis=1) - radii[first] - radii[second]
    near = gaps < 3.9 * step  # the others cannot meet within this pass
    first, second = first[near], second[near]
    pair = np.arange(len(first))
    walls = np.kron([[1, 0, -1], [0, 1, -1], [-1, 0, -1], [0, -1, -1]], np.eye(n))
    ends = np.repeat([0.0, 0.0, 1.0, 1.0], n)
    matrix = np.vstack([np.zeros((len(first), 3 * n)), walls])
    matrix[pair, 2 * n + first] = matrix[pair, 2 * n + second] = -1.0
    downhill = np.concatenate([np.zeros(2 * n), -np.ones(n)])

    def rules(v):
        apart = np.hypot(v[first] - v[second], v[n + first] - v[n + second])
        return np.concatenate([apart - v[2 * n + first] - v[2 * n + second], ends + walls @ v])

    def slopes(v):
        dx, dy = v[first] - v[second], v[n + first] - v[n + second]
        length = np.maximum(np.hypot(dx, dy), 1e-12)
        matrix[pair, first], matrix[pair, second] = dx / length, -dx / length
        matrix[pair, n + first], matrix[pair, n + second] = dy / length, -dy / length
        return matrix.copy()

    place = centers.T.ravel()
    low = np.concatenate([np.maximum(place - step, 0.0), np.minimum(radii, 0.001)])
    high = np.concatenate([np.minimum(place + step, 1.0), radii + step / 2])
    answer = minimize(
        lambda v: downhill @ v,
        np.concatenate([place, radii]),
        jac=lambda _: downhill,
        method="SLSQP",
        bounds=np.column_stack([low, high]),
        constraints={"type": "ineq", "fun": rules, "jac": slopes},
        options={"maxiter": iterations, "ftol": 1e-13},
    )
    if not np.isfinite(answer.x).all():
        return centers, radii
    moved = np.clip(answer.x[: 2 * n].reshape(2, n).T, 0.001, 0.999)
    return moved, slsqp_polish_fit(moved, answer.x[2 * n :])


def slsqp_polish_fit(centers, radii, margin=4e-16):
    """Scale down the radii of circles that overlap or stick out, so that the layout is strictly valid."""
    radii = np.minimum(np.maximum(radii, 1e-9), np.minimum(centers, 1 - centers).min(axis=1))
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    sums = np.maximum(radii[:, None] + radii[None, :], 1e-12)
    fit = np.minimum(1.0, (gaps / sums).min(axis=1))
    return np.maximum(radii * fit - margin, 0.0)
