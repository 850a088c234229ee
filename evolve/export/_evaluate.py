"""Evaluate one program in processes of its own, apart from any run."""

from __future__ import annotations

import dataclasses
from typing import Any

from evolve.pipeline import Evaluation, Pipeline, Scored
from evolve.problem import Problem
from evolve.sandbox import LocalExecutor, decode

_EXPORT_TEXT_CHARS = 4000
"""Room for the note that an export puts before a program."""


async def evaluate_fresh(problem: Problem, text: str, policy: str | None = None) -> Evaluation:
    """Evaluate a program with a new zygote and a new scorer; the artifact is delivered too."""
    candidate = problem.spec.candidate
    roomy = candidate.model_copy(update={"max_chars": candidate.max_chars + _EXPORT_TEXT_CHARS})
    problem = dataclasses.replace(problem, spec=problem.spec.model_copy(update={"candidate": roomy}))
    async with LocalExecutor(problem, workers=1, policy=policy) as executor:
        return await Pipeline(problem, executor).evaluate(text, artifact=True)


def artifact_of(evaluation: Evaluation) -> Any:
    """Return the first case's verified solution, decoded; None when the scorer gives none."""
    for result in evaluation.stages.values():
        if isinstance(result.value, Scored):
            return decode(result.value.artifacts[0])
    return None
