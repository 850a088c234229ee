from __future__ import annotations

import ast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators import NoProposal, builtin_operators, has_markers, marker_fault, outside_unchanged
from evolve.operators._markers import marked_spans
from tests.operators.helpers import BLOCKS, RINGS, context, programs, proposals, propose

START, END = "# EVOLVE-BLOCK-START", "# EVOLVE-BLOCK-END"
MARKED = f"""import math

{START} the search
A = 1
{END}


def frozen():
    return 1


    {START}
    B = 2
    {END}
"""


def test_markers_are_comment_lines() -> None:
    assert has_markers(MARKED)
    assert has_markers("#EVOLVE-BLOCK-END\r\n")
    assert not has_markers("x = 1  # EVOLVE-BLOCK-START\n# EVOLVE-BLOCK-STARTED\n")
    assert not has_markers(RINGS)
    assert marked_spans(MARKED) == [(4, 4), (13, 13)]
    assert marked_spans(f"{START}\n{END}\n") == [(2, 1)]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (MARKED, ""),
        ("x = 1\n", ""),
        (f"{START}\n{START}\n{END}\n", "line 2: EVOLVE-BLOCK-START inside of the block that line 1 starts."),
        (f"{START}\n{END}\n\n{END}\n", "line 4: EVOLVE-BLOCK-END without a start. Put a line"),
        (f"x\n{START}\n", "line 2: EVOLVE-BLOCK-START without an end. Put a line"),
    ],
)
def test_unbalanced_markers_are_told(text: str, fault: str) -> None:
    assert marker_fault(text).startswith(fault)
    assert bool(marker_fault(text)) == bool(fault)


@pytest.mark.parametrize(
    "child",
    [
        MARKED,
        MARKED.replace("A = 1", "A = 2\n\nC = 3"),
        MARKED.replace("A = 1\n", ""),
        MARKED.replace("\n", " \r\n"),
        MARKED + "\n\n",
        MARKED.rstrip(),
    ],
)
def test_what_is_marked_may_change(child: str) -> None:
    assert outside_unchanged(MARKED, child) == ""


@pytest.mark.parametrize(
    ("child", "reason"),
    [
        (MARKED.replace("return 1", "return 2"), "but the line `    return 1` has become `    return 2`."),
        (MARKED.replace("import math\n", ""), "but the line `import math` has become ``."),
        (MARKED + "x = 1\n", "but the line `x = 1` was added."),
        (MARKED.replace(" the search", ""), f"`{START} the search` has become `{START}`."),
        ("A = 2\n", "The EVOLVE-BLOCK marker lines are missing. Give the whole program: every line"),
        (
            f"{MARKED}{START}\n{END}\n",
            "must keep its 2 blocks between EVOLVE-BLOCK markers, got 3 blocks. Add",
        ),
        (
            MARKED.replace(END, ""),
            "The EVOLVE-BLOCK markers must stay as they were. line 12: EVOLVE-BLOCK-START",
        ),
    ],
)
def test_what_is_not_marked_may_not(child: str, reason: str) -> None:
    assert reason in outside_unchanged(MARKED, child)


def test_a_line_that_is_gone_is_told() -> None:
    parent = f"{START}\n{END}\na\nb\n"
    assert outside_unchanged(parent, parent.replace("b\n", "")).endswith("but the line `b` is gone.")


def test_without_markers_everything_may_change_but_none_comes_in() -> None:
    assert outside_unchanged("a\n", "b\n") == ""
    assert outside_unchanged("a\n", MARKED) == "The program has no EVOLVE-BLOCK markers. Leave them out."


def test_a_parent_whose_markers_do_not_pair_up() -> None:
    assert outside_unchanged(f"{START}\n", f"{START}\n").startswith(
        "The program's EVOLVE-BLOCK markers do not pair"
    )


LINE = st.sampled_from([START, END, f"    {START}", "a", "b ", "", "    c"])


