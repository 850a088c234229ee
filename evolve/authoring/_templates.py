"""The templates of `evolve new`: folders of this package, with a few places to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

Direction = Literal["maximize", "minimize"]
DIRECTIONS: tuple[Direction, ...] = ("maximize", "minimize")

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Template:
    """A kind of problem to begin with.

    Attributes:
        name: What it is called on the command line, and its folder.
        summary: One sentence that helps to choose.
        title: The title when none is given.
        direction: The direction when none is given.
        metrics: The objective for either direction: every template's scorer delivers both.
        facts: Further places to fill in, by direction, such as reference values of the metric.
    """

    name: str
    summary: str
    title: str
    direction: Direction
    metrics: Mapping[Direction, str]
    facts: Mapping[Direction, Mapping[str, str]] = field(
        default_factory=lambda: MappingProxyType({"maximize": {}, "minimize": {}})
    )

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return _FOLDER / self.name


TEMPLATES: Mapping[str, Template] = MappingProxyType(
    {
        template.name: template
        for template in (
            Template(
                "function",
                "a function that is to go through given values",
                "A curve through measured values",
                "minimize",
                {"minimize": "mean_error", "maximize": "fit"},
            ),
            Template(
                "construction",
                "an extremal object whose rules are verified exactly",
                "A short ruler without equal distances",
                "minimize",
                {"minimize": "length", "maximize": "density"},
                {
                    "minimize": {"record_8": "34.0", "record_10": "55.0"},
                    "maximize": {"record_8": repr(28 / 34), "record_10": repr(45 / 55)},
                },
            ),
            Template(
                "heuristic",
                "a heuristic, scored on several generated instances",
                "Online bin packing",
                "minimize",
                {"minimize": "excess", "maximize": "fill"},
            ),
            Template(
                "text",
                "plain texts as candidates",
                "A short text that holds all words",
                "minimize",
                {"minimize": "length", "maximize": "density"},
            ),
            Template(
                "command",
                "programs of another language, here C, compiled and run by commands",
                "A faster count of divisors in C",
                "minimize",
                {"minimize": "cpu_ms", "maximize": "speed"},
            ),
        )
    }
)
"""By name."""
