"""Options that several commands share, and the conversion of their values."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve._brief import brief, shown
from evolve._toml import suggest, validate
from evolve.engine import Budget, OrderName
from evolve.errors import UsageError
from evolve.problem import Problem, Value
from evolve.sandbox import POLICIES

RUNS = Path("runs")
NO_LIMIT = "none"

ProblemName = Annotated[
    str,
    typer.Argument(
        metavar="PROBLEM",
        help="Name of a shipped problem (see `evolve problems`), or the path of a problem's folder.",
        show_default=False,
    ),
]
Param = Annotated[
    list[str] | None,
    typer.Option(
        "--param",
        "-p",
        metavar="NAME=VALUE",
        help="Override a parameter of the problem, a list in JSON; may be repeated.",
        show_default=False,
    ),
]
RunName = Annotated[
    str,
    typer.Argument(
        metavar="RUN",
        help="Path, name or part of the name of a run; `last` is the newest that is no replay.",
        show_default=False,
    ),
]
BEST = "best"
"""Stands for the id of a run's best program."""


def program_id(text: str) -> int | str:
    """Read the id of a program, or `best`."""
    if text.strip().lower() == BEST:
        return BEST
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise typer.BadParameter(f"must be the id of a program, from 1 on, or {BEST}, got {text!r}.")
    return number


def program_argument(metavar: str, about: str) -> Any:
    """Return the argument that names a program."""
    return typer.Argument(metavar=metavar, parser=program_id, help=about, show_default=False)


ProgramId = Annotated[
    Any, program_argument("PROGRAM", "Id of a program, or `best`; the best one when omitted.")
]
Runs = Annotated[
    Path, typer.Option("--runs", metavar="FOLDER", help="Folder that holds the runs.", envvar="EVOLVE_RUNS")
]
Json = Annotated[bool, typer.Option("--json", help="Write JSON to standard output, for scripts.")]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        "-w",
        metavar="N",
        min=1,
        max=1024,
        help="Programs evaluated at once; changes speed, not results. By default, one a core.",
        show_default=False,
    ),
]
Sandbox = Annotated[
    str | None,
    typer.Option(
        "--sandbox",
        metavar="POLICY",
        help="`strict`: refuse to run without namespaces and system-call filters (default on Linux); "
        "`process`: the portable floor, for programs that you trust.",
        show_default=False,
    ),
]
Cache = Annotated[
    bool,
    typer.Option(
        "--cache/--no-cache",
        help="Use what earlier runs in the same folder found for the same programs, and keep new results; "
        "only of stages that are deterministic.",
        show_default="--cache",
    ),
]


def limit(kind: type[int] | type[float], least: float | None = None) -> Callable[[str], float | str]:
    """Return the parser of a limit of a budget: a number, or `none` for no such limit.

    Args:
        kind: int for whole numbers.
        least: The smallest one allowed; None: any.
    """

    def parse(text: str) -> float | str:
        if text.strip().lower() == NO_LIMIT:
            return NO_LIMIT
        try:
            value = kind(text)
        except ValueError:
            what = "a whole number" if kind is int else "a number"
            wanted = f"{what}, or {NO_LIMIT} for no such limit"
            raise typer.BadParameter(f"must be {wanted}, got {text!r}.") from None
        if least is not None and not value >= least:
            bound = f"{least:f}".rstrip("0").rstrip(".")
            raise typer.BadParameter(f"must be at least {bound}, got {text!r}.")
        return value

    return parse


def limit_option(name: str, metavar: str, parser: Callable[[str], float | str], about: str) -> Any:
    """Return the option of a limit of a budget."""
    return typer.Option(name, metavar=metavar, parser=parser, help=about, show_default=False)


MaxEvals = Annotated[
    Any,
    limit_option(
        "--max-evals",
        "N",
        limit(int, 1),
        "Stop after this many evaluations. Here and for every limit, `none` drops what a file or the "
        "run says.",
    ),
]
MaxSeconds = Annotated[
    Any,
    limit_option("--max-seconds", "SECONDS", limit(float, 0.001), "Stop after this run time."),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE.toml",
        help="Settings of a run, as docs/reference/run.md lists them; options win over it.",
        show_default=False,
    ),
]
Target = Annotated[
    Any,
    limit_option("--target", "VALUE", limit(float), "Stop when the objective is at least this good."),
]
Stagnation = Annotated[
    Any,
    limit_option("--stagnation", "N", limit(int, 1), "Stop after this many evaluations without a new best."),
]


def default_workers() -> int:
    """Return the number of cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def policy(given: str | None) -> str | None:
    """Check a sandbox policy.

    Raises:
        UsageError: there is no such policy.
    """
    if given is not None and given not in POLICIES:
        raise UsageError(f"--sandbox {given}: must be {' or '.join(POLICIES)}.{suggest(given, POLICIES)}")
    return given


def order(given: str | None) -> OrderName | None:
    """Check the order of commits.

    Raises:
        UsageError: there is no such order.
    """
    names: tuple[OrderName, ...] = ("ticket", "arrival")
    for name in names:
        if given == name:
            return name
    if given is not None:
        raise UsageError(f"--order {given}: must be ticket or arrival.{suggest(given, names)}")
    return None


def budget(**limits: float | str | None) -> Budget:
    """Return the limits that were given; those given as `none` are set to None, the others are not set.

    Raises:
        UsageError: one is not a finite number.
    """
    named = {name: value for name, value in limits.items() if value is not None}
    given = {name: None if value == NO_LIMIT else value for name, value in named.items()}
    return validate(given, Budget, UsageError, where="limits")


def parse_params(texts: list[str], problem: Problem) -> dict[str, Value]:
    """Turn `name=value` texts into parameters of the declared types.

    Raises:
        UsageError: not of that form, or not of the parameter's type; unknown names are left to the problem.
    """
    params: dict[str, Value] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(f"--param {brief(text)}: must have the form name=value, such as n=32.")
        params[name] = _convert(name, value, problem.params.get(name))
    return params


def _convert(name: str, value: str, default: Value | None) -> Value:
    if isinstance(default, list):
        return _listed(name, value, default)
    try:
        if isinstance(default, bool):
            return {"true": True, "false": False}[value.lower()]
        if isinstance(default, (int, float)):
            return type(default)(value)
    except (ValueError, KeyError):
        kind = type(default).__name__
        raise UsageError(
            f"--param {name}={shown(value)}: must be of type {kind} like its default {default!r}."
        ) from None
    return value


def _listed(name: str, text: str, default: list[Any]) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise UsageError(
            f"--param {name}={shown(text)}: must be a list in JSON like its default {brief(default)}, "
            f"such as '{name}=[1, 2.5, \"a\"]'."
        )
    return value
