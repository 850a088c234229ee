"""`evolve run` and `evolve resume`."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from evolve._brief import briefly
from evolve.cli import _import as imported
from evolve.cli import _model_options as model_options
from evolve.cli import _options as options
from evolve.cli import _tabular as table_options
from evolve.cli._display import JsonDisplay, LiveDisplay, PlainDisplay, PollingDisplay, emit
from evolve.cli._report import Before, as_json, report
from evolve.cli._runs import find_run
from evolve.cli._text import counted, err, out, plain
from evolve.cli._watch import require_terminal, run_in_app, run_name
from evolve.engine import (
    RunConfig,
    RunFile,
    RunOptions,
    RunResult,
    aresume,
    arun,
    default_window,
    resumed_models,
)
from evolve.errors import EvolveError, ModelError, UsageError
from evolve.export import Exported, export
from evolve.islands import Preset
from evolve.models import ModelsConfig
from evolve.problem import Problem, load_problem
from evolve.store import Reader

INTERRUPTED = 130
UNANSWERED = 3
"""Exit code of a run whose models never answered: all that it found, it found without them."""


def run(
    context: typer.Context,
    problem: options.ProblemName,
    param: options.Param = None,
    model: model_options.Model = None,
    command: model_options.Command = None,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: table_options.Target = None,
    stagnation: options.Stagnation = None,
    max_calls: model_options.MaxCalls = None,
    max_tokens: model_options.MaxTokens = None,
    max_usd: model_options.MaxUsd = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed",
            "-s",
            metavar="N",
            min=0,
            help="Seed of the run: equal seeds give equal runs, as far as models answer the same. "
            "[default: 0]",
        ),
    ] = None,
    islands: Annotated[
        str | None,
        typer.Option(
            "--islands",
            "-i",
            metavar="PRESET",
            help="Archipelago: `single`, `ring4`, or the path of a .toml file. [default: single]",
        ),
    ] = None,
    api_base: model_options.ApiBase = None,
    concurrency: model_options.Concurrency = None,
    prompts: model_options.Prompts = None,
    memory: model_options.Memory = None,
    order: model_options.Order = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    window: Annotated[
        int | None,
        typer.Option(
            "--window",
            metavar="N",
            min=1,
            max=100_000,
            help="Programs in the making at once: each is made from the archive as it stood this many "
            "commits before. Part of what decides the run. [default: 8; more with models]",
        ),
    ] = None,
    config: options.Config = None,
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
    cache: options.Cache = True,
    data: table_options.Data = None,
    describe: table_options.Describe = None,
    metric: table_options.MetricName = None,
    learner: table_options.LearnerName = None,
    groups: table_options.Groups = None,
    time: table_options.Time = None,
    task: table_options.TaskName = None,
    keep: table_options.Keep = None,
    json: options.Json = False,
    tui: Annotated[
        bool,
        typer.Option("--tui", help="Show the run in the app, as `evolve watch` does; it outlives the app."),
    ] = False,
) -> None:
    """Evolve programs for a problem, from its seed program on.

    Needs no key and no server: the built-in operators propose the programs.
    With --model a language model proposes most of them; `evolve plan` says
    before what that will cost, and the --max options bound it.
    Every program runs in an isolated process and is scored outside of it.
    Ctrl-C stops cleanly; `evolve resume` goes on.

    Examples:
      evolve run circle_packing --max-seconds 60
      evolve run circle_packing -p n=32 --islands ring4 --seed 7 --target 2.93
      evolve run circle_packing --model openai/gpt-5-mini --max-usd 2
      evolve run path/to/my_problem --max-evals 1000 --json
      evolve run tabular --data train.csv --target label

    Several limits: the first one reached ends the run. Without any, it ends
    after 500 evaluations.
    """
    if tui:
        refuse_json(json)
        require_terminal("--tui")
    file = RunFile.load(config) if config else RunFile()
    asked_seed = first(seed, file.seed, 0)
    described = table_options.Asked(data, describe, metric, learner, groups, time, task, keep)
    problem, good_enough = table_options.declared(problem, described, target, asked_seed, runs)
    problem = imported.declared(problem, runs)
    declared = load_problem(problem)
    if config:
        file.check_problem(declared, config)
    params = {**file.params, **options.parse_params(param or [], declared)}
    declared = load_problem(problem, params)
    count = workers or file.workers or options.default_workers()
    asked = model_options.models(file.models, model, command, api_base, concurrency)
    given = options.budget(
        max_evals=max_evals,
        max_seconds=max_seconds,
        target=good_enough,
        stagnation=stagnation,
        max_calls=max_calls,
        max_tokens=max_tokens,
        max_usd=max_usd,
    )
    window = window or file.window
    _note_idle_workers(count, window, asked)
    if tui:
        name = run_id or run_name(declared.name, first(seed, file.seed, 0), runs)
        given_again = [argument for argument in context.obj if argument != "--tui"]
        run_in_app([*given_again, *(() if run_id else ("--id", name))], runs / name)
        return
    chosen = RunOptions(
        params=params,
        seed=asked_seed,
        workers=count,
        window=window,
        order=options.order(order) or file.order,
        islands=islands or file.islands or "single",
        operators=file.operators,
        models=asked,
        prompts=prompts or file.prompts,
        memory=memory or file.memory,
        sandbox=options.policy(sandbox) or file.sandbox,
        budget=file.budget.model_copy(update=given.model_dump(exclude_unset=True)),
        runs=runs,
        run_id=run_id,
        cache=cache,
        handle_signals=True,
    )
    shown = display(declared, json, headline=_headline(declared, chosen))
    chosen["display"] = shown
    session = arun(problem, **chosen)
    finish(declared, session, shown, json=json, again=newest(runs), asking=asked is not None)


def refuse_json(json: bool) -> None:
    """Refuse --json beside --tui; raises UsageError."""
    if json:
        raise UsageError("--tui: shows the run to people, --json tells it to scripts. Give one of them.")


def newest(runs: Path) -> str:
    """Return the command that goes on with the newest run of a folder."""
    return "evolve resume last" + ("" if runs == options.RUNS else f" --runs {shlex.quote(str(runs))}")


def first(*values: int | None) -> int:
    """Return the first value that was given."""
    return next(value for value in values if value is not None)


def _note_idle_workers(count: int, window: int | None, asked: ModelsConfig | None) -> None:
    in_flight = window or default_window(asked, count)
    if count > in_flight:
        note = f"note: {count} workers, but a window of {in_flight}: raise --window to keep them all busy"
        err.print(plain(note, "yellow"), soft_wrap=True)


def _headline(problem: Problem, chosen: RunOptions) -> Text:
    settings = briefly(problem.params)
    islands = chosen["islands"]
    preset = islands.archipelago.title if isinstance(islands, Preset) else islands
    about = (
        f"{settings and ' '}{settings}: seed {chosen['seed']}, islands {preset}, {chosen['workers']} at once"
    )
    asked = chosen["models"]
    names = asked.names if isinstance(asked, ModelsConfig) else asked or ()
    about += f", asking {', '.join(names)}" if names else ""
    return plain(problem.name, "bold").append_text(plain(about))


def resume(
    run: options.RunName,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    max_calls: model_options.MaxCalls = None,
    max_tokens: model_options.MaxTokens = None,
    max_usd: model_options.MaxUsd = None,
    api_base: model_options.ApiBase = None,
    concurrency: model_options.Concurrency = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    settings: options.Config = None,
    cache: options.Cache = True,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Continue a run after any stop: an interruption, a crash, an exhausted budget.

    Nothing that was committed is evaluated again. Limits given here replace
    those of the run and count from its very beginning; `none` drops one.

    Examples:
      evolve resume last
      evolve resume last --max-seconds 600
      evolve resume last --config slower.toml

    A run that has reached a limit goes on only when that limit is raised.
    Of the models, how they are called may change (--api-base, --concurrency,
    [models] of a --config file), not which: `evolve fork` asks others.
    """
    folder = find_run(run, runs)
    config = RunConfig.load(folder)
    declared = load_problem(config.problem, config.params)
    file = RunFile.load(settings) if settings else RunFile()
    if settings:
        file.check_problem(declared, settings)
    given = options.budget(
        max_evals=max_evals,
        max_seconds=max_seconds,
        target=target,
        stagnation=stagnation,
        max_calls=max_calls,
        max_tokens=max_tokens,
        max_usd=max_usd,
    )
    models = model_options.models(resumed_models(config, file), None, None, api_base, concurrency)
    budget = file.budget.model_copy(update=given.model_dump(exclude_unset=True))
    if models is None:
        model_options.refuse_limits(budget)
    with Reader(folder) as reader:
        before = Before(reader.committed(), len(reader.calls()))
    headline = plain(f"resuming {folder}, {counted(before.programs, 'program')} so far")
    shown = display(declared, json, headline=headline)
    session = aresume(
        folder,
        workers=workers or file.workers,
        sandbox=options.policy(sandbox) or file.sandbox,
        budget=budget,
        models=models,
        cache=cache,
        display=shown,
        handle_signals=True,
    )
    again = f"evolve resume {shlex.quote(str(folder))}"
    asking = models is not None
    finish(declared, session, shown, json=json, again=again, before=before, asking=asking)


