"""What a commit looks like in the store."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from evolve.engine._history import Past
from evolve.engine._state import REFLECTED, Applied, Verdict
from evolve.engine._tickets import Outcome
from evolve.pipeline import StageResult, scored_cases
from evolve.problem import Problem, case_metric
from evolve.prompts import Hypothesis
from evolve.store import Batch, Brief, HypothesisRow, Row

NOT_EVALUATED = ("duplicate", "refused", REFLECTED)


class Single(NamedTuple):
    """The objective on single cases, which selections may look at.

    Attributes:
        metric: The objective's.
        cases: Numbers of the cases that it is known on.
    """

    metric: str
    cases: tuple[int, ...]

    @classmethod
    def of(cls, problem: Problem) -> Single:
        """Return what is known of a problem's programs."""
        return cls(problem.spec.objective.metric, scored_cases(problem))

    def beside(
        self, metrics: Mapping[str, float], values: Mapping[str, Sequence[float]]
    ) -> Mapping[str, float]:
        """Return a program's metrics with those of the single cases, when it has a value for each."""
        known = values.get(self.metric, ())
        if len(known) != len(self.cases):
            return metrics
        names = (case_metric(self.metric, case) for case in self.cases)
        return {**metrics, **dict(zip(names, known, strict=True))}


def verdict_of(outcome: Outcome, first: int | None, cost: float, single: Single) -> Verdict:
    """Return what the state needs to know.

    Args:
        outcome: What became of the ticket.
        first: An earlier committed program of the same code.
        cost: What the bandit is told that it cost.
        single: What is known of single cases.
    """
    ticket, found = outcome.ticket, outcome.evaluation
    status, objective, measures = "duplicate", None, None
    if outcome.lessons is not None:
        status = REFLECTED
    elif outcome.refusal:
        status = "refused"
    elif first is None and found is not None:
        status, objective, measures = found.status, found.objective, found.measures
    arm = _arm_of(outcome)
    metrics: Mapping[str, float] = {}
    if found is not None and objective is not None:
        metrics = single.beside(found.metrics, found.cases)
    return Verdict(
        ticket.id,
        ticket.island,
        arm,
        status,
        objective,
        measures,
        outcome.code_hash,
        cost,
        metrics,
        outcome.parents,
    )


def _arm_of(outcome: Outcome) -> str:
    """Name the arm to credit: that of the model which answered, not always the one that was chosen."""
    ticket = outcome.ticket
    return ticket.arm if outcome.model is None else f"{ticket.operator}@{outcome.model}"


def verdict_of_commit(commit: Brief, single: Single) -> Verdict:
    """Return the same from the store."""
    program, island, _, arm, _, code_hash, cost, _, status, objective, measures, found, cases, parents = (
        commit
    )
    metrics = single.beside(found, cases) if cases else found
    return Verdict(program, island, arm, status, objective, measures, code_hash, cost, metrics, parents)


def past_of(outcome: Outcome, verdict: Verdict, applied: Applied, hypothesis: Hypothesis | None) -> Past:
    """Return what later prompts may tell of a commit."""
    return Past(
        verdict.ticket,
        verdict.island,
        outcome.parents,
        outcome.change,
        verdict.status,
        verdict.objective,
        applied.kept,
        hypothesis,
    )


def past_of_commit(commit: Brief, applied: Applied, hypothesis: Hypothesis | None) -> Past:
    """Return the same from the store."""
    return Past(
        commit.id,
        commit.island,
        commit.parents,
        commit.change,
        commit.status,
        commit.objective,
        applied.kept,
        hypothesis,
    )


def hypothesis_row(hypothesis: Hypothesis) -> Row:
    """Return the row of a settled hypothesis."""
    return asdict(hypothesis)


def hypothesis_of(row: HypothesisRow) -> Hypothesis:
    """Return the same from the store."""
    direction: Literal["up", "down"] = "up" if row.direction == "up" else "down"
    return Hypothesis(row.program, row.idea, row.metric, direction, row.before, row.after, row.held)


