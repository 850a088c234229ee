"""Which valid programs there were, and the best of those that count."""

from __future__ import annotations

from array import array
from collections.abc import Collection

import numpy as np


class Inserted:
    """Every valid program with its fitness, in the order of insertion; 16 bytes each.

    Archives do not know: they forget whom a better one replaced, and islands are seeded anew.
    """

    __slots__ = ("_fitness", "_ids")

    def __init__(self) -> None:
        self._ids = array("q")
        self._fitness = array("d")

    def add(self, program: int, fitness: float) -> None:
        """Take in a program; once more for each further island that gets it, one after the other."""
        if not self._ids or self._ids[-1] != program:
            self._ids.append(program)
            self._fitness.append(fitness)

    def best(self, without: Collection[int]) -> tuple[int, float] | None:
        """Return (program, fitness) of the fittest but these, the earliest of equals; None: there is none."""
        ids = np.array(self._ids, dtype=np.int64)
        fitness = np.where(np.isin(ids, list(without)), -np.inf, np.array(self._fitness, dtype=np.float64))
        if not len(ids) or np.isneginf(fitness).all():  # every fitness is finite
            return None
        row = int(np.argmax(fitness))
        return ids.item(row), fitness.item(row)
