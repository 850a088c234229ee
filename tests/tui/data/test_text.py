from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from evolve.tui.data._text import laid_out, one_line, plain, shown

HOSTILE = st.text(
    alphabet=st.characters() | st.sampled_from("\x00\x07\x1b\x7f\x9b\r\n\t\u202e\u200b\u2066\ufeff[]\\")
)


@given(HOSTILE)
def test_nothing_that_acts_on_a_terminal_is_left(text: str) -> None:
    for mark in shown(text):
        assert mark == "\n" or unicodedata.category(mark) not in ("Cc", "Cf", "Cs", "Zl", "Zp"), repr(mark)


def test_what_was_hidden_is_written_out() -> None:
    assert shown("a\x1b[31mred\x00\u202e!") == "a␛[31mred␀⟨202E⟩!"
    assert shown("a\r\nb\rc\td") == "a\nb␍c    d"


def test_markup_is_literal() -> None:
    assert plain("x = a[0] + b[i][/j] [red]").plain == "x = a[0] + b[i][/j] [red]"
    assert not plain("[red]danger[/red]").spans


@given(HOSTILE, st.integers(1, 40))
def test_one_line_fits(text: str, width: int) -> None:
    line = one_line(text, width)
    assert len(line) <= width
    assert "\n" not in line


def test_one_line_is_the_first_with_something_on_it() -> None:
    assert one_line("\n\n  def f(): \n x", 40) == "def f():"


def test_a_line_of_a_megabyte_is_cut_and_says_so() -> None:
    lines = laid_out("x" * 1_000_000 + "\nend")
    assert len(lines[0]) < 2_100
    assert lines[0].endswith("998,000 more characters")
    assert lines[1] == "end"


def test_too_many_lines_are_cut_and_counted() -> None:
    lines = laid_out("\n" * 20_000, lines=100)
    assert len(lines) == 101
    assert lines[-1] == "… 19,901 more lines are not shown"


def test_many_long_lines_stay_bounded() -> None:
    lines = laid_out(("y" * 9_000 + "\n") * 3_000, columns=100, lines=50)
    assert len(lines) <= 51
    assert sum(map(len, lines)) < 10_000
