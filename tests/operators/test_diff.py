from __future__ import annotations

import re
import time

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evolve.operators import _diff
from evolve.operators._diff import edited, has_blocks
from evolve.operators._reply import Unusable, ends_edit, take_apart

PROGRAM = """import math


def pack(n):
    a = 1
    if n:
        a = 2
        b = 3

    a = 1
    return a
"""


def block(search: str, replace: str, indent: str = "", signs: int = 7) -> str:
    parts = ["<" * signs + " SEARCH", search, "=" * signs, replace, ">" * signs + " REPLACE"]
    lines = [line for part in parts if part for line in part.split("\n")]
    return "\n".join(indent + line for line in lines) + "\n"


def apply(program: str, *blocks: str, finish: str = "stop") -> str:
    return edited(program, take_apart("CHANGE: something\n\n" + "\n".join(blocks), finish))


def refusal(program: str, *blocks: str, finish: str = "stop") -> str:
    with pytest.raises(Unusable) as caught:
        apply(program, *blocks, finish=finish)
    return str(caught.value)


def test_a_block_replaces_lines() -> None:
    assert apply(PROGRAM, block("import math", "import cmath")) == PROGRAM.replace("math", "cmath")


def test_blocks_are_about_the_program_as_it_was() -> None:
    program = "a\nb\nc\n"
    assert apply(program, block("c", "a\nb"), block("a", "c"), block("b", "")) == "c\na\nb\n"


def test_the_same_block_twice_counts_once() -> None:
    assert apply("a\nb\n", block("a", "c"), block("a", "c")) == "c\nb\n"


def test_an_empty_replacement_deletes() -> None:
    assert apply("a\nb\n", block("a", "")) == "b\n"
    assert apply("a\nb", block("b", "")) == "a"


@pytest.mark.parametrize(("end", "last"), [("\n", "\n"), ("\r\n", "\r\n"), ("\r\n", ""), ("\n", "")])
def test_line_ends_are_those_of_the_program(end: str, last: str) -> None:
    program = end.join(["a", "b", "c"]) + last
    reply = block("c", "d\ne")
    assert apply(program, reply) == end.join(["a", "b", "d", "e"]) + last
    assert apply(program, reply.replace("\n", "\r\n")) == end.join(["a", "b", "d", "e"]) + last
    assert apply(program, block("a", "d\ne")) == end.join(["d", "e", "b", "c"]) + last


def test_mixed_line_ends_stay_where_nothing_changes() -> None:
    assert apply("a\nb\r\nc\n", block("c", "d")) == "a\nb\r\nd\n"


@pytest.mark.parametrize("program", ["", "\n", "  \n\n"])
def test_an_empty_program_takes_an_empty_search(program: str) -> None:
    assert apply(program, block("", "a = 1")).strip() == "a = 1"


def test_trailing_blanks_and_blank_lines_may_differ() -> None:
    found = apply(PROGRAM, block("        b = 3  \n    a = 1\t", "        b = 4\n    a = 1"))
    assert found == PROGRAM.replace("        b = 3\n\n    a = 1", "        b = 4\n    a = 1")


def test_blank_lines_around_a_search_go_with_those_around_the_replacement() -> None:
    assert apply("a\nb\nc\n", block("\nb\n\n", "\nd\n\n")) == "a\nd\nc\n"
    assert apply("a\n\nb\nc\n", block("\nb \n\n", "\nd\n\n")) == "a\n\nd\nc\n"


@pytest.mark.parametrize("indent", ["    ", "\t", "  "])
def test_another_indentation_goes_for_the_replacement_too(indent: str) -> None:
    program = f"def f():\n{indent}if x:\n{indent}{indent}y\n"
    expected = f"def f():\n{indent}while x:\n\n{indent}{indent}z\n"
    assert apply(program, block(f"if x:\n{indent}y", f"while x:\n\n{indent}z")) == expected
    deeper = indent * 3
    search = f"{deeper}if x:\n{deeper}{indent}y"
    assert apply(program, block(search, f"{deeper}while x:\n\n{deeper}{indent}z")) == expected


def test_a_replacement_that_cannot_be_moved_is_refused() -> None:
    text = refusal("def f():\n    x\n", block("            x", "    y"))
    assert text.startswith(
        "Block 1: its SEARCH text is in line 2 of the program, but indented 8 characters less"
    )