@settings(deadline=None)
@given(
    data=st.data(), outside=st.lists(st.lists(st.sampled_from("abc "), max_size=3), min_size=1, max_size=4)
)
def test_any_change_inside_and_none_outside(data: st.DataObject, outside: list[list[str]]) -> None:
    inner = st.lists(st.sampled_from(["x", "y", ""]), max_size=3)

    def written(parts: list[list[str]]) -> str:
        lines = [*parts[0]]
        for part in parts[1:]:
            lines += [START, *data.draw(inner), END, *part]
        return "\n".join(lines)

    parent = written(outside)
    assert outside_unchanged(parent, written(outside)) == ""
    place = data.draw(st.integers(0, len(outside) - 1))
    other = [part if i != place else [*part, "added"] for i, part in enumerate(outside)]
    assert (outside_unchanged(parent, written(other)) == "") == (len(outside) == 1)


@settings(deadline=None)
@given(one=st.lists(LINE).map("\n".join), two=st.lists(LINE).map("\n".join))
def test_every_answer_is_a_sentence(one: str, two: str) -> None:
    reason = outside_unchanged(one, two)
    assert not reason or reason.endswith(".")
    assert outside_unchanged(one, one) == "" or marker_fault(one)


# The frozen part calls what is marked, and holds what a change would like to touch.
HALF = f"""import math

import numpy as np

LIMIT = 0.5


def frozen(x):
    return 1 * x + 0.25


{START}
SCALE = 1.5
UNUSED = 3.0


def spread(n, step=0.1):
    centers = [(0.5 + step * k, SCALE * k) for k in range(n)]
    radii = [0.01 * step for _ in centers]
    dead = 7.5
    return centers, radii
{END}


def pack(n):
    centers, radii = spread(n)
    radii = [frozen(r) for r in radii]
    return centers, radii
"""
WHOLE = HALF.replace(f"{END}\n", "") + f"{END}\n"


@pytest.mark.parametrize(
    "name", sorted({*builtin_operators()} - {"crossover", "insert_block", "remove_block"})
)
def test_built_in_operators_change_what_is_marked(name: str) -> None:
    found = proposals(name, HALF, tries=20)
    assert found
    assert all(outside_unchanged(HALF, text) == "" for text in found.values())


def test_few_tries_are_wasted() -> None:
    made = sum(
        bool(proposals(name, HALF, tries=1))
        for name in ("jitter", "expression", "statement")
        for _ in range(1)
    )
    assert made == 3


@pytest.mark.parametrize("name", ["insert_block", "crossover"])
def test_what_is_brought_along_goes_into_the_block(name: str) -> None:
    other = WHOLE.replace("def spread(n, step=0.1):", "def spread(n, step=0.1):\n    n = grow(n)").replace(
        "SCALE = 1.5", "SCALE = 1.5\n\n\ndef grow(n):\n    return cmath.e * n"
    )
    other = other.replace("import math\n", "import cmath\n")
    texts = (WHOLE, other) if name == "crossover" else (WHOLE,)
    found = proposals(name, *texts, tries=40, blocks=BLOCKS)
    assert found
    for text in found.values():
        assert outside_unchanged(WHOLE, text) == ""
        assert text.startswith(WHOLE[: WHOLE.index(START)])
    new = "def grow" if name == "crossover" else "def grid_start"
    assert any(new in text for text in found.values())


@settings(deadline=None, derandomize=True, max_examples=15)
@given(program=programs(), other=programs(), seed=st.integers(0, 10**6), data=st.data())
def test_built_in_operators_leave_the_rest_alone(
    program: str, other: str, seed: int, data: st.DataObject
) -> None:
    lines = program.split("\n")
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start, len(lines)))
    marked = "\n".join([*lines[:start], START, *lines[start:end], END, *lines[end:]])
    for name in builtin_operators():
        try:
            proposal = propose(name, context(marked, other, seed=seed, blocks=BLOCKS))
        except NoProposal:
            continue
        assert outside_unchanged(marked, proposal.text) == ""


