"""Rewards: in [0, 1], scale-free, and ordered as the table says."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Added, Status
from evolve.islands import RewardScale


def improved(gain: float) -> Added:
    return Added(Status.IMPROVED, gain, 0)


def test_the_table_of_rewards() -> None:
    scale = RewardScale()
    assert scale.reward(Added(Status.REJECTED, 0.0, 0), is_best=False) == 0.0
    assert scale.reward(Added(Status.NEW, 3.0, 0), is_best=False) == 0.25
    assert scale.reward(Added(Status.NEW, 0.0, 0), is_best=True) == 0.75
    assert scale.mean_gain == 0.0
    assert scale.reward(improved(2.0), is_best=False) == 0.25  # the first gain is by definition usual
    assert scale.reward(improved(2.0), is_best=True) == 0.5


def test_a_polish_earns_next_to_nothing_and_a_leap_nearly_all() -> None:
    scale = RewardScale()
    scale.reward(improved(1.0), is_best=False)
    assert scale.reward(improved(1e-9), is_best=True) < 1e-8
    assert scale.reward(improved(1e9), is_best=True) > 0.999


def test_the_scale_follows_the_run() -> None:
    scale = RewardScale()
    scale.reward(improved(1.0), is_best=False)
    for _ in range(400):
        late = scale.reward(improved(1e-6), is_best=True)
    assert late == pytest.approx(0.5, abs=0.01)


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(5e-324, 1.7e308), st.booleans()), max_size=30))
def test_rewards_stay_in_the_unit_interval(gains: list[tuple[float, bool]]) -> None:
    scale = RewardScale()
    for gain, is_best in gains:
        assert 0.0 <= scale.reward(improved(gain), is_best=is_best) <= 1.0


@given(st.floats(1e-100, 1e100), st.lists(st.floats(0.1, 10), min_size=1, max_size=10))
@settings(deadline=None)
def test_rewards_do_not_depend_on_the_units_of_the_objective(unit: float, gains: list[float]) -> None:
    plain, scaled = RewardScale(), RewardScale()
    for gain in gains:
        expected = plain.reward(improved(gain), is_best=True)
        assert scaled.reward(improved(gain * unit), is_best=True) == pytest.approx(expected)
