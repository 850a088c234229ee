from __future__ import annotations

import asyncio
import functools
import math
import os.path as paths
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import evolve
from evolve.authoring import optimize
from evolve.authoring._source import source_of
from evolve.engine import Budget
from evolve.errors import ProblemError, UsageError
from evolve.problem import Invalid

TARGETS = np.array([0.5, 1.5])
SCALE = {"factor": [1.0, 2]}
UNFIT = object()
square = lambda x: x * x  # noqa: E731


class Box:
    """A class of one's own."""

    def __init__(self, value: float) -> None:
        self.value = value * SCALE["factor"][1]


def doubled(x: float) -> float:
    return Box(x).value


def values(count: int, start: float = 0.25) -> list[float]:
    """Return values."""
    return [doubled(start) + math.floor(k) for k in range(count)]


def nearness(result: list[float], start: float) -> float:
    """Return minus the distance."""
    if len(result) != len(TARGETS):
        raise Invalid("wrong length")
    return -float(np.abs(np.array(result) - TARGETS).sum()) - 0.0 * start


def constant() -> float:
    return 0.25


def itself(result: float) -> float:
    return result


CASES = [{"count": 2, "start": 0.3}]


def loaded(text: str, name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(text, space)
    function: Callable[..., Any] = space[name]
    return function


# -- source -----------------------------------------------------------------------------------------


def test_a_function_is_taken_with_all_that_it_uses() -> None:
    source = source_of(values, "function")
    assert loaded(source.text, "values")(2) == values(2)
    assert (source.parameters, source.required) == (("count", "start"), ("count",))
    assert source.modules == ("math",)
    assert set(source.names) == {"math", "doubled", "Box", "SCALE"}
    assert source.text.endswith("for k in range(count)]\n")


def test_arrays_and_names_of_packages_are_taken() -> None:
    source = source_of(nearness, "score")
    assert "from evolve import Invalid" in source.text
    assert "import numpy as np" in source.text
    assert loaded(source.text, "nearness")([0.5, 1.0], 0.0) == -0.5


def test_a_function_of_another_function_is_taken_out_of_it() -> None:
    def inner(x: float) -> float:
        return math.sqrt(x)

    assert loaded(source_of(inner, "function").text, "inner")(4.0) == 2.0


def test_a_module_under_another_name() -> None:
    def extension(path: str) -> str:
        return paths.splitext(path)[1]

    text = source_of(extension, "function").text
    assert loaded(text, "extension")("a.py") == ".py"


def uses_unfit() -> object:
    return UNFIT


def uses_lambda() -> float:
    return float(square(2.0))  # type: ignore[no-untyped-call]


def uses_unknown() -> object:
    return never_defined  # type: ignore[name-defined]  # noqa: F821


def takes_all(*items: float) -> float:
    return sum(items)


async def waits() -> float:
    return 1.0


def yields() -> Any:
    yield 1.0


@functools.wraps(constant)
def wrapped() -> float:
    return constant()


def closing() -> Callable[[], float]:
    local = 1.5

    def inner() -> float:
        return local

    return inner


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (square, "got a lambda"),
        (len, "a built-in function"),
        (Box, "got a class"),
        (Box(1.0).__init__, "got a method"),  # type: ignore[misc]
        (functools.partial(constant), "got partial"),
        (1.0, "got float"),
        (closing(), "uses local values of the function around it: local"),
        (wrapped, "wrapped by a decorator"),
        (waits, "no `async def`"),
        (yields, "no `yield`"),
        (takes_all, "no positional-only ones and no"),
        (uses_unfit, "uses 'UNFIT' of type object"),
        (uses_lambda, "square: must be a function defined by `def`, got a lambda"),
        (uses_unknown, "uses 'never_defined', which is not defined"),
        (loaded("def typed():\n    return 1\n", "typed"), "source of 'typed' cannot be found"),
    ],
)
def test_what_cannot_be_taken_is_refused(function: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        source_of(function, "function")


# -- optimize ---------------------------------------------------------------------------------------


def test_a_function_is_improved(tmp_path: Path) -> None:
    options = {"cases": CASES, "budget": Budget(max_evals=120), "runs": tmp_path / "runs"}
    found = optimize(values, nearness, folder=tmp_path / "problem", **options)  # type: ignore[arg-type]
    assert found.objective is not None
    assert found.objective > nearness(values(**CASES[0]), 0.0)  # type: ignore[arg-type]
    assert found.load()(**CASES[0]) is not None
    assert nearness(found.load()(**CASES[0]), 0.0) == pytest.approx(found.objective)
    assert found.problem == tmp_path / "problem"
    again = optimize(values, nearness, folder=tmp_path / "problem", **options)  # type: ignore[arg-type]
    assert (again.objective, again.text) == (found.objective, found.text)


def test_it_works_where_an_event_loop_is_running(tmp_path: Path) -> None:
    async def cell() -> float | None:
        budget = Budget(max_evals=3)
        return evolve.optimize(
            constant, itself, budget=budget, folder=tmp_path / "p", runs=tmp_path
        ).objective

    objective = asyncio.run(cell())
    assert objective is not None
    assert objective >= 0.25


def test_a_dict_of_metrics_and_a_direction(tmp_path: Path) -> None:
    def metrics(result: float) -> dict[str, float]:
        return {"cost": result, "other": 0.5}

    found = optimize(
        constant,
        metrics,
        metric="cost",
        direction="minimize",
        measures={"other": (0.0, 1.0, 4)},
        budget=Budget(max_evals=20),
        folder=tmp_path / "p",
        runs=tmp_path,
    )
    assert found.objective is not None
    assert found.objective < 0.25


def test_what_the_score_function_raises_is_feedback(tmp_path: Path) -> None:
    def picky(result: float) -> float:
        return 1.0 / (result - 0.25)

    with pytest.raises(ProblemError, match="the score function raised ZeroDivisionError"):
        optimize(constant, picky, budget=Budget(max_evals=2), folder=tmp_path / "p", runs=tmp_path)


def score(result: float) -> float:
    return score(result) if result > 1 else result


def judge(result: float) -> float:
    return score(result)


@pytest.mark.parametrize(
    ("function", "given", "options", "message"),
    [
        (values, nearness, {}, "case 1 must have the arguments of values"),
        (values, nearness, {"cases": [{"count": 2, "stop": 1}]}, "got count, stop"),
        (
            values,
            nearness,
            {"cases": [{"count": (1,)}]},
            r"'count' of case 1 must be a finite number, .*\(1,\)",
        ),
        (values, nearness, {"cases": {"count": 2}}, "cases: must be a list of dicts, one for each call"),
        (values, nearness, {"cases": ["count"]}, "cases: must be a list of dicts, one for each call"),
        (values, nearness, {"cases": CASES, "sed": 3}, "no argument 'sed'. Did you mean 'seed'"),
        (
            values,
            nearness,
            {"cases": CASES, "direction": "min"},
            "^direction: must be 'maximize' or 'minimize'",
        ),
        (values, nearness, {"cases": [{"count": 2}]}, "nearness wants 'start', which case 1 does not have"),
        (constant, constant, {}, "must take the result as its first parameter"),
        (constant, itself, {"direction": "up"}, "must be 'maximize' or 'minimize', got 'up'"),
        (constant, itself, {"measures": {"lines": 3}}, "must be \\(low, high, bins\\)"),
        (constant, score, {}, "must not call itself"),
        (constant, judge, {}, "uses something called `score`"),
    ],
)
def test_wrong_arguments_are_refused(
    tmp_path: Path, function: Any, given: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        optimize(function, given, folder=tmp_path / "p", **options)
    assert not (tmp_path / "p").exists()


def test_a_folder_of_another_origin_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "problem.toml").write_text("mine\n")
    with pytest.raises(UsageError, match=r"evolve\.optimize has not written"):
        optimize(constant, itself, folder=tmp_path)
    assert (tmp_path / "problem.toml").read_text() == "mine\n"


def test_a_dict_without_the_metric_names_the_argument(tmp_path: Path) -> None:
    def parts(result: float) -> dict[str, float]:
        return {"near": result}

    with pytest.raises(
        ProblemError, match=r"no key 'score' but 'near': say metric=\.\.\. to evolve\.optimize"
    ):
        optimize(constant, parts, budget=Budget(max_evals=3), runs=tmp_path / "runs", sandbox="process")


def test_a_case_may_hold_lists(tmp_path: Path) -> None:
    def total(keys: list[float]) -> float:
        weight = 0.5
        return weight * sum(keys)

    found = optimize(
        total,
        itself,
        cases=[{"keys": [1.0, 2.0]}, {"keys": [0.5]}],
        budget=Budget(max_evals=2),
        runs=tmp_path / "runs",
        sandbox="process",
    )
    assert found.objective is not None
    assert found.objective >= 0.875
