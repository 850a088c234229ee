"""Which elites compete for being a parent, and how weights decide among them."""

from __future__ import annotations

import math

import numpy as np

MOST = 400
"""Elites that compete at once: keeps a draw below 50 microseconds, whatever the size of the archive."""


_PLACES = np.arange(MOST)
_SOONEST = 5e-324
"""Stands for a clock that rings at once: 0 has no logarithm."""


def contenders(size: int, rng: np.random.Generator) -> np.ndarray | slice:
    """Return the rows that compete: all of them, or `MOST` distinct ones of a larger archive."""
    return slice(0, size) if size <= MOST else scatter(size, MOST, rng)


def scatter(size: int, count: int, rng: np.random.Generator) -> np.ndarray:
    """Return `count` distinct rows of `size`, or all when there are no more, from a random one on.

    They are every s-th row, with a random s that shares no divisor with the size: every row is as
    likely as every other at every place, and no draw of a permutation is needed. `size` is at least 1.
    """
    count = min(count, size)
    places = _PLACES[:count] if count <= MOST else np.arange(count)
    start, step = int(size * rng.random()), int(size * rng.random())  # ten times faster than `integers`
    while math.gcd(step, size) > 1:
        step = (step + 1) % size
    return (start + step * places) % size


def draw(log_weights: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw places one after the other without replacement, with probability by weight.

    Args:
        log_weights: (n,) logarithms of the weights, n at least 1; -inf is drawn last.
        rng: Used for n exponential variates.
        count: 1 to n.

    Returns:
        (count,) places, the first drawn first.
    """
    # Exponential clocks: the item whose clock rings first is item i with probability w_i / sum(w), and
    # the order of ringing is the order of draws without replacement. The logarithm of the clock's time
    # needs no exp(), hence neither overflows nor loses the least likely items to 0.
    clocks = rng.standard_exponential(len(log_weights))
    times = np.log(np.maximum(clocks, _SOONEST, out=clocks), out=clocks)
    times -= log_weights
    if count == 1:
        return np.array([times.argmin()])
    first = np.argpartition(times, count - 1)[:count]
    return first[np.argsort(times[first], kind="stable")]


def distinct(rng: np.random.Generator, population: int, count: int) -> list[int]:
    """Return `count` distinct integers below `population` in random order."""
    if count == 0:
        return []
    if count == 1:
        return [int(rng.integers(population))]
    # Floyd's sampling (Bentley & Floyd 1987): `count` draws whatever the population.
    drawn: dict[int, None] = {}
    for top in range(population - count, population):
        pick = int(rng.integers(top + 1))
        drawn[top if pick in drawn else pick] = None
    picks = list(drawn)
    # The algorithm draws a uniform set; the shuffle makes the order uniform too.
    rng.shuffle(picks)
    return picks


def scaled(fitness: np.ndarray) -> np.ndarray:
    """Scale (n,) fitness to [0, 1]; all zero when the values are equal."""
    # Halves, because the difference of two finite floats may overflow.
    half = fitness * 0.5
    half -= half.min()
    span = half.max()
    if span > 0:
        half /= span
    return half


def ids_of(ids: np.ndarray, rows: list[int] | np.ndarray) -> list[int]:
    """Return the program ids of some rows as plain integers."""
    picked: list[int] = ids[rows].tolist() if len(rows) else []
    return picked
