"""Rows of the table of programs as text."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from rich.text import Text

from evolve.tui.data._format import NONE, counted, duration, score, seconds, signed, usd
from evolve.tui.data._ledger import Ledger
from evolve.tui.data._overview import mark_of, style_of
from evolve.tui.data._query import COLUMNS, Column, Listing
from evolve.tui.data._text import cut, shown

_ANSWERS = {-1: "", 0: "rejected", 1: "improved", 2: "new cell"}
_MARK = 2
"""Characters before the first column, for the star."""
_LEFT = ("status", "operator", "kept")


@dataclass(frozen=True, slots=True)
class Table:
    """Makes the rows of a listing; a snapshot for one drawing.

    Attributes:
        ledger: The programs.
        listing: Which ones, and in what order.
        best: Row of the best program, or None.
    """

    ledger: Ledger
    listing: Listing
    best: int | None

    @classmethod
    def of(cls, ledger: Ledger, listing: Listing) -> Table:
        """Return the table of a listing as it stands."""
        return cls(ledger, listing, ledger.best_row())

    @property
    def width(self) -> int:
        """Of all columns, in characters."""
        return sum(column.width + 1 for column in COLUMNS) + _MARK

    def head(self) -> Text:
        """Return the headings; an arrow marks the column that orders."""
        line = Text("  ", end="")
        for column in COLUMNS:
            arrow = ("▼" if self.listing.descending else "▲") if column.key == self.listing.sort else ""
            line.append(_placed(column, cut(column.title + arrow, column.width)) + " ")
        return line

    def row(self, index: int) -> Text:
        """Return the row at an index of the listing."""
        row = int(self.listing.rows[index])
        line = Text("★ " if row == self.best else "  ", "bold yellow" if row == self.best else "", end="")
        for column in COLUMNS:
            text, style = self._cell(column.key, row)
            line.append(_placed(column, cut(text, column.width)) + " ", style)
        return line

    def _cell(self, key: str, row: int) -> tuple[str, str]:
        ledger = self.ledger
        if key == "status":
            status = ledger.text("status", row)
            return f"{mark_of(status)} {shown(status)}", style_of(status)
        if key == "operator":
            return shown(ledger.text("operator", row)), ""
        value = float(ledger.deltas[row] if key == "delta" else ledger[key][row])
        if key == "objective":
            return ("" if np.isnan(value) else score(value)), "bold" if row == self.best else ""
        if key == "delta":
            better = value > 0 if ledger.maximize else value < 0
            return ("" if np.isnan(value) else signed(value)), "green" if better else "dim"
        return _plain(key, value), ""


def _plain(key: str, value: float) -> str:
    if key == "island":
        return "*" if value < 0 else f"{value:.0f}"
    if key == "kept":
        return _ANSWERS[int(value)]
    if key == "wall_s":
        return seconds(value) if value else NONE
    if key == "usd":
        return usd(value) if value else NONE
    return duration(value) if key == "at_s" else f"{value:.0f}"


def _placed(column: Column, text: str) -> str:
    return text.ljust(column.width) if column.key in _LEFT else text.rjust(column.width)


def count_line(ledger: Ledger, listing: Listing, searching: bool = False) -> str:
    """Say how many programs are shown."""
    shown_ = len(listing.rows)
    whole = counted(ledger.size, "program")
    found = whole if shown_ == ledger.size else f"{shown_:,} of {whole}"
    return f"{found}{', searching ...' if searching else ''}"


def column_at(place: int) -> Column | None:
    """Return the column at so many characters from the left end of the table; None beyond them."""
    left = _MARK
    for column in COLUMNS:
        if left <= place <= left + column.width:
            return column
        left += column.width + 1
    return None
