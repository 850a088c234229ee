"""`evolve plan`: what a run with models will cost, before anything is spent."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve.cli import _import as imported
from evolve.cli import _model_options as model_options
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import duration, err, out, plain, table
from evolve.engine import DEFAULT_MAX_EVALS, Budget, Plan, RunFile, RunOptions, aplan
from evolve.errors import UsageError
from evolve.problem import load_problem


def plan(
    problem: options.ProblemName,
    param: options.Param = None,
    model: model_options.Model = None,
    command: model_options.Command = None,
    max_evals: options.MaxEvals = None,
    max_seconds: options.MaxSeconds = None,
    max_calls: model_options.MaxCalls = None,
    max_tokens: model_options.MaxTokens = None,
    max_usd: model_options.MaxUsd = None,
    api_base: model_options.ApiBase = None,
    concurrency: model_options.Concurrency = None,
    prompts: model_options.Prompts = None,
    latency: Annotated[
        float | None,
        typer.Option(
            "--latency",
            metavar="SECONDS",
            min=0.0,
            help="Seconds that a call takes. By default guessed from the length of the reply.",
            show_default=False,
        ),
    ] = None,
    workers: options.Workers = None,
    sandbox: options.Sandbox = None,
    config: options.Config = None,
    json: options.Json = False,
) -> None:
    """Say what a run with models will use until its budget ends: calls, tokens, dollars, time.

    Renders the prompts as they would be sent, measures an evaluation of the
    seed, and looks up prices. Sends nothing; that names are known and keys are
    set is checked as for a run. The report at the end of the run sets what was
    used beside it.

    Examples:
      evolve plan circle_packing --model openai/gpt-5-mini --max-usd 2
      evolve plan my_problem -m anthropic/claude-haiku-4-5 --max-evals 500

    Prompts grow while a run learns: the figures are those of its beginning.
    The hidden reasoning of models that reason is not foreseen.
    """
    file = RunFile.load(config) if config else RunFile()
    problem = imported.declared(problem, options.RUNS)
    declared = load_problem(problem)
    if config:
        file.check_problem(declared, config)
    params = {**file.params, **options.parse_params(param or [], declared)}
    asked = model_options.models(file.models, model, command, api_base, concurrency)
    if asked is None:
        raise UsageError("evolve plan: is for runs with models. Give --model PROVIDER/NAME.")
    given = options.budget(
        max_evals=max_evals,
        max_seconds=max_seconds,
        max_calls=max_calls,
        max_tokens=max_tokens,
        max_usd=max_usd,
    )
    budget = file.budget.model_copy(update=given.model_dump(exclude_unset=True))
    chosen = RunOptions(
        params=params,
        workers=workers or file.workers or options.default_workers(),
        islands=file.islands or "single",
        operators=file.operators,
        models=asked,
        prompts=prompts or (Path(file.prompts) if file.prompts else None),
        sandbox=options.policy(sandbox) or file.sandbox,
        budget=budget,
    )
    waits = "loading the model library, then measuring an evaluation of the seed ..."
    with err.status(plain(waits, "dim")) if err.is_terminal else contextlib.nullcontext():
        found = asyncio.run(aplan(problem, latency_s=latency, **chosen))
    if json:
        emit(found.facts())
    else:
        _print(found, budget)


def _print(found: Plan, budget: Budget) -> None:
    rows = [
        (
            line.operator,
            line.model,
            f"{line.share:.0%}" if line in found.lines else "each",
            *((line.prompt_tokens, line.reply_tokens, _usd(line.usd)) if line.counted else ("–",) * 3),
        )
        for line in (*found.lines, *found.opinions)
    ]
    columns = ("operator", "model", "share", "prompt", "reply", "USD a call")
    out.print(table(columns, rows, numeric=(2, 3, 4, 5), prose=(0, 1)))
    rest = 1.0 - sum(line.share for line in found.lines)
    opinions = "; each: about every program" if found.opinions else ""
    shares = f"share: of all proposals, at first{opinions}" + (
        f"; the other {rest:.0%} are made by built-in operators, without a call" if rest >= 0.005 else ""
    )
    uncounted = "" if all(line.counted for line in found.lines) else "; nobody knows those of a command"
    out.print(plain(f"{shares}. prompt, reply: tokens of a call{uncounted}", "dim"))
    out.print()
    out.print(table(("", ""), list(plan_facts(found, budget).items()), prose=(1,)))
    for note in _notes(found, budget):
        out.print(plain(note, "yellow"), soft_wrap=True)
    unknown = sorted({line.model for line in found.lines if line.usd is None})
    if unknown:
        text = (
            f"no price is known for {', '.join(unknown)}: set usd_per_million_prompt and "
            "usd_per_million_reply in [models] of a --config file (0 if it is free)"
        )
        out.print(plain(text, "yellow"), soft_wrap=True)


def _notes(found: Plan, budget: Budget) -> list[str]:
    """Say what the figures leave out: hidden reasoning, and what a call sets aside."""
    notes = []
    if found.reasoning:
        notes.append(
            f"{', '.join(found.reasoning)}: reasons before it answers. These hidden tokens are paid as "
            "reply, use up max_tokens and are not in the figures, which may be several times too low. "
            "An answer that ends early wants a larger max_tokens in [models]."
        )
    asked = [line for line in found.lines if line.counted]
    if not asked:
        return notes
    most = max(asked, key=lambda line: line.reserved_tokens)
    dollars = max((line.reserved_usd or 0.0 for line in asked), default=0.0)
    price = f" and ${dollars:.4f}" if dollars else ""
    few = [
        f"--{name.replace('_', '-')} {limit:g}"
        for name, limit, need in (
            ("max_tokens", budget.max_tokens, most.reserved_tokens),
            ("max_usd", budget.max_usd, dollars),
        )
        if limit is not None and limit < need
    ]
    aside = f"a call sets aside the most that it may use, up to {most.reserved_tokens:,} tokens{price}"
    if few:
        notes.append(
            f"{aside}: {' and '.join(few)} is less, so some calls, or all, would never be sent. Raise it, or "
            "lower max_tokens in [models]."
        )
    elif budget.max_tokens is not None or budget.max_usd is not None:
        notes.append(f"{aside}: a run ends when less than that is left.")
    return notes


def plan_facts(found: Plan, budget: Budget) -> dict[str, Any]:
    """Return what is expected of a run with this budget, ready to be printed."""
    budget, given = budget.or_default(), budget
    ends = f"no limit that can be foreseen; the figures are for {DEFAULT_MAX_EVALS} evaluations"
    if found.ends_by:
        option = "--" + found.ends_by.replace("_", "-")
        default = "" if budget is given else ", the default"
        ends = f"{option} {getattr(budget, found.ends_by):g}{default}"
    return {
        "ends by": ends,
        "calls": f"{found.calls:,}",
        "tokens": f"{found.tokens:,}" if any(line.counted for line in found.lines) else "not known",
        "USD": _usd(found.usd if any(line.counted for line in found.lines) else None),
        "evaluations": f"{found.evaluations:,} of {1000 * found.evaluation_s:.0f} ms each",
        "time": f"{duration(found.wall_s)} at {found.latency_s:.1f} s a call",
    }


def _usd(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"