def test_indentation_that_varies_does_not_match() -> None:
    text = refusal(PROGRAM, block("if n:\n        a = 2", "pass"))
    assert (
        "Block 1: its SEARCH text is not in the program. The nearest text begins at line 6:\n    if n:"
        in text
    )
    assert "The lines are indented otherwise in relation to each other." in text


def test_the_nearest_text_and_its_first_difference_are_told() -> None:
    text = refusal(PROGRAM, block("    if n:\n        a = 7\n        b = 3", "pass"))
    assert "nearest text begins at line 6:\n    if n:\n        a = 2\n        b = 3\n" in text
    assert "SEARCH has here, otherwise: a = 7" in text
    assert "No block was applied. Send all blocks again" in text
    text = refusal(PROGRAM, block("    return aa", "pass"))
    assert "nearest text begins at line 11:\n    return a\n" in text
    text = refusal(PROGRAM, block("@@@@", "pass"))
    assert "Nothing in the program is like it." in text


def test_several_places_are_refused() -> None:
    text = refusal(PROGRAM, block("import math", "x"), block("    a = 1", "x"))
    assert text.startswith(
        "Block 2 matches 2 places (lines 5, 10); add lines to its SEARCH text, and to the replacement"
    )
    assert "matches 6 places (lines 1, 2, 3, 4, 5, ...)" in refusal("a\n" * 6, block("a", "b"))
    assert "matches 2 places (lines 1, 2)" in refusal("  a\n  a\n", block("a", "b"))


def test_one_block_that_fails_stops_all() -> None:
    assert "Block 2" in refusal(PROGRAM, block("import math", "x"), block("nothing like it", "x"))


def test_only_the_first_faults_are_told() -> None:
    text = refusal(PROGRAM, *[block(f"none {i}", "x") for i in range(9)])
    assert "Block 3" in text
    assert "Block 4" not in text


def test_overlapping_blocks_are_refused() -> None:
    text = refusal("a\nb\nc\nd\n", block("d", "e"), block("b\nc", "x"), block("a\nb", "y"))
    assert text.startswith("Blocks 2 and 3 both change line 2. Join them into one block.")


def test_an_empty_search_is_refused() -> None:
    assert refusal(PROGRAM, block("", "x")).startswith(
        "Block 1 has an empty SEARCH part. To add lines, search"
    )


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (
            "no block at all",
            "The reply holds no SEARCH/REPLACE block. Each change is a block of the form\n<<<",
        ),
        ("<<<<<<< SEARCH\na\n>>>>>>> REPLACE", "Block 1 has no line `=======` between its two parts."),
        ("<<<<<<< SEARCH\na\n=======\nb", "Block 1 is not closed by a line `>>>>>>> REPLACE`."),
        (block("a", "b") + "<<<<<<< SEARCH\nc\n=======\n<<<<<<< SEARCH\nd", "Block 2 is not closed"),
    ],
)
def test_malformed_replies_are_refused(reply: str, message: str) -> None:
    assert refusal("a\nb\n", reply).startswith(message)


@pytest.mark.parametrize("reply", ["thinking about it", "<<<<<<< SEARCH\na\n=======\nb"])
def test_a_reply_that_was_cut_off_is_told_so(reply: str) -> None:
    assert refusal("a\n", reply, finish="length").startswith("The reply was cut off at the length limit")


@pytest.mark.parametrize(
    "reply",
    [
        "<<<<<<< search\na\n=======\nc\n>>>>>>> replace",
        "<<<<<<< SEARCH:\na\n=====\nc\n>>>>>>>> REPLACE",
        "```python\n<<<<<<< SEARCH\na\n=======\nc\n>>>>>>> REPLACE\n```",
        "1. First:\n\n   <<<<<<< SEARCH\n   a\n   =======\n   c\n   >>>>>>> REPLACE\n",
        "<think>\n<<<<<<< SEARCH\nb\n=======\nx\n>>>>>>> REPLACE\n</think>\n" + block("a", "c"),
    ],
)
def test_markers_are_read_with_tolerance(reply: str) -> None:
    assert has_blocks(reply)
    assert apply("a\nb\n", reply) == "c\nb\n"


RULED = 'TEXT = """\nTitle\n=======\n    >>>>>>> REPLACE\n<<<<<<<<< SEARCH\n"""\nend\n'


