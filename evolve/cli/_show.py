"""`evolve show`: one run, or one program of it, in full."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.syntax import Syntax

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import best_of, find_run, state_of
from evolve.cli._text import clean, counted, duration, number, out, table
from evolve.engine import RunConfig
from evolve.store import Reader

_IMPROVEMENTS_SHOWN = 10
_ANSWERS = ("rejected", "improved", "new cell")

Digest = Annotated[
    bool,
    typer.Option(
        "--digest", help="Hash all that must be equal between runs of one seed; reads the whole run."
    ),
]


def show(
    run: options.RunName,
    program: Annotated[
        int | None,
        typer.Argument(
            metavar="PROGRAM",
            help="Id of a program, to see its text and evaluation; the run itself when omitted.",
            min=1,
            show_default=False,
        ),
    ] = None,
    digest: Digest = False,
    folder: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Show a run: its configuration, outcomes, operators and improvements; or one program in full.

    Works on a run in progress too.

    Examples:
      evolve show last
      evolve show last 42
      evolve show last --digest

    The text of a program alone: evolve show last 42 --json | jq -r .text
    """
    path = find_run(run, folder)
    with Reader(path) as reader:
        if program is None:
            _show_run(path, reader, digest=digest, json=json)
        else:
            _show_program(reader, program, json=json)


def _show_run(path: Path, reader: Reader, *, digest: bool, json: bool) -> None:
    facts = _run_facts(path, reader)
    if digest:
        facts["digest"] = reader.digest()
    operators = reader.operators()
    if json:
        names = ("operator", "proposals", "valid", "kept")
        emit({**facts, "operators": [dict(zip(names, row, strict=True)) for row in operators]})
        return
    facts["params"] = facts["params"] or "as declared"
    out.print(table(("", ""), [(key, _fact(value)) for key, value in facts.items()], prose=(1,)))
    out.print()
    out.print(table(("operator", "proposals", "valid", "entered an archive"), operators, numeric=(1, 2, 3)))
    bests = reader.events(kind="best")
    if bests:
        shown = bests[-_IMPROVEMENTS_SHOWN:]
        earlier = f" (the last {len(shown)} of {len(bests)})" if len(shown) < len(bests) else ""
        out.print(f"\n{counted(len(shown), 'improvement')} of the best{earlier}:")
        rows = [(event.ticket, number(event.data["objective"]), duration(event.at_s)) for event in shown]
        out.print(table(("program", "objective", "at"), rows, numeric=(0, 1, 2)))


def _run_facts(path: Path, reader: Reader) -> dict[str, Any]:
    row, best, config = reader.run(), best_of(reader), RunConfig.load(path)
    return {
        "run": path.name,
        "folder": str(path),
        "problem": row.problem,
        "params": config.params,
        "state": state_of(path, reader),
        "seed": row.seed,
        "window": config.window,
        "islands": len(config.islands.islands),
        "budget": config.budget.model_dump(exclude_none=True),
        "began": row.created_at,
        "programs": reader.last_id(),
        "statuses": reader.statuses(),
        "best": None
        if best is None
        else {"program": best.program.id, "objective": best.evaluation.objective},
    }


def _show_program(reader: Reader, program: int, *, json: bool) -> None:
    facts = _program_facts(reader, program)
    stages = [row.model_dump(exclude={"id", "ticket"}) for row in reader.stage_results(ticket=program)]
    text = reader.text(program)
    if json:
        emit({**facts, "stages": stages, "text": text})
        return
    known = [(key, _fact(value)) for key, value in facts.items() if value not in ("", None, [], {})]
    out.print(table(("", ""), known, prose=(1,)))
    if stages:
        rows = [
            (s["stage"], s["status"], f"{1000 * s['wall_s']:.1f}", f"{1000 * s['cpu_s']:.1f}", s["layers"])
            for s in stages
        ]
        out.print()
        columns = ("stage", "status", "wall ms", "cpu ms", "sandbox layers")
        out.print(table(columns, rows, numeric=(2, 3), prose=(4,)))
    out.print()
    if out.is_terminal:
        out.print(
            Syntax(clean(text), "python", line_numbers=True, word_wrap=True, background_color="default")
        )
    else:
        out.out(clean(text), end="")


def _program_facts(reader: Reader, program: int) -> dict[str, Any]:
    commit = reader.commit(program)
    row, found = commit.program, commit.evaluation
    return {
        "program": row.id,
        "status": found.status,
        "objective": found.objective,
        "metrics": found.metrics,
        "parents": list(commit.parents),
        "operator": row.operator,
        "change": row.change,
        "island": row.island,
        "generator": row.seed,
        "saw": row.saw,
        "feedback": found.feedback,
        "duplicate_of": found.duplicate_of,
        "printed": "\n".join(s.printed for s in reader.stage_results(ticket=program) if s.printed),
        "archive": [
            {"island": e.island, "cell": e.cell, "status": _ANSWERS[e.status], "gain": e.gain}
            for e in reader.archive_events(program=program)
        ],
    }


def _fact(value: object) -> str:
    if value in (None, {}, []):
        return "–"
    if isinstance(value, dict):
        return " ".join(f"{key}={item}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(_fact(item) if isinstance(item, dict) else str(item) for item in value)
    return str(value).rstrip()
