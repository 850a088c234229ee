"""Bins: edges, closed ends, clipping, and agreement of the scalar and the array look-up."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Bins, bins_for
from evolve.errors import ProblemError
from evolve.problem import Measure

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def linear(low: float, high: float, bins: int) -> Bins:
    return bins_for(Measure(metric="m", range=(low, high), bins=bins))


def log(low: float, high: float, bins: int) -> Bins:
    return bins_for(Measure(metric="m", range=(low, high), bins=bins, scale="log"))


def test_linear_edges_are_the_decimals_one_expects() -> None:
    assert linear(0, 1, 10).edges == (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    assert linear(0, 30, 30).edges == tuple(float(i) for i in range(31))


def test_log_edges_are_exact_powers() -> None:
    assert log(1, 1000, 3).edges == (1.0, 10.0, 100.0, 1000.0)
    assert log(1, 1024, 10).edges == tuple(2.0**i for i in range(11))


def test_log_edges_survive_the_whole_range_of_floats() -> None:
    edges = log(1e-300, 1e300, 6).edges
    assert edges == pytest.approx([1e-300, 1e-200, 1e-100, 1.0, 1e100, 1e200, 1e300])


@pytest.mark.parametrize(
    ("value", "expected"),
    [(-5.0, 0), (0.0, 0), (0.99, 0), (1.0, 1), (2.0, 2), (3.0, 2), (99.0, 2), (math.inf, 2), (-math.inf, 0)],
)
def test_an_edge_belongs_to_the_upper_bin_except_the_last(value: float, expected: int) -> None:
    bins = linear(0, 3, 3)
    assert bins.index(value) == expected
    assert bins.indices(np.array([value])).tolist() == [expected]


def test_explicit_edges() -> None:
    bins = bins_for(Measure(metric="m", edges=(0, 1, 10, 11)))
    assert bins.count == 3
    assert [bins.index(value) for value in (-1, 0.5, 1, 9, 10, 12)] == [0, 0, 1, 1, 2, 2]


def test_one_bin_takes_everything() -> None:
    assert linear(0, 1, 1).indices(np.array([-1.0, 0.5, 2.0])).tolist() == [0, 0, 0]


def test_a_range_too_narrow_for_its_bins_is_refused() -> None:
    with pytest.raises(
        ProblemError, match=r"'m' must have .* ascending finite bin edges, got 11 from .*fewer bins"
    ):
        linear(1.0, math.nextafter(1.0, 2.0), 10)


def test_a_range_too_wide_is_refused() -> None:
    with pytest.raises(ProblemError, match="too narrow or too wide"):
        linear(-1.7e308, 1.7e308, 4)


@settings(deadline=None, max_examples=200)
@given(st.lists(FINITE, min_size=2, max_size=20, unique=True), st.lists(FINITE, min_size=1, max_size=20))
def test_array_and_scalar_look_up_agree_with_the_definition(edges: list[float], values: list[float]) -> None:
    edges = sorted(edges)
    bins = bins_for(Measure(metric="m", edges=tuple(edges)))
    indices = bins.indices(np.array(values)).tolist()
    assert indices == [bins.index(value) for value in values]
    for value, index in zip(values, indices, strict=True):
        assert 0 <= index < bins.count
        assert index == 0 or edges[index] <= value
        assert index == bins.count - 1 or value < edges[index + 1]


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 50), st.integers(1, 1000), st.integers(1, 64))
def test_linear_edges_are_close_to_exact_division(low: int, width: int, count: int) -> None:
    for i, edge in enumerate(linear(low, low + width, count).edges):
        assert edge == pytest.approx(float(low + Fraction(width * i, count)), rel=1e-15)
