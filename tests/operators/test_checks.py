from __future__ import annotations

import pytest

from evolve.operators._checks import check_program, check_shorter
from evolve.operators._reply import Unusable
from tests.operators.helpers import RINGS, context

GOOD = RINGS.replace("0.99", "0.98")


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace("def pack(n):", "def pack(n, *, seed=0, **more):"),
        "def pack(**given):\n    return given\n",
        "from somewhere import *\n\n\ndef pack(n):\n    return place(n)\n",
    ],
)
def test_a_good_program_passes(text: str) -> None:
    check_program(text, context(RINGS), RINGS)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 1\ny = '\0'\n", r"The program holds a NUL character in line 2. Write it as an escape"),
        (GOOD + "#" * 1000, r"The program must have at most 1200 characters, got \d+. Make it shorter."),
        (
            "def pack(n:\n    return 1\n",
            r"no valid Python: line 1: '\(' was never closed: `def pack\(n:`. Mend it.",
        ),
        ("def pack(n):\n    break\n", r"no valid Python: line 2: 'break' outside loop: `break`"),
        ("(" * 500, r"no valid Python: "),
        (
            "x = 1\n",
            r"must define `def pack\(n\)` at the top level, but it defines no function. Give the whole",
        ),
        ("def pac(n):\n    return 1\n\n\ndef f(): pass\n", r"at the top level, but it defines pac, f\."),
        (
            "def pack(m, k=1):\n    return 1\n",
            r"`pack` must accept the call pack\(n=\.\.\.\), but is defined as `def pack\(m, k=1\)`. Keep its",
        ),
        ("def pack(n):\n    n = 1\n", r"`pack` never returns a value. End it by a `return` with its result."),
        (
            "import numpy as np\n\n\ndef pack(n):\n    return place(n), SPACING, unknown\n",
            r"uses `SPACING`, `place`, as its parent does, but does not define or import it. Give the whole",
        ),
        (RINGS.replace("0.99 * sizes", "0.990  *  sizes # x"), r"says the same as one that it was made from"),
        (GOOD.replace("0.98", "0.97"), r"says the same as one that it was made from"),
        (
            f"# EVOLVE-BLOCK-START\n{GOOD}# EVOLVE-BLOCK-END\n",
            r"has no EVOLVE-BLOCK markers. Leave them out.",
        ),
    ],
)
def test_what_fails_a_check_is_told(text: str, message: str) -> None:
    others = [GOOD.replace("0.98", "0.97"), "no program("]
    with pytest.raises(Unusable, match=message):
        check_program(text, context(RINGS, max_chars=1200), RINGS, others)


def test_only_the_inside_of_a_block_is_not_guessed_at() -> None:
    marked = f"# EVOLVE-BLOCK-START\n{RINGS}# EVOLVE-BLOCK-END\n"
    with pytest.raises(Unusable, match="EVOLVE-BLOCK marker lines are missing"):
        check_program(GOOD, context(marked), marked)


def test_a_base_that_does_not_parse_can_be_repaired() -> None:
    check_program(GOOD, context(RINGS), "def pack(n:\n")


def test_shorter_means_fewer_tokens_of_code() -> None:
    check_shorter(
        RINGS.replace("    sizes = 0.99 * sizes\n", "    # a remark that is long, but no code\n"), RINGS
    )
    with pytest.raises(
        Unusable, match=r"must get shorter than its \d+ tokens of code .*, got \d+. Remove more"
    ):
        check_shorter(RINGS.replace("SPACING", "S").replace("    # Shrink them a little.\n", ""), RINGS)
