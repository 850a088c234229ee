from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from evolve.languages import LANGUAGES, code_hash, code_lines, tokens
from evolve.operators import TEXT_EDITS, Context, NoProposal, Parent, builtin_operators, model_operators
from evolve.operators._checks import check_program
from evolve.operators._model_operators import Task, read_edits, read_program
from evolve.operators._reply import Unusable, take_apart
from evolve.operators._text import balanced

C = LANGUAGES["c"]
TEXT = """#include <stdio.h>
/* adds: (unbalanced in a comment */
int main(void) {
    // 5 in a comment
    int a = 12, b = 3;
    if (a < b) {
        a += 2;
    }
    puts("1 ) { is no number");
    printf("%d\\n", a * b);
    return 0;
}
"""


def context(rng: int = 0, **changes: Any) -> Context:
    parents = (Parent(1, TEXT, 1.0), Parent(2, TEXT.replace("12", "77").replace("a * b", "a + b"), 2.0))
    made = Context("main", (), (), parents, (), np.random.default_rng(rng), language=C)
    return replace(made, **changes)


@pytest.mark.parametrize("name", sorted(TEXT_EDITS))
def test_edits_are_new_sound_and_repeatable(name: str) -> None:
    operator = builtin_operators()[name]
    for seed in range(12):
        one = asyncio.run(operator.propose(context(seed)))
        assert one == asyncio.run(operator.propose(context(seed)))
        assert code_hash(one.text, C) != code_hash(TEXT, C)
        assert "main" in one.text
        assert one.change
        assert one.parents == ((1, 2) if name == "crossover" else (1,))


def test_only_what_is_marked_changes() -> None:
    marked = TEXT.replace("    int a", "// EVOLVE-BLOCK-START\n    int a").replace(
        "    if (a", "// EVOLVE-BLOCK-END\n    if (a"
    )
    for seed in range(20):
        made = asyncio.run(
            builtin_operators()["jitter"].propose(context(seed, parents=(Parent(1, marked, 1.0),)))
        )
        outside = [line for line in made.text.split("\n") if "int a" not in line]
        assert outside == [line for line in marked.split("\n") if "int a" not in line]


def test_operators_of_python_alone_say_so() -> None:
    with pytest.raises(NoProposal, match="insert_block: edits Python programs only, and this one is C"):
        asyncio.run(builtin_operators()["insert_block"].propose(context()))


def test_equal_programs_are_told_by_their_tokens() -> None:
    same = TEXT.replace("// 5 in a comment", "").replace("    int a = 12, b = 3;", "int a=12,\n b=3; /* x */")
    assert code_hash(TEXT, C) == code_hash(same, C)
    for other in (TEXT.replace("12", "13"), TEXT.replace('"1 )', '"1  )'), TEXT.replace("stdio", "stdlib")):
        assert code_hash(TEXT, C) != code_hash(other, C)
    assert code_hash("#define A 1\nB", C) != code_hash("#define A 1 B", C)
    prose = LANGUAGES["text"]
    assert code_hash("# one\ntwo \n", prose) == code_hash("# one\ntwo", prose)
    assert code_hash("# one\ntwo", prose) != code_hash("two", prose)


def test_surface_measures() -> None:
    assert len(code_lines("int a; // x\n\n/* y\n z */\nint b;\n", C)) == 2
    assert tokens('a <<= 0x1F + 1.5e-3f; "s // t"', C) == [
        "a",
        "<<=",
        "0x1F",
        "+",
        "1.5e-3f",
        ";",
        '"s // t"',
    ]
    assert balanced("f(a[1], ')') { }")
    assert not balanced("f(a[1)]")


def test_replies_of_models_are_read_without_a_syntax_tree() -> None:
    task = Task(TEXT, (1,))
    new = TEXT.replace("12", "13")
    answer = take_apart(f"CHANGE: more\n```c\n{new}```\n")
    assert read_program(answer, task, context()) == new
    check_program(new, context(), TEXT)
    edit = take_apart(
        "CHANGE: more\n<<<<<<< SEARCH\n        a += 2;\n=======\n        a += 9;\n>>>>>>> REPLACE\n"
    )
    assert read_edits(edit, task, context()) == TEXT.replace("+= 2", "+= 9")
    with pytest.raises(Unusable, match="says the same"):
        check_program(TEXT + "// more\n", context(), TEXT)
    with pytest.raises(Unusable, match="no code block"):
        read_program(take_apart("I cannot."), task, context())
    assert "diff" in model_operators()


@pytest.mark.parametrize("name", ["c", "cpp", "rust", "javascript", "shell", "text"])
@pytest.mark.parametrize("part", ['"\\', "'\\", '"', "'", "/*", "1.", "0x", "\\\n"])
def test_no_text_holds_the_engine_up(name: str, part: str) -> None:
    """What is scanned anew from every sign of it would take hours at this length."""
    language, text = LANGUAGES[name], part * 200_000
    assert tokens(text, language)
    assert code_lines(text, language) or part in ("/*", '"')
    assert len(code_hash(text, language)) == 16


def test_a_string_that_is_not_closed_ends_with_its_line() -> None:
    assert tokens('a = "b // c\nd = e; // f', C) == ["a", "=", '"b // c', "d", "=", "e", ";"]
    rust = LANGUAGES["rust"]
    one, other = ('let a = "see http://one.org\n";', 'let a = "see http://two.org\n";')
    assert code_hash(one, rust) != code_hash(other, rust), "what stands in a string is no comment"
