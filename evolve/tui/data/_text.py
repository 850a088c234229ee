"""Text of programs and models for the screen: shown, never obeyed.

Control characters, escape sequences, marks that turn the direction of writing and everything without a width
are written out; what is too long is cut, and the cut says so.
"""

from __future__ import annotations

import re

from rich.text import Text

from evolve._invisible import INVISIBLE

MAX_COLUMNS = 2_000
"""Longest line that is laid out; a longer one costs more to draw than anybody reads of it."""
MAX_LINES = 5_000
_HIDDEN = re.compile(f"[\t{INVISIBLE}\u2028\u2029\ud800-\udfff]")
_TAB = "    "


def _written_out(match: re.Match[str]) -> str:
    mark = match.group()
    code = ord(mark)
    if mark == "\t":
        return _TAB
    if code < 0x20:
        return chr(0x2400 + code)  # ␛, ␀, ␍: the picture of the control character
    if code == 0x7F:
        return "␡"
    return f"⟨{code:04X}⟩"


def shown(text: str) -> str:
    """Return text whose every character is seen and does nothing; line ends stay."""
    return _HIDDEN.sub(_written_out, text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """Return the first line with something on it, cut to a width in characters."""
    head = text[: 40 * max(width, 1) + 400]
    line = next((part for part in head.split("\n") if part.strip()), "").strip()
    return cut(shown(line), width)


def cut(text: str, width: int) -> str:
    """Return text of at most `width` characters; an ellipsis marks what is missing."""
    if len(text) <= width:
        return text
    return text[: width - 1] + "…" if width > 0 else ""


def laid_out(text: str, *, columns: int = MAX_COLUMNS, lines: int = MAX_LINES) -> list[str]:
    """Return the lines of a text as they are shown, a bounded amount of it.

    Args:
        text: Of any size and content.
        columns: Most characters of a line; a longer one ends with the number that is missing.
        lines: Most lines; a last one says how many are missing.
    """
    head = text[: columns * lines]
    parts = head.replace("\r\n", "\n").split("\n")
    kept = [_line(part, columns) for part in parts[:lines]]
    hidden = text.count("\n") + 1 - len(kept)
    if hidden > 0:
        kept.append(f"… {hidden:,} more lines are not shown")
    elif len(head) < len(text):
        kept.append(f"… {len(text) - len(head):,} more characters are not shown")
    return kept


def _line(line: str, columns: int) -> str:
    if len(line) <= columns:
        return shown(line)
    return f"{shown(line[:columns])} … {len(line) - columns:,} more characters"


def plain(text: object, style: str = "") -> Text:
    """Return untrusted text as literal text in one style: markup in it is not looked at."""
    return Text(shown(str(text)), style=style, no_wrap=True, overflow="ellipsis", end="")