def lesson_rows(outcome: Outcome) -> list[Row]:
    """Return the rows of what a reflection brought."""
    return [
        {"ticket": outcome.ticket.id, "text": lesson.text, "support": list(lesson.support)}
        for lesson in outcome.lessons or ()
    ]


def add_commit(
    batch: Batch,
    outcome: Outcome,
    verdict: Verdict,
    applied: Applied,
    first: int | None,
    *,
    seq: int,
    at_s: float,
) -> None:
    """Add the rows of one commit."""
    ticket, found = outcome.ticket, outcome.evaluation
    digest = hashlib.sha256(outcome.text.encode("utf-8", "surrogatepass")).hexdigest()
    calls = ticket.calls
    batch.sources.append({"hash": digest, "text": outcome.text})
    batch.programs.append(
        {
            "id": ticket.id,
            "seq": seq,
            "source": digest,
            "code_hash": outcome.code_hash,
            "island": ticket.island,
            "operator": ticket.operator,
            "arm": verdict.arm,
            "change": outcome.change,
            "model": outcome.model,
            "calls": calls.calls if calls else 0,
            "tokens": calls.tokens if calls else 0,
            "usd": calls.usd if calls else 0.0,
            "cost": verdict.cost,
            "seed": ticket.seed,
            "saw": ticket.saw,
            "at_s": at_s,
        }
    )
    batch.parentage += [
        {"child": ticket.id, "position": position, "parent": parent}
        for position, parent in enumerate(outcome.parents)
    ]
    kept = found if verdict.status != "duplicate" else None
    same = f"same code as program {first}" if verdict.status == "duplicate" else ""
    batch.evaluations.append(
        {
            "program": ticket.id,
            "status": verdict.status,
            "objective": verdict.objective,
            "measures": None if verdict.measures is None else list(verdict.measures),
            "metrics": kept.metrics if kept else {},
            "cases": {name: list(values) for name, values in kept.cases.items()} if kept else {},
            "feedback": outcome.refusal or (kept.feedback if kept else same),
            "duplicate_of": first if verdict.status == "duplicate" else None,
            "wall_s": kept.wall_s if kept else 0.0,
        }
    )
    _add_archive_rows(batch, seq, ticket.id, applied)


def _add_archive_rows(batch: Batch, seq: int, program: int, applied: Applied) -> None:
    batch.archive_events += [
        {
            "seq": seq,
            "program": program,
            "island": island,
            "cell": answer.cell,
            "status": int(answer.status),
            "gain": answer.gain,
        }
        for island, answer in applied.insertions
    ]
    batch.migrations += [
        {
            "seq": seq,
            "program": move.program_id,
            "source": move.source,
            "target": move.target,
            "cell": move.cell,
            "status": int(move.status),
            "gain": move.gain,
        }
        for move in applied.migrations
    ]


def add_stages(batch: Batch, ticket: int, keys: dict[str, str], stages: dict[str, StageResult]) -> None:
    """Add the rows of an evaluation's stages; those that did not run say what blocked them."""
    batch.stage_results += [
        {
            "ticket": ticket,
            "stage": name,
            "key": keys[name],
            "status": result.status,
            "metrics": result.metrics,
            "feedback": result.feedback,
            "printed": result.printed,
            "wall_s": result.wall_s,
            "cpu_s": result.cpu_s,
            "layers": " ".join(result.layers),
            "cases": {case: list(values) for case, values in result.cases.items()},
            "recalled": result.recalled,
        }
        for name, result in stages.items()
    ]


def event_row(kind: str, ticket: int | None, at_s: float, data: dict[str, Any]) -> Row:
    """Return the row of one event."""
    return {"ticket": ticket, "kind": kind, "at": datetime.now(UTC).isoformat(), "at_s": at_s, "data": data}
