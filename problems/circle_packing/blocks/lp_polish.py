"""Move centres and radii together to the nearest local optimum, by a sequence of linear programs.

Use it after any start or perturbation; it is the fastest polish here. Each step keeps the layout valid
and never lowers the sum: the distance of two circles is at least its projection on their present
direction, so a program that uses the projection instead is linear and errs on the safe side.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def lp_polish(centers, radii, reach=0.3, rounds=40):
    """Return a locally optimal layout; the given one when nothing better is found.

    Args:
        centers: (n, 2) centres.
        radii: (n,) radii.
        reach: How far a centre may move in one step, in units of 1/sqrt(n).
        rounds: Most linear programs to solve.
    """
    given = centers, radii
    centers = np.clip(np.asarray(centers, dtype=float), 0.001, 0.999)
    radii = lp_polish_fit(centers, np.asarray(radii, dtype=float))
    start = radii.sum()
    step = min(max(abs(reach), 0.01), 2.0) / np.sqrt(len(radii))
    for _ in range(min(int(rounds), 60)):
        moved = lp_polish_step(centers, radii, step)
        if moved is None:
            break
        gain = moved[1].sum() - radii.sum()
        if gain > 0:
            centers, radii = moved
        if gain < 1e-12:
            break
    return (centers, radii) if radii.sum() > start else given


def lp_polish_step(centers, radii, step):
    """Solve one linear program for new centres within a step and new radii; None without an answer."""
    n = len(radii)
    first, second = np.triu_indices(n, 1)
    offset = centers[first] - centers[second]
    distance = np.linalg.norm(offset, axis=1)
    # Centres come closer by at most 2.83 steps and two radii grow by at most 1: other pairs cannot meet.
    near = distance - radii[first] - radii[second] < 3.9 * step
    first, second, offset, distance = first[near], second[near], offset[near], distance[near]
    toward = np.where(distance[:, None] > 1e-9, offset / np.maximum(distance, 1e-9)[:, None], [1.0, 0.0])
    pair, one = np.arange(len(first)), np.arange(n)
    x, y, r = one, n + one, 2 * n + one
    rules = np.zeros((len(first) + 4 * n, 3 * n))
    for axis in (0, 1):
        rules[pair, axis * n + first] = toward[:, axis]
        rules[pair, axis * n + second] = -toward[:, axis]
    rules[pair, 2 * n + first] = rules[pair, 2 * n + second] = -1.0
    for side, (axis, sign) in enumerate([(x, 1.0), (y, 1.0), (x, -1.0), (y, -1.0)]):
        row = len(first) + side * n + one
        rules[row, axis], rules[row, r] = sign, -1.0
    room = np.concatenate([np.zeros(len(first) + 2 * n), -np.ones(2 * n)])
    place = centers.T.ravel()
    low = np.concatenate([np.maximum(place - step, 0.0), np.minimum(radii, 0.001)])
    high = np.concatenate([np.minimum(place + step, 1.0), radii + step / 2])
    answer = milp(
        np.concatenate([np.zeros(2 * n), -np.ones(n)]),
        constraints=LinearConstraint(rules, room, np.inf),
        bounds=Bounds(low, high),
        options={"presolve": False},  # costs more than it saves at this size
    )
    if answer.x is None:
        return None
    centers = answer.x[: 2 * n].reshape(2, n).T
    return centers, lp_polish_fit(centers, answer.x[2 * n :])


def lp_polish_fit(centers, radii, margin=4e-16):
    """Scale down the radii of circles that overlap or stick out, so that the layout is strictly valid."""
    radii = np.minimum(np.maximum(radii, 1e-9), np.minimum(centers, 1 - centers).min(axis=1))
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    sums = np.maximum(radii[:, None] + radii[None, :], 1e-12)
    fit = np.minimum(1.0, (gaps / sums).min(axis=1))
    return np.maximum(radii * fit - margin, 0.0)
