"""Presets: archipelagos declared in `islands/*.toml`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, field_validator

from evolve._data_dirs import data_dir
from evolve._toml import load_toml, suggest
from evolve.errors import UsageError
from evolve.islands._archives import resolve_archive
from evolve.islands._bandit import resolve_bandit
from evolve.islands._resolve import hint
from evolve.islands._selection import resolve_selection
from evolve.islands._topology import TOPOLOGIES
from evolve.problem import Measure, check_cells

MAX_ISLANDS = 1024

_Whole = Annotated[int, Strict()]
_Number = Annotated[float, Strict()]


class Table(BaseModel):
    """A TOML table: frozen, unknown keys refused, no silent conversion between numbers, text and booleans."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ArchipelagoInfo(Table):
    """`[archipelago]`: what the preset is for."""

    title: str = Field(min_length=1)
    """One line for listings."""
    description: str = ""
    """A sentence on when to use it."""


class MigrationSpec(Table):
    """`[migration]`: how elites travel between islands."""

    topology: str = "ring"
    """Which islands an island sends to: "ring", "star", "full", "random" or "isolated"."""
    interval: _Whole = Field(default=40, ge=1)
    """Commits of the whole archipelago between two migrations."""
    count: _Whole = Field(default=2, ge=1)
    """Elites copied along every connection each time."""
    policy: Literal["top", "random", "diverse"] = "top"
    """Send the fittest elites, elites drawn uniformly, or some that lie far apart."""
    patience: _Whole | None = Field(default=None, ge=1)
    """Programs of an island without a new best of its own, after which it is seeded again; omitted: never."""
    settlers: _Whole = Field(default=5, ge=1)
    """Elites that an island is seeded with, of the fittest of another island."""

    @field_validator("topology")
    @classmethod
    def _known_topology(cls, value: str) -> str:
        if value not in TOPOLOGIES:
            raise ValueError(f"must be one of {', '.join(TOPOLOGIES)}{hint(value, TOPOLOGIES)}")
        return value


