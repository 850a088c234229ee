"""Evaluate one program in processes of its own, apart from any run."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

from evolve._spread import Spread
from evolve.pipeline import Evaluation, Pipeline, Scored
from evolve.problem import Problem
from evolve.sandbox import LocalExecutor, decode

_EXPORT_TEXT_CHARS = 4000
"""Room for the note that an export puts before a program."""
_REPEATS = 5
_LEAST_REPEATS = 3
_ENOUGH_S = 60.0
"""After this time, the least number of evaluations is enough."""


async def evaluate_fresh(problem: Problem, text: str, policy: str | None = None) -> Evaluation:
    """Evaluate a program with a new zygote and a new scorer; the artifact is delivered too."""
    async with LocalExecutor(problem, workers=1, policy=policy) as executor:
        return await Pipeline(_roomy(problem), executor).evaluate(text, artifact=True)


async def evaluate_enough(
    problem: Problem,
    text: str,
    policy: str | None = None,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> list[Evaluation]:
    """Evaluate a program as often as it takes to compare: once, or five times where values do not repeat.

    Of slow programs three times are enough. Each evaluation has a zygote and a scorer of its own, so that
    nothing of an earlier one makes it faster. The first one that is not valid is the last.

    Args:
        problem: What it is a program for.
        text: The program.
        policy: Sandbox policy; the system's default when omitted.
        clock: Seconds, of no particular beginning.
    """
    began = clock()
    found = [await evaluate_fresh(problem, text, policy)]
    wanted = 1 if problem.steady else _REPEATS
    while len(found) < wanted and found[-1].status == "valid":
        if len(found) >= _LEAST_REPEATS and clock() - began > _ENOUGH_S:
            break
        found.append(await evaluate_fresh(problem, text, policy))
    return found


def spreads_of(evaluations: Sequence[Evaluation]) -> dict[str, Spread]:
    """Return what valid evaluations of one program measured, by metric."""
    names = [name for name in evaluations[0].metrics if all(name in found.metrics for found in evaluations)]
    return {name: Spread(tuple(found.metrics[name] for found in evaluations)) for name in names}


def _roomy(problem: Problem) -> Problem:
    candidate = problem.spec.candidate
    roomy = candidate.model_copy(update={"max_chars": candidate.max_chars + _EXPORT_TEXT_CHARS})
    return dataclasses.replace(problem, spec=problem.spec.model_copy(update={"candidate": roomy}))


def artifact_of(evaluation: Evaluation) -> Any:
    """Return the first case's verified solution, decoded; None when the scorer gives none."""
    for result in evaluation.stages.values():
        if isinstance(result.value, Scored):
            return decode(result.value.artifacts[0])
    return None
