"""A list of any length: only the rows on the screen are made."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual import events
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from evolve.tui._actions import bindings

Maker = Callable[[int], Text]
"""Makes a row by its index."""


class Rows(ScrollView, can_focus=True):
    """Rows of literal text, with or without a cursor; made when they are shown, never before.

    A row that holds untrusted text has to be made of escaped text. Headings stay in place while the rows
    below scroll.

    Args:
        cursor: Whether a row is selected.
    """

    BINDINGS = bindings("list")
    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--cursor", "rows--head"}
    DEFAULT_CSS = """
    Rows { background: $surface; color: $foreground; scrollbar-size: 1 1; }
    Rows > .rows--cursor { background: $block-cursor-blurred-background; text-style: bold; }
    Rows:focus > .rows--cursor {
        background: $block-cursor-background; color: $block-cursor-foreground; text-style: bold;
    }
    Rows > .rows--head { text-style: bold underline; color: $foreground; }
    """

    class Moved(Message):
        """The cursor is on another row.

        Attributes:
            rows: The list.
            index: Of the row.
        """

        def __init__(self, rows: Rows, index: int) -> None:
            super().__init__()
            self.rows, self.index = rows, index

        @property
        def control(self) -> Rows:
            """The list, for selectors."""
            return self.rows

    class Chosen(Moved):
        """A row was opened by key or by a click on the cursor."""

    class HeadClicked(Message):
        """A heading was clicked.

        Attributes:
            rows: The list.
            at: Characters from the left end of the heading.
        """

        def __init__(self, rows: Rows, at: int) -> None:
            super().__init__()
            self.rows, self.at = rows, at

        @property
        def control(self) -> Rows:
            """The list, for selectors."""
            return self.rows

    def __init__(self, *, cursor: bool = True, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self.has_cursor = cursor
        self.cursor = 0
        """Index of the selected row."""
        self.count = 0
        """Number of rows."""
        self._make: Maker = lambda _index: Text()
        self._heads: tuple[Text, ...] = ()
        self._width = 0

    def show(
        self,
        count: int,
        make: Maker,
        *,
        heads: Sequence[Text] = (),
        width: int = 0,
        cursor: int | None = None,
    ) -> None:
        """Show other rows, in place of what is shown.

        Args:
            count: Number of rows.
            make: Makes a row by its index.
            heads: Lines that stay on top.
            width: In characters, of the widest row.
            cursor: The row to select; None: the index that is selected, as far as there is one.
        """
        self.count, self._make, self._heads, self._width = count, make, tuple(heads), width
        self.virtual_size = Size(width, count + len(self._heads))
        self.cursor = max(0, min(self.cursor if cursor is None else cursor, count - 1))
        self.refresh()

    def show_lines(self, lines: Sequence[Text], *, heads: Sequence[Text] = ()) -> None:
        """Show lines that are at hand."""
        kept = list(lines)
        width = max((line.cell_len for line in kept), default=0)
        self.show(len(kept), kept.__getitem__, heads=heads, width=width)

    def render_line(self, y: int) -> Strip:
        """See `textual.widget.Widget.render_line`."""
        base = self.rich_style
        width = self.size.width
        heads = len(self._heads)
        offset = self.scroll_offset
        row = y if y < heads else y - heads + offset.y
        if y >= heads and row >= self.count:
            return Strip.blank(width, base)
        text = self._heads[row] if y < heads else self._make(row)
        style = base
        if y < heads:
            style += self.get_component_rich_style("rows--head")
        on_cursor = y >= heads and self.has_cursor and row == self.cursor
        if on_cursor:
            style += self.get_component_rich_style("rows--cursor")
        return _strip(self._segments(text, on_cursor), offset.x, width, style)

    def _segments(self, text: Text, on_cursor: bool) -> list[Segment]:
        if on_cursor:  # one style, so that nothing is lost on its background; a mark for want of colours
            return [Segment(text.plain)]
        return [segment for segment in text.render(self.app.console) if segment.text != "\n"]

    # -- moving ------------------------------------------------------------------------------------

    def move_to(self, index: int, *, tell: bool = True) -> None:
        """Select a row and bring it into view."""
        index = max(0, min(index, self.count - 1))
        moved = index != self.cursor
        self.cursor = index
        self._bring_into_view()
        self.refresh()
        if tell and moved and self.count:
            self.post_message(self.Moved(self, index))

    def _bring_into_view(self) -> None:
        shown = self._room
        top = self.scroll_offset.y
        if self.cursor < top:
            self.scroll_to(y=self.cursor, animate=False)
        elif self.cursor >= top + shown:
            self.scroll_to(y=self.cursor - shown + 1, animate=False)

    def _step(self, rows: int) -> None:
        if self.has_cursor:
            self.move_to(self.cursor + rows)
        else:
            self.scroll_to(y=self.scroll_offset.y + rows, animate=False)

    @property
    def _page(self) -> int:
        return max(1, self._room - 1)

    @property
    def _room(self) -> int:
        """How many rows are shown at once, without headings and scroll bars."""
        return max(1, self.scrollable_content_region.height - len(self._heads))

    def action_up(self) -> None:
        """Move one row up."""
        self._step(-1)

    def action_down(self) -> None:
        """Move one row down."""
        self._step(1)

    def action_page_up(self) -> None:
        """Move a page up."""
        self._step(-self._page)

    def action_page_down(self) -> None:
        """Move a page down."""
        self._step(self._page)

    def action_first(self) -> None:
        """Move to the first row."""
        self._step(-self.count)

    def action_last(self) -> None:
        """Move to the last row."""
        self._step(self.count)

    def action_left(self) -> None:
        """Scroll to the left."""
        self.scroll_to(x=self.scroll_offset.x - self.size.width // 2, animate=False)

    def action_right(self) -> None:
        """Scroll to the right."""
        self.scroll_to(x=self.scroll_offset.x + self.size.width // 2, animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See `textual.dom.DOMNode.check_action`: without a cursor nothing can be opened."""
        return self.has_cursor if action == "choose" else super().check_action(action, parameters)

    def action_choose(self) -> None:
        """Open the selected row."""
        if self.has_cursor and self.count:
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Select the row under the mouse; open it by a double click; tell of a heading."""
        if event.y < len(self._heads):
            self.post_message(self.HeadClicked(self, event.x + self.scroll_offset.x))
            return
        row = event.y - len(self._heads) + self.scroll_offset.y
        if not self.has_cursor or row >= self.count:
            return
        if row == self.cursor and event.chain > 1:
            self.action_choose()
        else:
            self.move_to(row)


def _strip(segments: list[Segment], left: int, width: int, style: Style) -> Strip:
    return Strip(segments).crop(left, left + width).extend_cell_length(width).apply_style(style)
