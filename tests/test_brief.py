"""Values as text of bounded length."""

from __future__ import annotations

from typing import Any

import pytest

from evolve._brief import brief, briefly, shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3, "3"),
        (2.5, "2.5"),
        (True, "True"),
        ("abc", "'abc'"),
        (["a", [1]], "['a', [1]]"),
        ([], "[]"),
        ("ACGT" * 100, "'ACGTACGTAC'... (400 characters)"),
        (list(range(1000)), "[0, 1, 2, 3, ...] (1,000 items)"),
        ([["x" * 50] * 3] * 2, "[...] (2 items)"),
        (10**40, "1000000000..."),
    ],
)
def test_long_values_are_cut(value: Any, expected: str) -> None:
    assert brief(value, 10) == expected


def test_a_deep_list_is_cut_too() -> None:
    value: list[Any] = []
    for _ in range(200):
        value = [value]
    assert len(brief(value)) < 100


def test_named_values_stand_in_one_line() -> None:
    assert briefly({"n": 3, "name": "short", "keys": ["a", "b"]}) == "n=3 name=short keys=['a', 'b']"
    assert briefly({f"p{n}": n for n in range(30)}, names=2) == "p0=0 p1=1 ... (28 more)"
    assert len(briefly({"keys": "word " * 1000})) < 100
    assert shown("word " * 1000, 5) == "'word '... (5,000 characters)"
