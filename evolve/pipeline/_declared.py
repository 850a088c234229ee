"""Helpers by which kinds of stages check what is declared for them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from evolve._toml import suggest
from evolve.errors import ProblemError
from evolve.languages import PYTHON
from evolve.problem import BUILTIN_METRICS, DESCRIPTORS, TEXT_METRICS, Problem, StageSpec


def place(problem: Problem, spec: StageSpec) -> str:
    """Say which stage of which file a message is about."""
    return f"{problem.folder / 'problem.toml'}: stages.{spec.name}: kind {spec.kind!r} "


def known_options(problem: Problem, spec: StageSpec, *known: str) -> None:
    """Refuse options that a kind does not have; raises ProblemError."""
    unknown: list[Any] = [key for key in spec.options if key not in known]
    if unknown:
        allowed = f"it knows {', '.join(known)}" if known else "remove it, this kind has none"
        raise ProblemError(place(problem, spec) + f"has no option {unknown[0]!r}; {allowed}.")


def refuse(problem: Problem, spec: StageSpec, option: str, wanted: str) -> ProblemError:
    """Return the error about an option's value."""
    given = f"got {spec.options[option]!r}" if option in spec.options else "it is missing"
    return ProblemError(place(problem, spec) + f"option {option!r} must be {wanted}, {given}.")


def text_option(problem: Problem, spec: StageSpec, option: str, default: str | None = None) -> str:
    """Return an option that is a text; raises ProblemError."""
    value = spec.options.get(option, default)
    if not isinstance(value, str) or not value:
        raise refuse(problem, spec, option, "a text")
    return value


def flag_option(problem: Problem, spec: StageSpec, option: str, *, default: bool = False) -> bool:
    """Return an option that is true or false; raises ProblemError."""
    value = spec.options.get(option, default)
    if not isinstance(value, bool):
        raise refuse(problem, spec, option, "true or false")
    return value


def whole_option(problem: Problem, spec: StageSpec, option: str, default: int, low: int, high: int) -> int:
    """Return an option that is an integer within limits; raises ProblemError."""
    value = spec.options.get(option, default)
    if type(value) is not int or not low <= value <= high:
        raise refuse(problem, spec, option, f"an integer from {low} to {high}")
    return value


def words_option(problem: Problem, spec: StageSpec, option: str, default: tuple[str, ...]) -> tuple[str, ...]:
    """Return an option that is a list of texts; raises ProblemError."""
    value = spec.options.get(option, list(default))
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise refuse(problem, spec, option, "a list of texts")
    return tuple(value)


def not_delivered(metric: str, delivered: Iterable[str], problem: Problem) -> str:
    """Say that a declared metric is missing, with the one that may be meant and all that there are."""
    found = sorted(delivered)
    computed = BUILTIN_METRICS if problem.spec.candidate.language == PYTHON else TEXT_METRICS
    near = suggest(metric, [*found, *computed, *DESCRIPTORS])
    delivers = f"delivered are {', '.join(found)}" if found else "nothing was delivered"
    what = "correct the name in problem.toml, or let the scorer return it"
    return f"no stage delivered the declared metric {metric!r}.{near} {what}; {delivers}"
