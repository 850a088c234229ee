"""`evolve show`: one run, or one program of it, in full."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.syntax import Syntax

from evolve._brief import briefly
from evolve._toml import suggest
from evolve.cli import _options as options
from evolve.cli._conversation import print_conversation
from evolve.cli._display import emit
from evolve.cli._pipeline import pipeline_facts, pipeline_table
from evolve.cli._runs import best_of, ending_of, find_run, program_of, state_of, trust_of
from evolve.cli._text import clean, counted, duration, first_line, number, out, plain, table
from evolve.engine import MeasuredAgain, RunConfig, usage_of_rows
from evolve.errors import EvolveError, UsageError
from evolve.models import Usage
from evolve.problem import load_problem
from evolve.store import ArmUse, Reader, conversation

_IMPROVEMENTS_SHOWN = 10
_LESSONS_SHOWN = 5
_ANSWERS = ("rejected", "improved", "new cell")

Digest = Annotated[
    bool,
    typer.Option(
        "--digest", help="Hash all that must be equal between runs of one seed; reads the whole run."
    ),
]


Pipeline = Annotated[
    bool,
    typer.Option(
        "--pipeline",
        help="Show the stages of a program's evaluation as a graph: state, time, what blocked it.",
    ),
]


def show(
    run: options.RunName,
    program: Annotated[
        Any,
        options.program_argument(
            "PROGRAM",
            "Id of a program, or `best`, to see its text and evaluation; the run itself when omitted.",
        ),
    ] = None,
    status: Annotated[
        str | None,
        typer.Option(
            "--status",
            metavar="STATUS",
            help="List the programs of one status instead: valid, invalid, failed, error, timeout ...",
            show_default=False,
        ),
    ] = None,
    prompt: Annotated[
        bool,
        typer.Option("--prompt", help="With PROGRAM: print what models were sent for it."),
    ] = False,
    reply: Annotated[
        bool, typer.Option("--reply", help="With PROGRAM: print what models sent back, with tokens and cost.")
    ] = False,
    digest: Digest = False,
    pipeline: Pipeline = False,
    folder: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Show a run: its configuration, outcomes, operators and improvements; or one program in full.

    Works on a run in progress too.

    Examples:
      evolve show last
      evolve show last 42
      evolve show last 42 --prompt --reply
      evolve show last 42 --pipeline
      evolve show last --status error
      evolve show last --digest

    The text of a program alone: evolve show last 42 --json | jq -r .text
    """
    if program is None and (prompt or reply):
        raise UsageError(
            f"{'--prompt' if prompt else '--reply'}: is about one program. Name it: evolve show RUN PROGRAM."
        )
    path = find_run(run, folder)
    if pipeline and program is None:
        raise UsageError(
            "--pipeline: shows one evaluation. Give a program too: evolve show RUN PROGRAM --pipeline."
        )
    if status is not None and program is not None:
        raise UsageError(
            "--status: lists programs of a run. Leave the program out: evolve show RUN --status NAME."
        )
    with Reader(path) as reader:
        program = program if program is None else program_of(reader, program)
        if status is not None:
            _list_status(reader, status, json=json)
        elif prompt or reply:
            assert program is not None
            _show_calls(reader, program, prompt=prompt, reply=reply, json=json)
        elif pipeline and program is not None:
            facts = pipeline_facts(reader, program)
            emit({"program": program, "pipeline": facts}) if json else out.print(pipeline_table(facts))
        elif program is None:
            _show_run(path, reader, digest=digest, json=json)
        else:
            _show_program(path, reader, program, json=json)


def _list_status(reader: Reader, status: str, *, json: bool) -> None:
    """List the programs of one status with the first line about each."""
    statuses = reader.statuses()
    if status not in statuses:
        has = ", ".join(f"{count} {name}" for name, count in statuses.items()) or "no programs yet"
        raise UsageError(
            f"--status {status}: no program has it.{suggest(status, statuses)} The run has {has}."
        )
    found = [commit for commit in reader.commits() if commit.evaluation.status == status]
    rows = [
        (
            c.program.id,
            c.evaluation.objective,
            c.program.operator,
            last_or_first(status, c.evaluation.feedback),
        )
        for c in found
    ]
    columns = ("program", "objective", "operator", "feedback")
    if json:
        emit([dict(zip(columns, row, strict=True)) for row in rows])
        return
    shown = [(number_, number(value), *rest) for number_, value, *rest in rows]
    out.print(table(columns, shown, numeric=(0, 1), prose=(3,)))


def last_or_first(status: str, feedback: str) -> str:
    """Return the line of a feedback that says most: of a scorer's traceback the last one."""
    lines = [line for line in feedback.splitlines() if line.strip()] or [""]
    return first_line(lines[-1 if status == "error" else 0])


def _show_calls(reader: Reader, program: int, *, prompt: bool, reply: bool, json: bool) -> None:
    calls = conversation(reader, program)
    if not calls:
        reader.commit(program)  # or say that there is no such program
    if json:
        hidden = {name for name, wanted in (("messages", prompt), ("reply", reply)) if not wanted}
        emit([{key: value for key, value in call.items() if key not in hidden} for call in calls])
    else:
        print_conversation(calls, prompts=prompt, replies=reply)


