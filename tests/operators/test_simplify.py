from __future__ import annotations

import pytest

from evolve.operators import NoProposal
from evolve.operators import _simplify as simplify
from tests.operators.helpers import context, program_of, proposals, propose

CLUTTERED = """import math
import os, sys
from math import sin, cos

UNUSED = 3


# Nobody calls this.
def unused(n):
    return unused(n - 1)


def used(x):
    return math.sin(x) + cos(0)


def pack(n):
    a = [1]
    a = used(n)
    b = 1 * a + 0  # the same
    c, d = n, n
    e = n
    e = n
    for i in range(n):
        f = i
    return sys.path, (b + e) ** 1
"""

TIDY = """import math
import sys
from math import cos


def used(x):
    return math.sin(x) + cos(0)


def pack(n):
    a = used(n)
    b = a  # the same
    e = n
    for i in range(n):
        pass
    return sys.path, b + e
"""


def tidied(text: str) -> str | None:
    given = context(text)
    change = simplify.tidy(program_of(given), given)
    return None if change is None else change.text


def test_tidy_drops_all_that_has_no_effect() -> None:
    text = CLUTTERED
    while (shorter := tidied(text)) is not None:
        text = shorter
    assert text == TIDY


@pytest.mark.parametrize(
    "body",
    [
        "def g():\n        return a\n    a = n\n    return g()",
        "a = n\n    a[0] = 1\n    return n",
        "global G\n    G = n\n    return n",
        "for i in range(n):\n        if a:\n            break\n        a = i\n    return i",
        "x = rng.random()\n    y = rng.random()\n    return x - y",
    ],
)
def test_tidy_leaves_what_may_matter(body: str) -> None:
    assert tidied(f"def pack(n):\n    {body}\n") is None


def test_the_change_says_what_was_dropped() -> None:
    found = proposals("simplify", "import os\n\n\ndef pack(n):\n    a = 1\n    return n\n")
    assert found["dropped unused imports, dead assignments"] == "\n\ndef pack(n):\n    return n\n"


def test_unroll() -> None:
    text = "def pack(n):\n    a = n\n    for _ in range(1):\n        # once\n        a += 1\n    return a\n"
    found = proposals("simplify", text)
    assert found["pack: unrolled line 3: for _ in range(1):"] == (
        "def pack(n):\n    a = n\n    # once\n    a += 1\n    return a\n"
    )


def test_a_loop_whose_variable_is_used_is_not_unrolled() -> None:
    text = "def pack(n):\n    a = n\n    for i in range(3):\n        a += i\n    return a\n"
    assert not any("unrolled" in change for change in proposals("simplify", text))


def test_drop_keeps_names_bound() -> None:
    found = proposals("simplify", "def pack(n):\n    a = n\n    a = a + 1\n    return a\n")
    assert found == {"pack: dropped line 3: a = a + 1": "def pack(n):\n    a = n\n    return a\n"}


def test_a_plain_program_cannot_be_simplified() -> None:
    with pytest.raises(NoProposal, match="simplify"):
        propose("simplify", context("def pack(n):\n    return n\n"))
