"""Load the stages that a problem declares: their graph and their kinds, checked before anything runs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points

from evolve._toml import suggest
from evolve.errors import ProblemError
from evolve.pipeline._cases import case_numbers
from evolve.pipeline._declared import place
from evolve.pipeline._graph import Graph, check_edges, ports_of
from evolve.pipeline._stage import Outputs, Scored, Stage
from evolve.pipeline._stages import BUILTIN_STAGES
from evolve.problem import TABULAR, Problem, StageSpec

_CONTRACT = ("version", "needs_value", "check", "timeout_s", "execute")
_TABULAR = EntryPoint(TABULAR, "evolve.tabular:Tabular", "evolve.stages")
"""Loaded when a problem asks for it, as a package's: its libraries are an extra."""


def load_stages(problem: Problem) -> tuple[Graph, dict[str, Stage]]:
    """Return a problem's graph with the kinds of its stages, all checked.

    Raises:
        ProblemError: an unknown kind, a cycle, data that a stage cannot read, or what its kind refuses.
    """
    graph = Graph.of(problem.spec.stages, str(problem.folder / "problem.toml"))
    kinds = {spec.name: _resolve_kind(problem, spec) for spec in graph.specs.values()}
    check_edges(problem, graph, kinds)
    for name, spec in graph.specs.items():
        _check_keys(problem, spec, getattr(kinds[name], "ignores", ()))
        kinds[name].check(problem, spec)
    return _asking_in_turn(problem, graph, kinds), kinds


def _check_keys(problem: Problem, spec: StageSpec, ignored: tuple[str, ...]) -> None:
    """Refuse a key that would change nothing, or let the stage never run; raises ProblemError."""
    if spec.when is not None and not spec.earlier:
        raise ProblemError(
            place(problem, spec)
            + f"has when = {spec.when!r}, but waits for no stage whose metrics that could "
            "compare. Name these in `needs` or `after`."
        )
    for key in ignored:
        if getattr(spec, key) != StageSpec.model_fields[key].default:
            raise ProblemError(
                place(problem, spec) + f"has no use for `{key}`, got {getattr(spec, key)!r}; remove it."
            )


def asks(kind: Stage) -> bool:
    """Tell whether stages of a kind may ask a model."""
    return bool(getattr(kind, "asks", False))


def scored_cases(problem: Problem) -> tuple[int, ...]:
    """Return the numbers of the cases that the last of the scoring stages takes; raises as `load_stages`.

    They say which case each value of `Evaluation.cases` belongs to.
    """
    graph, kinds = load_stages(problem)
    scoring = [spec for spec in graph.specs.values() if issubclass(ports_of(kinds[spec.name]).gives, Scored)]
    for spec in scoring[-1:]:
        feeding = [graph.specs[need] for need in spec.needs]
        for stage in (spec, *(stage for stage in feeding if ports_of(kinds[stage.name]).gives is Outputs)):
            if "cases" in stage.options:
                return case_numbers(problem, stage)
    return tuple(range(len(problem.cases)))


def _asking_in_turn(problem: Problem, graph: Graph, kinds: Mapping[str, Stage]) -> Graph:
    """Have stages that ask a model wait for each other: the questions of a ticket are numbered."""
    asking = [name for name in graph.specs if asks(kinds[name])]
    if len(asking) < 2:
        return graph
    after = dict(zip(asking[1:], asking, strict=False))
    stages = [
        spec.model_copy(update={"after": (*spec.after, after[name])}) if name in after else spec
        for name, spec in graph.specs.items()
    ]
    return Graph.of(tuple(stages), str(problem.folder / "problem.toml"))


def _loaded(problem: Problem, spec: StageSpec, point: EntryPoint) -> Stage:
    """Return a kind that a package registers; raises ProblemError when it cannot be used."""
    try:
        stage = point.load()()
    except (ImportError, AttributeError, TypeError) as error:
        raise ProblemError(
            place(problem, spec)
            + f"cannot be loaded from {point.value}: {error}. Mend or reinstall the package "
            "that registers it."
        ) from error
    lacking = [name for name in _CONTRACT if not hasattr(stage, name)]
    if lacking:
        raise ProblemError(
            place(problem, spec)
            + f"is no stage: {point.value} lacks {', '.join(lacking)}. See evolve.pipeline.Stage."
        )
    kind: Stage = stage
    return kind


def _resolve_kind(problem: Problem, spec: StageSpec) -> Stage:
    if spec.kind in BUILTIN_STAGES:
        return BUILTIN_STAGES[spec.kind]
    if spec.kind == TABULAR:
        return _loaded(problem, spec, _TABULAR)
    plugins = {point.name: point for point in entry_points(group="evolve.stages")}
    if spec.kind in plugins:
        return _loaded(problem, spec, plugins[spec.kind])
    kinds = [*BUILTIN_STAGES, TABULAR, *plugins]
    raise ProblemError(
        f"{problem.folder / 'problem.toml'}: stages.{spec.name}: unknown kind {spec.kind!r}."
        f"{suggest(spec.kind, kinds)} Known: {', '.join(kinds)}; "
        "others come with a package that registers them."
    )
