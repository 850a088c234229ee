"""What a problem's trusted scorer returns or raises."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


class Invalid(Exception):  # noqa: N818 - reads as a verdict in a scorer: raise Invalid("...")
    """The output breaks a rule of the problem; the text becomes feedback to the next proposer.

    Raised by a scorer. Name the broken rule and by how much it is broken
    ("circles 3 and 7 overlap by 2.1e-4"). Any other exception from a scorer is
    taken as an error of the problem, never of the program.
    """


@dataclass(frozen=True, slots=True)
class Score:
    """A valid output's metrics.

    Attributes:
        metrics: Finite floats by name. Must hold the problem's objective and every
            measure that the built-in stages do not compute.
        feedback: One to a few plain sentences that a proposer can act upon.
        artifact: Plain data (numbers, strings, lists, dicts, arrays) that shows the
            verified solution, for pictures and exports; not kept during the search.
    """

    metrics: dict[str, float]
    feedback: str = ""
    artifact: Any = field(default=None, compare=False)
