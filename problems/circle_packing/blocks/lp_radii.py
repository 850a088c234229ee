"""Choose the best radii for fixed centres, exactly, by linear programming.

Use it after anything that moves centres: the sum of the radii is linear, and so is every rule once the
centres are fixed, so no other radii on these centres are better.
"""

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp


def lp_radii(centers, smallest=0.02, margin=1e-14):
    """Return the radii with the largest sum that fit the centres; without an answer, equal shares.

    Args:
        centers: (n, 2) centres inside the square.
        smallest: Every circle keeps at least this share of the room to its nearest neighbour or wall.
        margin: Subtracted from every radius, against rounding.
    """
    centers = np.asarray(centers, dtype=float)
    n = len(centers)
    wall = np.minimum(centers, 1 - centers).min(axis=1)
    first, second = np.triu_indices(n, 1)
    gaps = np.linalg.norm(centers[first] - centers[second], axis=1)
    share = wall.copy()
    np.minimum.at(share, first, gaps / 2)
    np.minimum.at(share, second, gaps / 2)
    if not share.min(initial=1.0) > 0:  # a centre outside the square, or two at one place
        return np.maximum(share, 1e-9)
    lowest = min(abs(smallest), 1.0) * share
    near = gaps < wall[first] + wall[second]  # the others cannot touch
    first, second, gaps = first[near], second[near], gaps[near]
    if not len(gaps):
        return wall - margin * wall
    pairs = np.zeros((len(gaps), n))
    pairs[np.arange(len(gaps)), first] = 1.0
    pairs[np.arange(len(gaps)), second] = 1.0
    answer = milp(
        -np.ones(n), constraints=LinearConstraint(pairs, -np.inf, gaps), bounds=Bounds(lowest, wall)
    )
    radii = share if answer.x is None else np.minimum(answer.x, wall)
    over = np.maximum(0.0, radii[first] + radii[second] - gaps) / 2  # the solver's own tolerance
    cut = np.zeros(n)
    np.maximum.at(cut, first, over)
    np.maximum.at(cut, second, over)
    radii = radii - cut
    return np.where(radii > 2 * abs(margin), radii - abs(margin), radii)
