"""The declaration of a problem, as pydantic models of `problem.toml`."""

from __future__ import annotations

import ast
import math
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Scalar = bool | int | float | str

BUILTIN_METRICS = ("lines", "ast_nodes", "cyclomatic")
"""Metrics that the `complexity` stage computes for every problem."""


class Table(BaseModel):
    """A TOML table: frozen, unknown keys refused, no silent type conversion of numbers to text."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ProblemInfo(Table):
    """`[problem]`: what it is called and what a proposer is told."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    statement: str = Field(min_length=1)


class Candidate(Table):
    """`[candidate]`: what a program must define, and its limits."""

    entry: str
    """Name of the function that every program defines."""
    seeds: tuple[str, ...] = Field(min_length=1)
    """Seed programs: paths relative to the problem's folder."""
    arguments: tuple[str, ...] | None = None
    """Parameters passed to the entry by keyword; all of `[params]` when omitted."""
    returns: tuple[str, ...] = ()
    """Names of the returned values in order, by which blocks connect to them."""
    preload: tuple[str, ...] = ()
    """Modules imported once, before the programs are forked."""
    timeout_s: float = Field(default=10.0, gt=0, le=86_400)
    """Wall-clock limit for one case, in seconds."""
    memory_mb: int = Field(default=1024, ge=16)
    """Memory a program may add to what the preloaded modules take, in MiB."""
    processes: int = Field(default=16, ge=1)
    """Processes and threads that a program may have at once, itself included."""
    output_mb: float = Field(default=8.0, gt=0, le=1024)
    """Largest encoded result, in MiB."""
    max_chars: int = Field(default=40_000, ge=100)
    """Longest program text, in characters."""

    @field_validator("entry")
    @classmethod
    def _entry_is_a_name(cls, value: str) -> str:
        if not value.isidentifier():
            raise ValueError("must be the name of a function, such as 'solve'")
        return value

    @field_validator("returns", "arguments")
    @classmethod
    def _names(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if not name.isidentifier():
                raise ValueError(f"{name!r} must be a Python name")
        return value


class Record(Table):
    """A reference value from the literature: data, not a claim of ours."""

    value: float
    source: str
    as_of: str
    exactness: str
    params: dict[str, Scalar] = Field(default_factory=dict)
    """The reference holds for runs whose parameters equal these; empty: for all."""


class Objective(Table):
    """`[objective]`: the metric to improve."""

    metric: str
    direction: Literal["maximize", "minimize"]
    target: float | None = None
    """A run may stop at this value; `--target` overrides it."""
    records: tuple[Record, ...] = ()

    @property
    def sign(self) -> float:
        """+1.0 when larger is better, −1.0 when smaller is better."""
        return 1.0 if self.direction == "maximize" else -1.0

    def better(self, a: float, b: float) -> bool:
        """Tell whether objective value `a` is strictly better than `b`."""
        return self.sign * a > self.sign * b


class Measure(Table):
    """`[[measures]]`: one dimension of the archive."""

    metric: str
    range: tuple[float, float] | None = None
    """Values outside are clipped to the edge bins."""
    bins: int | None = Field(default=None, ge=1, le=10_000)
    scale: Literal["linear", "log"] = "linear"
    edges: tuple[float, ...] | None = None
    """Explicit inner and outer bin edges, ascending, instead of range and bins."""

    @model_validator(mode="after")
    def _range_or_edges(self) -> Self:
        if self.edges is not None:
            if self.range is not None or self.bins is not None or self.scale != "linear":
                raise ValueError("give either `edges`, or `range` and `bins` (with an optional `scale`), not both")
            if len(self.edges) < 2 or any(a >= b for a, b in zip(self.edges, self.edges[1:], strict=False)):
                raise ValueError("`edges` must be at least two ascending numbers")
            return self
        if self.range is None or self.bins is None:
            raise ValueError("needs `range = [low, high]` and `bins = N`, or `edges = [...]`")
        low, high = self.range
        if not low < high:
            raise ValueError(f"`range` must be [low, high] with low < high, got [{low}, {high}]")
        if self.scale == "log" and low <= 0:
            raise ValueError(f"`range` must be positive for a log scale, got low = {low}")
        return self


class StageSpec(Table):
    """`[[stages]]`: one node of the evaluation pipeline."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    kind: str
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Order edges: run later than these, whatever their outcome."""
    timeout_s: float | None = Field(default=None, gt=0)
    """Wall-clock limit of the stage, in seconds; omitted: the kind's own."""
    retries: int = Field(default=1, ge=0, le=10)
    """Further attempts after a failure of the infrastructure (never of the program)."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the stage's kind."""


class BlockSpec(Table):
    """`[[blocks]]`: a snippet that operators may insert."""

    file: str
    """Path relative to the problem's folder; the module's docstring says what it is for."""
    call: str
    """One assignment that uses it, such as `radii = lp_radii(centers)`.

    The names read must be bound where it is inserted; `returns` and the entry's
    arguments are the names that always are.
    """

    @field_validator("call")
    @classmethod
    def _one_assignment(cls, value: str) -> str:
        try:
            body = ast.parse(value).body
        except SyntaxError as error:
            raise ValueError(f"must be one Python assignment: {error.msg}") from None
        if len(body) != 1 or not isinstance(body[0], ast.Assign) or not isinstance(body[0].value, ast.Call):
            raise ValueError("must be one assignment of a call, such as `radii = lp_radii(centers)`")
        return value


DEFAULT_STAGES = (
    StageSpec(name="parse", kind="parse"),
    StageSpec(name="run", kind="run", needs=("parse",)),
    StageSpec(name="score", kind="score", needs=("run",)),
    StageSpec(name="complexity", kind="complexity", needs=("parse",)),
)


class ProblemSpec(Table):
    """The whole of `problem.toml`."""

    problem: ProblemInfo
    params: dict[str, Scalar] = Field(default_factory=dict)
    candidate: Candidate
    objective: Objective
    measures: tuple[Measure, ...] = Field(min_length=1)
    stages: tuple[StageSpec, ...] = DEFAULT_STAGES
    blocks: tuple[BlockSpec, ...] = ()
    cases: tuple[dict[str, Scalar], ...] = ()
    """Further keyword arguments of the entry, one evaluation each; omitted: one case without any."""
    scorer: str = "score.py"
    """The trusted scorer: defines `score(output, params, case)`."""
    draw: str | None = None
    """Optional trusted module that defines `draw(axes, artifact, params)` for pictures."""

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for name in self.params:
            if not name.isidentifier():
                raise ValueError(f"params: {name!r} must be a Python name")
        for name in self.candidate.arguments or ():
            if name not in self.params:
                raise ValueError(
                    f"candidate.arguments: {name!r} must be one of [params] ({', '.join(self.params) or 'none declared'})"
                )
        names = [stage.name for stage in self.stages]
        for stage in self.stages:
            if names.count(stage.name) > 1:
                raise ValueError(f"stages: two stages are named {stage.name!r}; names must be unique")
            for need in (*stage.needs, *stage.after):
                if need not in names:
                    raise ValueError(
                        f"stages.{stage.name}: needs {need!r}, which is no stage; stages are {', '.join(names)}"
                    )
        metrics = [measure.metric for measure in self.measures]
        if len(set(metrics)) != len(metrics):
            raise ValueError("measures: two measures use the same metric; each metric may be used once")
        cells = math.prod(m.bins or len(m.edges or ()) - 1 for m in self.measures)
        if cells > 10_000_000:
            raise ValueError(f"measures: {cells:,} cells are more than 10,000,000; use fewer bins")
        return self
