"""Policies of migration: which elites of an island are copied to another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from evolve.archive import Archive

Policy = Callable[[Archive, int, np.random.Generator], list[int]]


def top(archive: Archive, count: int, rng: np.random.Generator) -> list[int]:  # noqa: ARG001
    """Return the rows of the fittest elites; of equals the one whose cell was occupied earlier."""
    fitness = archive.fitness
    rows = np.arange(archive.size)
    if count < archive.size:  # in large archives sorting those alone that may be among them is faster
        least = np.partition(fitness, -count)[-count]
        rows = np.flatnonzero(fitness >= least)
    order = np.argsort(-fitness[rows], kind="stable")[:count]
    fittest: list[int] = rows[order].tolist()
    return fittest


def random(archive: Archive, count: int, rng: np.random.Generator) -> list[int]:
    """Return the rows of elites drawn uniformly."""
    rows: list[int] = rng.permutation(archive.size)[:count].tolist()
    return rows


def diverse(archive: Archive, count: int, rng: np.random.Generator) -> list[int]:  # noqa: ARG001
    """Return the row of the fittest elite, then again and again of the one farthest from those chosen.

    The greedy choice of Gonzalez 1985: its smallest distance is at least half of the best possible.
    Distances are taken where every bin is as wide as every other.
    """
    if not archive.size:
        return []
    columns = zip(archive.bins, archive.measures.T, strict=True)
    points = np.stack([bins.positions(column) for bins, column in columns], axis=1)
    rows = [int(np.argmax(archive.fitness))]
    nearest = np.full(archive.size, np.inf)
    while len(rows) < min(count, archive.size):
        nearest = np.minimum(nearest, np.square(points - points[rows[-1]]).sum(axis=1))
        nearest[rows] = -1.0  # several elites may lie on one point
        rows.append(int(np.argmax(nearest)))
    return rows


POLICIES: Mapping[str, Policy] = {"top": top, "random": random, "diverse": diverse}
"""By name: archive, number, generator -> rows of distinct elites, the first to go first."""
