"""Parent selection: which elites to build upon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evolve.archive import Archive
from evolve.islands._resolve import build, require_number


@runtime_checkable
class Selection(Protocol):
    """Draws parents from an archive. Strategies hold settings only, no state."""

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Return the ids of `count` distinct elites, or of all when the archive holds fewer.

        The first drawn comes first. The answer is a function of the generator's state and of the rows
        that the archive was given, in their order.

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
        return _ids(archive, _distinct(rng, archive.size, min(count, archive.size)))


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
            places = _distinct(rng, remaining, min(self.size, remaining))
            rows = [moved.get(place, place) for place in places]
            winner = max(range(len(rows)), key=lambda i: fitness[rows[i]])
            chosen.append(rows[winner])
            moved[places[winner]] = moved.get(remaining - 1, remaining - 1)
        return _ids(archive, chosen)


class Boltzmann:
    """Elites with probability proportional to exp(fitness / temperature), fitness scaled to [0, 1].

    The scaling is by the lowest and highest fitness among the archive's elites, so that a temperature
    means the same for every problem: at 1 the best is e times as likely as the worst, at 0.1 it is
    e**10 times. When all are equal the draw is uniform. Cost linear in the number of elites.

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
        # Exponential clocks: the item whose clock rings first is item i with probability w_i / sum(w), and
        # the order of ringing is the order of draws without replacement. The logarithm of the clock's time
        # needs no exp(), hence neither overflows nor loses the least likely items to 0.
        with np.errstate(divide="ignore"):
            times = np.log(rng.standard_exponential(archive.size))
        times -= _scaled(archive.fitness) / self.temperature
        if count == 1:
            return _ids(archive, [int(np.argmin(times))])
        first = np.argpartition(times, count - 1)[:count]
        return _ids(archive, first[np.argsort(times[first], kind="stable")].tolist())


SELECTIONS: Mapping[str, Callable[..., Selection]] = {
    "uniform": Uniform,
    "tournament": Tournament,
    "boltzmann": Boltzmann,
}
"""Selections by the `kind` that a preset names."""


def resolve_selection(choice: str | Mapping[str, Any] | Selection) -> Selection:
    """Return the selection that a name, a table or an object stands for.

    Args:
        choice: "uniform", "tournament" or "boltzmann"; or a table such as
            ``{"kind": "tournament", "size": 3}``; or a selection, returned as it is.

    Raises:
        UsageError: unknown kind or option, or a value out of range.
    """
    if isinstance(choice, str | Mapping):
        return build("selection", choice, SELECTIONS)
    return choice


def _distinct(rng: np.random.Generator, population: int, count: int) -> list[int]:
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


def _scaled(fitness: np.ndarray) -> np.ndarray:
    """Scale (n,) fitness to [0, 1]; all zero when the values are equal."""
    # Halves, because the difference of two finite floats may overflow.
    half = fitness * 0.5
    half -= half.min()
    span = half.max()
    if span > 0:
        half /= span
    return half


def _ids(archive: Archive, rows: list[int]) -> list[int]:
    picked: list[int] = archive.ids[rows].tolist() if rows else []
    return picked
