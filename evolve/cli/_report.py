"""What is said when a session of a run has ended."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

from evolve.cli._text import clean, counted, duration, first_line, number, out, plain, table
from evolve.engine import CALL_LIMITS, RunConfig, RunResult
from evolve.export import Exported
from evolve.languages import PYTHON
from evolve.problem import Problem
from evolve.store import ModelReply, ModelRequest, Reader

_RAISE = {
    "max_evals": "--max-evals",
    "max_seconds": "--max-seconds",
    "target": "--target",
    "stagnation": "--stagnation",
    "max_calls": "--max-calls",
    "max_tokens": "--max-tokens",
    "max_usd": "--max-usd",
}
_NOTHING_NEW = ("duplicate", "refused")
_MOST_IDLE = 0.8
_ENOUGH_TICKETS = 100
_ASIDE = ("embed", "reflect")
"""Purposes of calls that bring no program."""


class Before(NamedTuple):
    """What a run held before a session.

    Attributes:
        programs: Committed programs.
        calls: Calls to models.
    """

    programs: int
    calls: int


def as_json(result: RunResult, exported: Exported | None, trouble: str) -> dict[str, Any]:
    """Return the last line of `--json`."""
    data = dataclasses.asdict(result)
    del data["best_program"]
    files = None
    if exported is not None:
        files = {"folder": exported.folder, "program": exported.program, "pictures": exported.pictures}
    note = exported.note if exported else ""
    return {"event": "done", **data, "export": files, "trouble": trouble or note}


def report(
    problem: Problem, result: RunResult, exported: Exported | None, trouble: str, before: Before | None
) -> None:
    """Say how a session ended, what came of it, and what to do next.

    Args:
        problem: What was solved.
        result: How the session ended.
        exported: Where the best program is.
        trouble: Why it is nowhere.
        before: What the run held before the session; None: it began with it.
    """
    programs = counted(result.evaluations, "evaluation")
    ended = f"{programs} in {duration(result.elapsed_s)}; ended because {result.explanation}"
    out.print()
    if what := _idle(result, before):
        note = f"{what}: {result.explanation}. Raise it to go on: {_RAISE[result.reason]}"
        out.print(plain(note, "yellow"), soft_wrap=True)
    out.print(plain(ended), soft_wrap=True)
    if result.best_objective is not None:
        metric = problem.spec.objective.metric
        out.print(
            plain(f"best {metric} = {result.best_objective!r}", "bold green"), f"(program {result.best_id})"
        )
        if result.measured_again is not None:
            style = "green" if result.measured_again.holds else "bold yellow"
            out.print(plain(result.measured_again, style), soft_wrap=True)
        _compare(problem, result.best_objective)
    if result.calls or result.unanswered:
        _foreseen(result)
    if result.unsteady:
        programs = counted(result.unsteady, "program")
        note = (
            f"{programs} ran out of time or memory: where that is close, another machine may find otherwise"
        )
        out.print(plain(note, "yellow"), soft_wrap=True)
    if note := _little_new(problem, result):
        out.print(plain(note, "yellow"), soft_wrap=True)
    if errors := result.statuses.get("error"):
        folder = shlex.quote(str(result.folder))
        note = f"the scorer failed on {counted(errors, 'output')}: that is the problem's fault, mend it; "
        which = (
            f"`evolve show {folder} --status error` lists them, and `evolve show {folder} PROGRAM` has all"
        )
        out.print(plain(note + which, "bold yellow"), soft_wrap=True)
    _say_where(result, exported, trouble)
    folder = shlex.quote(str(result.folder))
    if result.reason == "interrupted":
        out.print(
            plain(f"\ninterrupted, nothing is lost; go on with: evolve resume {folder}"), soft_wrap=True
        )
    else:
        out.print(plain(f"\nlook closer: evolve show {folder}", "dim"), soft_wrap=True)


def _little_new(problem: Problem, result: RunResult) -> str:
    """Say so when most proposals were no new programs, and what helps; else an empty text."""
    idle = sum(result.statuses.get(status, 0) for status in _NOTHING_NEW)
    if result.tickets < _ENOUGH_TICKETS or idle < _MOST_IDLE * result.tickets:
        return ""
    counts = ", ".join(f"{result.statuses.get(status, 0):,} {status}" for status in _NOTHING_NEW)
    note = f"{idle / result.tickets:.0%} of the proposals were nothing new ({counts}): "
    if problem.spec.candidate.language == "text" and not result.calls:
        note += "without a model, plain text can hardly improve"
    else:
        note += "the built-in operators find little to change in this seed"
    helps = "another seed" if result.calls else "a model (--model)"
    if problem.language.name == PYTHON:
        helps += ", numbers in the seed that decide something, or [[blocks]]"
    return f"{note}; what helps: {helps} (docs/how-to/good-seeds.md)"


def _idle(result: RunResult, before: Before | None) -> str:
    """Say what a session could not do for want of budget; an empty text when it did all it should."""
    if before is None or result.reason not in _RAISE:
        return ""
    if result.tickets == before.programs:
        return "nothing to do"
    return "no model was asked" if result.reason in CALL_LIMITS and result.calls == before.calls else ""


def _unanswered(result: RunResult, failures: Sequence[str]) -> str:
    if not result.calls:
        why = f"no call was sent: {result.explanation}. Raise the limit, or lower max_tokens of the model"
    elif failures:
        why = f"no call was answered; the last failure: {failures[-1]}"
    else:
        why = "no call was answered; the run ended before an answer came"
    return f"{why}\nWhatever was found, no model had part in it."


def _useless(reader: Reader, calls: Sequence[tuple[ModelRequest, ModelReply | None]]) -> str:
    """Say so when models answered and no valid program came of it; else an empty text."""
    answers = [
        reply for request, reply in calls if reply and reply.status == "ok" and request.purpose not in _ASIDE
    ]
    if not answers or any(use.valid for use in reader.arms() if use.calls):
        return ""
    said = first_line(clean(reader.payload(answers[-1].text)).strip())
    refused = [commit for commit in reader.commits() if commit.program.calls and commit.evaluation.feedback]
    why = f"\nthe last refusal: {first_line(refused[-1].evaluation.feedback)}" if refused else ""
    return (
        f"{counted(len(answers), 'answer')} of models, and no valid program came of them; "
        f"the last one begins: {said!r}{why}"
    )


def _foreseen(result: RunResult) -> None:
    """Say what was asked, and set what was foreseen beside what it was."""
    with Reader(result.folder) as reader:
        plans = reader.events(kind="plan")
        began_with = reader.run().config["budget"]
        calls = reader.calls()
        useless = _useless(reader, calls)
    ends = [reply for request, reply in calls if reply and request.purpose != "embed"]
    failures = [reply.error for reply in ends if reply.status in ("failed", "no_reply")]
    price = f", ${result.usd:.4f}" if result.usd else ""
    failed = f" ({len(failures)} failed)" if failures else ""
    asked = f"{counted(result.calls, 'call')} to models{failed}, {result.tokens:,} tokens{price}"
    out.print(plain(asked), soft_wrap=True)
    answers = [(reply.prompt_tokens, reply.reply_tokens) for reply in ends if reply.status == "ok"]
    if result.unanswered:
        out.print(plain(_unanswered(result, failures), "bold red"), soft_wrap=True)
    elif answers and useless:
        out.print(plain(useless, "bold yellow"), soft_wrap=True)
    if not plans or not answers:
        return
    plan = plans[0].data
    prompt, reply = (sum(column) / len(answers) for column in zip(*answers, strict=True))
    rows: list[tuple[object, ...]] = []
    if prompt or reply:  # nobody counts the tokens of commands
        rows += [
            ("prompt tokens a call", f"{plan['prompt_tokens']:.0f}", f"{prompt:.0f}"),
            ("reply tokens a call", f"{plan['reply_tokens']:.0f}", f"{reply:.0f}"),
        ]
    if RunConfig.load(result.folder).budget.model_dump() == began_with:  # foreseen for these limits
        unknown = plan["usd"] is None
        rows += [
            ("calls", f"{plan['calls']:,}", f"{result.calls:,}"),
            ("tokens", f"{plan['tokens']:,}", f"{result.tokens:,}"),
            ("USD", *(("not known",) * 2 if unknown else (f"{plan['usd']:.4f}", f"{result.usd:.4f}"))),
            ("evaluations", f"{plan['evaluations']:,}", f"{result.evaluations:,}"),
            ("time", duration(plan["wall_s"]), duration(result.elapsed_s)),
        ]
    out.print()
    out.print(table(("", "foreseen", "used"), rows, numeric=(1, 2)))


def _say_where(result: RunResult, exported: Exported | None, trouble: str) -> None:
    rows: list[tuple[str, object]] = [("run", result.folder)]
    if exported is not None:
        rows += [("program", exported.program), *(("picture", path) for path in exported.pictures)]
    out.print()
    for name, path in rows:
        out.print(plain(f"{name:8} {path}"), soft_wrap=True)
    if exported is not None and exported.note:
        out.print(plain(exported.note, "yellow"), soft_wrap=True)
    if trouble:
        out.print(plain(f"not exported: {trouble}", "yellow"), soft_wrap=True)


def _compare(problem: Problem, value: float) -> None:
    """Set the result beside the reference values that hold for these parameters."""
    if problem.records:
        rows = [
            (
                number(record.value),
                f"{value - record.value:+.3g}",
                f"{record.source}, {record.as_of} ({record.exactness})",
            )
            for record in problem.records
        ]
        out.print()
        out.print(table(("reference", "difference", "source"), rows, numeric=(0, 1), prose=(2,)))