def display(problem: Problem, json: bool, *, headline: Text, repeats: int | None = None) -> PollingDisplay:
    """Return what shows a session: a live panel, plain lines where there is no terminal, or JSON lines.

    Args:
        problem: What is solved.
        json: Write JSON lines.
        headline: What is said when the session begins, but not in JSON.
        repeats: Number of recorded commits that are repeated; None: the session makes new ones.
    """
    if json:
        return JsonDisplay(out)
    if out.is_interactive:
        return LiveDisplay(out, problem.spec.objective.metric, repeats=repeats, headline=headline)
    return PlainDisplay(out, repeats=repeats, headline=headline)


def finish(
    problem: Problem,
    session: Coroutine[Any, Any, RunResult],
    shown: PollingDisplay,
    *,
    json: bool,
    again: str,
    before: Before | None = None,
    asking: bool = False,
) -> None:
    """Run a session, export the best program and say where everything is.

    Args:
        problem: What is solved.
        session: The session.
        shown: What shows it.
        json: End with a JSON line.
        again: The command that would go on.
        before: What the run held before this session.
        asking: Models are asked: their library takes seconds to load.
    """
    try:
        with shown.waiting("loading the model library ..." if asking else ""):
            result = asyncio.run(session)
    except KeyboardInterrupt:
        err.print(plain(f"interrupted; what was committed is safe; go on with: {again}"), soft_wrap=True)
        raise typer.Exit(INTERRUPTED) from None
    except ModelError as error:
        if not shown.began:
            raise
        raise ModelError(f"{error}\nWhat was found until then is safe. Go on with: {again}") from None
    exported, trouble = _export(result) if result.best_id is not None else (None, "")
    if json:
        emit(as_json(result, exported, trouble))
    else:
        report(problem, result, exported, trouble, before)
    if result.reason == "interrupted":
        raise typer.Exit(INTERRUPTED)
    if result.unanswered:
        raise typer.Exit(UNANSWERED)


def _export(result: RunResult) -> tuple[Exported | None, str]:
    """Export the best program; trouble with it does not spoil the run, which is safe on disk."""
    try:
        return asyncio.run(export(result.folder)), ""
    except EvolveError as error:
        return None, str(error)
    except KeyboardInterrupt:
        return None, f"interrupted; do it later with: evolve export {result.folder}"
