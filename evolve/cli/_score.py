"""`evolve score`: evaluate one file."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve.authoring import evaluate_file
from evolve.cli import _import as imported
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import number, out, plain, table
from evolve.pipeline import Evaluation
from evolve.problem import Problem, load_problem

NOT_VALID = 1


def score(
    problem: options.ProblemName,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The program: a file of yours, a seed, or the program.py of an export.",
            show_default=False,
        ),
    ],
    param: options.Param = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
) -> None:
    """Score one program in the sandbox, apart from any run.

    Examples:
      evolve score my_problem my_problem/seeds/first.py
      evolve score circle_packing best/program.py -p n=32

    Shows what the program and score.py print, too: `print` is a way to look
    into a scorer. Exit code 0 when the program is valid, 1 when it is not.
    """
    problem = imported.declared(problem, options.RUNS)
    declared = load_problem(problem)
    declared = load_problem(problem, options.parse_params(param or [], declared))
    found = asyncio.run(evaluate_file(declared, file, options.policy(sandbox)))
    if json:
        emit(_facts(declared, file, found))
    else:
        _show(declared, found)
    if found.status != "valid":
        raise typer.Exit(NOT_VALID)


def _facts(problem: Problem, file: Path, found: Evaluation) -> dict[str, Any]:
    return {
        "problem": problem.name,
        "params": problem.params,
        "file": file,
        "status": found.status,
        "metric": problem.spec.objective.metric,
        "objective": found.objective,
        "metrics": found.metrics,
        "measures": _measures(problem, found),
        "feedback": found.feedback,
        "wall_s": found.wall_s,
        "stages": {
            name: {
                "status": stage.status,
                "wall_s": stage.wall_s,
                "cpu_s": stage.cpu_s,
                "printed": stage.printed,
            }
            for name, stage in found.stages.items()
        },
    }


def _measures(problem: Problem, found: Evaluation) -> dict[str, float] | None:
    if found.measures is None:
        return None
    names = [measure.metric for measure in problem.spec.measures]
    return dict(zip(names, found.measures, strict=True))


def _show(problem: Problem, found: Evaluation) -> None:
    valid = found.status == "valid"
    line = plain(found.status, "bold green" if valid else "bold red")
    if valid:
        line.append(f": {problem.spec.objective.metric} = {number(found.objective)}")
    out.print(line)
    measures = _measures(problem, found) or {}
    rows = [
        (name, number(value), "measure" if name in measures else "") for name, value in found.metrics.items()
    ]
    if rows:
        out.print(table(("metric", "value", ""), rows))
    if found.feedback:
        out.print(plain(found.feedback), soft_wrap=True)
    scoring = {spec.name for spec in problem.spec.stages if spec.kind == "score"}
    for name, stage in found.stages.items():
        if stage.printed:
            if name not in scoring:  # what a scorer prints says so itself
                out.print(plain(f"printed in {name}:", "dim"))
            out.print(plain(stage.printed.rstrip("\n")), soft_wrap=True)
    spent = [(name, f"{1000 * stage.wall_s:.1f}", stage.status) for name, stage in found.stages.items()]
    out.print(table(("stage", "ms", ""), spent, numeric=(1,)))
