"""Several cases: which ones a stage takes, and how their metrics become one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evolve.pipeline._declared import refuse
from evolve.pipeline._stage import Case, StageResult
from evolve.problem import Problem, StageSpec


def chosen_cases(problem: Problem, spec: StageSpec) -> tuple[Case, ...]:
    """Return the cases that a stage takes: those of its option `cases` (numbers from 0), else all.

    Raises:
        ProblemError: the option names a case that there is not.
    """
    every = problem.cases
    numbers = spec.options.get("cases")
    if numbers is None:
        return every
    sound = isinstance(numbers, list) and all(type(n) is int and 0 <= n < len(every) for n in numbers)
    if not sound or not numbers or len(set(numbers)) != len(numbers):
        raise refuse(
            problem, spec, "cases", f"a list of different numbers of cases, from 0 to {len(every) - 1}"
        )
    return tuple(every[number] for number in numbers)


def case_name(case: Case) -> str:
    """Return how feedback begins that is about one case."""
    return f"case {case}: " if case else ""


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
