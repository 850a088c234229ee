"""The declaration of a problem, as pydantic models of `problem.toml`."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Sized
from keyword import iskeyword
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    Strict,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from evolve._brief import brief
from evolve.languages import LANGUAGES, PYTHON
from evolve.problem._aggregate import Aggregate
from evolve.problem._condition import Condition

Scalar = bool | int | float | str
MAX_CELLS = 10_000_000
"""The finest grid that measures may declare."""
MAX_DEPTH = 8
"""How deep lists in `[params]` and `[[cases]]` may be nested."""
MAX_ITEMS = 100_000
"""How many items a value may hold, over all of its lists."""
MAX_TEXT = 2_000_000
"""How many characters a value may hold, over all of its texts."""


def check_value(value: Any) -> Value:
    """Return a value of `[params]` or `[[cases]]` when it is plain and of bounded size.

    Raises:
        ValueError: it is something else; says what it has to be.
    """
    items = chars = 0
    left = [(value, 0)]
    while left:
        item, depth = left.pop()
        if type(item) is list:
            items += len(item)
            if depth == MAX_DEPTH or items > MAX_ITEMS:
                raise ValueError(
                    f"must be nested at most {MAX_DEPTH} deep and hold at most {MAX_ITEMS:,} items"
                )
            left += [(inner, depth + 1) for inner in item]
        elif type(item) is str:
            chars += len(item)
            if chars > MAX_TEXT:
                raise ValueError(f"must hold at most {MAX_TEXT:,} characters of text")
        elif type(item) not in (bool, int, float) or (type(item) is float and not math.isfinite(item)):
            what = "must be a finite number, a text, true or false, or a list of these"
            raise ValueError(what if item is value else f"{what}; one of its items is {brief(item)}")
    plain: Value = value
    return plain


Value = Annotated[bool | int | float | str | list[Any], PlainValidator(check_value)]
"""What a parameter or an argument of a case may be; lists hold the same."""

_Whole = Annotated[int, Strict()]
_Number = Annotated[float, Strict()]
_Many = TypeVar("_Many", bound=Sized)


def _not_empty(value: _Many) -> _Many:
    # Unlike pydantic's `min_length`, silent when the only item is refused for itself.
    if not len(value):
        raise ValueError("needs at least one entry")
    return value


def _is_name(text: str) -> bool:
    return text.isidentifier() and not iskeyword(text)


EVALUATOR = "evaluator"
"""Kind of the stage in which a foreign evaluator executes the program itself."""
TABULAR = "tabular"
"""Kind of the stage that lets a program transform the folds of a table."""
BUILTIN_METRICS = ("lines", "ast_nodes", "cyclomatic")
"""Metrics that the `complexity` stage computes for programs in Python."""
TEXT_METRICS = ("lines", "tokens", "chars")
"""The same for programs in other languages and for plain text."""


DESCRIPTORS = ("chars", "seed_distance", "text_x", "text_y")
"""Metrics that the `descriptors` stage computes; it joins a pipeline when something asks for one of them."""


def case_metric(metric: str, case: int) -> str:
    """Name the metric of a single case, counted from 0, beside the one over all cases."""
    return f"{metric}[{case}]"


class Table(BaseModel):
    """A TOML table: frozen, unknown keys refused, no silent conversion between numbers, text and booleans."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ProblemInfo(Table):
    """`[problem]`: what it is called and what a proposer is told."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    title: str = Field(min_length=1)
    statement: str = Field(min_length=1)


class Candidate(Table):
    """`[candidate]`: what a program must define, and its limits."""

    language: str = PYTHON
    """What programs are written in: "python", "c", "rust", ... or "text" for prose and data."""
    entry: str = Field(default="", validate_default=True)
    """Name of the function that every program defines; other languages than Python may do without."""
    seeds: Annotated[tuple[str, ...], AfterValidator(_not_empty)]
    """Seed programs: paths relative to the problem's folder."""
    arguments: tuple[str, ...] | None = None
    """Parameters passed to the entry by keyword; all of `[params]` when omitted."""
    returns: tuple[str, ...] = ()
    """Names of the returned values in order, by which blocks connect to them."""
    preload: tuple[str, ...] = ()
    """Modules imported once, before the programs are forked."""
    timeout_s: _Number = Field(default=10.0, gt=0, le=86_400)
    """Wall-clock limit for one case, in seconds."""
    memory_mb: _Whole = Field(default=1024, ge=16)
    """Memory a program may add to what the preloaded modules take, in MiB."""
    processes: _Whole = Field(default=16, ge=1)
    """Processes and threads that a program may have at once, itself included."""
    cpu_s: _Number | None = Field(default=None, gt=0, le=86_400)
    """CPU seconds for each of its processes; omitted: what fits into the wall-clock limit."""
    threads: _Whole = Field(default=1, ge=1, le=256)
    """Threads of the numeric libraries' pools; more than one makes workers fight for cores."""
    scratch_mb: _Number = Field(default=64.0, gt=0, le=1024 * 1024)
    """Size of the folder that a program may write in, in MiB; gone when it ends."""
    readable: tuple[str, ...] = ()
    """Public data that programs may read: paths relative to the problem's folder."""
    modules: tuple[str, ...] = ()
    """Modules that may join `preload` when programs are seen to import them; `scipy.*` names a family."""
    one_process: Annotated[bool, Strict()] = False
    """Run all cases of a program in one process: faster, but a case can see what an earlier one left."""
    output_mb: _Number = Field(default=8.0, gt=0, le=1024)
    """Largest encoded result, in MiB."""
    max_chars: _Whole = Field(default=40_000, ge=100)
    """Longest program text, in characters."""

    toolchains: tuple[str, ...] = ()
    """Folders, by absolute path or from ~, of compilers outside of /usr, for `command` stages."""

    @field_validator("language")
    @classmethod
    def _language_is_known(cls, value: str) -> str:
        if value not in LANGUAGES:
            raise ValueError(f"must be one of {', '.join(LANGUAGES)}")
        return value

    @field_validator("toolchains")
    @classmethod
    def _toolchains_are_absolute(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for folder in value:
            if not folder.startswith(("/", "~/")) or folder in ("/", "~/"):
                raise ValueError(f"{folder!r} must be a folder by its absolute path, such as '/opt/rust'")
        return value

    @field_validator("entry")
    @classmethod
    def _entry_is_a_name(cls, value: str, info: ValidationInfo) -> str:
        language = info.data.get("language", PYTHON)
        if not value and language == PYTHON:
            raise PydanticCustomError("missing", "is missing")
        if value and not _is_name(value):
            raise ValueError("must be the name of a function, such as 'solve'")
        return value

    @field_validator("returns", "arguments")
    @classmethod
    def _names(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if not _is_name(name):
                raise ValueError(f"{name!r} must be a Python name")
        return value


class Record(Table):
    """A reference value from the literature: data, not a claim of ours."""

    value: _Number
    source: str
    as_of: str
    exactness: str
    params: dict[str, Scalar] = Field(default_factory=dict)
    """The reference holds for runs whose parameters equal these; empty: for all."""


class Objective(Table):
    """`[objective]`: the metric to improve."""

    metric: str
    direction: Literal["maximize", "minimize"]
    bounds: tuple[_Number, _Number] | None = None
    """What the metric of a single case can be: [lowest, highest]; needed for `early_stop`."""
    target: _Number | None = None
    """A run may stop at this value; `--target` overrides it."""
    records: tuple[Record, ...] = ()

    @field_validator("bounds")
    @classmethod
    def _bounds_ascend(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not value[0] < value[1]:
            raise ValueError("must be [lowest, highest] with lowest < highest")
        return value

    @property
    def sign(self) -> float:
        """+1.0 when larger is better, −1.0 when smaller is better."""
        return 1.0 if self.direction == "maximize" else -1.0

    def better(self, a: float, b: float) -> bool:
        """Tell whether objective value `a` is strictly better than `b`."""
        return self.sign * a > self.sign * b


class FurtherObjective(Table):
    """`[[objectives]]`: what is wanted beside the main objective, the most wanted first."""

    metric: str
    direction: Literal["maximize", "minimize"]
    weight: _Number = Field(default=1.0, gt=0, le=1e6)
    """Against the main objective's 1, for `prefer = "weights"`."""

    @property
    def sign(self) -> float:
        """+1.0 when larger is better, −1.0 when smaller is better."""
        return 1.0 if self.direction == "maximize" else -1.0


class Measure(Table):
    """`[[measures]]`: one dimension of the archive."""

    metric: str
    range: tuple[_Number, _Number] | None = None
    """Values outside are clipped to the edge bins."""
    bins: _Whole | None = Field(default=None, ge=1, le=10_000)
    scale: Literal["linear", "log"] = "linear"
    edges: tuple[_Number, ...] | None = None
    """Explicit inner and outer bin edges, ascending, instead of range and bins."""
    adapt: Annotated[bool, Strict()] = False
    """Let the range follow what is seen; `range` is then the first guess."""

    @model_validator(mode="after")
    def _range_or_edges(self) -> Self:
        if self.edges is not None:
            if self.adapt:
                raise ValueError("`adapt` moves the ends of a `range`; explicit `edges` stay as they are")
            if self.range is not None or self.bins is not None or self.scale != "linear":
                raise ValueError(
                    "give either `edges`, or `range` and `bins` (with an optional `scale`), not both"
                )
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
    """Data edges: run when these succeeded, and read what they found."""
    after: tuple[str, ...] = ()
    """Order edges: run later than these, whatever their outcome."""
    on_failure: tuple[str, ...] = ()
    """Order edges: run only when at least one of these did not succeed."""
    always: Annotated[bool, Strict()] = False
    """Run also when a stage that it needs did not succeed."""
    when: str | None = None
    """Run only when this comparison of a metric of an earlier stage holds, such as "hit_rate >= 0.5"."""
    timeout_s: _Number | None = Field(default=None, gt=0)
    """Wall-clock limit of the stage, in seconds; omitted: the kind's own."""
    retries: _Whole = Field(default=1, ge=0, le=10)
    """Further attempts after a failure of the infrastructure (never of the program)."""
    backoff_s: _Number = Field(default=0.1, ge=0, le=600)
    """Pause before the second attempt in seconds; each further one is twice as long."""
    concurrency: Literal["cpu", "model", "exclusive"] | None = None
    """What it competes for; "exclusive": nothing else runs meanwhile. Omitted: the kind's own."""
    deterministic: Annotated[bool, Strict()] | None = None
    """Whether equal programs get equal results, which may then be recalled; omitted: the kind's own."""
    aggregate: str | dict[str, str] = "mean"
    """How metrics of several cases become one: for all, or by metric (others get the mean)."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Settings of the stage's kind."""

    @field_validator("when")
    @classmethod
    def _when_is_a_condition(cls, value: str | None) -> str | None:
        if value is not None:
            Condition.parse(value)
        return value

    @field_validator("aggregate", mode="before")
    @classmethod
    def _is_text_or_table(cls, value: Any) -> Any:
        if not isinstance(value, str | dict):
            raise ValueError("must be a text such as 'worst', or a table such as { hit_rate = 'worst' }")
        return value

    @field_validator("aggregate")
    @classmethod
    def _aggregates_are_known(cls, value: str | dict[str, str]) -> str | dict[str, str]:
        for text in [value] if isinstance(value, str) else value.values():
            Aggregate.parse(text)
        return value

    @model_validator(mode="after")
    def _always_means_always(self) -> Self:
        if self.always and (self.when or self.on_failure):
            raise ValueError("`always` contradicts `when` and `on_failure`; remove one of them")
        return self

    @property
    def earlier(self) -> tuple[str, ...]:
        """Every stage that must have ended before this one begins."""
        return (*self.needs, *self.after, *self.on_failure)

    def aggregate_of(self, metric: str, objective: str) -> Aggregate:
        """Return how the values of a metric become one; "worst" for all means the objective's only."""
        if isinstance(self.aggregate, dict):
            return Aggregate.parse(self.aggregate.get(metric, "mean"))
        if self.aggregate == "worst" and metric != objective:
            return Aggregate()
        return Aggregate.parse(self.aggregate)


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


def default_stages(language: str) -> tuple[StageSpec, ...]:
    """Return the pipeline of a problem that declares none: compiled languages run by a `command`."""
    if language == PYTHON:
        return DEFAULT_STAGES
    kind = "command" if LANGUAGES[language].run else "text"
    return tuple(
        stage.model_copy(update={"kind": kind}) if stage.name == "run" else stage for stage in DEFAULT_STAGES
    )


class ProblemSpec(Table):
    """The whole of `problem.toml`."""

    problem: ProblemInfo
    params: dict[str, Value] = Field(default_factory=dict)
    candidate: Candidate
    objective: Objective
    objectives: tuple[FurtherObjective, ...] = ()
    """Further objectives; archives keep to the main one, the selection `objectives` weighs all."""
    measures: Annotated[tuple[Measure, ...], AfterValidator(_not_empty)]
    stages: tuple[StageSpec, ...] = DEFAULT_STAGES
    blocks: tuple[BlockSpec, ...] = ()
    cases: tuple[dict[str, Value], ...] = ()
    """Further keyword arguments of the entry, one evaluation each; omitted: one case without any."""
    scorer: str = "score.py"
    """The trusted scorer: defines `score(output, params, case)`."""
    draw: str | None = None
    """Optional trusted module that defines `draw(axes, artifact, params)` for pictures, and maybe
    `shapes(artifact, params)` for the app."""

    @property
    def shared_trust(self) -> bool:
        """Whether an evaluator judges programs that it shares its process with."""
        return any(stage.kind == EVALUATOR for stage in self.stages)

    @property
    def called_by_stage(self) -> bool:
        """Whether a stage calls programs in its own way, with other arguments than declared ones."""
        return any(stage.kind in (EVALUATOR, TABULAR) for stage in self.stages)

    @property
    def has_scorer(self) -> bool:
        """Whether there is a trusted scorer: always, unless an evaluator takes its place."""
        return not self.shared_trust or any(stage.kind == "score" for stage in self.stages)

    @model_validator(mode="before")
    @classmethod
    def _stages_by_language(cls, data: Any) -> Any:
        """Fill in the pipeline that suits the language."""
        if not isinstance(data, dict) or "stages" in data:
            return data
        candidate = data.get("candidate")
        language = candidate.get("language", PYTHON) if isinstance(candidate, dict) else PYTHON
        known = isinstance(language, str) and language in LANGUAGES
        return {**data, "stages": default_stages(language)} if known else data

    @model_validator(mode="after")
    def _other_languages_have_no_blocks(self) -> Self:
        if self.blocks and self.candidate.language != PYTHON:
            raise ValueError(
                f"blocks: are inserted into Python programs, but candidate.language is "
                f"{self.candidate.language!r}; remove them"
            )
        return self

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        for table in (self.params, *self.cases):
            for name in table:
                if not _is_name(name):
                    where = "params" if table is self.params else "cases"
                    raise ValueError(f"{where}: {name!r} must be a Python name")
        for name in self.candidate.arguments or ():
            if name not in self.params:
                declared = ", ".join(self.params) or "none declared"
                raise ValueError(f"candidate.arguments: {name!r} must be one of [params] ({declared})")
        names = [stage.name for stage in self.stages]
        for stage in self.stages:
            if names.count(stage.name) > 1:
                raise ValueError(f"stages: two stages are named {stage.name!r}; names must be unique")
            if isinstance(stage.aggregate, dict):
                _check_worst(stage.name, stage.aggregate, self.objective.metric)
            for need in stage.earlier:
                if need not in names:
                    path = " -> ".join((need, *_users_of(stage.name, self.stages)))
                    raise ValueError(
                        f"stages.{stage.name}: needs {need!r}, which is no stage ({path}); "
                        f"stages are {', '.join(names)}"
                    )
        wanted = [self.objective.metric, *(further.metric for further in self.objectives)]
        for metric in wanted[1:]:
            if wanted.count(metric) > 1:
                raise ValueError(f"objectives: {metric!r} is an objective twice; use each metric once")
        metrics = [measure.metric for measure in self.measures]
        if len(set(metrics)) != len(metrics):
            raise ValueError("measures: two measures use the same metric; each metric may be used once")
        check_cells(self.measures)
        return self


def check_cells(measures: Iterable[Measure]) -> None:
    """Refuse measures that divide the space too finely; raises ValueError."""
    cells = math.prod(m.bins or len(m.edges or ()) - 1 for m in measures)
    if cells > MAX_CELLS:
        raise ValueError(f"measures: {cells:,} cells are more than {MAX_CELLS:,}; use fewer bins")


def with_descriptors(spec: ProblemSpec, metrics: Iterable[str]) -> ProblemSpec:
    """Add the `descriptors` stage when a metric is its own and no stage of that kind is declared."""
    if not set(DESCRIPTORS).intersection(metrics) or any(
        stage.kind == "descriptors" for stage in spec.stages
    ):
        return spec
    parse = next((stage.name for stage in spec.stages if stage.kind == "parse"), None)
    taken = {stage.name for stage in spec.stages}
    name = next(
        name for name in ("descriptors", "text_descriptors", "descriptors_stage") if name not in taken
    )
    stage = StageSpec(name=name, kind="descriptors", needs=() if parse is None else (parse,))
    return spec.model_copy(update={"stages": (*spec.stages, stage)})


def _users_of(name: str, stages: tuple[StageSpec, ...]) -> list[str]:
    """Return a stage and, one after the other, stages that come to nothing without it."""
    path = [name]
    while user := next((s.name for s in stages if path[-1] in s.needs and s.name not in path), None):
        path.append(user)
    return path


def _check_worst(stage: str, aggregate: dict[str, str], objective: str) -> None:
    for metric, text in aggregate.items():
        if text == "worst" and metric != objective:
            raise ValueError(
                f"stages.{stage}.aggregate.{metric}: 'worst' is known for the objective "
                f"{objective!r} only; say 'min' or 'max'"
            )
