"""The contract of a stage, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from evolve.problem import Problem, StageSpec
from evolve.sandbox import Executor

OK = "ok"


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage found.

    Attributes:
        status: "ok"; or why the program goes no further: "refused" (not acceptable as text),
            "failed", "timeout", "memory" (while running), "invalid" (by the scorer), "error"
            (the problem's own fault), "skipped" (a stage it needs did not succeed).
        metrics: Finite floats by name.
        feedback: Text for the next proposer.
        value: What dependants read, in memory only; never stored.
        printed: The beginning of what the program printed.
        wall_s: Wall-clock seconds.
        cpu_s: CPU seconds of the program.
        layers: Sandbox layers in force.
    """

    status: str = OK
    metrics: dict[str, float] = field(default_factory=dict)
    feedback: str = ""
    value: Any = None
    printed: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    layers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Task:
    """What a stage works on.

    Attributes:
        text: The program.
        problem: What it is a program for.
        spec: The stage's own declaration.
        inputs: Results of the stages that it needs, by name; all of them "ok".
        executor: Where untrusted code runs.
        artifact: Whether the scorer shall deliver the verified solution too.
    """

    text: str
    problem: Problem
    spec: StageSpec
    inputs: Mapping[str, StageResult]
    executor: Executor
    artifact: bool = False


class Stage(Protocol):
    """One kind of stage. Stateless: everything it needs comes with the task."""

    version: str
    """Changes whenever the same task may be answered differently; part of the result's key."""
    needs_value: bool
    """Whether it reads the `value` of what it needs, so that those must run and not be recalled."""

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """Refuse a declaration that cannot work; raises ProblemError."""
        ...

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """Return the outer wall-clock limit in seconds; beyond it the infrastructure is taken for sick."""
        ...

    async def execute(self, task: Task) -> StageResult:
        """Do the work.

        Raises:
            SandboxError: the infrastructure failed, not the program; the runner tries again.
        """
        ...
