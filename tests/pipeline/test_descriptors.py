"""What is measured of a program's text."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.pipeline import StageResult, Task
from evolve.pipeline._descriptors import Descriptors, edit_distance, placed, tokens_of
from evolve.problem import Problem, StageSpec, load_problem
from tests.conftest import SEED, toy_problem

SHORT = st.text("abc", max_size=12)


def plain_distance(one: str, two: str) -> int:
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        above, row = row, [i]
        for j, b in enumerate(two, 1):
            row.append(min(above[j] + 1, row[-1] + 1, above[j - 1] + (a != b)))
    return row[-1]


@given(SHORT, SHORT)
def test_edit_distance_equals_the_textbook(one: str, two: str) -> None:
    assert edit_distance(one, two) == plain_distance(one, two) == edit_distance(two, one)


@pytest.fixture
def problem(tmp_path: Path) -> Problem:
    measure = {"metric": "seed_distance", "range": [0.0, 1.0], "bins": 4, "adapt": True}
    return load_problem(toy_problem(tmp_path, measures=[measure]))


def measured(problem: Problem, text: str) -> StageResult:
    task = Task(text, problem, StageSpec(name="descriptors", kind="descriptors"), {}, cast("Any", None))
    return asyncio.run(Descriptors().execute(task))


def test_the_stage_joins_when_a_measure_asks_for_it(problem: Problem, tmp_path: Path) -> None:
    stage = problem.spec.stages[-1]
    assert (stage.name, stage.kind, stage.needs) == ("descriptors", "descriptors", ("parse",))
    assert all(stage.kind != "descriptors" for stage in load_problem(toy_problem(tmp_path)).spec.stages)


def test_the_seed_is_the_origin_whatever_its_comments(problem: Problem) -> None:
    found = measured(problem, "# a comment\n" + SEED).metrics
    assert found == {"chars": float(len(SEED) + 12), "seed_distance": 0.0, "text_x": 0.0, "text_y": 0.0}


def test_one_changed_number_is_one_edit(problem: Problem) -> None:
    found = measured(problem, SEED.replace("2", "3")).metrics
    assert found["seed_distance"] == pytest.approx(1 / len(tokens_of(SEED)))
    assert (found["text_x"], found["text_y"]) != (0.0, 0.0)


def test_texts_that_share_more_lie_nearer() -> None:
    words = [f"word{i}" for i in range(400)]
    one, near, far = placed(words), placed([*words[:-4], "other"]), placed([f"x{i}" for i in range(400)])
    apart = [((one[0] - x) ** 2 + (one[1] - y) ** 2) ** 0.5 for x, y in (near, far)]
    assert apart[0] < 0.3 < apart[1]
    assert placed([]) == (0.0, 0.0)


def test_what_is_no_python_is_measured_by_its_words(problem: Problem) -> None:
    assert tokens_of("int f() { return 1; }") == ["int", "f", "(", ")", "{", "return", "1", ";", "}"]
    assert 0.5 < measured(problem, "int f() { return 1; }").metrics["seed_distance"] <= 1.0


def test_a_text_too_long_is_refused(problem: Problem) -> None:
    candidate = problem.spec.candidate.model_copy(update={"max_chars": 100})
    short = replace(problem, spec=problem.spec.model_copy(update={"candidate": candidate}))
    assert measured(short, "x" * 101).status == "refused"
