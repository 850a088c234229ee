"""What one run hands to another of the same problem."""

from __future__ import annotations

from dataclasses import dataclass

from evolve.prompts import Lesson


@dataclass(frozen=True, slots=True)
class KeptBlock:
    """A block as it is kept between runs.

    Attributes:
        name: Its function's name.
        text: Its source, which defines that function and all that it needs.
        credit: Mean reward of the programs that used it; None when nothing is known.
        uses: How many programs used it.
        program: The program that it was first found in.
        origin: The run that this program belongs to; empty: this one.
    """

    name: str
    text: str
    credit: float | None
    uses: int
    program: int
    origin: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """Lessons and blocks, each with the run that it comes from.

    Attributes:
        lessons: Most important first.
        blocks: Most useful first.
    """

    lessons: tuple[Lesson, ...] = ()
    blocks: tuple[KeptBlock, ...] = ()
