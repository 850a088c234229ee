"""Tickets: one numbered turn of the loop each, with a random generator of its own."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from evolve import languages
from evolve.languages import PYTHON, Language
from evolve.models import TicketCalls
from evolve.operators import Context, Idea, Operator
from evolve.pipeline import Bar, Evaluation
from evolve.prompts import Lesson, PromptContext
from evolve.source import code_hash

STARVED = "no call to a model was left in the budget"
"""Why a ticket of ticket order has no program; the feedback of its commit."""


TOO_DEEP = "the program nests too deeply to be read"
"""Why a program is refused that parses, but not within the stack of what looks at it."""


def ticket_seed(run_seed: int, ticket: int) -> int:
    """Return the seed of a ticket's generator; stored with the program, it alone repeats its choices.

    Spawned with numpy's SeedSequence, so that tickets are independent of each other and of the number of
    workers. In 0 .. 2**63 - 1, to fit SQLite's integers.
    """
    low, high = np.random.SeedSequence(run_seed, spawn_key=(ticket,)).generate_state(2)
    return (int(high) << 32 | int(low)) >> 1


def identity(text: str, language: Language | None = None) -> bytes:
    """Return 16 bytes that are equal for equal programs: the hash of the code, or of text that is none.

    Args:
        text: The program.
        language: What it is written in; None: Python.
    """
    if language is not None and language.name != PYTHON:
        return languages.code_hash(text, language)
    try:
        return code_hash(text)
    except SyntaxError:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Ticket:
    """A turn whose parents are chosen and that waits for its proposal and evaluation.

    Attributes:
        id: 1, 2, 3 ...; also the id of the program it makes.
        island: Island that it works for; None for a seed program.
        operator: Name for the record: the operator's, "seed" or "reflect".
        arm: What the bandit chose: the operator, with "@model" when it asks one.
        seed: Seed of its generator.
        saw: Last commit in the archive when the parents were selected.
        proposer: The operator; None for a seed and for a reflection.
        context: What the operator looks at; None for a seed and for a reflection.
        calls: Its requests to models; None when it asks none.
        view: What the prompt of a reflection shows.
        text: The seed program's text.
        change: What to record about a seed.
        bar: What its program has to reach, by the commits that it saw; None when nobody asks.
    """

    id: int
    island: int | None
    operator: str
    arm: str
    seed: int
    saw: int
    proposer: Operator | None = None
    context: Context | None = None
    calls: TicketCalls | None = None
    view: PromptContext | None = None
    text: str = ""
    change: str = ""
    bar: Bar | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a ticket.

    Attributes:
        ticket: The turn.
        text: The proposed program; empty when the operator proposed nothing.
        code_hash: Hash of its normalised syntax tree.
        parents: Ids of the programs it was made from.
        change: What the operator did.
        evaluation: What the pipeline found; None when there was nothing to evaluate.
        shared: The evaluation is that of another ticket in flight, which proposed the same program.
        refusal: Why there is no program to evaluate.
        model: The model that wrote it.
        idea: What it is meant to show.
        lessons: What a reflection brought; None for everything else.
    """

    ticket: Ticket
    text: str
    code_hash: bytes
    parents: tuple[int, ...]
    change: str
    evaluation: Evaluation | None = None
    shared: bool = False
    refusal: str = ""
    model: str | None = None
    idea: Idea | None = None
    lessons: tuple[Lesson, ...] | None = None
