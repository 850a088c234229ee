"""The contract between the engine and an operator."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from evolve.languages import LANGUAGES, PYTHON, Language
from evolve.models import Ask
from evolve.problem import Block
from evolve.prompts import PromptContext, Prompts


class NoProposal(Exception):  # noqa: N818 - an outcome, not an error
    """The operator found nothing to propose in this context; the text says why."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A program that an operator may build upon.

    Attributes:
        id: The program's id in the store.
        text: Its source.
        objective: Its objective value, in the problem's own direction.
        feedback: What the scorer said about it.
    """

    id: int
    text: str
    objective: float
    feedback: str = ""


@dataclass(frozen=True, slots=True)
class ModelSide:
    """What an operator that asks a model gets besides.

    Attributes:
        ask: Asks a model on behalf of this ticket.
        prompts: Renders templates to messages.
        view: What the templates show.
        novelty: Tells why a program is not new enough to be evaluated; an empty text when it is.
    """

    ask: Ask
    prompts: Prompts
    view: PromptContext
    novelty: Callable[[str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Context:
    """All that an operator may look at. Two equal contexts give two equal proposals.

    Attributes:
        entry: Name of the function that the proposal must define.
        arguments: Names of the entry's parameters.
        returns: Names of the values that the entry returns, possibly empty.
        parents: At least `Operator.parents_wanted` programs when the archive holds as
            many, else fewer; the first is the one to change.
        blocks: Snippets of the problem.
        rng: The ticket's own generator.
        max_chars: Longest text that the pipeline accepts.
        model: For operators that ask a model; None for all others.
        language: What programs are written in.
    """

    entry: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    parents: tuple[Parent, ...]
    blocks: tuple[Block, ...]
    rng: np.random.Generator
    max_chars: int = 40_000
    model: ModelSide | None = None
    language: Language = LANGUAGES[PYTHON]


@dataclass(frozen=True, slots=True)
class Idea:
    """The first half of a hypothesis; whether it held is known after the evaluation.

    Attributes:
        text: One or two sentences.
        metric: The metric that is expected to move.
        direction: Where to.
    """

    text: str
    metric: str
    direction: Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed program.

    Attributes:
        text: Its source.
        parents: Ids of the programs it was made from, main parent first.
        change: One line that says what was done, for lineage and reports.
        model: Name of the model that wrote it; None: no model had part in it.
        idea: What it is meant to show, when the model said so.
    """

    text: str
    parents: tuple[int, ...]
    change: str
    model: str | None = None
    idea: Idea | None = None


@runtime_checkable
class Operator(Protocol):
    """Proposes a candidate from a context.

    Operators hold no state between calls, so that a resumed run repeats them; what they learn
    is kept by the island's bandit.
    """

    name: str
    parents_wanted: int

    async def propose(self, context: Context) -> Proposal:
        """Propose one program.

        Raises:
            NoProposal: nothing applicable in this context.
        """
        ...
