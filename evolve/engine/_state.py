"""The engine's memory: a pure fold over the commits, rebuilt on resume by repeating them."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from evolve.engine._config import RunConfig
from evolve.engine._tickets import ticket_seed
from evolve.islands import Archipelago, Insertion, Migration
from evolve.problem import Problem

_MIGRATION_STREAM = 2**62
"""Spawn keys from here on belong to migrations, those below to tickets."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The part of a commit that the state depends on."""

    ticket: int
    island: int | None
    operator: str
    status: str
    objective: float | None
    measures: tuple[float, ...] | None
    code_hash: bytes


@dataclass(frozen=True, slots=True)
class Applied:
    """What a commit did to the archives."""

    insertions: list[tuple[int, Insertion]] = field(default_factory=list)
    """(island, answer) of every insertion: one, or one per island for a seed."""
    migrations: list[Migration] = field(default_factory=list)
    is_best: bool = False


class State:
    """Archives, bandits, known programs and counters after a number of commits.

    `apply` is the only way to change it, once per commit in ticket order; equal commits give equal
    states. Owned by the engine's thread.
    """

    def __init__(self, problem: Problem, config: RunConfig, operator_names: list[str]) -> None:
        self.archipelago = Archipelago(config.islands, problem.spec.measures, operator_names)
        self._sign = problem.spec.objective.sign
        self._run_seed = config.seed
        self.committed = 0
        """Tickets committed so far: the id of the last one."""
        self.evaluations = 0
        """Of these, programs that were really evaluated."""
        self.since_best = 0
        """Evaluations since the best one changed."""
        self.idle = 0
        """Commits since the last evaluation: duplicates and refusals only."""
        self.statuses: dict[str, int] = {}
        self._seen: dict[bytes, int] = {}

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, objective in the problem's own direction) of the best program."""
        best = self.archipelago.best
        return None if best is None else (best[0], self._sign * best[1])

    def first_with(self, code_hash: bytes, *, up_to: int) -> int | None:
        """Return the first program of this code that was committed up to a ticket, or None.

        Asking with an older `up_to` gives the answer of that time, whenever it is asked.
        """
        first = self._seen.get(code_hash)
        return first if first is not None and first <= up_to else None

    def apply(self, verdict: Verdict) -> Applied:
        """Take in the next commit."""
        assert verdict.ticket == self.committed + 1, "commits come in ticket order"
        self.committed = verdict.ticket
        self.statuses[verdict.status] = self.statuses.get(verdict.status, 0) + 1
        if verdict.code_hash:
            self._seen.setdefault(verdict.code_hash, verdict.ticket)
        if verdict.status not in ("duplicate", "refused") or verdict.operator == "seed":
            self.evaluations += 1
            self.since_best += 1
            self.idle = 0
        else:
            self.idle += 1
        insertions = self._insert(verdict)
        is_best = any(answer.is_best for _, answer in insertions)
        if is_best:
            self.since_best = 0
        return Applied(insertions, self._migrate(), is_best)

    def _insert(self, verdict: Verdict) -> list[tuple[int, Insertion]]:
        if verdict.objective is None or verdict.measures is None:
            if verdict.island is not None:
                self.archipelago.record_failure(verdict.island, verdict.operator)
            return []
        islands = range(len(self.archipelago.islands)) if verdict.island is None else [verdict.island]
        operator = None if verdict.island is None else verdict.operator
        fitness = self._sign * verdict.objective
        return [
            (i, self.archipelago.insert(i, verdict.ticket, fitness, verdict.measures, operator))
            for i in islands
        ]

    def _migrate(self) -> list[Migration]:
        if not self.archipelago.migrate_due(self.committed):
            return []
        seed = ticket_seed(self._run_seed, _MIGRATION_STREAM + self.committed)
        return self.archipelago.migrate(np.random.default_rng(seed))
