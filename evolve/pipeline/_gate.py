"""The gate: stop an evaluation cheaply when a program is not promising (a cascade)."""

from __future__ import annotations

from evolve.errors import ProblemError
from evolve.pipeline._declared import known_options, place, refuse
from evolve.pipeline._stage import Ports, StageResult, Task
from evolve.problem import Condition, Problem, StageSpec


class Gate:
    """Let a program through when every condition holds; else it is "gated", and told so.

    Options: `require`, a condition such as "hit_rate >= 0.5" or a list of them.
    """

    version = "1"
    needs_value = False
    ignores = ("timeout_s", "aggregate")
    ports = Ports(accepts=(object,))

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        known_options(problem, spec, "require")
        _conditions(problem, spec)
        if not spec.earlier:
            raise ProblemError(place(problem, spec) + "must need the stages whose metrics it looks at.")

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        for condition in _conditions(task.problem, task.spec):
            if condition.metric not in task.metrics:
                text = (
                    f"gate {task.spec.name!r}: no stage before it delivered the metric {condition.metric!r}"
                )
                return StageResult("error", feedback=text)
            if not condition.holds(task.metrics):
                found = condition.explain(task.metrics)
                return StageResult(
                    "gated", feedback=f"stopped early, before the costly part of the evaluation: {found}"
                )
        return StageResult()


def _conditions(problem: Problem, spec: StageSpec) -> list[Condition]:
    texts = spec.options.get("require")
    texts = [texts] if isinstance(texts, str) else texts
    if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
        raise refuse(problem, spec, "require", "a condition such as 'hit_rate >= 0.5', or a list of such")
    try:
        return [Condition.parse(text) for text in texts]
    except ValueError as error:
        raise ProblemError(f"{place(problem, spec)}option 'require' {error}, got {texts!r}.") from None
