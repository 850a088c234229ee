"""`evolve import`: a problem of another engine; and folders of such that are given in place of a problem."""

from __future__ import annotations

import asyncio
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve._toml import suggest
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import clean, err, number, out, plain, table
from evolve.errors import ProblemError, UsageError
from evolve.export import evaluate_fresh
from evolve.interop import LAYOUTS, TITLES, Imported, import_folder, import_once, recognise
from evolve.pipeline import Evaluation
from evolve.problem import Problem, load_problem

IMPORTS = "imported"
"""Folder among the runs where folders of other engines are imported that were given in place of a problem."""


def import_(
    layout: Annotated[
        str,
        typer.Argument(metavar="LAYOUT", help="`openevolve`, `shinka` or `gigaevo`.", show_default=False),
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The other engine's folder.", show_default=False)
    ],
    into: Annotated[
        Path | None,
        typer.Option(
            "--into",
            metavar="FOLDER",
            help="Where to write the problem. By default, a folder of the same name here.",
            show_default=False,
        ),
    ] = None,
    entry: Annotated[
        str | None,
        typer.Option(
            "--entry",
            metavar="NAME",
            help="The function of the program that the evaluator calls. By default, found out.",
            show_default=False,
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Score the seed programs in the sandbox afterwards.")
    ] = True,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
) -> None:
    """Turn a problem of OpenEvolve, ShinkaEvolve or GigaEvo into one of Evolve.

    The evaluator stays as it is. It executes programs itself, so both run
    together in one sandbox, without network, keys or files of yours; their
    results are marked as of shared trust. What could not be carried over is
    listed, here and in IMPORTED.md.

    Examples:
      evolve import openevolve path/to/circle_packing --into my_packing
      evolve run my_packing --max-evals 200

    `evolve run path/to/circle_packing` recognises such a folder by itself.
    """
    if layout not in LAYOUTS:
        raise UsageError(f"layout {layout!r}: must be {', '.join(LAYOUTS)}.{suggest(layout, LAYOUTS)}")
    done = import_folder(layout, folder, into or Path(folder.resolve().name), entry=entry)
    problem = load_problem(done.folder)
    seeds = _score_seeds(problem, options.policy(sandbox)) if check else []
    if json:
        emit({"folder": done.folder, "layout": layout, "left": done.left, "trust": "shared", "seeds": seeds})
        return
    out.print(plain(f"imported from {TITLES[layout]}: {done.folder}"), soft_wrap=True)
    if done.left:
        out.print("not carried over (IMPORTED.md has it all):")
        for sentence in done.left:
            out.print(plain(f"  {sentence}"), soft_wrap=True)
    if seeds:
        rows = [(row["seed"], row["status"], number(row["objective"])) for row in seeds]
        out.print(table(("seed", "status", problem.spec.objective.metric), rows, numeric=(2,)))
        for row in seeds:
            if row["status"] != "valid":
                out.print(plain(f"{row['seed']}: {clean(row['feedback'])}", "yellow"), soft_wrap=True)
            for note in row["outside"]:
                out.print(plain(f"{row['seed']}: {note}", "yellow"), soft_wrap=True)


def _score_seeds(problem: Problem, policy: str | None) -> list[dict[str, Any]]:
    rows = []
    for name, text in problem.seeds:
        found = asyncio.run(evaluate_fresh(problem, text, policy))
        facts = {"status": found.status, "objective": found.objective, "feedback": found.feedback}
        rows.append({"seed": name, **facts, "outside": _outside(problem, found)})
    return rows


def _outside(problem: Problem, found: Evaluation) -> list[str]:
    """Name the measures whose declared range, often a guess, does not hold what a seed has."""
    notes = []
    for measure, value in zip(problem.spec.measures, found.measures or (), strict=False):
        if measure.range is not None and not measure.range[0] <= value <= measure.range[1]:
            low, high = measure.range
            notes.append(
                f"{measure.metric} = {value:.6g} lies outside of the range [{low:g}, {high:g}], so that all "
                f"like it share the edge cell; correct `range` in {problem.folder / 'problem.toml'}, or add "
                "adapt = true"
            )
    return notes


def declared(problem: str, runs: Path) -> str:
    """Return the problem to load; when the folder of another engine is given, where it is imported.

    Raises:
        UsageError: the folder could be of several engines.
        ProblemError: a file of it is wrong.
    """
    layout = recognise(Path(problem))
    if layout is None:
        return problem
    try:
        done = import_once(layout, Path(problem), runs / IMPORTS)
    except ProblemError as error:
        if "--entry" not in str(error):
            raise
        how = f"evolve import {layout} {shlex.quote(problem)} --entry NAME"
        raise ProblemError(f"{error} That is an option of `{how}`.") from None
    err.print(plain(_said(problem, done), "yellow"), soft_wrap=True)
    return str(done.folder)


def _said(problem: str, done: Imported) -> str:
    how = "imported to" if done.fresh else "imported before to"
    return (
        f"note: {problem} is a folder of {TITLES[done.layout]}, {how} {done.folder}; IMPORTED.md in there "
        "lists what could not be carried over"
    )