class IslandSpec(Table):
    """`[[island]]`: one island, or several alike."""

    copies: _Whole = Field(default=1, ge=1, le=MAX_ISLANDS)
    """Number of islands made from this table."""
    selection: dict[str, Any] = Field(default_factory=lambda: {"kind": "rank"})
    """Parent selection: `kind` and its options."""
    operators: dict[str, _Number] = Field(default_factory=dict)
    """Weights of the operators in use; omitted: all that the run offers, with equal weights."""
    bandit: dict[str, Any] = Field(default_factory=lambda: {"kind": "thompson"})
    """How the operator mix learns: `kind` and its options."""
    archive: dict[str, Any] = Field(default_factory=lambda: {"kind": "grid"})
    """How the measures are divided: `kind` and its options."""
    measures: tuple[Measure, ...] | None = None
    """Measures of this island, as in `problem.toml`; omitted: the problem's."""
    models: tuple[str, ...] | None = None
    """Models that its operators may ask; omitted: all that the run offers."""

    @field_validator("selection", "bandit", "archive", mode="before")
    @classmethod
    def _is_table(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError('must be a table such as { kind = "..." }')
        return value

    @field_validator("operators", mode="before")
    @classmethod
    def _is_table_of_weights(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            raise ValueError("must be a table of weights such as { jitter = 1.0, insert_block = 2.0 }")
        return value

    @field_validator("selection")
    @classmethod
    def _selection_resolves(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _resolved(value, resolve_selection)

    @field_validator("bandit")
    @classmethod
    def _bandit_resolves(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _resolved(value, _resolve_any_bandit)

    @field_validator("archive")
    @classmethod
    def _archive_resolves(cls, value: dict[str, Any]) -> dict[str, Any]:
        return _resolved(value, resolve_archive)

    @field_validator("measures")
    @classmethod
    def _some_measures(cls, value: tuple[Measure, ...] | None) -> tuple[Measure, ...] | None:
        if value is None:
            return None
        metrics = [measure.metric for measure in value]
        if not metrics or len(set(metrics)) < len(metrics):
            raise ValueError("must be at least one measure, each of another metric")
        check_cells(value)
        return value

    @field_validator("operators")
    @classmethod
    def _weights_in_range(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if not 1e-6 <= weight <= 1e6:
                raise ValueError(
                    f"weight of {name!r} must be from 1e-06 to 1e+06, got {weight:g}; "
                    "to bar an operator, leave it out"
                )
        return value

    def weights(
        self, operator_names: Sequence[str], mix: Mapping[str, float] | None = None
    ) -> dict[str, float]:
        """Return the weight of every operator in use.

        Args:
            operator_names: All operators that the run offers.
            mix: Weights to use when the island names no operator; omitted: equal ones.

        Raises:
            UsageError: a weight is given for an operator that the run does not offer, or it offers none.
        """
        for name in self.operators:
            if name not in operator_names:
                raise UsageError(
                    f"island.operators: {name!r} must be one of the run's operators "
                    f"({', '.join(operator_names)}).{suggest(name, operator_names)}"
                )
        weights = self.operators or mix or dict.fromkeys(operator_names, 1.0)
        if not weights:
            raise UsageError(
                "an island must have at least one operator, got none. Offer operators to the run."
            )
        # In the run's order, so that the order of keys in a file changes nothing.
        return {name: weights[name] for name in operator_names if name in weights}


class Preset(Table):
    """The whole of a preset file. Tickets are dealt to the islands in turn."""

    archipelago: ArchipelagoInfo
    migration: MigrationSpec | None = None
    """Omitted: islands never exchange elites."""
    island: tuple[IslandSpec, ...]

    @field_validator("island")
    @classmethod
    def _some_but_not_too_many(cls, value: tuple[IslandSpec, ...]) -> tuple[IslandSpec, ...]:
        # Not `min_length`: that counts only the valid items, and so would complain about a mistake in one.
        if not value:
            raise ValueError("must be at least one [[island]]")
        total = sum(spec.copies for spec in value)
        if total > MAX_ISLANDS:
            raise ValueError(f"the copies add up to {total} islands; at most {MAX_ISLANDS} are allowed")
        return value

    @property
    def islands(self) -> tuple[IslandSpec, ...]:
        """One entry per island: the tables in order, each as often as its `copies` say."""
        return tuple(spec for spec in self.island for _ in range(spec.copies))


def preset_path(name_or_path: str | Path) -> Path:
    """Return the file of a preset.

    Args:
        name_or_path: Such as "ring4"; text that ends in ".toml" or contains a "/" is a path.

    Raises:
        UsageError: no shipped preset has this name.
    """
    name = str(name_or_path)
    if isinstance(name_or_path, Path) or name.endswith(".toml") or "/" in name:
        return Path(name_or_path)
    known = list_presets()
    if name not in known:
        raise UsageError(
            f"islands: preset must be one of {', '.join(known)}, got {name!r}.{suggest(name, known)} "
            "A preset of your own is given by the path of its .toml file."
        )
    return data_dir("islands") / f"{name}.toml"


def list_presets() -> list[str]:
    """Return the names of the shipped presets, sorted."""
    return sorted(path.stem for path in data_dir("islands").glob("*.toml"))


def load_preset(name_or_path: str | Path) -> Preset:
    """Load a shipped preset by name, or any preset by path.

    Args:
        name_or_path: See `preset_path`.

    Raises:
        UsageError: no such preset, or the file does not fit; the text names key, value and fix.
    """
    return load_toml(preset_path(name_or_path), Preset, UsageError)


def _reason(problem: UsageError) -> str:
    """Return the message without its first word, which the key already says, and its full stop."""
    return str(problem).split(": ", 1)[1].removesuffix(".")


def _resolve_any_bandit(table: Mapping[str, Any]) -> object:
    return resolve_bandit(table, {"any": 1.0})


def _resolved(table: dict[str, Any], resolve: Callable[[Mapping[str, Any]], object]) -> dict[str, Any]:
    """Return a table that makes what it declares; else raise ValueError with the reason."""
    try:
        resolve(table)
    except UsageError as problem:
        raise ValueError(_reason(problem)) from None
    return table
