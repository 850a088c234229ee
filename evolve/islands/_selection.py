"""Parent selection: which elites to build upon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evolve.archive import Archive
from evolve.islands._contenders import MOST, contenders, distinct, draw, ids_of, scaled
from evolve.islands._goals import Objectives, Pareto
from evolve.islands._lineage import UCT, Curiosity
from evolve.islands._novelty import Novelty
from evolve.islands._resolve import build, require_number


@runtime_checkable
class Selection(Protocol):
    """Draws parents from an archive.

    Most hold settings only. One that learns from what becomes of programs is `Observing` too; what it
    has learned is a fold over what it was told. Beyond some hundred elites none looks at all of them.
    """

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Return the ids of `count` distinct programs, or of fewer when the archive holds fewer elites.

        Elites, unless the strategy says otherwise. The first drawn comes first. The answer is a function
        of the generator's state, of the rows that the archive was given, in their order, and of
        what was observed.

        Args:
            archive: Not changed. An empty one gives an empty list.
            rng: The ticket's own generator.
            count: At least 0.
        """
        ...


class Uniform:
    """Every elite is as likely as every other: the selection of MAP-Elites. Cost independent of the size."""

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw elites uniformly without replacement; see `Selection`."""
        return ids_of(archive.ids, distinct(rng, archive.size, min(count, archive.size)))


class Tournament:
    """The fittest of a few elites drawn uniformly. Cost independent of the archive's size.

    Args:
        size: Contenders for each parent, from 1 (uniform) to 1000. A tournament among fewer elites
            takes them all. Of equally fit contenders the one drawn first wins.

    Raises:
        ValueError: `size` is out of range.
    """

    def __init__(self, *, size: int = 3) -> None:
        require_number("size", size, 1, 1000)
        if size != int(size):
            raise ValueError(f"size must be a whole number, got {size!r}.")
        self.size = int(size)

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Hold one tournament for each parent, among the elites not chosen yet; see `Selection`."""
        fitness = archive.fitness
        chosen: list[int] = []
        # Chosen rows leave the pool by a swap with its last place; only swapped places are stored.
        moved: dict[int, int] = {}
        for remaining in range(archive.size, archive.size - min(count, archive.size), -1):
            places = distinct(rng, remaining, min(self.size, remaining))
            rows = [moved.get(place, place) for place in places]
            winner = max(range(len(rows)), key=lambda i: fitness[rows[i]])
            chosen.append(rows[winner])
            moved[places[winner]] = moved.get(remaining - 1, remaining - 1)
        return ids_of(archive.ids, chosen)


class Boltzmann:
    """Elites with probability proportional to exp(fitness / temperature), fitness scaled to [0, 1].

    The scaling is by the lowest and highest fitness among the archive's elites, so that a temperature
    means the same for every problem: at 1 the best is e times as likely as the worst, at 0.1 it is
    e**10 times. When all are equal the draw is uniform. Beyond 400 elites, 400 drawn uniformly compete.

    Args:
        temperature: From 1e-6 (greedy) to 1e6 (uniform).

    Raises:
        ValueError: `temperature` is out of range.
    """

    def __init__(self, *, temperature: float = 0.2) -> None:
        require_number("temperature", temperature, 1e-6, 1e6)
        self.temperature = float(temperature)

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw elites one after the other without replacement; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        rows = contenders(archive.size, rng)
        fitness = archive.fitness[rows]
        places = draw(scaled(fitness) / self.temperature, rng, min(count, len(fitness)))
        return ids_of(archive.ids[rows], places)


class Rank:
    """Elites with probability proportional to a power of their rank: the best has rank 1, the next 2.

    Unlike Boltzmann it looks at the order alone: a leader far ahead is drawn no more often than one by a
    hair. Among equals the one whose cell was occupied earlier ranks higher. Beyond 400 elites, 400
    drawn uniformly compete.

    Args:
        exponent: From 0 (uniform) to 10: at 1 the best is drawn twice as often as the second.

    Raises:
        ValueError: `exponent` is out of range.
    """

    def __init__(self, *, exponent: float = 1.0) -> None:
        require_number("exponent", exponent, 0.0, 10.0)
        self.exponent = float(exponent)
        self._log_weights = -self.exponent * np.log(np.arange(1, MOST + 1))

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw ranks without replacement, then find who has them; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        rows = contenders(archive.size, rng)
        fitness = archive.fitness[rows]
        ranks = draw(self._log_weights[: len(fitness)], rng, min(count, len(fitness)))
        return ids_of(archive.ids[rows], [_at_rank(fitness, int(rank)) for rank in ranks])


def _at_rank(fitness: np.ndarray, rank: int) -> int:
    """Return the place of the value of a rank, 0 the highest; of equals the first counts as higher."""
    # By value: which of several equal ones a partition puts at a place differs between processors.
    value = np.partition(fitness, len(fitness) - 1 - rank)[len(fitness) - 1 - rank]
    equal = np.flatnonzero(fitness == value)
    return int(equal[rank - np.count_nonzero(fitness > value)])


SELECTIONS: Mapping[str, Callable[..., Selection]] = {
    "uniform": Uniform,
    "tournament": Tournament,
    "boltzmann": Boltzmann,
    "rank": Rank,
    "novelty": Novelty,
    "curiosity": Curiosity,
    "uct": UCT,
    "pareto": Pareto,
    "objectives": Objectives,
}
"""Selections by the `kind` that a preset names."""


def resolve_selection(choice: str | Mapping[str, Any] | Selection) -> Selection:
    """Return the selection that a name, a table or an object stands for.

    Args:
        choice: A name, such as "uniform" or "uct"; or a table such as
            ``{"kind": "tournament", "size": 3}``; or a selection, returned as it is.

    Raises:
        UsageError: unknown kind or option, or a value out of range.
    """
    if isinstance(choice, str | Mapping):
        return build("selection", choice, SELECTIONS)
    return choice
