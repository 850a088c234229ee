"""Hop between local optima: shake or rebuild a part of the layout, polish it, keep the better one.

Use it after a polish, when that alone no longer gains. Hops are counted, never timed, so the result
depends on the arguments alone; another seed tries other hops.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def basin_hop(centers, radii, hops=6, scale=1.0, seed=0):
    """Return the best layout found; the given one when no hop improves it.

    Args:
        centers: (n, 2) centres.
        radii: (n,) radii.
        hops: How many moves to try, at most 40; each is polished by about ten linear programs.
        scale: Standard deviation of the shaking, in units of the mean radius.
        seed: Any integer; it alone decides the moves.
    """
    given = centers, radii
    rng = np.random.default_rng(abs(int(seed)))
    centers = np.clip(np.asarray(centers, dtype=float), 0.001, 0.999)
    radii = basin_hop_fit(centers, np.asarray(radii, dtype=float))
    start = radii.sum()
    for hop in range(min(int(hops), 40)):
        if hop % 3 < 2:
            moved = basin_hop_shake(centers, scale * radii.mean(), rng)
        else:
            moved = basin_hop_relocate(centers, radii, rng)
        moved, fitted = basin_hop_polish(moved, basin_hop_fit(moved, radii))
        if fitted.sum() > radii.sum():
            centers, radii = moved, fitted
    return (centers, radii) if radii.sum() > start else given


def basin_hop_shake(centers, size, rng):
    """Shake the centres around a random place, the nearer the more."""
    middle = rng.random(2)
    weight = np.exp(-((centers - middle) ** 2).sum(axis=1) * len(centers) / 4)
    return np.clip(centers + size * weight[:, None] * rng.normal(size=centers.shape), 0.01, 0.99)


def basin_hop_relocate(centers, radii, rng):
    """Take one of the five smallest circles to one of the emptiest of many random places."""
    k = rng.choice(np.argsort(radii, kind="stable")[:5])
    places = rng.uniform(0.01, 0.99, (200, 2))
    gaps = np.linalg.norm(places[:, None] - centers[None], axis=2) - radii
    gaps[:, k] = np.where(gaps[:, k] > 0, 1.0, -1.0)  # not back to where it was
    room = np.minimum(np.minimum(places, 1 - places).min(axis=1), gaps.min(axis=1))
    moved = centers.copy()
    moved[k] = places[rng.choice(np.argsort(-room, kind="stable")[:10])]
    return moved


def basin_hop_polish(centers, radii, reach=0.3, rounds=30):
    """Climb to the nearest local optimum by linear programs, each a safe model of the rules."""
    step = reach / np.sqrt(len(radii))
    for _ in range(rounds):
        moved = basin_hop_step(centers, radii, step)
        if moved is None:
            break
        gain = moved[1].sum() - radii.sum()
        if gain > 0:
            centers, radii = moved
        if gain < 1e-12:
            break
    return centers, radii


def basin_hop_step(centers, radii, step):
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
    return centers, basin_hop_fit(centers, answer.x[2 * n :])


def basin_hop_fit(centers, radii, margin=4e-16):
    """Scale down the radii of circles that overlap or stick out, so that the layout is strictly valid."""
    radii = np.minimum(np.maximum(radii, 1e-9), np.minimum(centers, 1 - centers).min(axis=1))
    gaps = np.linalg.norm(centers[:, None] - centers[None, :], axis=2)
    np.fill_diagonal(gaps, 2.0)
    sums = np.maximum(radii[:, None] + radii[None, :], 1e-12)
    fit = np.minimum(1.0, (gaps / sums).min(axis=1))
    return np.maximum(radii * fit - margin, 0.0)
