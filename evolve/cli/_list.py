"""`evolve problems` and `evolve runs`: what there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from evolve._brief import briefly
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import best_of, run_folders, state_of, trust_of
from evolve.cli._text import duration, err, number, out, plain, table
from evolve.errors import EvolveError
from evolve.problem import Problem, list_problems
from evolve.store import Reader

_DIGITS = 9
_FIRST = 1
"""The first seed: all programs of a run pass through the same stages."""


def problems(json: options.Json = False) -> None:
    """List the shipped problems with their parameters and objectives.

    A problem of your own is a folder with a problem.toml; every command takes
    its path in place of a name.

    Change a parameter with -p:

      evolve run circle_packing -p n=32
    """
    found = list_problems()
    if json:
        emit([_problem_row(problem) for problem in found])
        return
    rows = [
        (
            problem.name,
            briefly(problem.params),
            f"{problem.spec.objective.direction} {problem.spec.objective.metric}",
            problem.spec.problem.title,
        )
        for problem in found
    ]
    out.print(table(("problem", "parameters", "objective", "title"), rows, prose=(1, 3)))


def _problem_row(problem: Problem) -> dict[str, Any]:
    objective = problem.spec.objective
    return {
        "name": problem.name,
        "title": problem.spec.problem.title,
        "params": problem.params,
        "objective": objective.metric,
        "direction": objective.direction,
        "folder": str(problem.folder),
    }


def runs(folder: options.Runs = options.RUNS, json: options.Json = False) -> None:
    """List the runs, oldest first, with their state and best value.

    States: running; the limit that ended it; interrupted; replayed; failed
    (`evolve show RUN` says why); broken off (killed, or out of disk space).
    `evolve resume` continues any that is not running.
    """
    rows, unreadable = [], []
    for path in run_folders(folder):
        try:
            rows.append(_run_row(path))
        except EvolveError as error:
            rows.append({"run": path.name, "state": "unreadable", "error": str(error)})
            unreadable.append(str(error))
    if json:
        emit(rows)
        return
    if not rows:
        out.print(
            plain(f"no runs in {folder}/ yet; begin one with: evolve run circle_packing"), soft_wrap=True
        )
        return
    out.print(
        table(("run", "best", "programs", "time", "state"), [_cells(row) for row in rows], numeric=(1, 2, 3))
    )
    for message in unreadable:
        err.print(plain(message, "yellow"), soft_wrap=True)


def _run_row(path: Path) -> dict[str, Any]:
    with Reader(path) as reader:
        last = reader.last_id()
        best = best_of(reader)
        return {
            "run": path.name,
            "problem": reader.run().problem,
            "state": state_of(path, reader),
            "trust": trust_of(reader.stage_results(_FIRST)),
            "programs": reader.committed(),
            "best": best.evaluation.objective if best else None,
            "time_s": reader.commit(last).program.at_s if last else 0.0,
        }


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    problem = row.get("problem", "")
    name = row["run"] if row["run"].startswith(problem) else f"{row['run']} ({problem})"
    best, time = number(row.get("best"), _DIGITS), duration(row.get("time_s"))
    state = row["state"] + (" (shared trust)" if row.get("trust") == "shared" else "")
    return name, best, str(row.get("programs", "–")), time, state
