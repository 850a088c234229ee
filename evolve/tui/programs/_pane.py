"""The table of programs: sorted, filtered, searched."""

from __future__ import annotations

import asyncio

import numpy as np
from textual import on, work
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Input, Static

from evolve.errors import EvolveError, UsageError
from evolve.tui._actions import bindings
from evolve.tui._pane import OpenProgram, Pane, SelectProgram, unless_left
from evolve.tui.data._query import COLUMNS, SYNTAX, Column, Listing, page_of, parse_query
from evolve.tui.data._table import Table, column_at, count_line
from evolve.tui.data._text import plain
from evolve.tui.widgets import Rows

_TYPING_S = 0.2
"""Pause in typing after which the store is searched."""


class Programs(Pane):
    """All programs of the run."""

    AREA = "programs"
    BINDINGS = bindings("programs")
    DEFAULT_CSS = """
    Programs #filter { height: 1; border: none; padding: 0 1; background: $panel; }
    Programs #filter.-hidden { display: none; }
    Programs #count { height: 1; padding: 0 1; text-wrap: nowrap; color: $foreground; }
    Programs Rows { height: 1fr; }
    """
    searching: reactive[bool] = reactive(False, init=False)

    def compose(self) -> ComposeResult:
        """Lay out the filter, the table and the count."""
        yield Input(placeholder=SYNTAX, id="filter", classes="-hidden", select_on_focus=False)
        yield Rows(id="table")
        yield Static("", markup=False, id="count")

    def on_mount(self) -> None:
        """Begin with the newest on top."""
        self.listing = Listing()
        self._found: np.ndarray | None = None
        self._trouble = ""

    @property
    def table(self) -> Rows:
        """The rows."""
        return self.query_one("#table", Rows)

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.table.focus()

    def draw(self, *, keep: bool = True) -> None:
        """Arrange the rows anew; the cursor stays on its program, unless the order is another."""
        ledger, listing = self.run.ledger, self.listing
        follow = self.table.cursor == 0 or not keep
        row = self._row_at_cursor()
        listing.arrange(ledger, self.run.elapsed_s, self._found)
        place = None if follow or row is None else listing.place_of(row)
        table = Table.of(ledger, listing)
        cursor = 0 if follow else place
        self.table.show(len(listing.rows), table.row, heads=[table.head()], width=table.width, cursor=cursor)
        self._say()

    def _row_at_cursor(self) -> int | None:
        rows = self.listing.rows
        return int(rows[self.table.cursor]) if self.table.cursor < len(rows) else None

    def _say(self) -> None:
        text = self._trouble or count_line(self.run.ledger, self.listing, self.searching)
        self.query_one("#count", Static).update(
            plain(text, "yellow" if self._trouble else "dim"), layout=False
        )

    def watch_searching(self) -> None:
        """Say that the store is being searched, or not any more."""
        self._say()

    def program_at(self, index: int) -> int:
        """Return the id of the program at an index of the table."""
        return int(self.run.ledger["id"][self.listing.rows[index]])

    def neighbour(self, program: int, step: int) -> int | None:
        """Return the program that stands so many rows below another one; None beyond the ends."""
        row = self.run.ledger.row_of(program)
        place = None if row is None else self.listing.place_of(row)
        if place is None or not 0 <= place + step < len(self.listing.rows):
            return None
        self.table.move_to(place + step, tell=False)
        return self.program_at(place + step)

    @on(Rows.Moved)
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        self.post_message(SelectProgram(self.program_at(event.index)))

    @on(Rows.Chosen)
    def _chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.post_message(OpenProgram(self.program_at(event.index)))

    @on(Rows.HeadClicked)
    def _head_clicked(self, event: Rows.HeadClicked) -> None:
        """Sort by the column under the mouse; again: the other way round."""
        event.stop()
        column = column_at(event.at)
        if column is None:
            return
        if column.key == self.listing.sort:
            self.action_reverse()
        else:
            self._sort_by(column)

    # -- order and filter --------------------------------------------------------------------------

    def _order(self, step: int) -> None:
        keys = [column.key for column in COLUMNS]
        self._sort_by(COLUMNS[(keys.index(self.listing.sort) + step) % len(COLUMNS)])

    def _sort_by(self, column: Column) -> None:
        self.listing.sort, self.listing.descending = column.key, column.best_first
        self.draw(keep=False)

    def action_sort(self) -> None:
        """Sort by the next column."""
        self._order(1)

    def action_sort_back(self) -> None:
        """Sort by the previous column."""
        self._order(-1)

    def action_reverse(self) -> None:
        """Reverse the order."""
        self.listing.descending = not self.listing.descending
        self.draw(keep=False)

    def action_filter(self) -> None:
        """Edit the filter."""
        field = self.query_one("#filter", Input)
        field.remove_class("-hidden")
        field.focus()

    def action_clear(self) -> None:
        """Show all programs."""
        field = self.query_one("#filter", Input)
        field.add_class("-hidden")
        field.value = ""
        self._filter("")
        self.table.focus()

    def on_key(self, event: object) -> None:
        """Leave the filter with escape or the down key."""
        key = getattr(event, "key", "")
        if key in ("escape", "down") and self.query_one("#filter", Input).has_focus:
            self.table.focus()
            getattr(event, "stop", lambda: None)()

    @on(Input.Changed, "#filter")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._filter(event.value)

    @on(Input.Submitted, "#filter")
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        if not event.value.strip():
            event.input.add_class("-hidden")
        self.table.focus()

    def _filter(self, text: str) -> None:
        try:
            query = parse_query(text)
        except UsageError as error:
            self._trouble = str(error)
            self._say()
            return
        self._trouble = ""
        self.listing.query = query
        self._found = None
        self.workers.cancel_group(self, "search")
        if query.searches:
            self._found = np.zeros(0, dtype=np.int64)
            self._search()
        else:
            self.searching = False
        self.draw(keep=False)

    @work(group="search", exclusive=True)
    @unless_left
    async def _search(self) -> None:
        """Ask the store page by page, once the user pauses; what is found appears as it is found."""
        query = self.listing.query
        self.searching = True
        try:
            await asyncio.sleep(_TYPING_S)
            found: list[int] = []
            after, shown = 0, 0
            while after < self.run.ledger.size:
                page, after = await self.desk.ask(page_of(query, after))
                found += page
                if len(found) > 2 * shown:  # seldom enough, however many there are
                    shown = self._show_found(found)
            self._show_found(found)
        except EvolveError as error:
            self._trouble = str(error)
        finally:
            self.searching = False

    def _show_found(self, found: list[int]) -> int:
        self._found = np.array(found, dtype=np.int64)
        self.draw(keep=False)
        return len(found)

    # -- elsewhere ---------------------------------------------------------------------------------

    def _elsewhere(self, pane: str) -> None:
        if len(self.listing.rows):
            self.post_message(SelectProgram(self.program_at(self.table.cursor), pane))

    def action_lineage(self) -> None:
        """Show the lineage of the selected program."""
        self._elsewhere("lineage")

    def action_picture(self) -> None:
        """Show the picture of the selected program."""
        self._elsewhere("picture")