NESTED = f"""\
import math

def solve(n):
    {START}
    x = 1
    {END}
    check(x)
    return x

{START}
def helper():
    return 2
{END}

@wraps
def check(x):
    for i in range(3):
        assert x > 0, "positive"
    else:
        print(f"{{x}}")

TABLE = [
    1,
    {START}
    2,
    {END}
    3,
]
{START}
LAST = 1
{END}
"""


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        # a string that a later block closes
        ("    x = 1", '    x = """', "    check(x)"),
        ("    return 2", '    return """', "@wraps"),
        ("    2,", '    2, """', "TABLE = ["),
        # a function, a condition and a bracket that take the lines below
        ("    x = 1", "    return 1\ndef other(x):\n    pass", "    check(x)"),
        ("    x = 1", "    return 1\nif False:\n    x = 1", "    check(x)"),
        ("    2,", "    2]\nOTHER = [", "TABLE = ["),
    ],
)
def test_what_is_not_marked_stays_code(old: str, new: str, line: str) -> None:
    child = NESTED.replace(old, new, 1)
    if '"""' in new:
        child = child.replace("LAST = 1", '"""' + ("]" if "2," in old else ""), 1)
    ast.parse(child)
    reason = outside_unchanged(NESTED, child)
    assert f"the line `{line}` no longer is the same code. End within a block every" in reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    x = 1", "    x = '''a\nb'''\n    if x:\n        x = (1 +\n  2)"),
        ("    x = 1\n", ""),
        ("    x = 1", "    def f():\n        return 3\n    for x in range(4):\n        x += f()"),
        ("    x = 1", "    try:\n        x = 1\n    except ValueError:\n        x = 2"),
        ("    x = 1", "    x = f'''\n{1 +\n2}\n'''"),
        ("    2,", "    *range(3), (4 +\n5),"),
        ("    2,\n", ""),
        ("def helper():\n    return 2\n", ""),
        ("    return 2", "    return 2\n\nclass A:\n    def b(self): ...\n\nif True:\n    c = 1"),
        ("LAST = 1", "LAST = '''\n\n'''; b = 3"),
        ("    x = 1", "    x = 'é' * 3 # \x0c"),
    ],
)
def test_any_whole_edit_of_a_block_is_allowed(old: str, new: str) -> None:
    child = NESTED.replace(old, new, 1)
    ast.parse(child)
    assert outside_unchanged(NESTED, child) == ""
    assert outside_unchanged(NESTED.replace("\n", "\r\n"), child) == ""
    assert outside_unchanged(child, NESTED) == ""


def test_a_block_with_the_body_of_a_frozen_function_may_change() -> None:
    parent = f"def f():\n    {START}\n    for i in range(3):\n        pass\n    {END}\n\nf()\n"
    for body in ("    pass", "    while True:\n        break", "    '''doc'''\n    return 1"):
        child = parent.replace("    for i in range(3):\n        pass", body)
        assert outside_unchanged(parent, child) == ""


@pytest.mark.parametrize(
    ("parent", "old", "new"),
    [
        ("BLOCK\ndef solve(x):\n    return x\n", "y = 1", "y = 1\n@(lambda f: print)"),
        ("BLOCK\nclass A:\n    x = 1\n", "y = 1", "@(lambda c: object)"),
        (
            "def f(x):\n    if x > 0:\nBLOCK\n        check(x)\n",
            "        y = 1",
            "        y = 1\n    else:\n        y = 2",
        ),
        (
            "def f(x):\n    for i in x:\nBLOCK\n        check(i)\n",
            "        y = 1",
            "        y = 1\n    else:\n        y = 2",
        ),
        (
            "def f(x):\n    try:\nBLOCK\n        check(x)\n    finally:\n        done()\n",
            "        y = 1",
            "        y = 1\n    except ValueError:\n        y = 2\n    else:\n        pass",
        ),
        (
            "def f(x):\n    match x:\n        case 1:\nBLOCK\n            return 1\n",
            "            y = 1",
            "            y = 1\n        case 999:\n            pass",
        ),
        (
            "def f(x):\n    try:\nBLOCK\n    except ValueError:\n        return 'frozen'\n",
            "        y = 1",
            "        y = 1\n    except Exception:\n        return 'other'",
        ),
        ("x = f(\nBLOCK\n)\n", "1, 2", "1, 2) or (3"),
    ],
)
def test_a_block_takes_no_line_below_it_elsewhere(parent: str, old: str, new: str) -> None:
    before, after = (parent.replace("BLOCK", f"{START}\n{block}\n{END}") for block in (old, new))
    ast.parse(after)
    assert "no longer is the same code" in outside_unchanged(before, after)
    assert outside_unchanged(before, before) == outside_unchanged(after, after) == ""
