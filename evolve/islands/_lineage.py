"""Selections that learn from the lineage: what became of the children of each elite."""

from __future__ import annotations

import math
from array import array
from typing import Any

import numpy as np

from evolve.archive import Archive
from evolve.islands._contenders import contenders, draw, ids_of, scaled
from evolve.islands._observe import Birth, Goals
from evolve.islands._resolve import require_number

_GENERATIONS = 16
"""How far a visit counts up the lineage: bounds the cost of a commit; older ancestors are rarely elites."""


class ById:
    """A column of numbers by program id. Ids are tickets, so it is about as long as there are programs.

    Attributes:
        values: The numbers; an array of Python's own, whose items are read and written faster than numpy's.
    """

    __slots__ = ("_first", "values")

    def __init__(self, first: float) -> None:
        self._first = first
        self.values = array("d", [first]) * 256

    def reach(self, program: int) -> None:
        """Make sure that there is a place for an id."""
        missing = program + 1 - len(self.values)
        if missing > 0:
            self.values.extend(array("d", [self._first]) * max(missing, len(self.values)))

    def of(self, ids: np.ndarray) -> np.ndarray:
        """Return the numbers of (n,) ids, n at least 1: a copy."""
        self.reach(int(ids.max()))
        numbers: np.ndarray = np.frombuffer(self.values)[ids]
        return numbers

    def changed(self) -> list[tuple[int, float]]:
        """Return the numbers that are not the first ones, by id."""
        return [(program, value) for program, value in enumerate(self.values) if value != self._first]


class Curiosity:
    """Elites with probability proportional to how well their children have done of late.

    The curiosity score of Cully & Demiris 2017 (https://arxiv.org/abs/1708.09251): it begins at 1, rises by 1
    when the archive takes a child, and falls by `loss` when it does not, down to 0.1. A child that
    is not valid counts as not taken. Beyond 400 elites, 400 drawn uniformly compete.

    Args:
        loss: From 0 to 1.

    Raises:
        ValueError: `loss` is out of range.
    """

    _LEAST = 0.1

    def __init__(self, *, loss: float = 0.5) -> None:
        require_number("loss", loss, 0.0, 1.0)
        self.loss = float(loss)
        self._scores = ById(1.0)

    def begin(self, goals: Goals) -> Goals:  # noqa: ARG002
        """See `Observing.begin`: any goal suits, none is needed."""
        return Goals()

    def observe(self, birth: Birth) -> None:
        """Raise or lower the parent's score; see `Observing`."""
        if not birth.parents:
            return
        parent = birth.parents[0]
        self._scores.reach(parent)
        score = self._scores.values[parent] + (1.0 if birth.kept else -self.loss)
        self._scores.values[parent] = max(score, self._LEAST)

    def state(self) -> Any:
        """See `Observing.state`."""
        return self._scores.changed()

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw elites one after the other without replacement; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        ids = archive.ids[contenders(archive.size, rng)]
        return ids_of(ids, draw(np.log(self._scores.of(ids)), rng, min(count, len(ids))))


class UCT:
    """The elite with the best sum of worth and of what is still to be found below it in the lineage tree.

    Upper confidence bounds for trees (Kocsis & Szepesvári 2006), over all elites at once instead of a
    descent from the root, which would come upon programs that are no elites any more. The worth of an
    elite is its fitness, 0 for the median and below, 1 for the best. To it is added
    ``exploration * u * sqrt(ln(1 + N) / (1 + n))``: n counts the attempts made on the elite or on a
    descendant of it, up to 16 generations down, N all attempts of the island. Attempts that came to
    nothing count in n and N, and nowhere else. u is drawn from [0, 2) for every elite, because tickets in
    flight together see the same counts. Beyond 400 elites, 400 drawn uniformly compete.

    Args:
        exploration: From 0 (greedy) to 100.

    Raises:
        ValueError: `exploration` is out of range.
    """

    def __init__(self, *, exploration: float = 0.5) -> None:
        require_number("exploration", exploration, 0.0, 100.0)
        self.exploration = float(exploration)
        self._parents: dict[int, int] = {}
        self._visits = ById(0.0)
        self._attempts = 0

    def begin(self, goals: Goals) -> Goals:  # noqa: ARG002
        """See `Observing.begin`: any goal suits, none is needed."""
        return Goals()

    def observe(self, birth: Birth) -> None:
        """Count an attempt for the parent and its ancestors; see `Observing`."""
        if not birth.parents:
            return
        self._attempts += 1
        node: int | None = birth.parents[0]
        if birth.fitness is not None:
            self._parents[birth.program] = birth.parents[0]
        self._visits.reach(max(birth.parents[0], birth.program))
        visits, parents = self._visits.values, self._parents
        for _ in range(_GENERATIONS):
            if node is None:
                break
            visits[node] += 1.0
            node = parents.get(node)

    def state(self) -> Any:
        """See `Observing.state`."""
        return [self._attempts, self._visits.changed()]

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Return the elites of the highest bounds; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        rows = contenders(archive.size, rng)
        ids, fitness = archive.ids[rows], archive.fitness[rows]
        unknown = np.sqrt(math.log1p(self._attempts) / (1.0 + self._visits.of(ids)))
        # a median that is one of the values: nothing to overflow
        middle = np.partition(fitness, len(fitness) // 2)[len(fitness) // 2]
        bounds = scaled(np.maximum(fitness, middle))
        bounds += self.exploration * 2.0 * rng.random(len(ids)) * unknown
        if count == 1:
            return [int(ids[np.argmax(bounds)])]
        return ids_of(ids, np.argsort(-bounds, kind="stable")[:count])
