"""Text for terminals. What came from a program or a model is never markup and holds no control codes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")

out = Console(highlight=False)
"""Standard output: results."""
err = Console(stderr=True, highlight=False)
"""Standard error: errors, and progress when standard output is for a machine."""


def clean(text: str) -> str:
    """Replace control characters and direction overrides, which could forge what a terminal shows."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: object, style: str = "") -> Text:
    """Return untrusted text as literal, harmless text."""
    return Text(clean(str(text)), style=style)


def first_line(text: str, width: int = 100) -> str:
    """Return the first line, shortened."""
    line = clean(text).split("\n", 1)[0]
    return line if len(line) <= width else line[: width - 1] + "…"


def number(value: float | None, digits: int = 12) -> str:
    """Render an objective value."""
    return "–" if value is None else f"{value:.{digits}g}"


def duration(seconds: float | None) -> str:
    """Render seconds as 12 s, 3:05 or 1:02:03."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], numeric: Sequence[int] = ()) -> Table:
    """Build a table of literal text; the columns named by index are right-aligned."""
    made = Table(box=None, header_style="bold", pad_edge=False)
    for index, column in enumerate(columns):
        made.add_column(column, justify="right" if index in numeric else "left", overflow="fold")
    for row in rows:
        made.add_row(*(cell if isinstance(cell, Text) else plain(cell) for cell in row))
    return made
