"""A titled box of lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual.widgets import Static


class Panel(Static):
    """Lines of literal text with a title on the border; drawn anew only when they change.

    Args:
        title: On the border.
    """

    DEFAULT_CSS = """
    Panel { border: round $primary 60%; border-title-color: $foreground; border-title-style: bold;
            height: auto; padding: 0 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, title: str, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__("", markup=False, id=id, classes=classes)
        self.border_title = title
        self._shown: list[Text] | None = None

    def show(self, lines: Sequence[Text]) -> None:
        """Show lines in place of those shown."""
        kept = list(lines)
        if kept == self._shown:
            return
        same_height = self._shown is not None and len(kept) == len(self._shown)
        self._shown = kept
        self.update(Text("\n").join(kept), layout=not same_height)  # to lay out the screen costs most of it
