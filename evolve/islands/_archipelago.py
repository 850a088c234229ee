"""The archipelago: all islands of a run, and migration between them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from evolve._toml import suggest
from evolve.archive import Added, Archive, Status
from evolve.errors import UsageError
from evolve.islands._archives import resolve_archive
from evolve.islands._arms import Arm, arm_weights
from evolve.islands._bandit import resolve_bandit
from evolve.islands._inserted import Inserted
from evolve.islands._island import Attempt, Island
from evolve.islands._migrants import POLICIES
from evolve.islands._observe import Birth, Goals, Observing, values_of
from evolve.islands._preset import IslandSpec, MigrationSpec, Preset
from evolve.islands._selection import Selection, resolve_selection
from evolve.islands._topology import TOPOLOGIES
from evolve.problem import Measure

_Emigrant = tuple[int, float, list[float]]


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
        reseeded: The target was stuck, was emptied, and begins anew with such programs.
    """

    source: int
    target: int
    program_id: int
    status: Status
    gain: float
    cell: int
    reseeded: bool = False


class Held(NamedTuple):
    """Who is in a cell, after a ban or the end of one.

    Attributes:
        island: Index of the island.
        cell: Flat index of the cell.
        program: The elite; None when the cell is vacant.
    """

    island: int
    cell: int
    program: int | None


