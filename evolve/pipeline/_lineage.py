"""Lineage: say what was changed against the parent, and what that did."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.pipeline._declared import known_options, whole_option
from evolve.pipeline._stage import NOT_RUN, OK, Ports, StageResult, Task
from evolve.problem import Problem, StageSpec

_MOST_LINES = 20_000
"""Beyond this a comparison line by line takes too long for what it is worth."""


class Lineage:
    """Compare a program with its main parent.

    Its feedback names the change, its size in lines and how the metrics moved. Option: `metrics`, how many to
    name besides the objective (3 when omitted). It gives no metrics: those belong to the program alone.
    """

    version = "1"
    needs_value = False
    ignores = ("timeout_s", "aggregate")
    deterministic = True
    contextual = True
    ports = Ports(accepts=(object,))

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        known_options(problem, spec, "metrics")
        whole_option(problem, spec, "metrics", 3, 0, 100)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 60.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        if not task.around.parents:
            return StageResult()
        parent = task.around.parents[0]
        added, removed = changed_lines(parent.text, task.text)
        text = f"against program {parent.id}: {added} lines added, {removed} removed"
        if task.around.change:
            text += f" ({task.around.change})"
        failed = [r.status for r in task.earlier.values() if r.status not in (OK, *NOT_RUN)]
        effect = f"now {failed[0]}" if failed else self._effect(task)
        return StageResult(feedback=f"{text}; {effect}" if effect else text)

    @staticmethod
    def _effect(task: Task) -> str:
        before = task.around.parents[0].metrics
        objective = task.problem.spec.objective.metric
        moved = [name for name in task.metrics if name in before and task.metrics[name] != before[name]]
        others = [name for name in moved if name != objective][: task.spec.options.get("metrics", 3)]
        shown = [*([objective] if objective in moved else []), *others]
        if not moved:
            return "no metric moved"
        return ", ".join(f"{name} {before[name]:.6g} -> {task.metrics[name]:.6g}" for name in shown)


def changed_lines(before: str, after: str) -> tuple[int, int]:
    """Count the lines that were added and removed."""
    old, new = before.splitlines(), after.splitlines()
    if len(old) + len(new) > _MOST_LINES:
        return len(set(new) - set(old)), len(set(old) - set(new))
    kept = _in_common(old, new)
    return len(new) - kept, len(old) - kept


def _in_common(one: Sequence[str], two: Sequence[str]) -> int:
    """Return the length of the longest common subsequence.

    By bit vectors (Hyyrö 2004): one step on integers of `len(two)` bits for every item of `one`, whatever the
    texts are. difflib's time depends on them, and they are a hostile program's.
    """
    places: dict[str, int] = {}
    for place, item in enumerate(two):
        places[item] = places.get(item, 0) | 1 << place
    mask = (1 << len(two)) - 1
    free = mask
    for item in one:
        matched = free & places.get(item, 0)
        free = ((free + matched) | (free - matched)) & mask
    return len(two) - free.bit_count()
