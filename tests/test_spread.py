"""Several measurements of one value."""

from __future__ import annotations

import pytest

from evolve._spread import Spread


def test_the_middle_and_the_width() -> None:
    found = Spread((7.0, 6.6, 7.2, 6.8, 20.0))
    assert (found.median, found.low, found.high) == (7.0, 6.6, 20.0)
    assert found.width == pytest.approx(13.4)
    assert str(Spread((6.0, 7.0, 8.0))) == "7 ± 1"


def test_a_single_value_has_no_deviation() -> None:
    found = Spread((2.5,))
    assert (found.median, found.width, found.deviation) == (2.5, 0.0, 0.0)


@pytest.mark.parametrize(
    ("value", "allowed"), [(6.6, True), (6.1, True), (7.7, True), (5.9, False), (7.9, False), (0.5, False)]
)
def test_a_claim_must_lie_within_the_range_widened_by_its_width(value: float, allowed: bool) -> None:
    assert Spread((6.6, 7.2, 7.0)).allows(value) is allowed


def test_what_repeats_allows_nothing_else() -> None:
    assert Spread((0.1, 0.1)).allows(0.1)
    assert not Spread((0.1, 0.1)).allows(0.1 + 1e-16 * 2)


def test_medians_must_differ_by_more_than_both_deviations() -> None:
    noisy, steady = Spread((6.04, 6.34, 7.65)), Spread((7.16, 6.77, 7.08))
    assert not noisy.is_apart_from(steady)
    assert Spread((3.0, 3.1, 2.9)).is_apart_from(steady)
    assert not Spread((1.0,)).is_apart_from(Spread((1.0,)))
