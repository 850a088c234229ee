"""The contract between the engine and an operator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np

from evolve.problem import Block


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
    """

    entry: str
    arguments: tuple[str, ...]
    returns: tuple[str, ...]
    parents: tuple[Parent, ...]
    blocks: tuple[Block, ...]
    rng: np.random.Generator
    max_chars: int = 40_000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A proposed program.

    Attributes:
        text: Its source.
        parents: Ids of the programs it was made from, main parent first.
        change: One line that says what was done, for lineage and reports.
    """

    text: str
    parents: tuple[int, ...]
    change: str


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
