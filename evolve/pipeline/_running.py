"""Run one case in the sandbox, and add up what it took."""

from __future__ import annotations

from dataclasses import replace

from evolve.pipeline._stage import Case, StageResult, Task
from evolve.sandbox import Limits, RunResult

MIB = 2**20


def limits_of(task: Task) -> Limits:
    """Return what a program may use in this stage."""
    candidate = task.problem.spec.candidate
    return Limits(
        wall_s=task.spec.timeout_s or candidate.timeout_s,
        memory_mb=candidate.memory_mb,
        processes=candidate.processes,
        cpu_s=candidate.cpu_s,
        scratch_mb=candidate.scratch_mb,
        output_bytes=int(candidate.output_mb * MIB),
    )


async def run_case(
    task: Task, case: Case, total: StageResult, *, given: Case | None = None
) -> tuple[RunResult, StageResult]:
    """Run the entry for a case.

    Args:
        task: What the stage works on.
        case: The case.
        total: What was used so far.
        given: Arguments to replace, when the entry receives them.

    Returns:
        What became of it, and `total` with its times, layers and prints added.
    """
    arguments = task.problem.entry_arguments(case)
    arguments |= {name: value for name, value in (given or {}).items() if name in arguments}
    ran = await task.executor.run(task.text, task.problem.spec.candidate.entry, arguments, limits_of(task))
    return ran, replace(
        total,
        wall_s=total.wall_s + ran.wall_s,
        cpu_s=total.cpu_s + ran.cpu_s,
        layers=ran.layers,
        printed=total.printed or ran.printed,
    )
