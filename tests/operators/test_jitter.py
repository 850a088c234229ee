from __future__ import annotations

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators import NoProposal
from evolve.operators._numbers import COARSE, FINE, MIDDLE, Scale, draw_number, literals, write_number
from evolve.source import parse
from tests.operators.helpers import RINGS, context, proposals, propose

ARMS = ("jitter_fine", "jitter", "jitter_coarse")


def labels(text: str) -> list[tuple[str, float]]:
    return [(literal.label, literal.value) for literal in literals(parse(text).body)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = 0.2", [("x", 0.2)]),
        ("x = -0.2 + 3", [("", -0.2), ("", 3)]),
        ("def f(a, b=2, *, c=-3.0): pass", [("b", 2), ("c", -3.0)]),
        ("f(1, size=(2, 2), scale=0.5, axis=1)", [("", 1), ("scale", 0.5)]),
        ("x[0] = y[1:-1] * z[i + 1]", []),
        ("x = True", []),
        ("def f():\n    '1.5'\n    return f'{1.5}'", []),
        ("x: tuple[2, 3] = 1", [("x", 1)]),
        ("np.zeros((4, 2)) + np.full(3, 0.5)", [("", 0.5)]),
        ("rng = np.random.default_rng(7)", [("seed", 7)]),
        ("x = 1j + 1e400 + 99999999999999999999", []),
        ("class C:\n    def f(self, k=2): return k * 3", [("k", 2), ("", 3)]),
    ],
)
def test_literals(text: str, expected: list[tuple[str, float]]) -> None:
    found = labels(text)
    # The tuple of a size keyword is not an integer itself; what it holds may change.
    assert [item for item in found if item != ("", 2) or item in expected] == expected


def test_one_number_changes_and_the_rest_of_the_text_stays() -> None:
    found = proposals("jitter", "def pack(n):\n    spacing = 0.2  # between rows\n    return spacing * n\n")
    for change, text in found.items():
        match = re.fullmatch(r"pack: spacing 0\.2 -> (0\.\d{1,4})", change)
        assert match is not None
        assert text == f"def pack(n):\n    spacing = {match[1]}  # between rows\n    return spacing * n\n"


@pytest.mark.parametrize("arm", ARMS)
def test_a_seed_is_drawn_anew(arm: str) -> None:
    text = "def pack(n, seed=0):\n    return n + seed\n"
    values = [int(change.rpartition(" ")[2]) for change in proposals(arm, text)]
    assert len(values) > 30
    assert max(values) > 10**5
    assert all(0 <= value < 10**6 for value in values)


def test_a_default_can_be_overridden_in_a_call_of_the_entry() -> None:
    text = "def start(n, seed=0):\n    return n + seed\n\n\ndef pack(n):\n    return start(n)\n"
    found = proposals("jitter", text)
    drawn = {change: found[change] for change in found if change.startswith("pack: start(seed=")}
    assert drawn
    for change, new in drawn.items():
        argument = change.removeprefix("pack: start(").partition(")")[0]
        assert new == text.replace("start(n)\n", f"start(n, {argument})\n")
        assert change.endswith(", was 0")


def test_fine_jitter_leaves_integers_alone_where_there_are_floats() -> None:
    text = "def pack(n):\n    return n * 0.5 + 12\n"
    assert all("+ 12" in new for new in proposals("jitter_fine", text).values())
    assert proposals("jitter_fine", text.replace("0.5", "5"))


@pytest.mark.parametrize("arm", ARMS)
def test_without_a_number_there_is_no_proposal(arm: str) -> None:
    with pytest.raises(NoProposal, match=f"{arm}: found no sound change to program 1"):
        propose(arm, context("def pack(n):\n    return n[0]\n"))


def test_numbers_everywhere_are_reached() -> None:
    changed = {change.split()[0] for change in proposals("jitter", RINGS, tries=200)}
    assert changed >= {"module:", "place:", "place,", "pack,"}


def test_numbers_that_cannot_matter_are_left_alone() -> None:
    text = (
        "A = 1.0\nB = 2.0\n\n\ndef dead(n, k=3.0):\n    return n * k * A\n\n\n"
        "def helper(n):\n    return n * 4.0 * B\n\n\n"
        "def pack(n):\n    a = dead(n)\n    a = helper(n)\n    return a\n"
    )
    changed = {change.partition(":")[0] for change in proposals("jitter", text)}
    assert not any("dead, line" in change or "dead: k" in change for change in changed)
    assert changed >= {"helper, line 10", "module"}


def test_seeds_come_more_often() -> None:
    text = "def pack(n, seed=1, a=2.0, b=3.0):\n    return n * seed * a * b\n"
    found = [propose("jitter", context(text, seed=seed)).change for seed in range(100)]
    assert sum("seed" in change for change in found) > 50


finite = st.floats(1e-12, 1e12)


@settings(deadline=None, derandomize=True)
@given(value=finite, negative=st.booleans(), seed=st.integers(0, 2**32))
@pytest.mark.parametrize(("scale", "ratio"), [(FINE, 1.02), (MIDDLE, 1.5), (COARSE, 3.1)])
def test_floats_stay_near_readable_and_new(
    scale: Scale, ratio: float, value: float, negative: bool, seed: int
) -> None:
    value = float(f"{-value if negative else value:.6g}")
    new = draw_number(np.random.default_rng(seed), value, scale)
    assert isinstance(new, float)
    assert 1 / ratio <= abs(new / value) <= ratio
    assert scale is COARSE or new * value > 0
    assert (
        len(f"{float(write_number(new)):.15g}".lstrip("-0.").replace(".", "").partition("e")[0].rstrip("0"))
        <= 6
    )
    assert isinstance(parse(write_number(new)), object)


@settings(deadline=None, derandomize=True)
@given(value=st.integers(0, 10**9), seed=st.integers(0, 2**32))
@pytest.mark.parametrize("scale", [FINE, MIDDLE, COARSE])
def test_integers_stay_positive_integers(scale: Scale, value: int, seed: int) -> None:
    new = draw_number(np.random.default_rng(seed), value, scale)
    assert type(new) is int
    assert new > 0
    assert new <= 3.1 * value + 3


@pytest.mark.parametrize("scale", [FINE, MIDDLE, COARSE])
def test_zero_moves(scale: Scale) -> None:
    draws = [draw_number(np.random.default_rng(seed), 0.0, scale) for seed in range(200)]
    assert all(draws)
    assert math.isclose(float(np.std(draws)), scale.relative, rel_tol=0.2)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.2, "0.2"),
        (2.0, "2.0"),
        (1e-9, "1e-09"),
        (1234567.0, "1.23457e+06"),
        (3, "3"),
        (0.123456789, "0.123457"),
    ],
)
def test_write_number(value: float, text: str) -> None:
    assert write_number(value) == text
