"""Text for terminals. What came from a program or a model is never markup and holds no control codes."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import IO

from rich.console import Console, ConsoleDimensions
from rich.table import Table
from rich.text import Text

from evolve._invisible import INVISIBLE

_CONTROL = re.compile(f"[{INVISIBLE}\u2028\u2029\ud800-\udfff]")
_UNFOLDED = 100_000


class Output(Console):
    """A console for people and for pipes.

    In a terminal, text folds at its width; in a pipe or a file every row stays on one line. When the
    reader of a pipe goes away (`| head`), what is left to say is dropped and the work goes on.
    """

    @property  # type: ignore[misc]
    def size(self) -> ConsoleDimensions:
        """Width and height in characters."""
        known = super().size
        if self.is_terminal or "COLUMNS" in os.environ:
            return known
        return ConsoleDimensions(_UNFOLDED, known.height)

    def on_broken_pipe(self) -> None:
        """See `rich.console.Console.on_broken_pipe`."""
        self.quiet = True
        discard(self.file)


out = Output(highlight=False)
"""Standard output: results."""
err = Output(stderr=True, highlight=False)
"""Standard error: errors, and notes when standard output is for a machine."""


def discard(stream: IO[str]) -> None:
    """Send what a stream still holds, and what will be written to it, nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)


def clean(text: str) -> str:
    """Replace control and direction marks and all that has no width, which forge what a terminal shows."""
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def plain(text: object, style: str = "") -> Text:
    """Return untrusted text as literal, harmless text."""
    return Text(clean(str(text)), style=style)


def first_line(text: str, width: int = 100) -> str:
    """Return the first line, shortened."""
    line = clean(text).split("\n", 1)[0]
    return line if len(line) <= width else line[: width - 1] + "…"


def number(value: float | None, digits: int | None = None) -> str:
    """Render a value: exactly, in the shortest form, or rounded to some digits."""
    if value is None:
        return "–"
    return repr(value) if digits is None else f"{value:.{digits}g}"


def counted(count: int, noun: str) -> str:
    """Render a count with its noun: 1 program, 2 programs."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


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


def table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    numeric: Sequence[int] = (),
    prose: Sequence[int] = (),
) -> Table:
    """Build a table of literal text.

    Args:
        columns: Headings; when all are empty there is no heading line.
        rows: Cells of any type.
        numeric: Indices of the columns to align to the right.
        prose: Indices of the columns that may fold; names and numbers stay in one piece.
    """
    made = Table(
        box=None, header_style="bold", show_header=any(columns), padding=(0, 2, 0, 0), pad_edge=False
    )
    for index, column in enumerate(columns):
        made.add_column(
            column,
            justify="right" if index in numeric else "left",
            no_wrap=index not in prose,
            overflow="fold" if index in prose else "ellipsis",
        )
    for row in rows:
        made.add_row(*(plain(cell) for cell in row))
    return made
