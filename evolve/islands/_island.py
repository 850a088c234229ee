"""One island: an archive, a parent selection and an operator mix."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from evolve.archive import Added, Archive
from evolve.islands._bandit import Bandit
from evolve.islands._reward import RewardScale
from evolve.islands._selection import Selection


@dataclass(frozen=True, slots=True)
class Island:
    """What belongs together on one island. Its parts change; which parts they are does not.

    Concurrency: single-threaded, owned by the engine, as its parts are.

    Attributes:
        archive: The elites.
        selection: Draws parents from them.
        bandit: Chooses operators.
        reward_scale: Turns insertions into rewards for the bandit.
    """

    archive: Archive
    selection: Selection
    bandit: Bandit
    reward_scale: RewardScale = field(default_factory=RewardScale)

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
