"""Runs made without an engine at work: every row as the engine writes it, random and repeatable."""

from __future__ import annotations

import contextlib
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evolve.engine._archive_events import archive_events
from evolve.engine._config import Budget, RunConfig
from evolve.engine._offer import offer_of
from evolve.engine._rows import _add_archive_rows, event_row
from evolve.engine._session import run_row
from evolve.engine._state import Applied, State, Verdict
from evolve.islands import Preset, load_preset
from evolve.problem import Problem, load_problem
from evolve.store import Batch, Row, Writer

PAGE = 1000
STATUSES = ("invalid", "failed", "timeout", "duplicate", "refused")
START = "2026-01-02T03:04:05+00:00"


@dataclass(frozen=True)
class Made:
    """A run that was made, and the state of its engine at the end."""

    folder: Path
    state: State
    problem: Problem


def make_run(
    folder: Path,
    programs: int,
    *,
    problem: str = "circle_packing",
    preset: Preset | str = "ring4",
    seed: int = 0,
    text_lines: int = 12,
    stopped: bool = True,
    models: bool = False,
) -> Made:
    """Write a run of that many commits.

    Args:
        folder: Its folder, to be made.
        programs: Number of commits.
        problem: Name or path of its problem.
        preset: Its islands.
        seed: Of all that is random in it.
        text_lines: Length of the programs.
        stopped: It ended, by its limit of evaluations.
        models: Some programs were written by a model.
    """
    declared = load_problem(problem)
    islands = load_preset(preset) if isinstance(preset, str) else preset
    config = RunConfig(problem=problem, islands=islands, seed=seed, budget=Budget(max_evals=programs))
    folder.mkdir(parents=True)
    config.save(folder)
    state = State(declared, config, offer_of(config, declared))
    maker = _Maker(state, declared, np.random.default_rng(seed), text_lines, models)
    with contextlib.closing(Writer(folder, {**run_row(config, declared), "created_at": START})) as writer:
        writer.write(Batch(events=[_event("started", None, 0.0, {"workers": 2, "pipeline": []})]))
        for first in range(1, programs + 1, PAGE):
            batch = Batch()
            for number in range(first, min(first + PAGE, programs + 1)):
                maker.add(batch, number)
            writer.write(batch)
        if stopped:
            end = _event("stopped", programs, 0.2 * programs, {"reason": "max_evals", "limit": programs})
            writer.write(Batch(events=[end]))
    return Made(folder, state, declared)


def _event(kind: str, ticket: int | None, at_s: float, data: dict[str, Any]) -> Row:
    return {**event_row(kind, ticket, at_s, data), "at": START}


class _Maker:
    def __init__(
        self, state: State, problem: Problem, rng: np.random.Generator, lines: int, models: bool
    ) -> None:
        self._state, self._problem, self._rng, self._lines, self._models = state, problem, rng, lines, models
        self._arms = list(state.archipelago.islands[0].bandit.arms)
        self._maximize = problem.spec.objective.direction == "maximize"

    def add(self, batch: Batch, number: int) -> None:
        """Add the rows of one commit."""
        rng, archipelago = self._rng, self._state.archipelago
        is_seed = number == 1
        island = None if is_seed else archipelago.island_of(number)
        parents: tuple[int, ...] = ()
        if island is not None:
            parents = tuple(archipelago.select(island, rng, 1 + (number % 7 == 0)))
        valid = is_seed or rng.random() < 0.8
        status = "valid" if valid else STATUSES[int(rng.integers(len(STATUSES)))]
        model = "example/large" if self._models and not is_seed and rng.random() < 0.3 else None
        operator = "seed" if is_seed else self._arms[int(rng.integers(len(self._arms)))]
        arm = f"{operator}@{model}" if model else operator
        verdict = self._verdict(number, island, operator, status, parents)
        applied = self._state.apply(verdict)
        at_s = 0.2 * number
        self._program(batch, verdict, arm, model, at_s)
        _add_archive_rows(batch, number, number, applied)
        self._events(batch, verdict, applied, at_s)

    def _verdict(
        self, number: int, island: int | None, arm: str, status: str, parents: tuple[int, ...]
    ) -> Verdict:
        objective, measures, metrics = None, None, {}
        if status == "valid":
            height = float(np.log1p(number) + self._rng.normal())
            objective = height if self._maximize else -height
            ends = np.array([measure.range for measure in self._problem.spec.measures])
            point = ends[:, 0] + self._rng.random(len(ends)) * (ends[:, 1] - ends[:, 0])
            measures = tuple(float(value) for value in point)
            names = [measure.metric for measure in self._problem.spec.measures]
            metrics = dict(zip(names, measures, strict=True))
            metrics[self._problem.spec.objective.metric] = objective
            metrics |= {name: float(self._rng.random()) for name in ("lines", "ast_nodes", "cyclomatic")}
            metrics |= {name: float(self._rng.random()) for name in ("seed_distance", "text_x", "text_y")}
        return Verdict(
            number,
            island,
            arm,
            status,
            objective,
            measures,
            number.to_bytes(16, "big"),
            0.0,
            metrics,
            parents,
        )

    def _program(self, batch: Batch, verdict: Verdict, arm: str, model: str | None, at_s: float) -> None:
        number = verdict.ticket
        body = "\n".join(f"    value_{line} = {line} * {number % (line + 2)}" for line in range(self._lines))
        text = f"def pack(n):\n{body}\n    return {number}\n"
        digest = hashlib.sha256(text.encode()).hexdigest()
        batch.sources.append({"hash": digest, "text": text})
        batch.programs.append(
            {
                "id": number,
                "seq": number,
                "source": digest,
                "code_hash": verdict.code_hash,
                "island": verdict.island,
                "operator": verdict.arm,
                "arm": arm,
                "change": f"line {number % 13}: {number % 5} -> {number % 6}"
                if number > 1
                else "seed program",
                "model": model,
                "calls": 1 if model else 0,
                "tokens": 1200 if model else 0,
                "usd": 0.0025 if model else 0.0,
                "cost": 0.0025 if model else 0.0,
                "seed": number,
                "saw": max(0, number - 9),
                "at_s": at_s,
            }
        )
        batch.parentage += [
            {"child": number, "position": position, "parent": parent}
            for position, parent in enumerate(verdict.parents)
        ]
        batch.evaluations.append(
            {
                "program": number,
                "status": verdict.status,
                "objective": verdict.objective,
                "measures": None if verdict.measures is None else list(verdict.measures),
                "metrics": dict(verdict.metrics),
                "cases": {},
                "feedback": f"feedback on program {number}",
                "duplicate_of": 1 if verdict.status == "duplicate" else None,
                "wall_s": 0.125,
            }
        )

    def _events(self, batch: Batch, verdict: Verdict, applied: Applied, at_s: float) -> None:
        if applied.is_best:
            batch.events.append(_event("best", verdict.ticket, at_s, {"objective": verdict.objective}))
        for row in archive_events(self._state, applied, verdict.ticket, at_s):
            batch.events.append({**row, "at": START})