class Archipelago:
    """Islands, dealt tickets in turn, that exchange elites.

    The state is a pure fold over `insert`, `record_failure`, `migrate`, and over `pin`, `unpin`, `ban` and
    `unban`: the same calls with equal arguments (for `migrate`: generators in equal states) give the same
    state to the last bit, which `digest` proves. `select` and `choose_operator` change nothing but the
    generator they are given.

    Concurrency: single-threaded, owned by the engine. Nothing here survives a crash; the engine
    rebuilds it by repeating the calls of the stored commits.

    Args:
        preset: Islands and migration.
        measures: Dimensions of the archives of all islands that declare none of their own.
        arms: All operators that the run offers, in a fixed order: names, or arms with models.
        mix: Weight of the operators on islands whose preset names none; omitted: equal weights.
        goals: What selections may look at beside the fitness.

    Raises:
        UsageError: the preset names an operator or a model that the run does not offer, or a selection
            for which the goals do not suit.
        ProblemError: a measure's range cannot be divided into its bins.
    """

    def __init__(
        self,
        preset: Preset,
        measures: Sequence[Measure],
        arms: Sequence[str | Arm],
        mix: Mapping[str, float] | None = None,
        *,
        goals: Goals | None = None,
    ) -> None:
        offered = [Arm(arm) if isinstance(arm, str) else arm for arm in arms]
        self._arms = {arm.name: arm for arm in offered}
        self._measures = tuple(measures)
        self._names = tuple(measure.metric for measure in measures)
        self._goals = goals or Goals()
        self._told = Goals()
        self._specs = preset.islands
        self._islands = tuple(self._made(spec, offered, mix or {}) for spec in self._specs)
        self._migration = preset.migration
        self.adapts = any(m.adapt for spec in self._specs for m in spec.measures or self._measures)
        """Some archive's ranges follow what is seen."""
        self._best: tuple[int, float] | None = None
        own = {name for island in self._islands for name in island.measures or ()}
        wanted = {*self._names, *own, *self._told.metrics}
        self._metrics = tuple(sorted(wanted)) if own or self._told.metrics else ()
        self._facts: dict[int, tuple[float, ...]] = {}
        self._inserted = Inserted()
        self._pinned: dict[int, tuple[int, ...]] = {}
        self._banned: set[int] = set()

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that `insert` has to be given; empty when measures are enough."""
        return self._metrics

    def _made(self, spec: IslandSpec, offered: Sequence[Arm], mix: Mapping[str, float]) -> Island:
        arms = _arms_of(spec, offered)
        names = list(dict.fromkeys(arm.operator for arm in arms))
        archive, selection = self._begun(spec)
        return Island(
            archive=archive,
            selection=selection,
            bandit=resolve_bandit(spec.bandit, arm_weights(spec.weights(names, mix), arms)),
            measures=tuple(measure.metric for measure in spec.measures) if spec.measures else None,
        )

    def _begun(self, spec: IslandSpec) -> tuple[Archive, Selection]:
        """Return an empty archive, and a selection that has learned nothing yet."""
        selection = resolve_selection(spec.selection)
        if isinstance(selection, Observing):
            told = selection.begin(self._goals)
            self._told = Goals(self._told.objectives or told.objectives, self._told.cases or told.cases)
        return resolve_archive(spec.archive).make(spec.measures or self._measures), selection

    @property
    def islands(self) -> tuple[Island, ...]:
        """The islands, to look at; change them through the archipelago only."""
        return self._islands

    def rejects_for_good(self, island: int) -> bool:
        """Tell whether a program that an island's elites surpass now will be of no use there later either.

        It may be where ranges move, where the island may begin anew, and where a selection looks at single
        cases and so takes parents that are no elites.
        """
        measures = self._specs[island].measures or self._measures
        restarts = self._migration is not None and self._migration.patience is not None
        return not (restarts or self._told.cases or any(measure.adapt for measure in measures))

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, fitness) of the fittest program, the earliest inserted of equals; None when empty.

        A banned program is none.
        """
        return self._best

    @property
    def pinned(self) -> frozenset[int]:
        """Ids of the pinned programs."""
        return frozenset(self._pinned)

    @property
    def banned(self) -> frozenset[int]:
        """Ids of the banned programs."""
        return frozenset(self._banned)

    def island_of(self, ticket: int) -> int:
        """Return the index of the island that a ticket works for: the islands take turns."""
        return ticket % len(self._islands)

    def select(self, island: int, rng: np.random.Generator, count: int) -> list[int]:
        """Return the ids of `count` distinct parents, or of all elites when the island holds fewer.

        Those of an island that bans have emptied come from the next one. A pinned program that is no elite
        of its island is the first of the parents as often as an average elite is.
        """
        home = self.source_of(island)
        chosen = home.selection.select(home.archive, rng, count)
        if not self._pinned or count < 1:
            return chosen
        elites = set(home.archive.ids.tolist())
        more = [
            program for program, homes in self._pinned.items() if island in homes and program not in elites
        ]
        place = int(rng.integers(len(elites) + len(more))) if more else 0
        if place >= len(more):
            return chosen
        return [more[place], *(program for program in chosen if program != more[place])][:count]

    def source_of(self, island: int) -> Island:
        """Return the island that an island's parents come from: itself, unless bans have emptied it."""
        home = self._island(island)
        if home.archive.size or not self._banned:
            return home
        around = [*self._islands[island:], *self._islands[:island]]
        return next((home for home in around if home.archive.size), around[0])

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
        *,
        metrics: Mapping[str, float] | None = None,
        parents: tuple[int, ...] = (),
    ) -> Insertion:
        """Offer a valid program to an island's archive and reward the arm that made it.

        Args:
            island: 0 .. number of islands - 1.
            program_id: Fits into 64 bits.
            fitness: Finite, higher is better.
            measures: One finite value for each measure of the problem.
            arm: What made it; None (a seed) rewards nobody, nor does an arm that the island lacks.
            cost: What its making cost, in any unit that stays the same; 0 for no model.
            metrics: At least those that `self.metrics` names.
            parents: Ids of what it was made from.

        Raises:
            IndexError: no such island.
            KeyError: a metric is missing.
            ShapeError: the number of measures is wrong.
            NonFiniteError: the fitness or a measure is NaN or infinite.
        """
        home = self._island(island)
        if self._metrics:
            known = {**dict(zip(self._names, measures, strict=False)), **(metrics or {})}
            self._facts[program_id] = tuple(float(known[name]) for name in self._metrics)
        added = self._offer(home, Birth(program_id, parents), float(fitness), measures)
        self._inserted.add(program_id, float(fitness))
        is_best = self._best is None or bool(fitness > self._best[1])
        if is_best:
            self._best = (program_id, float(fitness))
        if arm is not None:
            home.credit(arm, added, is_best=is_best, cost=cost)
        return Insertion(*added, is_best)

    def _offer(
        self, home: Island, birth: Birth, fitness: float, measures: Sequence[float] | np.ndarray
    ) -> Added:
        """Offer a program to an island by the island's own measures.

        `measures` are those of the problem; not looked at when the island has its own.
        """
        if not self._metrics:
            return home.offer(birth, fitness, measures)
        facts = dict(zip(self._metrics, self._facts[birth.program], strict=True))
        told = birth._replace(
            objectives=values_of(self._told.objectives, facts), cases=values_of(self._told.cases, facts)
        )
        own = measures if home.measures is None else [facts[name] for name in home.measures]
        return home.offer(told, fitness, own)

    def record_failure(
        self, island: int, arm: str, cost: float = 0.0, *, program_id: int = 0, parents: tuple[int, ...] = ()
    ) -> None:
        """Tell that an arm's program was invalid, failed or a duplicate: reward 0.

        Selections are told of the attempt; it has no value that could enter what they compute.

        Raises:
            IndexError: no such island.
        """
        home = self._island(island)
        home.fail(Birth(program_id, parents))
        home.debit(arm, cost)

    def take_in(self, attempts: Sequence[tuple[int | None, Attempt]]) -> None:
        """Do for each what `insert`, or `record_failure`, does: the same state, several times faster.

        For commits on record, whose answers nobody needs; none of `metrics` may be wanted.

        Args:
            attempts: (island, what became of the program) in the order of the commits; island None, for a
                seed: all islands. Which of them are the best is found out here.

        Raises:
            KeyError: no such island.
        """
        shares: dict[int, list[Attempt]] = {index: [] for index in range(len(self._islands))}
        for island, attempt in attempts:
            fitness = attempt.fitness
            if fitness is not None:
                self._inserted.add(attempt.birth.program, fitness)
            if fitness is not None and (self._best is None or fitness > self._best[1]):
                self._best = (attempt.birth.program, fitness)
                attempt = attempt._replace(is_best=True)
            for share in shares.values() if island is None else (shares[island],):
                share.append(attempt)
        for index, share in shares.items():
            self._islands[index].take_in(share)

    @property
    def interval(self) -> int | None:
        """Commits from one migration to the next; None: there is none."""
        return None if self._migration is None or len(self._islands) < 2 else self._migration.interval

    def pin(self, program_id: int, islands: Sequence[int]) -> None:
        """Keep a valid program as a possible parent of some islands, whatever becomes of it there.

        Archives do not change: what is better may take its cell.
        """
        self._pinned[program_id] = tuple(islands)

    def unpin(self, program_id: int) -> None:
        """Undo `pin`; not pinned: no effect."""
        self._pinned.pop(program_id, None)

    def may_ban(self, program_id: int) -> bool:
        """Tell whether an elite would be left on some island."""
        return any((island.archive.offered != program_id).any() for island in self._islands)

    def ban(self, program_id: int) -> list[Held]:
        """Take a program out of all archives, as if they had never been offered it, and unpin it.

        Its cells go to the fittest of the others that were offered for them. What bandits and
        selections have learned by it stays. It is neither the best any more, nor a parent or a migrant.

        Returns:
            Its cells, as they are now.
        """
        cells = [island.remove(program_id) for island in self._islands]
        self.unpin(program_id)
        self._banned.add(program_id)
        self._best = self._inserted.best(self._banned)
        return [self._held(island, cell) for island, cell in enumerate(cells) if cell is not None]

    def unban(self, program_id: int) -> list[Held]:
        """Offer a banned program again, as the latest, to the archives that it was taken out of.

        Returns:
            Its cells, as they are now.
        """
        self._banned.discard(program_id)
        held = []
        for index, island in enumerate(self._islands):
            taken = island.removed.pop(program_id, None)
            if taken is not None:
                added = self._offer(island, Birth(program_id), taken.fitness, taken.measures)
                held.append(self._held(index, added.cell))
        self._best = self._inserted.best(self._banned)
        return held

    def _held(self, island: int, cell: int) -> Held:
        elite = self._islands[island].archive.elite_in(cell)
        return Held(island, cell, None if elite is None else elite.id)

    def migrate_due(self, commits: int) -> bool:
        """Tell whether to migrate right after the commit that made `commits` in total."""
        if self._migration is None or len(self._islands) < 2:
            return False
        return commits > 0 and commits % self._migration.interval == 0

    def migrate(self, rng: np.random.Generator) -> list[Migration]:
        """Copy elites between the islands as the preset says, and seed again those that are stuck.

        All emigrants are picked before the first is inserted, so that no elite travels two connections
        at once. Senders keep theirs. A program that the target was offered before stays at home:
        equal code is one program in a run. Migrants earn no reward.

        Args:
            rng: Used by what is random: topology, policy, and whom a stuck island is seeded from.

        Returns:
            Every attempt in the order it was made, rejected ones included; empty without `[migration]`.
        """
        if self._migration is None:
            return []
        routes = TOPOLOGIES[self._migration.topology](len(self._islands), rng)
        pick, count = POLICIES[self._migration.policy], self._migration.count
        leaving = [
            (source, target, emigrant)
            for source, target in routes
            for emigrant in self._emigrants(source, pick(self._islands[source].archive, count, rng))
        ]
        moves = [
            self._settle(source, target, emigrant)
            for source, target, emigrant in leaving
            if emigrant[0] not in self._islands[target].known
        ]
        return moves + self._reseed(self._migration, rng)

    def _reseed(self, plan: MigrationSpec, rng: np.random.Generator) -> list[Migration]:
        """Seed the islands that are stuck with the fittest of a better one.

        An island that holds the best program of all is left alone, and so nothing is lost that matters.
        """
        if plan.patience is None:
            return []
        moves: list[Migration] = []
        for target, island in enumerate(self._islands):
            if island.since_best < plan.patience:
                continue
            better = [i for i in range(len(self._islands)) if self._fittest(i) > self._fittest(target)]
            if not better:
                continue
            source = better[int(rng.integers(len(better)))]
            island.restart(*self._begun(self._specs[target]))
            rows = POLICIES["top"](self._islands[source].archive, plan.settlers, rng)
            settlers = self._emigrants(source, rows)
            moves += [self._settle(source, target, settler, reseeded=True) for settler in settlers]
        return moves

    def _fittest(self, island: int) -> float:
        best = self._islands[island].archive.best
        return -math.inf if best is None else best[1]

    def digest(self) -> str:
        """Return the SHA-256 of the exact contents: elites, their order, and what the bandits learned."""
        digest = hashlib.sha256()
        for island in self._islands:
            digest.update(island.contents())
        digest.update(repr(self._best).encode())
        if self._pinned or self._banned:
            digest.update(repr((list(self._pinned.items()), sorted(self._banned))).encode())
        return digest.hexdigest()

    def _island(self, index: int) -> Island:
        # A negative index would silently count from the end.
        if not 0 <= index < len(self._islands):
            raise IndexError(f"island must be 0 .. {len(self._islands) - 1}, got {index}.")
        return self._islands[index]

    def _emigrants(self, source: int, rows: Sequence[int]) -> list[_Emigrant]:
        """Return (program id, fitness, measures) of some elites, as they are now."""
        archive = self._islands[source].archive
        picked = archive.measures[rows].tolist()
        return list(zip(archive.ids[rows].tolist(), archive.fitness[rows].tolist(), picked, strict=True))

    def _settle(self, source: int, target: int, emigrant: _Emigrant, *, reseeded: bool = False) -> Migration:
        program_id, fitness, measures = emigrant
        if self._metrics:
            own = dict(zip(self._metrics, self._facts[program_id], strict=True))
            measures = [own[name] for name in self._names]
        added = self._offer(self._islands[target], Birth(program_id), fitness, measures)
        return Migration(source, target, program_id, *added, reseeded)


def _arms_of(spec: IslandSpec, offered: Sequence[Arm]) -> list[Arm]:
    """Return the arms that an island may use; raises UsageError when it names a model that there is not."""
    if spec.models is None:
        return list(offered)
    known = list(dict.fromkeys(arm.model for arm in offered if arm.model is not None))
    for name in spec.models:
        if name not in known:
            raise UsageError(
                f"island.models: {name!r} must be one of the run's models ({', '.join(known) or 'none'})."
                f"{suggest(name, known)}"
            )
    return [arm for arm in offered if arm.model is None or arm.model in spec.models]
