from __future__ import annotations

import pytest

from evolve.operators import _statement as statement
from evolve.operators._source import blocks_of
from evolve.operators._statement import Variation
from tests.operators.helpers import context, program_of, proposals

HEAD = "def pack(n):\n"


def results(variation: Variation, body: str) -> dict[str, str]:
    found = {}
    for seed in range(60):
        given = context(HEAD + body, seed=seed)
        program = program_of(given)
        blocks = blocks_of(program.source, program.entry)
        blocks = [block for block in [blocks[0][:-1], *blocks[1:]] if block]
        change = variation(program, given, program.entry, blocks)
        if change is not None:
            found[change.summary] = change.text.removeprefix(HEAD)
    return found


TWO = "    a = n\n    b = n  # twice\n    return a + b\n"
GROW = "    a = n\n    a = a + 1\n    return a\n"


def test_swap() -> None:
    assert results(statement.swap, TWO) == {
        "pack: swapped line 2 and line 3": "    b = n  # twice\n    a = n\n    return a + b\n"
    }


def test_what_is_needed_first_is_not_swapped() -> None:
    assert results(statement.swap, "    a = n\n    b = a\n    return b\n") == {}


def test_delete_keeps_names_bound() -> None:
    assert results(statement.delete, TWO) == {}
    assert results(statement.delete, GROW) == {
        "pack: deleted line 3: a = a + 1": "    a = n\n    return a\n",
    }


def test_delete_leaves_pass() -> None:
    body = "    a = n\n    if n:\n        a = 2\n    return a\n"
    assert results(statement.delete, body)["pack: deleted line 4: a = 2"] == (
        "    a = n\n    if n:\n        pass\n    return a\n"
    )


def test_duplicate_what_may_do_something_the_second_time() -> None:
    assert results(statement.duplicate, TWO) == {}
    assert results(statement.duplicate, GROW) == {
        "pack: repeated line 3 after line 3": "    a = n\n    a = a + 1\n    a = a + 1\n    return a\n",
    }


def test_loop() -> None:
    found = results(statement.loop, GROW)
    assert found["pack: wrapped line 3 in a loop of 3"] == (
        "    a = n\n    for _ in range(3):\n        a = a + 1\n    return a\n"
    )
    assert {summary.split()[-1] for summary in found} == {"2", "3", "4"}


def test_loop_over_several_lines_keeps_comments() -> None:
    body = "    a = n\n    # again\n    a = max(\n        a,  # old\n        2,\n    )\n    return a\n"
    assert results(statement.loop, body)["pack: wrapped lines 4-7 in a loop of 2"] == (
        "    a = n\n    # again\n    for _ in range(2):\n"
        "        a = max(\n            a,  # old\n            2,\n        )\n    return a\n"
    )


@pytest.mark.parametrize("inner", ["a = '''\n'''", "import a", "def a(): pass", "return a"])
def test_what_is_not_wrapped(inner: str) -> None:
    body = f"    a = n\n    if n:\n        {inner}\n    return a\n"
    found = {**results(statement.loop, body), **results(statement.guard, body)}
    assert not any("line 4 " in summary or "lines 4" in summary for summary in found)


def test_guard_uses_a_condition_of_the_function() -> None:
    body = "    a = n\n    b = 1 if a > 2 else 3\n    a += b\n    return a\n"
    found = results(statement.guard, body)
    assert found["pack: wrapped line 4 in `if a > 2`"] == body.replace(
        "    a += b\n", "    if a > 2:\n        a += b\n"
    )
    assert not any("line 2 " in summary for summary in found)


def test_move_into_a_block() -> None:
    body = "    a = n\n    for i in range(n):\n        a += i\n    a *= 2\n    return a\n"
    assert results(statement.move, body)["pack: moved line 5 before line 4"] == (
        "    a = n\n    for i in range(n):\n        a *= 2\n        a += i\n    return a\n"
    )


def test_the_last_return_stays() -> None:
    found = proposals("statement", HEAD + GROW)
    assert found
    assert all(text.endswith("    return a\n") for text in found.values())
