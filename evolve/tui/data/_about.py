"""What a run is about: names, directions, limits and reference values, read once when it is opened."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from evolve.errors import EvolveError
from evolve.problem import Problem, Record, load_problem

LIMITS = ("max_evals", "max_seconds", "max_calls", "max_tokens", "max_usd")
"""Limits of a budget whose use can be told beforehand."""


@dataclass(frozen=True, slots=True)
class About:
    """What does not change while a run goes on.

    Attributes:
        folder: Of the run.
        problem: Name of its problem.
        params: Parameters of the problem.
        metric: Name of the objective.
        maximize: Whether more of it is better.
        records: Reference values that hold for the parameters.
        language: What the programs are written in, as highlighters call it.
        islands: Names of the islands, by index.
        budget: The run's limits by name; those that are not set are missing.
        seed: Of the run.
        declared: The problem's declaration; None when it cannot be read any more.
        trouble: Why not; empty when all is well.
    """

    folder: Path
    problem: str
    params: Mapping[str, Any] = field(default_factory=dict)
    metric: str = "objective"
    maximize: bool = True
    records: tuple[Record, ...] = ()
    language: str = "text"
    islands: tuple[str, ...] = ("0",)
    budget: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    declared: Problem | None = None
    trouble: str = ""

    @property
    def name(self) -> str:
        """The run's name."""
        return self.folder.name

    @property
    def title(self) -> str:
        """The problem with its parameters, in one line."""
        return " ".join((self.problem, *(f"{key}={value}" for key, value in self.params.items())))

    @property
    def reference(self) -> Record | None:
        """The best of the reference values."""
        if not self.records:
            return None
        return max(self.records, key=lambda record: record.value if self.maximize else -record.value)

    def better(self, value: float, other: float) -> bool:
        """Tell whether a value beats another one."""
        return value > other if self.maximize else value < other


def about(folder: Path) -> About:
    """Read what a run is about.

    The problem may have moved or changed since; then the run is shown without what only the problem knows.
    """
    config = config_of(folder)
    problem = str(config.get("problem", folder.name))
    known = _known(config)
    try:
        declared = load_problem(problem, config.get("params", {}))
    except EvolveError as error:
        return About(folder, Path(problem).name, trouble=f"the problem cannot be read: {error}", **known)
    spec = declared.spec
    known["params"] = declared.params
    return About(
        folder,
        declared.name,
        metric=spec.objective.metric,
        maximize=spec.objective.direction == "maximize",
        records=declared.records,
        language=spec.candidate.language,
        declared=declared,
        **known,
    )


def config_of(folder: Path) -> dict[str, Any]:
    """Read `config.toml` as plain data: what the engine checks is not checked again here."""
    try:
        return tomllib.loads((folder / "config.toml").read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError):
        return {}


def _known(config: Mapping[str, Any]) -> dict[str, Any]:
    tables = config.get("islands", {})
    islands = tables.get("island", [{}]) if isinstance(tables, dict) else [{}]
    count = sum(int(table.get("copies", 1)) for table in islands)
    return {
        "params": config.get("params", {}),
        "islands": tuple(str(index) for index in range(max(1, count))),
        "budget": config.get("budget", {}),
        "seed": int(config.get("seed", 0)),
    }
