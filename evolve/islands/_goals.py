"""Selections that look at more than one number: single cases, and several objectives."""

from __future__ import annotations

from typing import Any

import numpy as np

from evolve.archive import Archive
from evolve.errors import UsageError
from evolve.islands._contenders import distinct, draw, ids_of, scatter
from evolve.islands._observe import Birth, Goals
from evolve.islands._resolve import require_whole

_HOLDERS = 32
"""Programs that may share a case: of more equals, the earlier ones. Bounds the cost when most cases tie."""


class Pareto:
    """Programs that are best on some case, with probability by the number of cases.

    The instance-wise front of GEPA (Agrawal et al. 2025, https://arxiv.org/abs/2507.19457): a program that is
    unbeaten on one case is worth keeping as a parent though its mean is poor, hence it need not be
    an elite. Programs are left out when others share each of their cases. Cost by the number of cases,
    whatever the number of programs. When more are wanted than the front has, elites drawn uniformly follow.
    """

    def __init__(self) -> None:
        self._best: list[float] = []
        self._holders: list[list[int]] = []
        self._front: tuple[np.ndarray, np.ndarray] | None = None

    def begin(self, goals: Goals) -> Goals:
        """See `Observing.begin`: there must be several cases."""
        if not goals.cases:
            raise UsageError(
                "selection: pareto: needs a problem with several [[cases]], whose scores it compares one by "
                "one. Declare cases, or choose another kind."
            )
        return Goals(cases=goals.cases)

    def observe(self, birth: Birth) -> None:
        """Enter a program into the front of each case that it is best on; see `Observing`."""
        if not self._best:
            self._best = [-np.inf] * len(birth.cases)
            self._holders = [[] for _ in birth.cases]
        for case, value in enumerate(birth.cases):
            if value > self._best[case]:
                self._best[case] = value
                self._holders[case] = [birth.program]
            elif value == self._best[case] and len(self._holders[case]) < _HOLDERS:
                if birth.program in self._holders[case]:
                    continue
                self._holders[case].append(birth.program)
            else:
                continue
            self._front = None

    def forget(self, program: int) -> None:
        """Draw a program no more; a case that it alone was best on is open to the next valid one."""
        for case, holders in enumerate(self._holders):
            if program in holders:
                holders.remove(program)
                self._best[case] = self._best[case] if holders else -np.inf
                self._front = None

    def state(self) -> Any:
        """See `Observing.state`."""
        return [self._best, self._holders]

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw programs of the front without replacement; see `Selection`."""
        self._front = self._front or _front_of(self._holders)
        ids, counts = self._front
        chosen = ids_of(ids, draw(np.log(counts), rng, min(count, len(ids)))) if count and len(ids) else []
        if len(chosen) < min(count, archive.size):
            elites = ids_of(archive.ids, distinct(rng, archive.size, min(count, archive.size)))
            chosen += [program for program in elites if program not in chosen]
        return chosen[:count]


def _front_of(holders: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids of the front's programs, and how many cases each is best on."""
    cases: dict[int, set[int]] = {}
    for case, programs in enumerate(holders):
        for program in programs:
            cases.setdefault(program, set()).add(case)
    left = [len(programs) for programs in holders]
    for program in sorted(cases, key=lambda program: (len(cases[program]), -program)):
        if all(left[case] > 1 for case in cases[program]):  # others share each of its cases
            for case in cases.pop(program):
                left[case] -= 1
    return np.array(list(cases), dtype=np.int64), np.array([float(len(held)) for held in cases.values()])


class Objectives:
    """The elite of a few drawn uniformly that no other dominates, by preference among several such.

    Elites are ranked by how many others dominate them (Fonseca & Fleming 1993): are at least as good in
    every objective and better in one. Among equal ranks the declared preference decides.

    Args:
        prefer: "weights": the weighted sum of the objectives, each scaled to [0, 1] among those that were
            drawn; "lexicographic": the main objective first, then [[objectives]] in their order.
        contenders: Elites drawn, 1 (uniform) to 64.

    Raises:
        ValueError: a setting is out of range.
    """

    def __init__(self, *, prefer: str = "weights", contenders: int = 8) -> None:
        require_whole("contenders", contenders, 1, 64)
        if prefer not in ("weights", "lexicographic"):
            raise ValueError(f"prefer must be 'weights' or 'lexicographic', got {prefer!r}.")
        self.prefer = prefer
        self.contenders = int(contenders)
        self._weights = np.ones(1)
        self._values: dict[int, tuple[float, ...]] = {}

    def begin(self, goals: Goals) -> Goals:
        """See `Observing.begin`: there must be several objectives."""
        if not goals.objectives:
            raise UsageError(
                "selection: objectives: needs a problem that declares [[objectives]] beside [objective]. "
                "Declare them, or choose another kind."
            )
        self._weights = np.array([goal.weight for goal in goals.objectives])
        return Goals(objectives=goals.objectives)

    def observe(self, birth: Birth) -> None:
        """Remember a valid program's values; see `Observing`."""
        if birth.objectives:
            self._values[birth.program] = birth.objectives

    def state(self) -> Any:
        """See `Observing.state`."""
        return list(self._values.items())

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw elites and rank them; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        rows = scatter(archive.size, max(self.contenders, count), rng)
        ids: list[int] = archive.ids[rows].tolist()
        values = np.array([self._values[program] for program in ids])
        keys = list(values.T[::-1]) if self.prefer == "lexicographic" else [self._weighed(values)]
        order = np.lexsort((*(-key for key in keys), _dominators(values)))
        return [ids[place] for place in order[:count]]

    def _weighed(self, values: np.ndarray) -> np.ndarray:
        halves = values * 0.5  # the difference of two finite floats may overflow
        halves -= halves.min(axis=0)
        spans = halves.max(axis=0)
        sums: np.ndarray = halves @ (self._weights / np.where(spans > 0, spans, 1.0))
        return sums


def _dominators(values: np.ndarray) -> np.ndarray:
    """Return by how many others each of (n, d) rows is dominated: (n,) integers."""
    at_least = (values[:, None] >= values).all(axis=2)
    dominated: np.ndarray = (at_least & ~at_least.T).sum(
        axis=0
    )  # as good in all, and not the other way round
    return dominated
