"""The archipelago: all islands of a run, and migration between them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evolve.archive import Elites, GridArchive, Status
from evolve.islands._arms import Arm, arm_weights
from evolve.islands._bandit import resolve_bandit
from evolve.islands._island import Island
from evolve.islands._preset import IslandSpec, Preset
from evolve.islands._selection import resolve_selection
from evolve.islands._topology import TOPOLOGIES
from evolve.problem import Measure


class Insertion(NamedTuple):
    """What became of an evaluated program.

    Attributes:
        status: Rejected, improved its cell, or occupied a new one.
        gain: In units of fitness; see `evolve.archive.Added`.
        cell: Flat index of its cell.
        is_best: It is strictly fitter than every program inserted before, on any island.
    """

    status: Status
    gain: float
    cell: int
    is_best: bool


class Migration(NamedTuple):
    """One elite copied from an island to another, and what became of it there.

    Attributes:
        source: Index of the island it came from.
        target: Index of the island it was offered to.
        program_id: The elite.
        status: As in `Insertion`; a rejected migrant left no trace.
        gain: As in `Insertion`.
        cell: As in `Insertion`.
    """

    source: int
    target: int
    program_id: int
    status: Status
    gain: float
    cell: int


class Archipelago:
    """Islands, dealt tickets in turn, that exchange elites.

    The state is a pure fold over `insert`, `record_failure` and `migrate`: the same calls with equal
    arguments (for `migrate`: generators in equal states) give the same state to the last bit, which
    `digest` proves. `select` and `choose_operator` change nothing but the generator they are given.

    Concurrency: single-threaded, owned by the engine. Nothing here survives a crash; the engine
    rebuilds it by repeating the calls of the stored commits.

    Args:
        preset: Islands and migration.
        measures: Dimensions of every island's archive.
        arms: All operators that the run offers, in a fixed order: names, or arms with models.
        mix: Weight of the operators on islands whose preset names none; omitted: equal weights.

    Raises:
        UsageError: the preset names an operator that the run does not offer.
        ProblemError: a measure's range cannot be divided into its bins.
    """

    def __init__(
        self,
        preset: Preset,
        measures: Sequence[Measure],
        arms: Sequence[str | Arm],
        mix: Mapping[str, float] | None = None,
    ) -> None:
        offered = [Arm(arm) if isinstance(arm, str) else arm for arm in arms]
        self._arms = {arm.name: arm for arm in offered}
        self._islands = tuple(_make(spec, measures, offered, mix or {}) for spec in preset.islands)
        self._migration = preset.migration
        self._best: tuple[int, float] | None = None

    @property
    def islands(self) -> tuple[Island, ...]:
        """The islands, to look at; change them through the archipelago only."""
        return self._islands

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, fitness) of the fittest program, the earliest inserted of equals; None when empty."""
        return self._best

    def island_of(self, ticket: int) -> int:
        """Return the index of the island that a ticket works for: the islands take turns."""
        return ticket % len(self._islands)

    def select(self, island: int, rng: np.random.Generator, count: int) -> list[int]:
        """Return the ids of `count` distinct parents, or of all elites when the island holds fewer."""
        home = self._island(island)
        return home.selection.select(home.archive, rng, count)

    def choose_arm(self, island: int, rng: np.random.Generator) -> Arm:
        """Return the operator, with its model, to use next on an island."""
        return self._arms[self._island(island).bandit.choose(rng)]

    def insert(
        self,
        island: int,
        program_id: int,
        fitness: float,
        measures: Sequence[float] | np.ndarray,
        arm: str | None = None,
        cost: float = 0.0,
    ) -> Insertion:
        """Offer a valid program to an island's archive and reward the arm that made it.

        Args:
            island: 0 .. number of islands - 1.
            program_id: Fits into 64 bits.
            fitness: Finite, higher is better.
            measures: One finite value per measure.
            arm: What made it; None (a seed) rewards nobody, nor does an arm that the island lacks.
            cost: What its making cost, in any unit that stays the same; 0 for no model.

        Raises:
            IndexError: no such island.
            ShapeError: the number of measures is wrong.
            NonFiniteError: the fitness or a measure is NaN or infinite.
        """
        home = self._island(island)
        added = home.archive.add_single(program_id, fitness, measures)
        is_best = self._best is None or bool(fitness > self._best[1])
        if is_best:
            self._best = (program_id, float(fitness))
        if arm is not None:
            home.credit(arm, added, is_best=is_best, cost=cost)
        return Insertion(*added, is_best)

    def record_failure(self, island: int, arm: str, cost: float = 0.0) -> None:
        """Tell that an arm's program was invalid, failed or a duplicate: reward 0.

        Raises:
            IndexError: no such island.
        """
        self._island(island).debit(arm, cost)

    def migrate_due(self, commits: int) -> bool:
        """Tell whether to migrate right after the commit that made `commits` in total."""
        if self._migration is None or len(self._islands) < 2:
            return False
        return commits > 0 and commits % self._migration.interval == 0

    def migrate(self, rng: np.random.Generator) -> list[Migration]:
        """Copy elites between the islands as the preset says.

        All emigrants are picked before the first is inserted, so that no elite travels two connections
        at once. Migrants earn no reward.

        Args:
            rng: Used by the policy "random" only.

        Returns:
            Every attempt in the order it was made, rejected ones included; empty without `[migration]`.
        """
        if self._migration is None:
            return []
        routes = TOPOLOGIES[self._migration.topology](len(self._islands))
        elites = [island.archive.elites() for island in self._islands]
        leaving = [(source, target, self._emigrants(elites[source], rng)) for source, target in routes]
        return [
            self._settle(source, target, elites[source], row)
            for source, target, rows in leaving
            for row in rows
        ]

    def digest(self) -> str:
        """Return the SHA-256 of the exact contents: elites, their order, and what the bandits learned."""
        digest = hashlib.sha256()
        for island in self._islands:
            digest.update(island.contents())
        digest.update(repr(self._best).encode())
        return digest.hexdigest()

    def _island(self, index: int) -> Island:
        # A negative index would silently count from the end.
        if not 0 <= index < len(self._islands):
            raise IndexError(f"island must be 0 .. {len(self._islands) - 1}, got {index}.")
        return self._islands[index]

    def _emigrants(self, elites: Elites, rng: np.random.Generator) -> list[int]:
        assert self._migration is not None
        count = min(self._migration.count, len(elites))
        if self._migration.policy == "random":
            rows = rng.permutation(len(elites))[:count]
        else:
            # Stable: of equally fit elites the one whose cell was occupied earlier goes.
            rows = np.argsort(-elites.fitness, kind="stable")[:count]
        picked: list[int] = rows.tolist()
        return picked

    def _settle(self, source: int, target: int, elites: Elites, row: int) -> Migration:
        program_id, fitness = elites.ids.item(row), elites.fitness.item(row)
        added = self._islands[target].archive.add_single(program_id, fitness, elites.measures[row])
        return Migration(source, target, program_id, *added)


def _make(
    spec: IslandSpec, measures: Sequence[Measure], arms: Sequence[Arm], mix: Mapping[str, float]
) -> Island:
    names = list(dict.fromkeys(arm.operator for arm in arms))
    return Island(
        archive=GridArchive(measures),
        selection=resolve_selection(spec.selection),
        bandit=resolve_bandit(spec.bandit, arm_weights(spec.weights(names, mix), arms)),
    )
