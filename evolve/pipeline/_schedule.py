"""The scheduler: run every stage of a graph as soon as what it waits for has ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from evolve.pipeline._graph import Graph
from evolve.pipeline._stage import IDLE, NOT_RUN, OK, SKIPPED, StageResult
from evolve.problem import Condition, StageSpec

Results = Mapping[str, StageResult]
Execute = Callable[[str, Results], Awaitable[StageResult]]
"""Does a stage's work: (its name, results of all stages before it) → what it found."""


async def run_graph(graph: Graph, execute: Execute) -> dict[str, StageResult]:
    """Run a graph once.

    Every stage is executed at most once, after all that it waits for, and at once with others that it does
    not wait for. One whose data is not there is skipped, unless it is to run always; so a failure reaches
    exactly the stages that need its data, over any number of edges. Nothing else stops because of it.

    Args:
        graph: What to run.
        execute: Does the work of one stage. What it raises ends the whole: the others are cancelled.

    Returns:
        Every stage's result, in the graph's order.
    """
    tasks: dict[str, asyncio.Task[StageResult]] = {}

    async def node(spec: StageSpec) -> StageResult:
        for earlier in spec.earlier:
            await tasks[earlier]
        # Ancestors over any number of edges have ended too: each of them was waited for by a stage in
        # between.
        before = {name: tasks[name].result() for name in graph.before[spec.name]}
        return hindrance(spec, before) or await execute(spec.name, before)

    try:
        async with asyncio.TaskGroup() as group:
            for name, spec in graph.specs.items():
                tasks[name] = group.create_task(node(spec))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return {name: task.result() for name, task in tasks.items()}


def hindrance(spec: StageSpec, before: Results) -> StageResult | None:
    """Return the result of a stage that does not run, with the reason as feedback; None: it runs."""
    if not spec.always:
        broken = [need for need in spec.needs if before[need].status not in (OK, IDLE)]
        if broken:
            return StageResult(SKIPPED, feedback=_blame(broken[0], before))
        if idle := [need for need in spec.needs if before[need].status == IDLE]:
            return StageResult(IDLE, feedback=f"{idle[0]} had nothing to do: {before[idle[0]].feedback}")
    if spec.on_failure and all(before[name].status in (OK, IDLE) for name in spec.on_failure):
        return StageResult(
            IDLE, feedback=f"runs on failure only, and none of {', '.join(spec.on_failure)} failed"
        )
    if spec.when is not None:
        condition, metrics = Condition.parse(spec.when), metrics_of(before)
        if not condition.holds(metrics):
            return StageResult(IDLE, feedback=condition.explain(metrics))
    return None


def metrics_of(results: Results) -> dict[str, float]:
    """Unite the metrics of stages; those of a later one win."""
    return {name: value for result in results.values() for name, value in result.metrics.items()}


def _blame(need: str, before: Results) -> str:
    """Say what a stage is blocked by, in the end."""
    result = before[need]
    if result.status in NOT_RUN:
        return f"{need} did not run: {result.feedback}"
    return f"{need} did not succeed: {result.status}"
