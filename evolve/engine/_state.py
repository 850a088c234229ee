"""The engine's memory: a pure fold over the commits, rebuilt on resume by repeating them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from evolve.engine._config import RunConfig
from evolve.engine._tickets import ticket_seed
from evolve.errors import ProblemError
from evolve.islands import Archipelago, Arm, Attempt, Birth, Goal, Goals, Held, Insertion, Migration
from evolve.operators import Operator
from evolve.pipeline import scored_cases
from evolve.problem import Problem, case_metric

SEED, REFLECT, REFLECTED = "seed", "reflect", "reflected"
"""Arms that are no operators, and the status of a reflection."""
INJECT = "inject"
"""The arm of a program that a user put in; nobody is credited for it."""

_AT_ONCE = 512
"""Commits taken in together without migration; more would live long enough to burden the collector."""
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


class Steer(NamedTuple):
    """A user's hand on the archives, between two commits.

    Attributes:
        kind: "pin", "unpin", "ban" or "unban".
        program: Whose turn it is; committed.
        islands: Where it is pinned.
    """

    kind: str
    program: int
    islands: tuple[int, ...] = ()


class Applied(NamedTuple):
    """What a commit did to the archives."""

    insertions: Sequence[tuple[int, Insertion]] = ()
    """(island, answer) of every insertion: one, or one per island for a seed."""
    migrations: Sequence[Migration] = ()
    is_best: bool = False
    refitted: Sequence[int] = ()
    """Islands whose ranges were fitted to what was seen."""

    @property
    def kept(self) -> bool:
        """An archive took the program."""
        return any(answer.status > 0 for _, answer in self.insertions)


def goals_of(problem: Problem) -> Goals:
    """Return what selections may look at beside the fitness."""
    main, further = problem.spec.objective, problem.spec.objectives
    objectives = [Goal(main.metric, main.sign), *(Goal(f.metric, f.sign, f.weight) for f in further)]
    cases = [Goal(case_metric(main.metric, case), main.sign) for case in scored_cases(problem)]
    return Goals(tuple(objectives) if further else (), tuple(cases) if len(cases) > 1 else ())


class State:
    """Archives, bandits, known programs and counters after a number of commits.

    `apply` changes it, once per commit in the run's order, and `steer`, after the commits at which
    users had their way; equal calls give equal states. Owned by the engine's thread.
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

    def catch_up(self, verdicts: Iterable[Verdict]) -> None:
        """Take in commits on record, whose answers nobody needs: like `apply` of each, but much faster.

        Between two migrations every island is given what concerns it at once.
        """
        if self.archipelago.metrics:
            for verdict in verdicts:
                self.apply(verdict)
            return
        stored = iter(verdicts)
        interval = self.archipelago.interval or _AT_ONCE
        while some := list(islice(stored, interval - self.committed % interval)):
            self._catch_up(some)
            if self.archipelago.migrate_due(self.committed):
                self._migrate()

    def _catch_up(self, verdicts: Sequence[Verdict]) -> None:
        attempts: list[tuple[int | None, Attempt]] = []
        best = -math.inf if self.archipelago.best is None else self.archipelago.best[1]
        for verdict in verdicts:
            self._count(verdict)
            ticket, island, arm, status, objective, measures, _, cost, _, parents = verdict
            birth = Birth(ticket, parents)
            if objective is not None and measures is not None:
                fitness = self._sign * objective
                if fitness > best:
                    best, self.since_best = fitness, 0
                attempts.append((island, Attempt(birth, _credited(verdict), cost, fitness, measures)))
            elif island is not None and status != "error" and arm != INJECT:
                attempts.append((island, Attempt(birth, arm, cost)))
        self.archipelago.take_in(attempts)

    def _count(self, verdict: Verdict) -> None:
        """Count a commit, and note its code."""
        self.committed += 1
        status, code_hash = verdict.status, verdict.code_hash
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if code_hash:
            self._seen.setdefault(code_hash, (self.committed, verdict.ticket))
        if status not in ("duplicate", "refused", REFLECTED) or verdict.arm == SEED:
            self.evaluations += 1
            self.since_best += 1
            self.idle = 0
        else:
            self.idle += 1

    def apply(self, verdict: Verdict) -> Applied:
        """Take in the next commit."""
        self._count(verdict)
        adapts = self.archipelago.adapts
        before = self._revisions() if adapts else ()
        insertions = self._insert(verdict)
        is_best = bool(insertions) and insertions[0][1].is_best  # no later island can find it better
        if is_best:
            self.since_best = 0
        migrations = self._migrate() if self.archipelago.migrate_due(self.committed) else ()
        after = self._revisions() if adapts else ()
        refitted = [island for island, revision in enumerate(after) if revision != before[island]]
        return Applied(insertions, migrations, is_best, refitted)

    def steer(self, step: Steer) -> list[Held]:
        """Do what a user asked for; return the cells that this concerns, as they are now."""
        if step.kind == "ban":
            return self.archipelago.ban(step.program)
        if step.kind == "unban":
            return self.archipelago.unban(step.program)
        if step.kind == "pin":
            self.archipelago.pin(step.program, step.islands)
        else:
            self.archipelago.unpin(step.program)
        return []

    def _revisions(self) -> list[int]:
        return [island.archive.revision for island in self.archipelago.islands]

    def _insert(self, verdict: Verdict) -> Sequence[tuple[int, Insertion]]:
        ticket, island, arm, status, objective, measures, _, cost, metrics, parents = verdict
        if objective is None or measures is None or self._lacks_metric(verdict):
            # an error is the problem's own fault: it says nothing about what made the program
            if island is not None and status != "error" and arm != INJECT:
                self.archipelago.record_failure(island, arm, cost, program_id=ticket, parents=parents)
            return ()
        offer = (ticket, self._sign * objective, measures, _credited(verdict), cost)
        islands = range(len(self.archipelago.islands)) if island is None else (island,)
        return [(i, self.archipelago.insert(i, *offer, metrics=metrics, parents=parents)) for i in islands]

    def _lacks_metric(self, verdict: Verdict) -> bool:
        """Tell whether a program lacks what the islands measure it by; a seed must not."""
        if not self.archipelago.metrics:
            return False
        lacking = [name for name in self.archipelago.metrics if name not in verdict.metrics]
        if lacking and verdict.arm == SEED:
            raise ProblemError(
                f"islands: the preset asks for the metric {lacking[0]!r}, which no stage of this problem "
                f"delivers; it has {', '.join(sorted(verdict.metrics))}. Choose another preset or metric."
            )
        return bool(lacking)

    def _migrate(self) -> list[Migration]:
        seed = ticket_seed(self._run_seed, _MIGRATION_STREAM + self.committed)
        return self.archipelago.migrate(np.random.default_rng(seed))


def _credited(verdict: Verdict) -> str | None:
    """Name the arm that a program is credited to; None for seeds and for what a user put in."""
    return None if verdict.island is None or verdict.arm == INJECT else verdict.arm
