"""One island: an archive, a parent selection and an operator mix."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evolve.archive import Added, Archive, Elite, Status
from evolve.islands._bandit import Bandit
from evolve.islands._observe import Birth, Observing
from evolve.islands._reward import RewardScale
from evolve.islands._selection import Selection

_FEW = 64
"""Below so many rows an archive takes them faster one by one than as a batch."""
_STATUS = tuple(Status)


class Attempt(NamedTuple):
    """What became of a program that was made for an island, or of a seed.

    Attributes:
        birth: The program and its parents.
        arm: What made it; None for a seed.
        cost: What its making cost.
        fitness: None when it is not valid.
        measures: Empty when it is not valid.
        is_best: It is strictly fitter than every earlier one of the run.
    """

    birth: Birth
    arm: str | None
    cost: float = 0.0
    fitness: float | None = None
    measures: tuple[float, ...] = ()
    is_best: bool = False


@dataclass(slots=True)
class Island:
    """What belongs together on one island.

    Concurrency: single-threaded, owned by the engine, as its parts are.

    Attributes:
        archive: The elites.
        selection: Draws parents from them.
        bandit: Chooses operators.
        measures: Names of the archive's measures when they are the island's own; None: the problem's.
        reward_scale: Turns insertions into rewards for the bandit.
        known: Ids of all programs that the archive was offered since the island was seeded.
        since_best: Programs made for the island, failed ones included, since its best one changed.
        removed: What banned programs were offered with, to be offered again when the ban ends.
    """

    archive: Archive
    selection: Selection
    bandit: Bandit
    measures: tuple[str, ...] | None = None
    reward_scale: RewardScale = field(default_factory=RewardScale)
    known: set[int] = field(default_factory=set)
    since_best: int = 0
    removed: dict[int, Elite] = field(default_factory=dict)

    def remove(self, program: int) -> int | None:
        """Take a banned program out of the archive and of what the selection draws from.

        Returns:
            The cell that it was offered for; None: it was not offered.
        """
        taken = self.archive.remove(program)
        if taken is not None:
            self.removed[program] = taken
        forget = getattr(self.selection, "forget", None)
        if forget is not None:
            forget(program)
        return None if taken is None else taken.cell

    def offer(self, birth: Birth, fitness: float, measures: Sequence[float] | np.ndarray) -> Added:
        """Offer a valid program to the archive, and tell the selection of it."""
        best = self.archive.best
        added = self.archive.add_single(birth.program, fitness, measures)
        self._note(birth, fitness, added, is_fittest=best is None or fitness > best[1])
        return added

    def _note(self, birth: Birth, fitness: float, added: Added, *, is_fittest: bool) -> None:
        """Take note of a program that the archive was offered."""
        self.known.add(birth.program)
        self.since_best = 0 if is_fittest else self.since_best + bool(birth.parents)
        observe = getattr(self.selection, "observe", None)  # isinstance on a protocol takes 10 µs
        if observe is not None:
            observe(birth._replace(fitness=fitness, kept=added.status > 0))

    def take_in(self, attempts: Sequence[Attempt]) -> None:
        """Do for each what `offer` and `credit`, or `fail` and `debit`, do; the archive gets them at once."""
        best = self.archive.best
        fittest = -math.inf if best is None else best[1]
        answers = iter(self._added(attempts))
        for birth, arm, cost, fitness, _, is_best in attempts:
            if fitness is not None:
                added = next(answers)
                self._note(birth, fitness, added, is_fittest=fitness > fittest)
                fittest = max(fittest, fitness)
                if arm is not None:
                    self.credit(arm, added, is_best=is_best, cost=cost)
            elif arm is not None:
                self.fail(birth)
                self.debit(arm, cost)

    def _added(self, attempts: Sequence[Attempt]) -> list[Added]:
        """Offer the valid ones to the archive; return its answers."""
        offered = [(a.birth.program, a.fitness, a.measures) for a in attempts if a.fitness is not None]
        if len(offered) < _FEW:
            return [self.archive.add_single(*row) for row in offered]
        ids, fitness, measures = zip(*offered, strict=True)
        found = self.archive.add(ids, fitness, measures)
        rows = zip(found.status.tolist(), found.gain.tolist(), found.cell.tolist(), strict=True)
        return [Added(_STATUS[status], gain, cell) for status, gain, cell in rows]

    def fail(self, birth: Birth) -> None:
        """Take note of a program that is not valid."""
        self.since_best += 1
        observe = getattr(self.selection, "observe", None)
        if observe is not None:
            observe(birth)

    def restart(self, archive: Archive, selection: Selection) -> None:
        """Begin anew with an empty archive; what the bandit has learned stays."""
        self.archive, self.selection = archive, selection
        self.known, self.since_best = set(), 0

    def credit(self, arm: str, added: Added, *, is_best: bool, cost: float = 0.0) -> None:
        """Reward an arm for an insertion; an arm that the bandit lacks (of a run forked from) is let pass."""
        reward = self.reward_scale.reward(added, is_best=is_best) * self.reward_scale.thrift(cost)
        if arm in self.bandit.arms:
            self.bandit.update(arm, reward)

    def debit(self, arm: str, cost: float = 0.0) -> None:
        """Tell that an arm earned nothing for its cost."""
        self.reward_scale.thrift(cost)
        if arm in self.bandit.arms:
            self.bandit.update(arm, 0.0)

    def contents(self) -> bytes:
        """Return the elites, their order and what was learned, such that equal bytes mean equal islands."""
        elites = self.archive.elites()
        # Fixed byte order: equal on every machine. Lengths: no two contents run together.
        learned = [self.bandit.state(), self.reward_scale.mean_gain, self.reward_scale.mean_cost]
        if isinstance(self.selection, Observing):
            learned.append(self.selection.state())
        if self.archive.revision:
            learned.append([bins.edges for bins in self.archive.bins])
        return b"".join(
            (
                f"{len(elites)};".encode(),
                elites.ids.astype("<i8").tobytes(),
                elites.cells.astype("<i8").tobytes(),
                elites.fitness.astype("<f8").tobytes(),
                elites.measures.astype("<f8").tobytes(),
                json.dumps(learned, sort_keys=True).encode(),
                b";",
            )
        )