def _show_run(path: Path, reader: Reader, *, digest: bool, json: bool) -> None:
    facts = _run_facts(path, reader)
    if digest:
        facts["digest"] = reader.digest()
    arms, priced = reader.arms(), priced_models(reader, RunConfig.load(path))
    if json:
        models = {
            model: {**usage_facts(usage), "usd": usage.usd if model in priced else None}
            for model, usage in _usage(reader).items()
        }
        lessons = [{"text": row.text, "programs": row.support} for row in reader.lessons()]
        arm_facts = [
            {**arm._asdict(), "usd": _paid(arm, priced), "reward": mean}
            for arm, mean in _with_rewards(reader, arms)
        ]
        again = MeasuredAgain.last_of(reader)
        more = {"measured_again": again.facts() | {"verdict": again.verdict}} if again else {}
        emit({**facts, "operators": arm_facts, "models": models, "lessons": lessons, **more})
        return
    facts["params"] = facts["params"] or "as declared"
    out.print(table(("", ""), [(key, _fact(value)) for key, value in facts.items()], prose=(1,)))
    out.print()
    _print_arms(reader, arms, priced)
    _print_models(reader, priced)
    bests = reader.events(kind="best")
    if bests:
        shown = bests[-_IMPROVEMENTS_SHOWN:]
        earlier = f" (the last {len(shown)} of {len(bests)})" if len(shown) < len(bests) else ""
        out.print(f"\n{counted(len(shown), 'improvement')} of the best{earlier}:")
        rows = [(event.ticket, number(event.data["objective"]), duration(event.at_s)) for event in shown]
        out.print(table(("program", "objective", "at"), rows, numeric=(0, 1, 2)))
    if again := MeasuredAgain.last_of(reader):
        out.print(plain(f"\n{again}", "green" if again.holds else "bold yellow"), soft_wrap=True)


def priced_models(reader: Reader, config: RunConfig) -> frozenset[str]:
    """Return the models whose price is known, so that what they cost is a figure, even if it is 0.

    Known is what the settings say, what the plan of the run found, and whatever was reserved or paid.
    """
    found = {request.model for request, reply in reader.calls() if request.reserved_nano_usd}
    for event in reader.events(kind="plan"):
        lines = event.data["lines"]
        found |= {line["model"] for line in lines if line["usd"] is not None and line.get("counted", True)}
    if config.models is not None:
        found |= {spec.name for spec in config.models.use if spec.usd_per_million_prompt is not None}
        found -= {spec.name for spec in config.models.command}
    return frozenset(found)


def _paid(arm: ArmUse, priced: frozenset[str]) -> float | None:
    """Return what an arm has cost in US dollars; None when nobody knows."""
    model = arm.arm.partition("@")[2]
    known = model in priced if model else bool(priced)
    return arm.usd if not arm.calls or arm.usd or known else None


def _usd(value: float | None) -> str:
    return "not known" if value is None else f"{value:.4f}"


def _print_arms(reader: Reader, arms: list[ArmUse], priced: frozenset[str]) -> None:
    """Print what came of every operator; what it cost when models were asked."""
    paid = any(arm.calls for arm in arms)
    columns = ["operator", "proposals", "valid", "archived", "reward"]
    columns += ["calls", "tokens", "USD"] if paid else []
    rows = []
    for arm, mean in _with_rewards(reader, arms):
        reward = "–" if mean is None else f"{mean:.3f}"
        spent = (arm.calls, f"{arm.tokens:,}", _usd(_paid(arm, priced))) if paid else ()
        rows.append((arm.arm, arm.proposals, arm.valid, arm.kept, reward, *spent))
    out.print(table(columns, rows, numeric=range(1, len(columns)), prose=(0,)))
    out.print(
        plain("archived: entered an archive. reward: mean of late, 0 to 1; operators are drawn by it", "dim")
    )


def _with_rewards(reader: Reader, arms: list[ArmUse]) -> list[tuple[ArmUse, float | None]]:
    """Add to each arm its mean reward over the islands, as the bandits saw it last."""
    snapshots = reader.events(kind="bandits")
    islands = snapshots[-1].data["islands"] if snapshots else []
    found = []
    for arm in arms:
        means = [island["means"][arm.arm] for island in islands if arm.arm in island["means"]]
        found.append((arm, sum(means) / len(means) if means else None))
    return found


def _usage(reader: Reader) -> dict[str, Usage]:
    usage: dict[str, Usage] = {}
    for request, reply in reader.calls():
        usage[request.model] = usage.get(request.model, Usage()) + usage_of_rows(request, reply)
    return dict(sorted(usage.items()))


def usage_facts(usage: Usage) -> dict[str, Any]:
    """Return what models used as plain data."""
    return {
        "calls": usage.calls,
        "failures": usage.failures,
        "tokens": usage.tokens,
        "usd": usage.usd,
        "mean_latency_s": usage.mean_latency_s,
    }


