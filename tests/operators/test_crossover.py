from __future__ import annotations

import pytest

from evolve.operators import NoProposal
from tests.operators.helpers import context, proposals, propose

ONE = '''import math


def start(n):
    # one's start
    return [math.sqrt(i) for i in range(n)]


def pack(n):
    """Pack."""
    a = start(n)
    b = [0.5 for _ in a]
    # finish
    a = sorted(a)
    return a, b
'''

TWO = '''from math import pi

import numpy as np

STEP = 0.1


def spread(values):
    return [STEP * value for value in values]


def start(n):
    # two's start
    return list(np.linspace(0, pi, n))


def pack(n):
    """Pack the other way."""
    a = start(n)
    a = spread(a)
    c = len(a)
    return a, [1.0] * c
'''


def test_a_function_of_the_other_parent_comes_with_its_imports() -> None:
    found = proposals("crossover", ONE, TWO)
    assert found["took start from program 2"] == ONE.replace(
        "import math\n", "import math\nfrom math import pi\nimport numpy as np\n"
    ).replace(
        "    # one's start\n    return [math.sqrt(i) for i in range(n)]",
        "    # two's start\n    return list(np.linspace(0, pi, n))",
    )


def test_the_entry_goes_on_as_in_the_other_parent() -> None:
    found = proposals("crossover", ONE, TWO, tries=200)
    change = "pack: from line 14 on as in program 2 from its line 20 on"
    text = found[change]
    assert text.endswith(
        "def pack(n):\n"
        '    """Pack."""\n'
        "    a = start(n)\n"
        "    b = [0.5 for _ in a]\n"
        "    a = spread(a)\n"
        "    c = len(a)\n"
        "    return a, [1.0] * c\n"
    )
    assert (
        "STEP = 0.1\n\n\ndef spread(values):\n    return [STEP * value for value in values]\n\n\ndef pack"
        in text
    )
    # The last line of program 2 needs `c`, which nothing in program 1 binds.
    assert not any("from its line 22" in change for change in found)


def test_a_statement_of_the_other_parent_goes_where_its_result_is_used() -> None:
    found = proposals("crossover", ONE, TWO, tries=200)
    text = found["pack: line 20 of program 2 before line 12"]
    assert "    a = start(n)\n    a = spread(a)\n    b = [0.5 for _ in a]\n" in text
    assert "def spread" in text


def test_both_parents_are_named() -> None:
    proposal = propose("crossover", context(ONE, TWO))
    assert proposal.parents == (1, 2)


def test_one_parent_is_not_enough() -> None:
    with pytest.raises(NoProposal, match="crossover: needs 2 parents, got 1"):
        propose("crossover", context(ONE))


@pytest.mark.parametrize("other", [ONE, ONE + "# a remark\n", "def pack(", "x = 1\n"])
def test_nothing_new_gives_no_proposal(other: str) -> None:
    with pytest.raises(NoProposal):
        propose("crossover", context(ONE, other))
