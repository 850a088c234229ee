"""What a prompt may show: the one typed context that every template is rendered from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from evolve.problem import Scalar


@dataclass(frozen=True, slots=True)
class ProblemView:
    """What is to be solved.

    Attributes:
        name: The problem's short name.
        title: One line.
        statement: What the author tells a model.
        entry: Name of the function to define.
        arguments: Names of its parameters.
        returns: Names of the values that it returns, possibly empty.
        params: The problem's parameters with the values of this run; long texts and lists are cut, as text.
        metric: The objective metric.
        direction: What is better.
        timeout_s: Wall-clock limit of one evaluation in seconds.
        memory_mb: Memory limit in MiB.
        modules: Modules that a program may rely on, beside the standard library.
        language: What programs are written in, as fences name it.
        language_title: The same for people.
    """

    name: str
    title: str
    statement: str
    entry: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    params: Mapping[str, Scalar]
    metric: str
    direction: Literal["maximize", "minimize"]
    timeout_s: float
    memory_mb: int
    modules: tuple[str, ...]
    language: str = "python"
    language_title: str = "Python"


@dataclass(frozen=True, slots=True)
class ProgramView:
    """A program with what its evaluation found.

    Attributes:
        id: Its id in the store.
        text: Its source.
        status: "valid", or how it failed: "failed", "invalid", "timeout", "memory", "refused".
        objective: Its objective value; None unless valid.
        metrics: Everything measured.
        feedback: What the scorer, or the sandbox, said about it.
    """

    id: int
    text: str
    status: str
    objective: float | None
    metrics: Mapping[str, float] = field(default_factory=dict)
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What a change did: one step of a lineage, or one that was tried beside it.

    Attributes:
        id: The program that the change made.
        change: One line that says what was changed.
        status: Status of the new program.
        before: Objective of the program that was changed; None when unknown.
        after: Objective of the new program; None unless valid.
    """

    id: int
    change: str
    status: str
    before: float | None
    after: float | None


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """An idea, what it was expected to do, and whether that came true.

    Attributes:
        program: The program that was made to test it.
        idea: One or two sentences.
        metric: The metric that was expected to move.
        direction: Where to.
        before: The metric of the parent; None when unknown.
        after: The metric of the program; None unless valid.
        held: Whether it moved there.
    """

    program: int
    idea: str
    metric: str
    direction: Literal["up", "down"]
    before: float | None
    after: float | None
    held: bool


@dataclass(frozen=True, slots=True)
class Lesson:
    """A short statement distilled from what was tried.

    Attributes:
        text: One sentence.
        support: Ids of the programs that it rests on; of an earlier run when `origin` is set.
        origin: Name of the run that it was carried over from; empty: this one.
    """

    text: str
    support: tuple[int, ...]
    origin: str = ""


@dataclass(frozen=True, slots=True)
class BlockView:
    """A function that a program may use.

    Attributes:
        name: The function's name.
        doc: One line that says what it does.
        text: Its source.
        credit: Mean reward, 0 to 1, of the programs that used it; None when nothing is known.
        library: Harvested from programs of the run; False: the problem's own.
    """

    name: str
    doc: str
    text: str
    credit: float | None = None
    library: bool = False


@dataclass(frozen=True, slots=True)
class PromptContext:
    """Everything that a template may show.

    Attributes:
        problem: What is to be solved.
        parent: The program to change; None for prompts about no single program (reflection).
        other: A second parent, for crossover.
        failure: A program that failed, for repair.
        inspirations: Good programs of other cells.
        ancestors: How the parent came to be: the changes from the oldest shown to the parent itself.
        siblings: Changes to the parent that were tried already, oldest first.
        hypotheses: Recent ones and whether they held, oldest first.
        lessons: What was learned, most important first.
        blocks: Functions at hand, most useful first.
        wins: Recent changes that improved an archive, oldest first, for reflection.
        losses: Recent changes that did not, oldest first, for reflection.
        editable: The parent marks the parts that may change with EVOLVE-BLOCK comments.
        angle: What to look at first, drawn for this ticket: equal parents get different questions.
    """

    problem: ProblemView
    parent: ProgramView | None = None
    other: ProgramView | None = None
    failure: ProgramView | None = None
    inspirations: tuple[ProgramView, ...] = ()
    ancestors: tuple[Step, ...] = ()
    siblings: tuple[Step, ...] = ()
    hypotheses: tuple[Hypothesis, ...] = ()
    lessons: tuple[Lesson, ...] = ()
    blocks: tuple[BlockView, ...] = ()
    wins: tuple[Step, ...] = ()
    losses: tuple[Step, ...] = ()
    editable: bool = False
    angle: str = ""
