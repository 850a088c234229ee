"""The resolved configuration of a run, as written to `config.toml` in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, field_validator

from evolve._toml import load_toml
from evolve.engine._order import OrderName
from evolve.errors import RunError, StoreError, UsageError
from evolve.islands import Preset
from evolve.models import ModelsConfig
from evolve.problem import Problem, Value
from evolve.sandbox import default_policy

DEFAULT_MAX_EVALS = 500


def _default_policy() -> Literal["strict", "process"]:
    return "strict" if default_policy() == "strict" else "process"


def _kind_of_islands(value: object) -> str | None:
    """Tell by its type which form of `islands` is meant, so that errors speak of that one alone."""
    if isinstance(value, str):
        return "<name>"
    if isinstance(value, Mapping | Preset):
        return "<tables>"
    return "<none>" if value is None else None


class Settings(BaseModel):
    """A table of the configuration: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Budget(Settings):
    """When a run ends; whichever comes first. With nothing set, 500 evaluations."""

    max_evals: int | None = Field(default=None, ge=1)
    """Evaluations, seeds included; duplicates cost none."""
    max_seconds: float | None = Field(default=None, gt=0)
    """Wall-clock seconds, summed over all sessions of the run."""
    target: float | None = None
    """Objective value that is good enough."""
    stagnation: int | None = Field(default=None, ge=1)
    """Evaluations without a new best."""
    max_calls: int | None = Field(default=None, ge=1)
    """Calls to models, failed ones included."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Tokens of all prompts and replies."""
    max_usd: float | None = Field(default=None, gt=0)
    """US dollars for all calls."""

    def or_default(self) -> Budget:
        """Return this budget, or the default one when nothing is limited."""
        if self.model_dump(exclude_none=True):
            return self
        return Budget(max_evals=DEFAULT_MAX_EVALS)


class RunConfig(Settings):
    """Everything that decides what a run does.

    Two runs of equal configurations in ticket order, on one version of the code, give the same programs,
    scores and archives (with models: when these answer the same); `workers`, `sandbox` and the time
    budget are the only values that may differ. Where a limit of calls, tokens or dollars ends the run, the
    programs are equal up to that end, which may come some tickets earlier or later: which calls are in flight
    when the rest becomes too small for another one is a matter of timing.
    """

    problem: str
    """Name of a shipped problem, or the path of a problem's folder."""
    params: dict[str, Value] = Field(default_factory=dict)
    """Overrides of the problem's parameters."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of the whole run."""
    workers: int = Field(default=2, ge=1, le=1024)
    """Programs evaluated at once."""
    window: int = Field(default=8, ge=1, le=100_000)
    """Tickets in flight: ticket t selects its parents from the archive as it stood at commit t - window."""
    order: OrderName = "ticket"
    """"ticket": commits in ticket order, the same with any timing; "arrival": as they come."""
    islands: Preset
    """The archipelago."""
    operators: dict[str, float] = Field(default_factory=dict)
    """Operators and their weights for islands that name none; omitted: those that can be used."""
    models: ModelsConfig | None = None
    """The models to ask; omitted: none."""
    prompts: str | None = None
    """Folder of templates that replace those of the problem and of the package."""
    memory: str | None = None
    """Where the memory came from that the run began with; a copy is in its folder."""
    sandbox: Literal["strict", "process"] = Field(default_factory=_default_policy)
    """Policy: which layers must be in force for a program to run."""
    budget: Budget = Field(default_factory=Budget)
    """When to stop."""

    @field_validator("operators")
    @classmethod
    def _weights_are_positive(cls, value: dict[str, float]) -> dict[str, float]:
        for name, weight in value.items():
            if not 1e-6 <= weight <= 1e6:
                raise ValueError(
                    f"weight of {name!r} must be from 1e-06 to 1e+06; to bar an operator, leave it out"
                )
        return value

    def save(self, folder: Path) -> None:
        """Write `config.toml` into the run's folder, all of it or nothing; raises StoreError."""
        path = folder / "config.toml"
        draft = folder / "config.toml.new"
        text = tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))
        try:
            draft.write_bytes(text.encode())
            draft.replace(path)  # a kill in between leaves the old one
        except OSError as error:
            raise StoreError(
                f"{path}: cannot be written ({error.strerror}). Free space or choose another --runs folder."
            ) from None

    @classmethod
    def load(cls, folder: Path) -> RunConfig:
        """Read `config.toml`; raises RunError when the folder is no run or the file does not fit."""
        path = folder / "config.toml"
        if not path.is_file():
            raise RunError(f"{folder}: is not a run: it holds no config.toml. `evolve runs` lists the runs.")
        return load_toml(path, cls, RunError)


class RunFile(Settings):
    """A file of settings given by `--config`: like `config.toml`, every key optional."""

    problem: str | None = None
    """Of which problem a run's own `config.toml` is; it has to be the one that is named beside it."""
    params: dict[str, Value] = Field(default_factory=dict)
    seed: int | None = Field(default=None, ge=0, lt=2**63)
    workers: int | None = Field(default=None, ge=1, le=1024)
    window: int | None = Field(default=None, ge=1, le=100_000)
    order: OrderName | None = None
    islands: Annotated[
        Annotated[str, Tag("<name>")] | Annotated[Preset, Tag("<tables>")] | Annotated[None, Tag("<none>")],
        Discriminator(
            _kind_of_islands,
            custom_error_type="islands",
            custom_error_message='must be a name such as "ring4", the path of a .toml file, or the tables of '
            "a preset: [islands.archipelago], [[islands.island]]",
        ),
    ] = None
    """Name or path of a preset, or its tables."""
    operators: dict[str, float] = Field(default_factory=dict)
    models: ModelsConfig | None = None
    prompts: str | None = None
    memory: str | None = None
    sandbox: Literal["strict", "process"] | None = None
    budget: Budget = Field(default_factory=Budget)

    @classmethod
    def load(cls, path: Path) -> RunFile:
        """Read a file; raises UsageError when it is none or does not fit."""
        return load_toml(path, cls, UsageError)

    def check_problem(self, problem: Problem, path: Path) -> None:
        """Refuse the configuration of a run of another problem.

        Problems are told apart by the names of their folders: a folder may have moved since.

        Raises:
            UsageError: the file names another problem.
        """
        name = problem.folder.name
        if self.problem is not None and Path(self.problem).name != name:
            raise UsageError(
                f"{path}: problem: is the configuration of a run of {self.problem!r}, got {name!r} on the "
                "command line. Name that problem, or take the line `problem`, and what does not fit, out of "
                "the file."
            )
