from __future__ import annotations

import ast
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.operators import _fields, _reply
from evolve.operators._fields import summary
from evolve.operators._reply import Unusable, is_program, program_of, take_apart
from evolve.source import parse
from tests.operators.helpers import RINGS, programs

PROGRAM = "import math\n\n\ndef pack(n):\n    return n, math.pi\n"
OTHER = "def pack(n):\n    return 1\n"


def found(reply: str, finish: str = "stop") -> str:
    return program_of(take_apart(reply, finish), "pack")


def refusal(reply: str, finish: str = "stop") -> str:
    with pytest.raises(Unusable) as caught:
        found(reply, finish)
    return str(caught.value)


@pytest.mark.parametrize(
    "reply",
    [
        "```python\n{}```",
        "```\n{}```",
        "```py3\n{}```\n",
        "~~~~ Python title=x\n{}~~~~",
        "`````python\n{}`````   \n",
        "Here it is:\n\n```python\n{}```\n\nIt moves the circles.\n",
        "\ufeff```python\n{}```",
        "```python\n\n\n{}\n\n```",
        "CHANGE: it\n\n{}",
        "{}",
        "\n\n{}\n\n",
        "{}\nCHANGE: smaller\n",
        "```python\nCHANGE: smaller\n{}```",
        "<think>\n```python\nx\n```\n</think>\n```python\n{}```",
        "<think>short</think>\n\n{}",
        "  <Thinking>\nhm\n</thinking> ```python\n{}```",
        "it began elsewhere\n```python\ndef pack(n): return 2\n```\n</think>\n\n```python\n{}```",
        "Sure.\n<think>a</think><think>b</think>\n{}",
        "```python\n{}",
        "Helper:\n```python\ndef helper(): pass\n```\nThen:\n```python\n{}```\nUse:\n```python\npack(3)\n```",
        "Before:\n```python\ndef pack(n): return 0\n```\nAfter:\n```python\n{}```",
        "```python\n{}```\nnot\n```python\ndef pack(n: ...\n```",
        "````text\nCHANGE: it\n```python\n{}```\n````",
        "````text\nCHANGE: it\n```python\n{}```\n",
        "```text\nCHANGE: it\n```python\n{}```\n```",
        "Here is the program. It is new:\n\n{}\nI moved the circles; see above.\nDone.\n",
        "class of its own:\nimport nothing from it\n\n{}\n- two: it's fine\n- one\n",
        "Like this.\n```\nan example\n```\n\n{}",
    ],
)
@pytest.mark.parametrize("program", [PROGRAM, RINGS])
def test_the_program_is_found(reply: str, program: str) -> None:
    assert found(reply.replace("{}", program)) == program
    assert found(reply.replace("{}", program).replace("\n", "\r\n")) == program


def test_an_indented_fence_takes_its_indentation_along() -> None:
    inner = "".join("   " + line if line.strip() else line for line in PROGRAM.splitlines(keepends=True))
    assert found(f"1. So:\n\n   ```python\n{inner}   ```\n") == PROGRAM


def test_of_several_blocks_without_the_entry_the_last_that_parses_counts() -> None:
    assert found("```python\nx = 1\n```\n```python\ny = 2\n```\n```text\nno code\n```\n") == "y = 2\n"


@pytest.mark.parametrize(
    ("reply", "finish", "message"),
    [
        (
            "",
            "stop",
            "The reply is empty. Answer with the whole program, which defines `pack`, in one fenced",
        ),
        (
            " \n",
            "length",
            "The reply was cut off at the length limit before it was complete. Answer again, more",
        ),
        ("I cannot do that.", "stop", "The reply holds no program. Answer with the whole program"),
        ("Let us think", "length", "The reply was cut off"),
        ("<think>\n" + PROGRAM, "length", "The reply was cut off"),
        ("<think>\n" + PROGRAM, "stop", "The reply holds no program"),
        (f"```python\n{PROGRAM}", "length", "The reply was cut off"),
        (PROGRAM, "length", "The reply was cut off"),
        (f"```\n{OTHER}```\n```python\n{PROGRAM}", "max_tokens", "The reply was cut off"),
        (
            f"```python\n{PROGRAM}x = (1,",
            "stop",
            "The last code block is never closed, and what it holds is not",
        ),
        ("```python\n```", "stop", "The code block is empty. Answer with"),
    ],
)
def test_what_is_no_program_is_refused(reply: str, finish: str, message: str) -> None:
    assert refusal(reply, finish).startswith(message)


def test_a_whole_block_counts_although_the_rest_was_cut_off() -> None:
    assert found(f"```python\n{PROGRAM}```\nIt moves the", "length") == PROGRAM


