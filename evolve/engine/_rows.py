"""What a commit looks like in the store."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from evolve.engine._state import Applied, Verdict
from evolve.engine._tickets import Outcome
from evolve.pipeline import StageResult
from evolve.store import Batch, Commit, Row

SKIPPED = "skipped"


def verdict_of(outcome: Outcome, first: int | None) -> Verdict:
    """Return what the state needs to know; `first` is an earlier committed program of the same code."""
    ticket, found = outcome.ticket, outcome.evaluation
    if outcome.refusal:
        status, objective, measures = "refused", None, None
    elif first is not None or found is None:
        status, objective, measures = "duplicate", None, None
    else:
        status, objective, measures = found.status, found.objective, found.measures
    return Verdict(ticket.id, ticket.island, ticket.operator, status, objective, measures, outcome.code_hash)


def verdict_of_commit(commit: Commit) -> Verdict:
    """Return the same from the store."""
    program, found = commit.program, commit.evaluation
    measures = None if found.measures is None else tuple(found.measures)
    return Verdict(
        program.id,
        program.island,
        program.operator,
        found.status,
        found.objective,
        measures,
        program.code_hash,
    )


def add_commit(
    batch: Batch, outcome: Outcome, verdict: Verdict, applied: Applied, first: int | None, at_s: float
) -> None:
    """Add the rows of one commit."""
    ticket, found = outcome.ticket, outcome.evaluation
    digest = hashlib.sha256(outcome.text.encode("utf-8", "surrogatepass")).hexdigest()
    batch.sources.append({"hash": digest, "text": outcome.text})
    batch.programs.append(
        {
            "id": ticket.id,
            "source": digest,
            "code_hash": outcome.code_hash,
            "island": ticket.island,
            "operator": ticket.operator,
            "change": outcome.change,
            "model": None,
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
    batch.evaluations.append(
        {
            "program": ticket.id,
            "status": verdict.status,
            "objective": verdict.objective,
            "measures": None if verdict.measures is None else list(verdict.measures),
            "metrics": kept.metrics if kept else {},
            "feedback": outcome.refusal or (kept.feedback if kept else f"same code as program {first}"),
            "duplicate_of": first if verdict.status == "duplicate" else None,
            "wall_s": kept.wall_s if kept else 0.0,
        }
    )
    _add_archive_rows(batch, ticket.id, applied)


def _add_archive_rows(batch: Batch, ticket: int, applied: Applied) -> None:
    batch.archive_events += [
        {
            "ticket": ticket,
            "program": ticket,
            "island": island,
            "cell": answer.cell,
            "status": int(answer.status),
            "gain": answer.gain,
        }
        for island, answer in applied.insertions
    ]
    batch.migrations += [
        {
            "ticket": ticket,
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
    """Add the rows of an evaluation's stages."""
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
        }
        for name, result in stages.items()
        if result.status != SKIPPED
    ]


def event_row(kind: str, ticket: int | None, at_s: float, data: dict[str, Any]) -> Row:
    """Return the row of one event."""
    return {"ticket": ticket, "kind": kind, "at": datetime.now(UTC).isoformat(), "at_s": at_s, "data": data}
