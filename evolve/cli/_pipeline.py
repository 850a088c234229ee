"""The stages of one evaluation as a graph: what ran, how long it took, and what blocked what did not run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rich.table import Table

from evolve.cli._text import first_line, table
from evolve.pipeline import NOT_RUN
from evolve.store import Reader

_EDGES = ("needs", "after", "on_failure")


def pipeline_facts(reader: Reader, program: int) -> list[dict[str, Any]]:
    """Return every declared stage with what is stored about it, in the order of execution.

    Raises:
        UsageError: the run has no such program.
    """
    commit = reader.commit(program)
    declared = _declared(reader)
    rows = {row.stage: row for row in reader.stage_results(program)}
    known = {stage["name"] for stage in declared}
    declared += [{"name": name, "kind": ""} for name in rows if name not in known]
    facts = []
    for stage in declared:
        row = rows.get(stage["name"])
        facts.append(
            {
                **stage,
                "state": row.status if row else "not run",
                "recalled": bool(row and row.recalled),
                "wall_s": row.wall_s if row and row.status not in NOT_RUN else None,
                "reason": row.feedback
                if row and row.status != "ok"
                else _unevaluated(commit.evaluation) * (not row),
            }
        )
    return facts


def _declared(reader: Reader) -> list[dict[str, Any]]:
    """Return the graph as a session recorded it; empty for runs that recorded none."""
    for kind in ("started", "resumed"):  # the first session of a fork resumes what it took over
        for event in reader.events(kind=kind):
            stages = event.data.get("pipeline", [])
            return [stage for stage in stages if isinstance(stage, dict) and "name" in stage]
    return []


def _unevaluated(evaluation: Any) -> str:
    if evaluation.duplicate_of is not None:
        return f"same code as program {evaluation.duplicate_of}, which was evaluated"
    return f"not evaluated: {evaluation.status}: {evaluation.feedback}"


def pipeline_table(facts: list[dict[str, Any]]) -> Table:
    """Show the graph as a tree: each stage below the last one of those that it waits for."""
    rows = []
    for depth, stage in _as_tree(facts):
        name = "   " * (depth - 1) + "└─ " * bool(depth) + stage["name"]
        state = stage["state"] + (" (recalled)" if stage["recalled"] else "")
        time = "" if stage["wall_s"] is None else f"{1000 * stage['wall_s']:.1f}"
        rows.append((name, stage["kind"], _edges(stage), state, time, first_line(stage["reason"], 200)))
    columns = ("stage", "kind", "waits for", "state", "ms", "why")
    return table(columns, rows, numeric=(4,), prose=(2, 5))


def _as_tree(facts: list[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield each stage with its depth, right after the one that it hangs on and that one's other stages."""
    depths: dict[str, int] = {}
    below: dict[str | None, list[dict[str, Any]]] = {}
    for stage in facts:  # in the order of execution: what a stage waits for has been here before
        waits = [name for edge in _EDGES for name in stage.get(edge, ()) if name in depths]
        last = max(waits, key=depths.__getitem__, default=None)
        depths[stage["name"]] = 0 if last is None else 1 + depths[last]
        below.setdefault(last, []).append(stage)
    ahead = below.get(None, [])[::-1]
    while ahead:
        stage = ahead.pop()
        yield depths[stage["name"]], stage
        ahead += below.get(stage["name"], [])[::-1]


def _edges(stage: dict[str, Any]) -> str:
    parts = [", ".join(stage.get("needs", ()))]
    parts += [f"{edge.replace('_', ' ')} {', '.join(stage[edge])}" for edge in _EDGES[1:] if stage.get(edge)]
    parts += [f"when {stage['when']}"] if stage.get("when") else []
    parts += ["always"] if stage.get("always") else []
    return "; ".join(part for part in parts if part)
