"""`evolve problems`, `runs`, `show`, `lineage`, `diff`: look at what there is."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.syntax import Syntax

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import find_run, run_folders, state_of
from evolve.cli._text import clean, duration, first_line, number, out, plain, table
from evolve.engine import RunConfig
from evolve.errors import EvolveError
from evolve.problem import list_problems, load_problem
from evolve.store import Commit, Reader

ProgramId = Annotated[int | None, typer.Argument(metavar="[PROGRAM]", help="Id of a program; the best one when omitted.", min=1, show_default=False)]


def problems(json: options.Json = False) -> None:
    """List the shipped problems with their parameters and objectives.

    A problem of your own is a folder with a problem.toml; commands take its path.
    """
    found = list_problems()
    if json:
        emit([{"name": p.name, "title": p.spec.problem.title, "params": p.params, "objective": p.spec.objective.metric, "direction": p.spec.objective.direction, "folder": str(p.folder)} for p in found])
        return
    rows = [
        (
            p.name,
            " ".join(f"{k}={v}" for k, v in p.params.items()),
            f"{p.spec.objective.direction} {p.spec.objective.metric}",
            p.spec.problem.title,
        )
        for p in found
    ]
    out.print(table(("problem", "parameters", "objective", "title"), rows))


def runs(folder: options.Runs = Path("runs"), json: options.Json = False) -> None:
    """List the runs, oldest first, with their state and best value."""
    rows: list[dict[str, Any]] = []
    for path in run_folders(folder):
        try:
            rows.append(_run_row(path))
        except EvolveError as error:
            rows.append({"run": path.name, "problem": "", "state": first_line(str(error)), "programs": None, "best": None, "time_s": None})
    if json:
        emit(rows)
        return
    if not rows:
        out.print(plain(f"no runs in {folder}/ yet; begin one with: evolve run circle_packing"))
        return
    cells = [(r["run"], r["problem"], r["state"], r["programs"] or "–", number(r["best"]), duration(r["time_s"])) for r in rows]
    out.print(table(("run", "problem", "state", "programs", "best", "time"), cells, numeric=(3, 4, 5)))


def _run_row(path: Path) -> dict[str, Any]:
    with Reader(path) as reader:
        last = reader.last_id()
        best = _best(path, reader)
        return {
            "run": path.name,
            "problem": reader.run().problem,
            "state": state_of(path, reader),
            "programs": last,
            "best": best.evaluation.objective if best else None,
            "time_s": reader.commit(last).program.at_s if last else 0.0,
        }


def _best(path: Path, reader: Reader) -> Commit | None:
    config = RunConfig.load(path)
    problem = load_problem(config.problem, config.params)
    return reader.best(maximize=problem.spec.objective.direction == "maximize")


def show(run: options.RunName, program: ProgramId = None, folder: options.Runs = Path("runs"), json: options.Json = False) -> None:
    """Show a run: its configuration, outcomes, operators and best programs; or one program in full.

    Examples:

      evolve show last

      evolve show last 42
    """
    path = find_run(run, folder)
    with Reader(path) as reader:
        if program is None:
            _show_run(path, reader, json)
        else:
            _show_program(reader, program, json)


def _show_run(path: Path, reader: Reader, json: bool) -> None:
    row, best = reader.run(), _best(path, reader)
    config = RunConfig.load(path)
    facts = {
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
        "best": None if best is None else {"program": best.program.id, "objective": best.evaluation.objective},
        "digest": reader.digest(),
    }
    if json:
        emit({**facts, "operators": [{"operator": n, "proposals": t, "valid": v, "kept": k} for n, t, v, k in reader.operators()]})
        return
    out.print(table(("", ""), [(key, _fact(value)) for key, value in facts.items()]))
    out.print()
    out.print(table(("operator", "proposals", "valid", "entered an archive"), reader.operators(), numeric=(1, 2, 3)))
    bests = reader.events(kind="best")
    if bests:
        out.print()
        rows = [(e.ticket, number(e.data["objective"], 16), duration(e.at_s)) for e in bests[-10:]]
        out.print(table(("new best: program", "objective", "at"), rows, numeric=(0, 1, 2)))


def _fact(value: object) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {item}" for key, item in value.items()) or "–"
    return "–" if value is None else str(value)


def _show_program(reader: Reader, program: int, json: bool) -> None:
    commit, text = reader.commit(program), reader.text(program)
    p, e = commit.program, commit.evaluation
    stages = reader.stage_results(ticket=program)
    facts = {
        "program": p.id,
        "status": e.status,
        "objective": e.objective,
        "metrics": e.metrics,
        "parents": list(commit.parents),
        "operator": p.operator,
        "change": p.change,
        "island": p.island,
        "generator": p.seed,
        "saw": p.saw,
        "feedback": e.feedback,
        "duplicate_of": e.duplicate_of,
        "printed": "\n".join(s.printed for s in stages if s.printed),
        "archive": [{"island": a.island, "cell": a.cell, "status": a.status, "gain": a.gain} for a in reader.archive_events(program=program)],
    }
    if json:
        emit({**facts, "stages": [s.model_dump(exclude={"id", "ticket"}) for s in stages], "text": text})
        return
    answers = ("rejected", "improved", "new cell")
    facts["archive"] = ", ".join(
        f"island {a.island} cell {a.cell}: {answers[a.status]}" for a in reader.archive_events(program=program)
    )
    out.print(table(("", ""), [(key, _fact(value)) for key, value in facts.items() if value not in ("", None, [])]))
    out.print()
    if stages:
        rows = [(s.stage, s.status, f"{1000 * s.wall_s:.1f}", f"{1000 * s.cpu_s:.1f}", s.layers.replace(" ", ", ")) for s in stages]
        out.print(table(("stage", "status", "wall ms", "cpu ms", "sandbox layers"), rows, numeric=(2, 3)))
        out.print()
    out.print(Syntax(clean(text), "python", line_numbers=True, background_color="default"))


def lineage(run: options.RunName, program: ProgramId = None, folder: options.Runs = Path("runs"), json: options.Json = False) -> None:
    """Show how a program came to be: its ancestors from the seed on, what each change did."""
    path = find_run(run, folder)
    with Reader(path) as reader:
        chain = _ancestors(reader, _given_or_best(path, reader, program))
    if json:
        emit([{"id": c.program.id, "parents": list(c.parents), "operator": c.program.operator, "change": c.program.change, "objective": c.evaluation.objective} for c in chain])
        return
    rows = []
    before: float | None = None
    for commit in chain:
        value = commit.evaluation.objective
        gain = "" if value is None or before is None else f"{value - before:+.6g}"
        others = "".join(f" + {parent}" for parent in commit.parents[1:])
        rows.append((commit.program.id, commit.evaluation.status, number(value), gain, commit.program.operator + others, commit.program.change))
        before = value
    out.print(table(("program", "status", "objective", "difference", "operator", "change"), rows, numeric=(0, 2, 3)))


def _given_or_best(path: Path, reader: Reader, program: int | None) -> int:
    if program is not None:
        return program
    best = _best(path, reader)
    return best.program.id if best else reader.last_id()


def _ancestors(reader: Reader, program: int) -> list[Commit]:
    """Return the chain of main parents, oldest first."""
    chain = [reader.commit(program)]
    while chain[-1].parents:
        chain.append(reader.commit(chain[-1].parents[0]))
    return chain[::-1]


def diff(
    run: options.RunName,
    first: Annotated[int, typer.Argument(metavar="PROGRAM", help="Id of a program.", min=1, show_default=False)],
    second: Annotated[int | None, typer.Argument(metavar="[OTHER]", help="Id to compare with; the program's main parent when omitted.", min=1, show_default=False)] = None,
    folder: options.Runs = Path("runs"),
) -> None:
    """Show what changed between a program and its parent, or between two programs."""
    with Reader(find_run(run, folder)) as reader:
        newer = reader.commit(first)
        older = second or (newer.parents[0] if newer.parents else None)
        before = reader.text(older) if older else ""
        lines = difflib.unified_diff(
            before.splitlines(),
            reader.text(first).splitlines(),
            f"program {older}" if older else "nothing (a seed)",
            f"program {first}",
            lineterm="",
        )
        styles = {"+": "green", "-": "red", "@": "cyan"}
        for line in lines:
            out.print(plain(line, styles.get(line[:1], "")), soft_wrap=True)
