"""Intervals cover what they should, are paired, and respect groups."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import METRICS, UndefinedMetricError, paired_bootstrap

RNG = np.random.default_rng(1)
TRUTH = RNG.normal(size=200)
GOOD, BAD = TRUTH + RNG.normal(0, 0.3, 200), TRUTH + RNG.normal(0, 0.6, 200)


def test_a_clear_gain_excludes_zero_in_either_direction_of_the_metric() -> None:
    for name in ("rmse", "r2"):
        found = paired_bootstrap(METRICS[name], TRUTH, BAD, GOOD)
        assert found.excludes_zero
        assert 0 < found.low < found.value < found.high
    worse = paired_bootstrap(METRICS["rmse"], TRUTH, GOOD, BAD)
    assert worse.high < 0
    assert worse.excludes_zero


def test_equal_predictions_gain_exactly_nothing() -> None:
    found = paired_bootstrap(METRICS["mae"], TRUTH, GOOD, GOOD)
    assert (found.value, found.low, found.high) == (0.0, 0.0, 0.0)
    assert not found.excludes_zero


def test_pairing_makes_intervals_narrow() -> None:
    shifted = paired_bootstrap(METRICS["mae"], np.zeros(200), np.abs(TRUTH), np.abs(TRUTH) + 0.1)
    assert shifted.high - shifted.low < 1e-9


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    covered = 0
    for trial in range(60):
        rng = np.random.default_rng(trial)
        truth = rng.normal(size=80)
        a, b = truth + rng.normal(0, 1, 80), truth + rng.normal(0, 1, 80)  # no difference in truth
        found = paired_bootstrap(METRICS["rmse"], truth, a, b, draws=200, seed=trial)
        covered += found.low <= 0 <= found.high
    assert 0.85 < covered / 60 <= 1.0


def test_rows_of_a_group_are_drawn_together() -> None:
    groups = np.repeat(np.arange(10), 20)
    alone = paired_bootstrap(METRICS["rmse"], TRUTH, BAD, GOOD, seed=2)
    # within a group all rows gain alike, so that there are ten observations and not two hundred
    base = np.repeat(RNG.normal(1.0, 0.5, 10), 20)
    zero, none = np.zeros(200), np.zeros(200)
    together = paired_bootstrap(METRICS["mae"], zero, base, none, groups=groups)
    apart = paired_bootstrap(METRICS["mae"], zero, base, none)
    assert together.high - together.low > 2 * (apart.high - apart.low)
    assert alone.draws == 2000


def test_equal_seeds_give_equal_intervals() -> None:
    a, b, c = (paired_bootstrap(METRICS["rmse"], TRUTH, BAD, GOOD, draws=200, seed=s) for s in (1, 1, 2))
    assert a == b
    assert a != c


def test_draws_without_a_value_are_left_out_or_refused() -> None:
    chances = np.column_stack((np.full(40, 0.4), np.full(40, 0.6)))
    few = np.array([1] * 3 + [0] * 37)
    found = paired_bootstrap(METRICS["auc"], few, chances, chances, draws=400)
    assert 360 < found.draws < 400
    with pytest.raises(UsageError, match=r"auc has no value on \d+ of 400 draws from 40 rows. Hold out more"):
        paired_bootstrap(METRICS["auc"], np.array([1] + [0] * 39), chances, chances, draws=400)
    with pytest.raises(UsageError, match="auc has no value"):
        paired_bootstrap(METRICS["auc"], np.zeros(40, dtype=np.int64), chances, chances, draws=100)


@pytest.mark.parametrize(
    ("truth", "options", "message"),
    [
        (TRUTH[:50], {}, "of the same rows: got 50, 200 and 200"),
        (TRUTH, {"draws": 10}, "100 draws"),
        (TRUTH, {"level": 1.0}, "level between 0 and 1"),
    ],
)
def test_impossible_intervals(truth: np.ndarray, options: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        paired_bootstrap(METRICS["rmse"], truth, BAD, GOOD, **options)  # type: ignore[arg-type]


def test_a_figure_without_a_value_on_the_hold_out_is_told() -> None:
    constant = np.ones(30)
    with pytest.raises((UndefinedMetricError, UsageError), match="no value"):
        paired_bootstrap(METRICS["r2"], constant, constant, constant)
