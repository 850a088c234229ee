"""Text for terminals and pipes."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from evolve.cli._text import Output, clean, counted, duration, first_line, number, plain, table
from tests.cli.toy import NASTY

NAME = "heilbronn_triangle-20260101-000000-s0"


def rendered(width: int) -> list[str]:
    rows = [(NAME, 0.0330897679, "a sentence of some length that may well take two lines or three")]
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(table(("run", "best", "about"), rows, numeric=(1,), prose=(2,)))
    return console.file.getvalue().splitlines()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("width", [80, 120])
def test_names_and_numbers_stay_in_one_piece(width: int) -> None:
    lines = rendered(width)
    assert lines[1].startswith(f"{NAME}  0.0330897679  a sentence")
    assert max(map(len, lines)) <= width


def test_a_pipe_gets_a_line_for_each_row(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    file = io.StringIO()
    console = Output(file=file, highlight=False)
    console.print(table(("a", "b"), [("x" * 100, "y " * 100)], prose=(0, 1)))
    assert file.getvalue().count("\n") == 2


def test_control_codes_are_replaced_and_markup_is_text() -> None:
    assert not set(clean(NASTY)) & {"\x1b", "\r", "\u202e"}
    assert clean("tab\tand\nline") == "tab\tand\nline"
    for unseen in "\u200b\u200d\u200f\u2060\u2064\ufeff\U000e0001\U000e007f\ufff9\ufffb\u00ad\u3164\u2028":
        assert clean(f"a{unseen}b") == "a\N{REPLACEMENT CHARACTER}b"
    assert clean("\N{HEAVY BLACK HEART}\ufe0f é שלום") == "\N{HEAVY BLACK HEART}\ufe0f é שלום"
    assert clean("\ud800") == "\N{REPLACEMENT CHARACTER}"
    assert plain(NASTY).plain.startswith("[red]x[/red] [/] ")
    assert first_line("one\ntwo") == "one"
    assert first_line("x" * 20, width=10) == "x" * 9 + "…"


@pytest.mark.parametrize(
    ("value", "text"), [(2.634, "2.634"), (0.1 + 0.2, "0.30000000000000004"), (None, "–")]
)
def test_numbers_are_exact_and_short(value: float | None, text: str) -> None:
    assert number(value) == text


def test_rounding_is_by_wish() -> None:
    assert number(2.6339999999999999, 3) == "2.63"


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "–"), (0.2, "0 s"), (59.6, "1:00"), (185, "3:05"), (3723, "1:02:03")]
)
def test_durations(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_counts() -> None:
    assert (counted(1, "program"), counted(2, "program")) == ("1 program", "2 programs")
