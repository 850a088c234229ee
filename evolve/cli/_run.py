"""`evolve run` and `evolve resume`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine
from typing import Annotated, Any

import typer

from evolve.cli import _options as options
from evolve.cli._display import JsonDisplay, LiveDisplay, PlainDisplay, PollingDisplay, emit
from evolve.cli._report import as_json, report
from evolve.cli._runs import find_run
from evolve.cli._text import counted, err, out, plain
from evolve.engine import RunConfig, RunResult, aresume, arun
from evolve.errors import EvolveError
from evolve.export import Exported, export
from evolve.problem import Problem, load_problem
from evolve.store import Reader

INTERRUPTED = 130


def run(
    problem: Annotated[
        str,
        typer.Argument(
            metavar="PROBLEM",
            help="Name of a shipped problem (see `evolve problems`), or the path of a problem's folder.",
            show_default=False,
        ),
    ],
    param: Annotated[
        list[str] | None,
        typer.Option(
            "--param",
            "-p",
            metavar="NAME=VALUE",
            help="Override a parameter of the problem; may be repeated.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int,
        typer.Option(
            "--seed", "-s", metavar="N", min=0, help="Seed of the run: equal seeds give equal runs."
        ),
    ] = 0,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    islands: Annotated[
        str,
        typer.Option(
            "--islands",
            "-i",
            metavar="PRESET",
            help="Archipelago: `single`, `ring4`, or the path of a .toml file.",
        ),
    ] = "single",
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    window: Annotated[
        int,
        typer.Option(
            "--window",
            metavar="N",
            min=1,
            max=100_000,
            help="Programs in the making at once: each is made from the archive as it stood this many "
            "commits before. Part of what decides the run.",
        ),
    ] = 8,
    runs: options.Runs = options.RUNS,
    run_id: Annotated[
        str | None,
        typer.Option(
            "--id",
            metavar="NAME",
            help="Name of the run's folder. By default made from problem, date and seed.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Evolve programs for a problem, from its seed program on.

    Needs no key and no server: the built-in operators propose the programs.
    Every program runs in an isolated process and is scored outside of it.
    Ctrl-C stops cleanly; `evolve resume` goes on.

    Examples:
      evolve run circle_packing --max-seconds 60
      evolve run circle_packing -p n=32 --islands ring4 --seed 7 --target 2.93
      evolve run path/to/my_problem --max-evals 1000 --json

    Several limits: the first one reached ends the run. Without any, it ends
    after 500 evaluations.
    """
    declared = load_problem(problem)
    params = options.parse_params(param or [], declared)
    declared = load_problem(problem, params)
    count = workers or options.default_workers()
    if count > window:
        note = f"note: {count} workers, but a window of {window}: raise --window to keep them all busy"
        err.print(plain(note, "yellow"), soft_wrap=True)
    budget = options.budget(max_evals, max_seconds, target, stagnation)
    if not json:
        settings = " ".join(f"{name}={value}" for name, value in declared.params.items())
        about = f" {settings}: seed {seed}, islands {islands}, {count} at once"
        out.print(plain(declared.name, "bold").append_text(plain(about)), soft_wrap=True)
    session = arun(
        problem,
        params=params,
        seed=seed,
        workers=count,
        window=window,
        islands=islands,
        sandbox=options.policy(sandbox),
        budget=budget,
        runs=runs,
        run_id=run_id,
        display=_display(declared, json),
        handle_signals=True,
    )
    again = "evolve resume last" + ("" if runs == options.RUNS else f" --runs {shlex.quote(str(runs))}")
    _finish(declared, session, json=json, again=again)


def resume(
    run: options.RunName,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Continue a run after any stop: an interruption, a crash, an exhausted budget.

    Nothing that was committed is evaluated again. Limits given here replace
    those of the run and count from its very beginning.

    Examples:
      evolve resume last
      evolve resume last --max-seconds 600

    A run that has reached a limit goes on only when that limit is raised.
    """
    folder = find_run(run, runs)
    config = RunConfig.load(folder)
    declared = load_problem(config.problem, config.params)
    budget = options.budget(max_evals, max_seconds, target, stagnation)
    with Reader(folder) as reader:
        before = reader.last_id()
    if not json:
        out.print(plain(f"resuming {folder}, {counted(before, 'program')} so far"), soft_wrap=True)
    session = aresume(
        folder,
        workers=workers,
        sandbox=options.policy(sandbox),
        budget=budget,
        display=_display(declared, json),
        handle_signals=True,
    )
    again = f"evolve resume {shlex.quote(str(folder))}"
    _finish(declared, session, json=json, again=again, before=before)


def _display(problem: Problem, json: bool) -> PollingDisplay:
    if json:
        return JsonDisplay(out)
    return LiveDisplay(out, problem.spec.objective.metric) if out.is_interactive else PlainDisplay(out)


def _finish(
    problem: Problem, session: Coroutine[Any, Any, RunResult], *, json: bool, again: str, before: int = 0
) -> None:
    """Run a session, export the best program and say where everything is; `again` would continue it."""
    try:
        result = asyncio.run(session)
    except KeyboardInterrupt:
        err.print(plain(f"interrupted; what was committed is safe; go on with: {again}"), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    exported, trouble = _export(result) if result.best_id is not None else (None, "")
    if json:
        emit(as_json(result, exported, trouble))
    else:
        report(problem, result, exported, trouble, idle=result.tickets == before)
    if result.reason == "interrupted":
        raise typer.Exit(INTERRUPTED)


def _export(result: RunResult) -> tuple[Exported | None, str]:
    """Export the best program; trouble with it does not spoil the run, which is safe on disk."""
    try:
        return asyncio.run(export(result.folder)), ""
    except EvolveError as error:
        return None, str(error)
    except KeyboardInterrupt:
        return None, f"interrupted; do it later with: evolve export {result.folder}"