@pytest.mark.parametrize(
    ("search", "replace", "expected"),
    [
        ("Title\n=======", "Name\n=======", RULED.replace("Title", "Name")),
        ("Title", "Name\n=======", RULED.replace("Title", "Name\n=======")),
        ("    >>>>>>> REPLACE", "  ======= x", RULED.replace("    >>>>>>> REPLACE", "  ======= x")),
        ("<<<<<<<<< SEARCH", "<<<<<<<< SEARCH", RULED.replace("<<<<<<<<<", "<<<<<<<<")),
    ],
)
def test_lines_that_look_like_markers_survive(search: str, replace: str, expected: str) -> None:
    assert apply(RULED, block(search, replace)) == expected


def test_longer_markers_make_room_for_marker_lines() -> None:
    program = "x = '''\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n'''\n"
    found = apply(program, block("=======\n>>>>>>> REPLACE", "=======\ny\n>>>>>>> REPLACE", signs=9))
    assert found == program.replace("=======\n", "=======\ny\n")


@pytest.mark.parametrize("line", ["<<<<<<< SEARCH" + " " * 50_000 + "x", "=" * 100_000, ">" * 100_000])
def test_odd_replies_are_read_quickly(line: str) -> None:
    began = time.perf_counter()
    assert refusal("a\n", f"{line}\n{line}\n")
    assert time.perf_counter() - began < 2


# No line of these is a bare `=======`, which is ambiguous in a SEARCH text; see the module's docstring.
INNER = st.text(st.characters(codec="utf-8", exclude_characters="\n\r"), max_size=12) | st.sampled_from(
    [
        "",
        "    ",
        "    x = 1",
        "\tx = '\\n'",
        "```",
        "    =======",
        "    >>>>>>> REPLACE",
        "<think>",
        "x  ",
        "é – ü",
    ]
)
TEXTS = st.lists(INNER, min_size=1, max_size=14)


def edits_of(draw: st.DrawFn, lines: list[str]) -> list[tuple[int, int, list[str]]]:
    """Draw spans of lines that do not touch, with what comes in their place."""
    found, at = [], 0
    while at < len(lines) and draw(st.booleans()):
        start = draw(st.integers(at, len(lines) - 1))
        end = draw(st.integers(start + 1, len(lines)))
        found.append((start, end, draw(st.lists(INNER | st.just("======="), max_size=4))))
        at = end
    return found


def spliced(lines: list[str], edits: list[tuple[int, int, list[str]]]) -> list[str]:
    lines = list(lines)
    for start, end, new in reversed(edits):
        lines[start:end] = new
    return lines


def count(lines: list[str], part: list[str]) -> int:
    return sum(lines[i : i + len(part)] == part for i in range(len(lines)))


@settings(deadline=None)
@given(
    data=st.data(), lines=TEXTS, crlf=st.booleans(), prose=st.sampled_from(["", "First:", "```", "CHANGE: x"])
)
def test_any_edit_is_applied_exactly(
    data: st.DataObject, lines: list[str], *, crlf: bool, prose: str
) -> None:
    edits = data.draw(st.composite(lambda draw: edits_of(draw, lines))())
    assume(edits)
    parts = [lines[start:end] for start, end, _ in edits]
    assume(all(count(lines, part) == 1 and any(line.strip() for line in part) for part in parts))
    blocks = [
        block("\n".join(part), "").replace(
            "=======\n>>>>>>> REPLACE\n",
            "\n".join(["=======", *new, ">>>>>>> REPLACE", ""]),
        )
        for part, (_, _, new) in zip(parts, edits, strict=True)
    ]
    end = "\r\n" if crlf else "\n"
    program = end.join([*lines, ""])
    reply = f"{prose}\n".join(["", *data.draw(st.permutations(blocks))])
    assert edited(program, take_apart(reply)) == end.join([*spliced(lines, edits), ""])


