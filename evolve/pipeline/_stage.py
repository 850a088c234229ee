"""The contract of a stage, what it answers, and the data that travels along the edges."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from evolve.errors import ProblemError
from evolve.models import Ask
from evolve.problem import Problem, StageSpec, Value
from evolve.sandbox import Executor

OK = "ok"
SKIPPED = "skipped"
"""A stage that it needs did not succeed."""
IDLE = "idle"
"""There was nothing to do: its condition did not hold, or nothing had failed."""
NOT_RUN = (SKIPPED, IDLE)
STATUSES = (OK, "refused", "failed", "timeout", "memory", "invalid", "gated", "error", IDLE)
"""What a stage may answer; see `StageResult`."""

Case = dict[str, Value]
T = TypeVar("T")


# -- what travels along the edges ------------------------------------------------------------------


class Signal:
    """Nothing but the fact that a stage succeeded; every kind accepts it."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """A text that was found to be a program; `tree` for Python only."""

    tree: ast.Module | None


@dataclass(frozen=True, slots=True)
class Outputs:
    """What a program returned: (case, encoded output), a case each."""

    cases: tuple[tuple[Case, bytes], ...]


@dataclass(frozen=True, slots=True)
class Scored:
    """What the scorer verified: the encoded artifacts, a case each; empty unless asked for."""

    artifacts: list[bytes]


@dataclass(frozen=True, slots=True)
class Ports:
    """What a kind of stage reads along its data edges, and what it leaves.

    Attributes:
        reads: Types of data that it cannot do without: exactly one of its `needs` gives each.
        accepts: Further types that its `needs` may give; `object` accepts all.
        gives: What it leaves in `StageResult.value`; `Signal`: nothing.
    """

    reads: tuple[type, ...] = ()
    accepts: tuple[type, ...] = ()
    gives: type = Signal

    def takes(self, data: type) -> bool:
        """Tell whether an edge may bring this."""
        return issubclass(data, (Signal, *self.reads, *self.accepts))


ANY = Ports(accepts=(object,))
"""Of kinds that do not say: they accept everything and leave metrics only."""


# -- the contract ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StageResult:
    """What one stage found.

    Attributes:
        status: "ok"; or why the program goes no further: "refused" (not acceptable as text),
            "failed", "timeout", "memory" (while running), "invalid" (by the scorer), "gated" (stopped
            because it is not promising), "error" (the problem's own fault). "skipped" and "idle" did
            not run; the feedback says why.
        metrics: Finite floats by name.
        feedback: Text for the next proposer.
        value: What dependants read, in memory only; never stored.
        printed: The beginning of what the program printed.
        wall_s: Wall-clock seconds.
        cpu_s: CPU seconds of the program.
        layers: Sandbox layers in force.
        cases: Metrics by name, a value for each case, when there are several.
        recalled: It was computed in another run.
    """

    status: str = OK
    metrics: dict[str, float] = field(default_factory=dict)
    feedback: str = ""
    value: Any = None
    printed: str = ""
    wall_s: float = 0.0
    cpu_s: float = 0.0
    layers: tuple[str, ...] = ()
    cases: dict[str, tuple[float, ...]] = field(default_factory=dict)
    recalled: bool = False


@dataclass(frozen=True, slots=True)
class Ancestor:
    """A program that the one at hand was made from."""

    id: int
    text: str
    status: str
    objective: float | None
    metrics: Mapping[str, float]


class Bar(Protocol):
    """Knows what a program has to reach; fixed by the commits that its ticket saw."""

    @property
    def measures(self) -> tuple[str, ...]:
        """Names of the metrics that decide the program's cell."""
        ...

    def __call__(self, metrics: Mapping[str, float]) -> float | None:
        """Return the objective of the elite in a program's cell.

        None when the cell is vacant, or not known because a measure is missing.
        """
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is known about a program besides its text.

    Attributes:
        parents: What it was made from, main parent first.
        change: What the operator says it did.
        ask: Asks a model on behalf of the program's ticket; None in a run without models.
        bar: What it has to reach; None: unknown.
    """

    parents: tuple[Ancestor, ...] = ()
    change: str = ""
    ask: Ask | None = None
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """What a stage works on.

    Attributes:
        text: The program.
        problem: What it is a program for.
        spec: The stage's own declaration.
        inputs: Results of the stages that it needs, by name; all of them "ok", unless it is to run always.
        executor: Where untrusted code runs.
        artifact: Whether the scorer shall deliver the verified solution too.
        metrics: Metrics of all stages before it.
        around: What is known besides.
        earlier: Results of all stages before it, by name.
    """

    text: str
    problem: Problem
    spec: StageSpec
    inputs: Mapping[str, StageResult]
    executor: Executor
    artifact: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)
    around: Surroundings = field(default_factory=Surroundings)
    earlier: Mapping[str, StageResult] = field(default_factory=dict)

    def read(self, data: type[T]) -> T:
        """Return the data of a type that the kind's ports declare under `reads`.

        Raises:
            ProblemError: the stage whose kind declares to give it did not.
        """
        for result in self.inputs.values():
            if isinstance(result.value, data):
                return result.value
        raise ProblemError(
            f"stage {self.spec.name!r}: none of {', '.join(self.inputs)} left the {data.__name__} that its "
            "kind declares to give. Have the package mended that registers that kind."
        )


class Stage(Protocol):
    """One kind of stage. Stateless: everything it needs comes with the task.

    Three methods and a few attributes. Optional ones, with what holds without them: `ports` (accepts
    everything, gives metrics only), `deterministic` (True: equal programs get equal results, which may be
    recalled in later runs), `contextual` (False: it looks at nothing but the program; else a result belongs
    to one ticket), `asks` (False: it asks no model), `concurrency` ("cpu"), `ignores` (none: keys of a
    declaration, such as `timeout_s` or `aggregate`, that mean nothing to it and are refused),
    `operators` (none: a method of problem and declaration that returns operators made for the problem, by
    name; the attribute `weight` of one says how often it is tried at first, against 1 of others).
    """

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
