"""`evolve check`: does a problem's declaration hold?"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
from rich.progress import Progress as Bar

from evolve.authoring.checks import Finding, Report, check_problem
from evolve.authoring.checks._suite import DEFAULT_REPEATS, Progress
from evolve.cli import _import as imported
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import counted, err, first_line, out, plain, table
from evolve.errors import ProblemError
from evolve.problem import Value, load_problem

NOT_READY = 1

_STYLES = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}
_VERDICT_STYLES = {"ready": "bold green", "ready with warnings": "bold yellow", "not ready": "bold red"}
_WIDTH = 70


def check(
    problem: options.ProblemName,
    param: options.Param = None,
    repeats: Annotated[
        int, typer.Option("--repeats", metavar="N", min=2, max=1000, help="Evaluations of each seed.")
    ] = DEFAULT_REPEATS,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
) -> None:
    """Prove that a problem's declaration holds, before a run relies on it.

    Loads it; evaluates the seeds several times for equality, noise, time and
    memory; lets programs return NaN, infinities, wrong shapes and types, too
    much or nothing, and says for each whether the scorer catches it; and
    attacks the score.

    Examples:
      evolve check my_problem
      evolve check circle_packing -p n=32

    Exit code 0 when it is ready, with or without warnings, 1 when it is not.
    """
    policy = options.policy(sandbox)
    problem = imported.declared(problem, options.RUNS)
    with _shown(json) as progress:
        report = asyncio.run(
            check_problem(problem, _params(problem, param), policy=policy, repeats=repeats, progress=progress)
        )
    if json:
        emit(_facts(report))
    else:
        _show(report)
    if report.verdict == "not ready":
        raise typer.Exit(NOT_READY)


def _params(problem: str, given: list[str] | None) -> dict[str, Value]:
    """Return the overrides; none for a declaration that does not load, which is for the report to say."""
    if not given:
        return {}
    try:
        return options.parse_params(given, load_problem(problem))
    except ProblemError:
        return {}


@contextmanager
def _shown(json: bool) -> Iterator[Progress]:
    """Show a bar on a terminal, nothing elsewhere."""
    if json or not err.is_interactive:
        yield lambda _done, _total, _name: None
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}", markup=False))
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task("")
        yield lambda done, total, name: bar.update(
            task, completed=done, total=total, description=first_line(name)
        )


def _facts(report: Report) -> dict[str, object]:
    checks = [
        {"group": group, "name": name, **dataclasses.asdict(finding)}
        for group, name, finding in report.findings
    ]
    return {"problem": report.problem, "verdict": report.verdict, "checks": checks}


def _show(report: Report) -> None:
    rows = []
    before = ""
    for group, name, finding in report.findings:
        shown = plain(finding.outcome, _STYLES[finding.outcome])
        rows.append((group if group != before else "", name, shown, first_line(finding.found, _WIDTH)))
        before = group
    out.print(table(("about", "check", "outcome", "found"), rows, prose=(1, 3)))
    _explain(report)
    out.print()
    out.print(plain(report.verdict, _VERDICT_STYLES[report.verdict]).append(_count(report), style="default"))


def _explain(report: Report) -> None:
    """Say what to do about what is not well, and for which checks."""
    advised: dict[tuple[str, str], list[tuple[str, str, Finding]]] = {}
    for group, name, finding in report.findings:
        if finding.outcome in ("failed", "warning"):
            advised.setdefault((finding.outcome, finding.advice), []).append((group, name, finding))
    for (outcome, advice), items in advised.items():
        out.print()
        out.print(plain(f"{outcome}: ", _STYLES[outcome]).append_text(plain(advice)), soft_wrap=True)
        for group, name, finding in items:
            out.print(plain(f"  {group}: {name}"), soft_wrap=True)
            out.print(plain(f"    expected {finding.expected}; found {finding.found}"), soft_wrap=True)


def _count(report: Report) -> str:
    outcomes = [finding.outcome for _, _, finding in report.findings]
    parts = [counted(len(outcomes), "check")]
    parts += [counted(outcomes.count("warning"), "warning")] if "warning" in outcomes else []
    parts += [f"{outcomes.count('failed')} failed"] if "failed" in outcomes else []
    return f": {', '.join(parts)}"
