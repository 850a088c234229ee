"""The map itself: draws the places, moves the cursor."""

from __future__ import annotations

import numpy as np
from rich.text import Text
from textual import events
from textual.message import Message
from textual.widget import Widget

from evolve.tui._actions import bindings
from evolve.tui.data._heat import VACANT, HeatMap, draw


class MapView(Widget, can_focus=True):
    """Elites in a plane, with a cursor."""

    BINDINGS = bindings("map")
    DEFAULT_CSS = """
    MapView { height: 1fr; padding: 0; }
    """

    class Moved(Message):
        """The cursor is on another place."""

    class Opened(Message):
        """The place under the cursor was double-clicked."""

    class Sized(Message):
        """There is another amount of room."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.cursor = (0, 0)
        """(row from the bottom, column) of the selected place."""
        self._heat: HeatMap | None = None
        self._maximize = True
        self._lines: list[Text] = []
        self._cells = (0, 1, 1)
        self._asked = False

    def show(self, heat: HeatMap, *, maximize: bool, anew: bool) -> None:
        """Show a map; on one of other measures the cursor begins on the best elite, else it stays."""
        self._heat, self._maximize = heat, maximize
        if anew:
            self._to_best()
        rows, columns = heat.places.shape
        self.cursor = (min(self.cursor[0], rows - 1), min(self.cursor[1], columns - 1))
        self._redraw()

    def _redraw(self) -> None:
        if self._heat is not None:
            self._lines, self._cells = draw(
                self._heat, self.cursor, self.size.width, self.size.height, maximize=self._maximize
            )
        self.refresh()

    def render(self) -> Text:
        """See `textual.widget.Widget.render`."""
        return Text("\n", no_wrap=True).join(self._lines)

    def on_resize(self) -> None:
        """Ask for a map that fits."""
        self.post_message(self.Sized())

    def move_to(self, row: int, column: int) -> None:
        """Select a place."""
        if self._heat is None:
            return
        rows, columns = self._heat.places.shape
        place = (max(0, min(row, rows - 1)), max(0, min(column, columns - 1)))
        if place != self.cursor:
            self.cursor = place
            self._redraw()
            self.post_message(self.Moved())

    def _to_best(self) -> None:
        assert self._heat is not None
        values = self._heat.island.objective
        if len(values):
            best = int(np.argmax(values if self._maximize else -values))
            self.cursor = self._heat.place_of(best) or self.cursor

    def to_best(self) -> None:
        """Move to the best elite."""
        if self._heat is not None:
            self._to_best()
            self._redraw()
            self.post_message(self.Moved())

    def _to_elite(self, step: int) -> None:
        """Move to the next place with an elite, row by row from the top."""
        if self._heat is None:
            return
        rows, columns = self._heat.places.shape
        places = self._heat.places[::-1].ravel() != VACANT
        taken = np.flatnonzero(places)
        if not len(taken):
            return
        here = (rows - 1 - self.cursor[0]) * columns + self.cursor[1]
        at = int(np.searchsorted(taken, here, side="right" if step > 0 else "left"))
        chosen = int(taken[(at if step > 0 else at - 1) % len(taken)])
        self.move_to(rows - 1 - chosen // columns, chosen % columns)

    def action_up(self) -> None:
        """Move up."""
        self.move_to(self.cursor[0] + 1, self.cursor[1])

    def action_down(self) -> None:
        """Move down."""
        self.move_to(self.cursor[0] - 1, self.cursor[1])

    def action_left(self) -> None:
        """Move left."""
        self.move_to(self.cursor[0], self.cursor[1] - 1)

    def action_right(self) -> None:
        """Move right."""
        self.move_to(self.cursor[0], self.cursor[1] + 1)

    def action_next_elite(self) -> None:
        """Move to the next elite."""
        self._to_elite(1)

    def action_previous_elite(self) -> None:
        """Move to the previous elite."""
        self._to_elite(-1)

    def on_click(self, event: events.Click) -> None:
        """Select the place under the mouse; open it by a double click."""
        if self._heat is None:
            return
        left, wide, high = self._cells
        rows, columns = self._heat.places.shape
        column, down = (event.x - left) // wide, event.y // high
        if 0 <= column < columns and 0 <= down < rows:
            self.move_to(rows - 1 - down, column)
            if event.chain > 1:
                self.post_message(self.Opened())