def _print_models(reader: Reader, priced: frozenset[str]) -> None:
    rows = [
        (
            model,
            u.calls,
            u.failures,
            f"{u.tokens:,}",
            _usd(u.usd if model in priced else None),
            f"{u.mean_latency_s:.2f}",
        )
        for model, u in _usage(reader).items()
    ]
    if rows:
        columns = ("model", "calls", "failed", "tokens", "USD", "seconds each")
        out.print()
        out.print(table(columns, rows, numeric=range(1, len(columns)), prose=(0,)))
    lessons = reader.lessons()
    if lessons:
        shown = lessons[-_LESSONS_SHOWN:]
        earlier = f" (the last {len(shown)} of {len(lessons)})" if len(shown) < len(lessons) else ""
        out.print(f"\n{counted(len(shown), 'lesson')} drawn by models{earlier}:")
        for row in shown:
            programs = "program" if len(row.support) == 1 else "programs"
            support = ", ".join(map(str, row.support))
            out.print(plain(f"  {row.text} ({programs} {support})"), soft_wrap=True)


def _run_facts(path: Path, reader: Reader) -> dict[str, Any]:
    row, best, config = reader.run(), best_of(reader), RunConfig.load(path)
    return {
        "run": path.name,
        "folder": str(path),
        "problem": row.problem,
        "params": config.params,
        "state": state_of(path, reader),
        "ended": ending_of(path, reader, config.budget) or None,
        "trust": trust_of(reader.stage_results(1)),
        "seed": row.seed,
        "order": config.order,
        "window": config.window,
        "workers": config.workers,
        "sandbox": config.sandbox,
        "islands": len(config.islands.islands),
        "preset": config.islands.archipelago.title,
        "budget": config.budget.model_dump(exclude_none=True),
        **_asking(config),
        "began": row.created_at,
        "programs": reader.committed(),
        "statuses": reader.statuses(),
        "best": None
        if best is None
        else {"program": best.program.id, "objective": best.evaluation.objective},
    }


def _asking(config: RunConfig) -> dict[str, Any]:
    """Return what only runs with models have."""
    if config.models is None:
        return {}
    models = [
        {"model": spec.name, **({"api_base": spec.api_base} if spec.api_base else {}), "weight": spec.weight}
        for spec in config.models.use
    ]
    commands = [{"command": shlex.join(spec.argv), "weight": spec.weight} for spec in config.models.command]
    return {"asking": models + commands, "prompts": config.prompts, "memory": config.memory}


def language_of(run: Path) -> str:
    """Return what a run's programs are written in, as highlighters call it."""
    try:
        config = RunConfig.load(run)
        return load_problem(config.problem, config.params).spec.candidate.language
    except EvolveError:
        return "text"  # the problem is gone: nothing but the colours depends on it


def _show_program(path: Path, reader: Reader, program: int, *, json: bool) -> None:
    facts = _program_facts(reader, program)
    stages = [row.model_dump(exclude={"id", "ticket"}) for row in reader.stage_results(program)]
    text = reader.text(program)
    if json:
        emit({**facts, "stages": stages, "text": text})
        return
    shown = {
        **facts,
        "saw": f"the archives after {counted(facts['saw'], 'commit')}" if facts["saw"] else None,
    }
    if facts["calls"] and not facts["usd"]:
        known = facts["model"] in priced_models(reader, RunConfig.load(path))
        shown["usd"] = "0.0" if known else "not known"
    rows_shown = [(key, _fact(value)) for key, value in shown.items() if value not in ("", None, [], {})]
    out.print(table(("", ""), rows_shown, prose=(1,)))
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
            Syntax(
                clean(text), language_of(path), line_numbers=True, word_wrap=True, background_color="default"
            )
        )
    else:
        out.out(clean(text), end="")


def _program_facts(reader: Reader, program: int) -> dict[str, Any]:
    commit = reader.commit(program)
    row, found = commit.program, commit.evaluation
    return {
        "program": row.id,
        "status": found.status,
        "trust": trust_of(reader.stage_results(program)),
        "objective": found.objective,
        "metrics": found.metrics,
        "parents": list(commit.parents),
        "operator": row.operator,
        "model": row.model,
        "calls": row.calls or None,
        "tokens": row.tokens or None,
        "usd": row.usd or None,
        "change": row.change,
        "island": row.island,
        "generator": row.seed,
        "saw": row.saw,
        "feedback": found.feedback,
        "duplicate_of": found.duplicate_of,
        "printed": "\n".join(s.printed for s in reader.stage_results(program) if s.printed),
        "archive": [
            {"island": e.island, "cell": e.cell, "status": _ANSWERS[e.status], "gain": e.gain}
            for e in reader.archive_events(program=program)
        ],
    }


def _fact(value: object) -> str:
    if value in (None, {}, []):
        return "–"
    if isinstance(value, dict):
        return briefly(value, names=100)
    if isinstance(value, list):
        return ", ".join(_fact(item) if isinstance(item, dict) else str(item) for item in value)
    return str(value).rstrip()
