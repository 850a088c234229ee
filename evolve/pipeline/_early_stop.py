"""Early stop: end an evaluation when the cases that are left cannot lift a program to its cell's elite."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.errors import ProblemError
from evolve.pipeline._cases import Row, spread_of, worst_of
from evolve.pipeline._declared import place
from evolve.pipeline._stage import Task
from evolve.problem import Problem, StageSpec


def check_early_stop(problem: Problem, spec: StageSpec) -> None:
    """Refuse a declaration by which a program could be stopped that is of use; raises ProblemError."""
    objective = problem.spec.objective
    if objective.bounds is None:
        raise ProblemError(
            place(problem, spec) + "stops early only with bounds on what a case can add: declare "
            "[objective] bounds = [lowest, highest]."
        )
    if spec.aggregate_of(objective.metric, objective.metric).name == "quantile":
        raise ProblemError(place(problem, spec) + "cannot stop early with a quantile; use 'mean' or 'worst'.")
    before = _all_before(problem, spec)
    for other in problem.spec.stages:
        if other.kind in ("score", "repeat") and other.name not in {spec.name, *before}:
            raise ProblemError(
                place(problem, spec)
                + f"stops early only as the last stage that scores, and {other.name!r} may score after it. "
                f"Name that stage in its `needs` or `after`, or drop `early_stop`."
            )


def _all_before(problem: Problem, spec: StageSpec) -> set[str]:
    """Name the stages that have ended when a stage begins."""
    earlier = {stage.name: stage.earlier for stage in problem.spec.stages}
    before: set[str] = set()
    ahead = [*spec.earlier]
    while ahead:
        name = ahead.pop()
        if name not in before:
            before.add(name)
            ahead += earlier[name]
    return before


def out_of_bounds(problem: Problem, row: Row) -> str:
    """Say that a case's objective lies where the problem says it cannot; empty when all is well."""
    objective = problem.spec.objective
    assert objective.bounds is not None
    low, high = objective.bounds
    value = row.metrics.get(objective.metric, low)
    if low <= value <= high:
        return ""
    return (
        f"{objective.metric} = {value:.12g} lies outside of its bounds [{low:g}, {high:g}], by which "
        "evaluations are stopped early; correct [objective] bounds"
    )


def lost(task: Task, rows: Sequence[Row], total: int) -> str:
    """Say why the program can be of no use any more; empty as long as it can.

    That is, when the best that the remaining cases can give falls short of the elite of its cell.
    """
    bar, objective = task.around.bar, task.problem.spec.objective
    if bar is None or any(objective.metric not in row.metrics for row in rows):
        return ""
    given = {*rows[0].metrics, *map(spread_of, rows[0].metrics), worst_of(objective.metric)}
    if given.intersection(bar.measures):
        return ""  # this stage gives a measure anew: what is known of it does not hold
    goal = bar(task.metrics)
    if goal is None:
        return ""
    assert objective.bounds is not None
    best = objective.bounds[1] if objective.sign > 0 else objective.bounds[0]
    values = [*(row.metrics[objective.metric] for row in rows), *[best] * (total - len(rows))]
    reachable = task.spec.aggregate_of(objective.metric, objective.metric).of(values, sign=objective.sign)
    if not objective.better(goal, reachable):
        return ""
    return f"{objective.metric} can no longer reach {goal:.6g}, which its cell holds"
