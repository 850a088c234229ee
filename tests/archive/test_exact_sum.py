"""ExactSum: no operation sequence leaves a rounding error."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive._exact_sum import ExactSum

FINITE = st.floats(allow_nan=False, allow_infinity=False)


@settings(deadline=None, max_examples=200)
@given(st.lists(FINITE, max_size=30), st.data())
def test_taking_values_out_leaves_the_exact_sum_of_the_rest(values: list[float], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(values)))
    total = ExactSum()
    total.add_all(np.array(values, dtype=np.float64))
    total.subtract_all(np.array(values[:cut], dtype=np.float64))
    one_by_one = ExactSum()
    for value in values:
        one_by_one.add(value)
    for value in values[:cut]:
        one_by_one.subtract(value)
    exact = sum(map(Fraction, values[cut:]), Fraction())
    expected = _rounded(exact)
    assert total.value == one_by_one.value == expected


def test_subnormal_numbers_count() -> None:
    total = ExactSum()
    total.add_all(np.array([5e-324, 5e-324, 1e-310]))
    assert total.value == 5e-324 + 5e-324 + 1e-310


def test_a_huge_value_leaves_no_trace() -> None:
    total = ExactSum()
    for value in (1e300, 1.5):
        total.add(value)
    total.subtract(1e300)
    assert total.value == 1.5


def test_a_sum_beyond_the_largest_float_is_infinite_and_comes_back() -> None:
    total = ExactSum()
    total.add_all(np.array([-1.7e308, -1.7e308]))
    assert total.value == -math.inf
    total.add(1.7e308)
    assert total.value == -1.7e308


def _rounded(exact: Fraction) -> float:
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
