"""Foresee a run before it begins."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Unpack

from evolve.engine._config import RunConfig
from evolve.engine._plan import Plan, plan_run
from evolve.engine._session import RunOptions, resolve
from evolve.engine._setup import template_folders
from evolve.errors import ProblemError, UsageError
from evolve.models import CallBudget, MemoryJournal, Models, preflight
from evolve.pipeline import Pipeline
from evolve.problem import Problem, load_problem
from evolve.prompts import ProgramView, Prompts
from evolve.sandbox import LocalExecutor

_EVALUATIONS = 4
"""Of the seed; the first one warms up."""


async def aplan(
    problem: str | Path, *, latency_s: float | None = None, **options: Unpack[RunOptions]
) -> Plan:
    """Foresee a run: renders its prompts, measures an evaluation of its seed, looks up prices. Sends nothing.

    Args:
        problem: Name of a shipped problem, or the folder of one.
        latency_s: Seconds of a call; None: guessed from the length of the reply.
        options: As for `arun`, with models.

    Raises:
        UsageError: an option is wrong, or there are no models.
        ProblemError: the problem or its seed is wrong.
        ModelError: a provider or a key is not known, or dollars are limited and a price is not.
    """
    loaded = load_problem(problem, options.get("params"))
    config = resolve(loaded, options)
    if config.models is None:
        raise UsageError("plan: needs models, such as models=['openai/gpt-5-mini'].")
    await preflight(config.models, config.budget.max_usd)
    seed, evaluation_s = await _measured(config, loaded)
    prompts = Prompts(template_folders(config, loaded), max_tokens=config.models.prompt_tokens)
    budget = CallBudget(max_usd=config.budget.max_usd)
    async with Models(config.models, budget, MemoryJournal()) as models:
        prices, reasoning = models.prices, models.reasoning
        return plan_run(config, loaded, seed, evaluation_s, prompts, prices, latency_s, reasoning)


async def _measured(config: RunConfig, problem: Problem) -> tuple[ProgramView, float]:
    """Evaluate the first seed; return it with the median seconds of an evaluation that is not the first."""
    text, walls = problem.seeds[0][1], []
    async with LocalExecutor(problem, 1, policy=config.sandbox) as executor:
        pipeline = Pipeline(problem, executor)
        for _ in range(_EVALUATIONS):
            found = await pipeline.evaluate(text)
            walls.append(found.wall_s)
    if found.status != "valid":
        raise ProblemError(
            f"{problem.folder}: seed {problem.seeds[0][0]}: must be valid, but is {found.status}: "
            f"{found.feedback}\nMend the seed (or the scorer, or the parameters) and plan again."
        )
    seed = ProgramView(1, text, found.status, found.objective, found.metrics, found.feedback)
    return seed, statistics.median(walls[1:])