def test_code_with_a_syntax_error_comes_back_whole() -> None:
    """So that the error is about the code, not about the reply."""
    broken = "import math\n\n\ndef helper(:\n    pass\n\n\ndef pack(n):\n    return 1\n"
    assert found(broken) == broken
    assert found("Here:\n\n" + broken) == broken
    assert found(f"```python\n{broken}```") == broken


@pytest.mark.parametrize(
    ("reply", "change"),
    [
        ("CHANGE: it moved\n```python\nCHANGE: no\n```", "it moved"),
        ("**CHANGE:** it moved", "it moved"),
        ("- **CHANGE**: `it moved`", "it moved"),
        ("CHANGE: <one line>\n> CHANGE:it moved  ", "it moved"),
        ("# CHANGE: it moved\nx = 1", "it moved"),
        ("```python\n# CHANGE: it moved\nx = 1\n```", "it moved"),
        ("<think>\nCHANGE: no\n</think>\nCHANGE: it moved", "it moved"),
        ("change: lower", ""),
        ("EXCHANGE: no", ""),
    ],
)
def test_fields(reply: str, change: str) -> None:
    assert take_apart(reply).field("CHANGE") == change


LINES = st.sampled_from(
    [
        "x = 1",
        "</think>",
        "<think>",
        "```",
        "````",
        "CHANGE: y",
        "<<<<<<< SEARCH",
        "=======",
        "\\n",
        '"',
        "é",
        "# x",
        "",
    ]
) | st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=20)


@settings(deadline=None)
@given(texts=st.lists(LINES, max_size=8), where=st.sampled_from(["fence", "raw"]))
def test_any_string_content_survives(texts: list[str], where: str) -> None:
    content = "\n".join(texts)
    literal = content.replace("\\", "\\\\").replace('"', '\\"')
    program = f'TEXT = """\n{literal}\n"""\n\n\ndef pack(n):\n    return TEXT, {content!r}\n'
    assert is_program(program, "pack")
    reply = f"`````python\n{program}`````\n" if where == "fence" else program
    assert found(reply) == program


@settings(deadline=None, max_examples=40)
@given(
    program=programs(),
    above=st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="`~<"), max_size=40),
    below=st.text(st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="`~<"), max_size=40),
)
def test_text_around_a_fence_does_not_matter(program: str, above: str, below: str) -> None:
    assert found(f"{above}\n```python\n{program}```\n{below}\n") == program


@settings(deadline=None)
@given(reply=st.text() | st.lists(LINES).map("\n".join), finish=st.sampled_from(["stop", "length"]))
def test_any_reply_gives_a_program_or_a_sentence(reply: str, finish: str) -> None:
    try:
        text = found(reply, finish)
    except Unusable as reason:
        text = f"{reason}\n"
    assert text.endswith("\n")


@pytest.mark.parametrize(
    "reply",
    [
        "CHANGE" + " " * 100_000 + "x",
        "~" * 100_000 + "`",
        "<think></think>" * 5_000,
        "```a\n~~~a\n" * 5_000,
        "import x\n" * 5_000 + "def pack(",
        "(" * 100_000,
    ],
)
def test_odd_replies_are_read_quickly(reply: str) -> None:
    began = time.perf_counter()
    answer = take_apart(reply)
    assert answer.field("CHANGE") == ""
    with pytest.raises(Unusable):
        program_of(answer, "nothing")
    assert time.perf_counter() - began < 3


def test_code_without_a_fence_is_parsed_a_few_times_only(monkeypatch: pytest.MonkeyPatch) -> None:
    texts: list[str] = []

    def counted(text: str) -> ast.Module:
        texts.append(text)
        return parse(text)

    monkeypatch.setattr(_reply, "read", counted)
    assert refusal("x=1\n" * 12 + "(\n" * 190).startswith("The reply holds no program.")
    assert 1 < len(texts) <= 20


def test_code_without_a_fence_has_an_end_within_reach() -> None:
    answer = take_apart(f"So:\n\n{PROGRAM}\n" + "It's moved.\n" * 100)
    assert program_of(answer, "pack", max_chars=len(PROGRAM)) == PROGRAM
    answer = take_apart(f"So:\n\n{PROGRAM}" + "    return 2\n" * 100)
    with pytest.raises(
        Unusable, match=r"^The reply is too long to tell where its program ends\. Answer with"
    ):
        program_of(answer, "pack", max_chars=len(PROGRAM))


def test_changed_lines_are_counted_without_being_aligned() -> None:
    assert not hasattr(_fields, "difflib")
    assert summary("repair", "a\n" + "x\n" * 4_000, "b\n" + "x\n" * 3_990) == "repair: 11 lines changed"
    assert summary("repair", "a\nb\n", "a\r\nc\r\n") == "repair: 1 line changed"
