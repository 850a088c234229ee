"""The seed and the best, measured again in turn where the objective does not repeat."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from evolve._spread import Spread
from evolve.engine import Budget, MeasuredAgain, RunResult, run
from evolve.engine._again import MEASURED_AGAIN, Twice
from evolve.store import Reader
from tests.cli.toy import SEED
from tests.conftest import toy_problem

NOISY = """
import time
from evolve.problem import Invalid, Score
def score(output, params, case):
    if type(output) not in (int, float):
        raise Invalid("must be a number")
    luck = time.perf_counter_ns() % 10_000 / 10_000
    return Score({"value": GAIN * (output != 2.25) + luck, "size": 0.5})
"""
STAGES: list[dict[str, Any]] = [
    {"name": "parse", "kind": "parse"},
    {"name": "run", "kind": "run", "needs": ["parse"]},
    {"name": "score", "kind": "score", "needs": ["run"], "deterministic": False},
]


def noisy(place: Path, gain: float, **more: Any) -> Path:
    score = NOISY.replace("GAIN", repr(gain))
    return toy_problem(place, seed=SEED, score=score, stages=more.pop("stages", STAGES), **more)


def begun(problem: Path, place: Path) -> RunResult:
    return run(problem, seed=1, budget=Budget(max_evals=30), runs=place / "runs", run_id="one")


def again_of(result: RunResult) -> MeasuredAgain | None:
    with Reader(result.folder) as reader:
        return MeasuredAgain.last_of(reader)


def test_luck_is_not_sold_as_improvement(tmp_path: Path) -> None:
    result = begun(noisy(tmp_path, gain=0.999), tmp_path)
    again = result.measured_again
    assert again is not None
    assert again.best.in_run == result.best_objective
    assert again.best.in_run > again.seed.in_run
    assert len(again.best.again.values) == len(again.seed.again.values) == 5
    assert again_of(result) == again


def test_what_is_gained_beyond_the_noise_is_said_to_be(tmp_path: Path) -> None:
    again = begun(noisy(tmp_path, gain=1000.0), tmp_path).measured_again
    assert again is not None
    assert again.holds
    assert str(again).endswith(": an improvement beyond the noise")


def test_what_repeats_is_not_measured_again(tmp_path: Path) -> None:
    result = begun(toy_problem(tmp_path, seed=SEED), tmp_path)
    assert result.measured_again is None
    with Reader(result.folder) as reader:
        assert not reader.events(kind=MEASURED_AGAIN)


@pytest.mark.parametrize(
    ("best", "maximize", "verdict"),
    [
        ((6.04, 6.34, 7.65), False, "within the noise"),
        ((3.0, 3.1, 2.9), False, "an improvement beyond the noise"),
        ((9.0, 9.1, 8.9), False, "worse than the seed"),
        ((9.0, 9.1, 8.9), True, "an improvement beyond the noise"),
    ],
)
def test_the_verdict_weighs_the_difference_against_the_spread(
    best: tuple[float, ...], maximize: bool, verdict: str
) -> None:
    seed = Twice(1, 7.53, Spread((7.16, 6.77, 7.08)))
    again = MeasuredAgain(seed, Twice(8, 5.74, Spread(best)), maximize)
    assert again.verdict == verdict
    assert again.holds is verdict.startswith("an improvement")
    assert str(again).startswith("best 5.74 against 7.53 of the seed in the run; measured again in turn: ")
