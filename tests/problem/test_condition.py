from __future__ import annotations

import pytest

from evolve.problem import Aggregate, Condition, spread


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a >= 1", True),
        ("a>1", False),
        ("a != 2", True),
        ("a == 1e0", True),
        ("a < -1", False),
        ("b < 9", False),
    ],
)
def test_a_comparison_is_read_and_decided(text: str, holds: bool) -> None:
    assert Condition.parse(text).holds({"a": 1.0}) is holds


@pytest.mark.parametrize(
    "text", ["", "a", "a > b", "a > nan", "a > 1 or 1", "1 < a", "a() > 1", "a => 1", "a > 1e999"]
)
def test_everything_else_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must compare a metric with a number"):
        Condition.parse(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mean", 2.5),
        ("worst", 1.0),
        ("min", 1.0),
        ("max", 4.0),
        ("median", 2.5),
        ("quantile 0", 1.0),
        ("quantile 1", 4.0),
    ],
)
def test_aggregates(text: str, expected: float) -> None:
    assert Aggregate.parse(text).of([3.0, 1.0, 4.0, 2.0]) == expected


def test_the_worst_follows_the_direction() -> None:
    assert Aggregate.parse("worst").of([1.0, 4.0], sign=-1.0) == 4.0
    assert spread([2.0, 2.0]) == 0.0


@pytest.mark.parametrize("text", ["", "average", "quantile", "quantile 2", "quantile -0.1"])
def test_unknown_aggregates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be 'mean'"):
        Aggregate.parse(text)