@settings(deadline=None)
@given(
    data=st.data(),
    words=st.lists(st.text("abc_=(", min_size=1, max_size=6), min_size=1, max_size=10, unique=True),
)
def test_white_space_that_drifts_does_not_matter(data: st.DataObject, words: list[str]) -> None:
    """Other blanks at line ends, other blank lines and another indentation give the same program."""
    assume(all("=====" not in word for word in words))
    depths = st.sampled_from(["    ", "        "])
    lines = [
        line for word in words for line in [data.draw(depths) + word, *data.draw(st.sampled_from([[], [""]]))]
    ]
    full = [i for i, line in enumerate(lines) if line]
    first = data.draw(st.sampled_from(full))
    last = data.draw(st.sampled_from([i for i in full if i >= first]))
    new = [data.draw(depths) + "new" for _ in range(data.draw(st.integers(0, 3)))]
    part = lines[first : last + 1]
    # The program is the deeper or the flatter one.
    less, more = data.draw(st.sampled_from([("", ""), ("    ", ""), ("", "  "), ("", "\t")]))
    drifted: list[str] = []
    for line in part:
        if line:
            drifted.append(more + line.removeprefix(less) + data.draw(st.sampled_from(["", " ", "\t"])))
        drifted += [data.draw(st.sampled_from(["", "  "]))] * (data.draw(st.integers(0, 1)) if line else 0)
    reply = "\n".join(
        [
            "<<<<<<< SEARCH",
            *drifted,
            "=======",
            *(more + line.removeprefix(less) for line in new),
            ">>>>>>> REPLACE",
        ]
    )
    expected = lines[:first] + new + lines[last + 1 :]
    absorbed = edited("\n".join([*lines, ""]), take_apart(reply))
    assert [line for line in absorbed.split("\n") if line] == [line for line in expected if line]
    if drifted[-1].strip():
        assert absorbed == "\n".join([*expected, ""])


def test_a_block_with_too_many_dividers_is_refused() -> None:
    text = refusal("a\n", block("a", "=====\n" * 10_000, signs=5))
    assert text.startswith("Block 1 has 10001 lines `=====`, at most 50 are read: it is not clear which")
    assert apply("a\nb\n", block("a", "=======\n" * 48 + "c")) == "=======\n" * 48 + "c\nb\n"


def test_too_many_blocks_are_refused() -> None:
    lines = [f"line {i}" for i in range(101)]
    program, blocks = "\n".join([*lines, ""]), [block(line, line.upper()) for line in lines]
    assert refusal(program, *blocks).startswith("The reply holds more than 100 SEARCH/REPLACE blocks.")
    assert apply(program, *blocks[:100]) == program.upper().replace("LINE 100", "line 100")


def test_a_reply_that_is_too_long_is_refused() -> None:
    text = refusal("a\n", block("a", "b"), "x" * 500_000)
    assert text.startswith("The reply must have at most 500,000 characters, got 500,")


def test_lines_that_mark_nothing_are_matched_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks whose last line is not quite theirs do not have the rest of the reply read again for each."""
    looked_at: list[str] = []

    def counted(start: re.Match[str], line: str) -> bool:
        looked_at.append(line)
        return ends_edit(start, line)

    monkeypatch.setattr(_diff, "ends_edit", counted)
    blocks = [
        block(f"line {i}", "new", signs=5 + i).replace("\n>", "\n >").replace("SEARCH", word)
        for i, word in enumerate(["SEARCH", "Search", "search", "SEARCh"])
    ]
    program = "".join(f"line {i}\n" for i in range(4))
    assert apply(program, *blocks, "\n" * 10_000) == "new\n" * 4
    assert len(looked_at) <= 4 * 8


def test_a_search_longer_than_the_program_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diff, "_nearest", None)  # not looked for
    text = refusal("x\n" * 3_000, block("x\n" * 50_000 + "y", "z"))
    assert text.startswith("Block 1: its SEARCH text has 50001 lines, more than the program, which has 3000.")


def test_the_nearest_text_is_not_looked_for_among_equal_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diff, "difflib", None)
    text = refusal("x\n" * 3_000, block("x\n" * 2_000 + "y", "z"))
    assert "Too many of its lines are alike to tell what it is nearest to; search fewer lines." in text


def test_places_of_equal_lines_are_bounded() -> None:
    assert "Block 1 matches 1000 or more places (lines 1, 2, 3, 4, 5, ...)" in refusal(
        "x\n" * 3_000, block("x", "y")
    )
    # Alike but for their indentation, in more places than are looked at.
    assert "not in the program" in refusal("x\n" * 3_000, block("x\n" * 1_499 + " x", "y"))
