"""The engine's memory: a pure fold over the commits, rebuilt on resume by repeating them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from evolve.engine._config import RunConfig
from evolve.engine._tickets import ticket_seed
from evolve.errors import ProblemError
from evolve.islands import Archipelago, Arm, Goal, Goals, Insertion, Migration
from evolve.operators import Operator
from evolve.problem import Problem, case_metric

SEED, REFLECT, REFLECTED = "seed", "reflect", "reflected"
"""Arms that are no operators, and the status of a reflection."""

_MIGRATION_STREAM = 2**62
"""Spawn keys from here on belong to migrations, those below to tickets."""


@dataclass(frozen=True, slots=True)
class Offer:
    """The operators that a run offers to its islands.

    Attributes:
        operators: By name.
        arms: What the bandits choose among.
        mix: Weight of the operators on islands whose preset names none.
    """

    operators: Mapping[str, Operator]
    arms: tuple[Arm, ...]
    mix: Mapping[str, float]


class Verdict(NamedTuple):
    """The part of a commit that the state depends on."""

    ticket: int
    island: int | None
    arm: str
    status: str
    objective: float | None
    measures: tuple[float, ...] | None
    code_hash: bytes
    cost: float = 0.0
    metrics: Mapping[str, float] = MappingProxyType({})
    """May be left out when the archipelago asks for none."""
    parents: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Applied:
    """What a commit did to the archives."""

    insertions: list[tuple[int, Insertion]] = field(default_factory=list)
    """(island, answer) of every insertion: one, or one per island for a seed."""
    migrations: list[Migration] = field(default_factory=list)
    is_best: bool = False
    refitted: list[int] = field(default_factory=list)
    """Islands whose ranges were fitted to what was seen."""

    @property
    def kept(self) -> bool:
        """An archive took the program."""
        return any(answer.status > 0 for _, answer in self.insertions)


def goals_of(problem: Problem) -> Goals:
    """Return what selections may look at beside the fitness."""
    main, further = problem.spec.objective, problem.spec.objectives
    objectives = [Goal(main.metric, main.sign), *(Goal(f.metric, f.sign, f.weight) for f in further)]
    cases = [Goal(case_metric(main.metric, case), main.sign) for case in range(len(problem.cases))]
    return Goals(tuple(objectives) if further else (), tuple(cases) if len(cases) > 1 else ())


class State:
    """Archives, bandits, known programs and counters after a number of commits.

    `apply` is the only way to change it, once per commit in the run's order; equal commits give equal
    states. Owned by the engine's thread.
    """

    def __init__(self, problem: Problem, config: RunConfig, offer: Offer) -> None:
        self.archipelago = Archipelago(
            config.islands, problem.spec.measures, offer.arms, offer.mix, goals=goals_of(problem)
        )
        self._sign = problem.spec.objective.sign
        self._run_seed = config.seed
        self.committed = 0
        """Tickets committed so far."""
        self.evaluations = 0
        """Of these, programs that were really evaluated."""
        self.since_best = 0
        """Evaluations since the best one changed."""
        self.idle = 0
        """Commits since the last evaluation: duplicates, refusals and reflections only."""
        self.statuses: dict[str, int] = {}
        self._seen: dict[bytes, tuple[int, int]] = {}

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, objective in the problem's own direction) of the best program."""
        best = self.archipelago.best
        return None if best is None else (best[0], self._sign * best[1])

    def first_with(self, code_hash: bytes, *, up_to: int | None = None) -> int | None:
        """Return the first committed program of this code, or None.

        Args:
            code_hash: Of the program; empty for none.
            up_to: Look at this many commits only: gives the answer of that time, whenever it is asked.
        """
        seq, program = self._seen.get(code_hash, (0, None))
        return program if up_to is None or seq <= up_to else None

    def apply(self, verdict: Verdict) -> Applied:
        """Take in the next commit."""
        self.committed += 1
        self.statuses[verdict.status] = self.statuses.get(verdict.status, 0) + 1
        if verdict.code_hash:
            self._seen.setdefault(verdict.code_hash, (self.committed, verdict.ticket))
        if verdict.status not in ("duplicate", "refused", REFLECTED) or verdict.arm == SEED:
            self.evaluations += 1
            self.since_best += 1
            self.idle = 0
        else:
            self.idle += 1
        before = self._revisions()
        insertions = self._insert(verdict)
        is_best = any(answer.is_best for _, answer in insertions)
        if is_best:
            self.since_best = 0
        migrations = self._migrate()
        after = self._revisions()
        refitted = [island for island, revision in enumerate(after) if revision != before[island]]
        return Applied(insertions, migrations, is_best, refitted)

    def _revisions(self) -> list[int]:
        if not self.archipelago.adapts:
            return []
        return [island.archive.revision for island in self.archipelago.islands]

    def _insert(self, verdict: Verdict) -> list[tuple[int, Insertion]]:
        if verdict.objective is None or verdict.measures is None or self._lacks_metric(verdict):
            # an error is the problem's own fault: it says nothing about what made the program
            if verdict.island is not None and verdict.status != "error":
                self.archipelago.record_failure(
                    verdict.island,
                    verdict.arm,
                    verdict.cost,
                    program_id=verdict.ticket,
                    parents=verdict.parents,
                )
            return []
        islands = range(len(self.archipelago.islands)) if verdict.island is None else [verdict.island]
        arm = None if verdict.island is None else verdict.arm
        fitness = self._sign * verdict.objective
        offer = (verdict.ticket, fitness, verdict.measures, arm, verdict.cost)
        facts, parents = verdict.metrics, verdict.parents
        return [(i, self.archipelago.insert(i, *offer, metrics=facts, parents=parents)) for i in islands]

    def _lacks_metric(self, verdict: Verdict) -> bool:
        """Tell whether a program lacks what the islands measure it by; a seed must not."""
        lacking = [name for name in self.archipelago.metrics if name not in verdict.metrics]
        if lacking and verdict.arm == SEED:
            raise ProblemError(
                f"islands: the preset asks for the metric {lacking[0]!r}, which no stage of this problem "
                f"delivers; it has {', '.join(sorted(verdict.metrics))}. Choose another preset or metric."
            )
        return bool(lacking)

    def _migrate(self) -> list[Migration]:
        if not self.archipelago.migrate_due(self.committed):
            return []
        seed = ticket_seed(self._run_seed, _MIGRATION_STREAM + self.committed)
        return self.archipelago.migrate(np.random.default_rng(seed))
