"""Lists in `[params]` and `[[cases]]`: what may be declared, and how it reaches entry and scorer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import ProblemError, UsageError
from evolve.export import evaluate_fresh
from evolve.problem import check_value, load_problem
from evolve.problem._spec import MAX_DEPTH, MAX_ITEMS, MAX_TEXT
from tests.conftest import toy_problem

SEED = """
def solve(keys, weights):
    keys.append("mine alone")
    return [len(keys), [key.upper() for key in keys], weights]
"""
SCORER = """
from evolve.problem import Invalid, Score
def score(output, params, case):
    if output != [3, ["A", "B", "MINE ALONE"], case["weights"]]:
        raise Invalid(f"got {output}")
    if params != {"keys": ["a", "b"]} or type(params["keys"]) is not list:
        raise Invalid(f"params are {params}")
    return Score({"value": float(sum(map(sum, case["weights"]))), "size": 0.5})
"""


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_lists_reach_the_entry_and_the_scorer_as_lists(tmp_path: Path) -> None:
    folder = toy_problem(
        tmp_path,
        seed=SEED,
        score=SCORER,
        params={"n": None, "keys": ["a", "b"]},
        cases=[{"weights": [[1, 2], [3.5]]}, {"weights": [[], [0.5]]}],
    )
    problem = load_problem(folder)
    found = asyncio.run(evaluate_fresh(problem, problem.seeds[0][1]))
    assert (found.status, found.feedback) == ("valid", "")
    assert found.cases["value"] == (6.5, 0.5)


def test_a_list_may_be_overridden_by_a_list(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, params={"keys": ["a", "b"]})
    assert load_problem(folder, {"keys": ["c", [1, True]]}).params["keys"] == ["c", [1, True]]
    assert load_problem(folder).params["keys"] == ["a", "b"]
    with pytest.raises(UsageError, match=r"must be of type list like its default \['a', 'b'\], got 'c'"):
        load_problem(folder, {"keys": "c"})
    with pytest.raises(UsageError, match=r"parameter 'keys': must be a finite number, .*, got \[nan\]"):
        load_problem(folder, {"keys": [float("nan")]})


@pytest.mark.parametrize(
    "value", [3, 2.5, True, "text", [], [1, "a", [False, [2.5]]], nested(MAX_DEPTH), [0] * MAX_ITEMS]
)
def test_plain_values_are_taken_as_they_are(value: Any) -> None:
    assert check_value(value) is value


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (float("inf"), "must be a finite number, a text, true or false, or a list of these$"),
        ([1, {"a": 1}], "or a list of these; one of its items is {'a': 1}"),
        ([float("nan")], "one of its items is nan"),
        ((1, 2), "or a list of these$"),
        (nested(MAX_DEPTH + 1), f"nested at most {MAX_DEPTH} deep"),
        ([[0] * MAX_ITEMS], f"at most {MAX_ITEMS:,} items"),
        (["x" * MAX_TEXT, "x"], f"at most {MAX_TEXT:,} characters"),
    ],
)
def test_what_is_not_plain_or_too_large_is_refused(value: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_value(value)


def test_a_list_that_holds_itself_is_refused() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ValueError, match="nested at most"):
        check_value(value)


def test_a_mistake_in_a_declared_list_is_named_briefly(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, params={"keys": [*("word" for _ in range(5000)), {"a": 1}]})
    with pytest.raises(ProblemError) as caught:
        load_problem(folder)
    text = str(caught.value)
    assert "params.keys: must be a finite number, a text, true or false, or a list of these" in text
    assert "(5,001 items)" in text
    assert len(text) < 400 + len(str(folder))


def test_an_unknown_parameter_does_not_bring_all_of_a_long_one(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, params={"keys": "word " * 1000})
    with pytest.raises(
        UsageError, match=r"no such parameter\. Did you mean 'keys'\? It has: n=3, keys="
    ) as e:
        load_problem(folder, {"kees": 1})
    assert len(str(e.value)) < 250
