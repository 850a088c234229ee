"""`evolve replay` and `evolve fork`: a run once more from its record, or another way from a point of it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Annotated, Any

import typer

from evolve.cli import _model_options as model_options
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._run import INTERRUPTED, display, finish, newest
from evolve.cli._runs import find_run
from evolve.cli._text import counted, duration, out, plain
from evolve.engine import Replayed, RunConfig, afork, areplay
from evolve.errors import UsageError
from evolve.problem import Problem, load_problem
from evolve.store import Reader, is_live

DIFFERENT = 1

RunId = Annotated[
    str | None,
    typer.Option("--id", metavar="NAME", help="Name of the new run's folder.", show_default=False),
]


def replay(
    run: options.RunName,
    run_id: RunId = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Repeat a run from its record, without any call to a model, and compare.

    Every program is proposed and evaluated anew, into a folder beside the
    run's; `last` goes on to mean the run itself.
    Models' answers come from the record. Ends with code 1 when a program, a
    score or an archive differs, and says where.

    Examples:
      evolve replay last

    A difference means that the code, the problem or an outcome near a limit
    of time or memory is not what it was.
    """
    folder = find_run(run, runs)
    if is_live(folder):
        raise UsageError(f"{folder}: is in progress. Replay it when it has ended.")
    config = RunConfig.load(folder)
    declared = load_problem(config.problem, config.params)
    with Reader(folder) as reader:
        commits = reader.committed()
    done = asyncio.run(
        areplay(
            folder,
            workers=workers,
            sandbox=options.policy(sandbox),
            run_id=run_id,
            display=display(declared, json, headline=plain(f"replaying {folder}"), repeats=commits),
            handle_signals=True,
        )
    )
    interrupted = done.result.reason == "interrupted"
    if json:
        facts = dataclasses.asdict(done.result)
        del facts["best_program"]
        same = {"same": done.same, "commits": done.commits, "difference": done.difference}
        emit({"event": "replayed", **same, **facts})
    else:
        _report(done, declared)
    if interrupted:
        raise typer.Exit(INTERRUPTED)
    if not done.same:
        raise typer.Exit(DIFFERENT)


def _report(done: Replayed, problem: Problem) -> None:
    took = f"{counted(done.commits, 'commit')} in {duration(done.result.elapsed_s)}, no call made"
    out.print()
    if done.result.reason == "interrupted":
        tickets = done.result.tickets
        text = f"interrupted after {tickets} of {counted(done.commits, 'commit')}: not compared to the end"
        out.print(plain(text, "yellow"), soft_wrap=True)
    elif done.same:
        out.print(
            plain(f"the same: {took}; programs, scores and archives are equal", "bold green"),
            soft_wrap=True,
        )
    else:
        out.print(plain(f"different: {done.difference}", "bold red"), soft_wrap=True)
        if not problem.steady:
            why = (
                "the problem declares results that do not repeat (deterministic = false): no replay of it can"
            )
            out.print(plain(f"{why} be equal", "yellow"), soft_wrap=True)
    out.print(plain(f"run      {done.result.folder}"), soft_wrap=True)


def fork(
    run: options.RunName,
    at: Annotated[
        int,
        typer.Option("--at", metavar="PROGRAM", min=1, help="Id of the last program to take over."),
    ],
    run_id: RunId = None,
    model: model_options.Model = None,
    command: model_options.Command = None,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    target: options.Target = None,
    stagnation: options.Stagnation = None,
    max_calls: model_options.MaxCalls = None,
    max_tokens: model_options.MaxTokens = None,
    max_usd: model_options.MaxUsd = None,
    seed: Annotated[
        int | None, typer.Option("--seed", "-s", metavar="N", min=0, help="Another seed from there on.")
    ] = None,
    api_base: model_options.ApiBase = None,
    concurrency: model_options.Concurrency = None,
    prompts: model_options.Prompts = None,
    order: model_options.Order = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Continue from a point of a run with other settings, as a run of its own.

    The commits up to that of the given program are copied with what they
    cost; the first run stays as it is. Limits count from the very beginning.

    Examples:
      evolve fork last --at 120 --seed 7
      evolve fork last --at 120 --model anthropic/claude-haiku-4-5 --max-usd 1
      evolve fork last --at 120 --max-usd none --max-calls 500

    Models given here replace those of the run. Its limits hold for the fork
    too, unless they are replaced here; `none` drops one.
    """
    folder = find_run(run, runs)
    config = RunConfig.load(folder)
    declared = load_problem(config.problem, config.params)
    limits = options.budget(
        max_evals=max_evals,
        max_seconds=max_seconds,
        target=target,
        stagnation=stagnation,
        max_calls=max_calls,
        max_tokens=max_tokens,
        max_usd=max_usd,
    )
    kept = None if model or command else config.models
    models = model_options.models(kept, model, command, api_base, concurrency)
    if models is None:
        model_options.refuse_limits(limits)
    changes: dict[str, Any] = {
        "seed": seed,
        "workers": workers,
        "order": options.order(order),
        "models": models,
        "prompts": None if prompts is None else str(prompts),
        "sandbox": options.policy(sandbox),
    }
    given = {name: value for name, value in changes.items() if value is not None}
    shown = display(declared, json, headline=plain(f"forking {folder} after program {at}"))
    session = afork(
        folder,
        at,
        changes=given,
        budget=limits,
        run_id=run_id,
        display=shown,
        handle_signals=True,
    )
    asking = models is not None
    finish(declared, session, shown, json=json, again=newest(folder.parent), asking=asking)
