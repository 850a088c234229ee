"""`evolve run` and `evolve resume`."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve.cli import _options as options
from evolve.cli._display import JsonDisplay, LiveDisplay, PlainDisplay, PollingDisplay, emit
from evolve.cli._runs import find_run
from evolve.cli._text import duration, err, number, out, plain, table
from evolve.engine import Budget, RunConfig, RunResult, aresume, arun
from evolve.errors import EvolveError
from evolve.export import Exported, export
from evolve.problem import Problem, load_problem

INTERRUPTED = 130


def run(
    problem: Annotated[str, typer.Argument(help="Name of a shipped problem (see `evolve problems`), or the path of a problem's folder.", show_default=False)],
    param: Annotated[list[str] | None, typer.Option("--param", "-p", metavar="NAME=VALUE", help="Override a parameter of the problem; may be repeated.")] = None,
    seed: Annotated[int, typer.Option("--seed", "-s", min=0, help="Seed of the run: equal seeds give equal runs.")] = 0,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    islands: Annotated[str, typer.Option("--islands", "-i", help="Archipelago: `single`, `ring4`, or the path of a .toml file.")] = "single",
    workers: options.Workers = None,
    window: Annotated[int, typer.Option("--window", min=1, help="Tickets in flight: each sees the archive as it stood this many commits before. Part of what decides the run.")] = 8,
    runs: options.Runs = Path("runs"),
    run_id: Annotated[str | None, typer.Option("--id", help="Name of the run's folder.  [default: from problem, date and seed]", show_default=False)] = None,
    json: options.Json = False,
) -> None:
    """Evolve programs for a problem, from its seed program on.

    Needs no key and no server: the built-in operators propose the programs. Every program runs in
    an isolated process and is scored outside of it. Ctrl-C stops cleanly; `evolve resume` goes on.
    Without any limit, a run ends after 500 evaluations.

    Examples:

      evolve run circle_packing --max-seconds 60

      evolve run circle_packing -p n=32 --islands ring4 --seed 7 --target 2.93

      evolve run path/to/my_problem --max-evals 1000 --json
    """
    declared = load_problem(problem)
    params = options.parse_params(param or [], declared)
    count = workers or options.default_workers()
    if count > window:
        err.print(f"note: {count} workers, but only {window} tickets in flight; raise --window to keep them all busy", style="yellow")
    budget = Budget(max_evals=max_evals, max_seconds=max_seconds, target=target, stagnation=stagnation)
    display = _display(declared, json)
    if not json:
        out.print(f"[bold]{declared.name}[/]: evolving with {count} workers, seed {seed}, islands ", plain(islands), sep="")
    _finish(
        declared,
        arun(
            problem,
            params=params,
            seed=seed,
            workers=count,
            window=window,
            islands=islands,
            budget=budget,
            runs=runs,
            run_id=run_id,
            display=display,
            handle_signals=True,
        ),
        json,
    )


def resume(
    run: options.RunName,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    workers: options.Workers = None,
    runs: options.Runs = Path("runs"),
    json: options.Json = False,
) -> None:
    """Continue a run after any stop: an interruption, a crash, an exhausted budget.

    Nothing that was committed is evaluated again. Limits given here replace those of the run, and
    count from its very beginning.

    Example: evolve resume last --max-seconds 600
    """
    folder = find_run(run, runs)
    config = RunConfig.load(folder)
    declared = load_problem(config.problem, config.params)
    budget = Budget(max_evals=max_evals, max_seconds=max_seconds, target=target, stagnation=stagnation)
    if not json:
        out.print("resuming ", plain(folder), sep="")
    display = _display(declared, json)
    _finish(declared, aresume(folder, workers=workers, budget=budget, display=display, handle_signals=True), json)


def _display(problem: Problem, json: bool) -> PollingDisplay:
    if json:
        return JsonDisplay(out)
    return LiveDisplay(out, problem.spec.objective.metric) if out.is_terminal else PlainDisplay(out)


def _finish(problem: Problem, session: Coroutine[Any, Any, RunResult], json: bool) -> None:
    """Run a session, export the best program and say where everything is."""
    result = asyncio.run(session)
    exported, trouble = _export(result) if result.best_id is not None else (None, "")
    if json:
        emit(_as_json(result, exported, trouble))
    else:
        _report(problem, result, exported, trouble)
    if result.reason == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _export(result: RunResult) -> tuple[Exported | None, str]:
    """Export the best program; trouble with it does not spoil the run, which is safe on disk."""
    try:
        return asyncio.run(export(result.folder)), ""
    except EvolveError as error:
        return None, str(error)


def _as_json(result: RunResult, exported: Exported | None, trouble: str) -> dict[str, Any]:
    data = dataclasses.asdict(result)
    data.pop("best_program")
    files = None if exported is None else {"folder": exported.folder, "program": exported.program, "pictures": exported.pictures}
    return {"event": "done", **data, "export": files, "trouble": trouble or (exported.note if exported else "")}


def _report(problem: Problem, result: RunResult, exported: Exported | None, trouble: str) -> None:
    metric = problem.spec.objective.metric
    out.print(f"\nstopped after {result.evaluations} evaluations in {duration(result.elapsed_s)}: ", plain(result.explanation), sep="")
    if result.best_objective is not None:
        out.print(f"[bold green]best {metric} = {result.best_objective!r}[/] (program {result.best_id})")
        _compare(problem, result.best_objective)
    if result.unsteady:
        out.print(f"{result.unsteady} programs ran out of time or memory: near its limit such an outcome may differ on another machine", style="yellow")
    if exported is not None:
        rows = [("program", exported.program), *(("picture", path) for path in exported.pictures), ("run", result.folder)]
        out.print(table(("", ""), rows))
        if exported.note:
            out.print(plain(exported.note, "yellow"))
    if trouble:
        out.print(plain(f"not exported: {trouble}", "yellow"))
    name = result.folder.name
    if result.reason == "interrupted":
        out.print(plain(f"go on with: evolve resume {name}"))
    elif result.best_id is not None:
        out.print(plain(f"look at it with: evolve show {name}   evolve lineage {name}"), style="dim")


def _compare(problem: Problem, value: float) -> None:
    """Set the result beside the reference values that hold for these parameters."""
    if problem.records:
        rows = [(number(r.value, 17), f"{value - r.value:+.3g}", r.source, r.as_of, r.exactness) for r in problem.records]
        out.print(table(("reference", "difference", "source", "as of", "exactness"), rows, numeric=(0, 1)))
