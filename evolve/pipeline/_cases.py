"""Several cases: which ones a stage takes, and how their metrics become one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve._brief import brief
from evolve._toml import suggest
from evolve.pipeline._declared import refuse
from evolve.pipeline._stage import Case, StageResult
from evolve.problem import Problem, StageSpec
from evolve.sandbox import Verdict

_VALUE_CHARS = 40
_MOST_VALUES = 8
_MOST_PRINTED = 8000
"""Characters of what a scorer prints that are kept of one stage, over all cases."""


def chosen_cases(problem: Problem, spec: StageSpec) -> tuple[Case, ...]:
    """Return the cases that a stage takes: those of its option `cases` (numbers from 0), else all.

    Raises:
        ProblemError: the option names a case that there is not.
    """
    return tuple(problem.cases[number] for number in case_numbers(problem, spec))


def case_numbers(problem: Problem, spec: StageSpec) -> tuple[int, ...]:
    """Return the numbers of the cases that a stage takes; raises as `chosen_cases`."""
    every = problem.cases
    numbers = spec.options.get("cases")
    if numbers is None:
        return tuple(range(len(every)))
    sound = isinstance(numbers, list) and all(type(n) is int and 0 <= n < len(every) for n in numbers)
    if not sound or not numbers or len(set(numbers)) != len(numbers):
        raise refuse(
            problem, spec, "cases", f"a list of different numbers of cases, from 0 to {len(every) - 1}"
        )
    return tuple(numbers)


def case_name(case: Case) -> str:
    """Return how feedback begins that is about one case; of long values the beginning."""
    if not case:
        return ""
    values = [f"{name!r}: {brief(value, _VALUE_CHARS)}" for name, value in case.items()]
    more = [] if len(values) <= _MOST_VALUES else [f"... {len(values) - _MOST_VALUES} more"]
    return f"case {{{', '.join([*values[:_MOST_VALUES], *more])}}}: "


def odd_cases(problem: Problem) -> str:
    """Name the arguments that not all cases have, which may be misspelt; an empty text without any."""
    names: dict[str, list[int]] = {name: [] for case in problem.cases for name in case}
    for number, case in enumerate(problem.cases):
        for name in case:
            names[name].append(number)
    odd = {name: found for name, found in names.items() if len(found) < len(problem.cases)}
    notes = []
    for name, found in odd.items():
        where = ", ".join(f"cases[{number}]" for number in found[:_MOST_VALUES])
        near = suggest(name, [other for other in names if other != name])
        notes.append(f"; {name!r} is an argument of {where} alone.{near}")
    return "".join(notes[:2])


def with_printed(problem: Problem, before: str, case: Case, verdict: Verdict) -> str:
    """Add what the scorer printed about a case to what was printed before, marked as the scorer's.

    It is for the problem's author and never goes into a prompt.
    """
    said = verdict.printed.strip("\n")
    if not said or len(before) >= _MOST_PRINTED:
        return before
    about = f" on {case_name(case).removesuffix(': ')}" if case else ""
    added = f"{problem.spec.scorer} printed{about}:\n{said}\n"
    return before + ("" if not before or before.endswith("\n") else "\n") + added


def spread_of(metric: str) -> str:
    """Name the metric that says how far a metric's values lie apart over the seeds."""
    return f"{metric}_spread"


def worst_of(metric: str) -> str:
    """Name the metric that holds the worst value of the objective."""
    return f"{metric}_worst"


@dataclass(frozen=True, slots=True)
class Row:
    """The valid verdict on one case."""

    metrics: Mapping[str, float]
    feedback: str = ""


def united(problem: Problem, spec: StageSpec, rows: Sequence[Row]) -> StageResult:
    """Unite the verdicts on at least one case as the stage declares it.

    Returns:
        "ok" with the aggregates, and the single values when there are several cases; "error" when the
        scorer was not consistent.
    """
    names = rows[0].metrics.keys()
    if any(row.metrics.keys() != names for row in rows):
        return StageResult("error", feedback="the scorer returned different metrics for different cases")
    if isinstance(spec.aggregate, dict) and (unknown := [n for n in spec.aggregate if n not in names]):
        text = f"stages.{spec.name}.aggregate names the metric {unknown[0]!r}, which the scorer does not give"
        return StageResult("error", feedback=f"{text}; it gives {', '.join(sorted(names))}")
    objective = problem.spec.objective
    cases = {name: tuple(row.metrics[name] for row in rows) for name in rows[0].metrics}
    metrics = {
        name: spec.aggregate_of(name, objective.metric).of(values, sign=objective.sign)
        for name, values in cases.items()
    }
    if not all(map(math.isfinite, metrics.values())):
        return StageResult("error", feedback="the mean of a metric over the cases is not finite")
    feedback = "\n".join(row.feedback for row in rows if row.feedback)
    return StageResult(metrics=metrics, feedback=feedback, cases=cases if len(rows) > 1 else {})
