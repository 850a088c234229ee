"""A line of names of which one is shown, chosen by keys of others or by the mouse."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget


class Views(Widget):
    """Names side by side; the chosen one stands in brackets, so that it is told without colours.

    Args:
        names: From left to right.
        numbered: Put the digits before them that choose them.
    """

    DEFAULT_CSS = """
    Views { height: 1; background: $panel; color: $foreground; }
    """
    chosen: reactive[str] = reactive("")

    class Chosen(Message):
        """A name was clicked.

        Attributes:
            name: Which.
        """

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, names: Sequence[str], *, numbered: bool = False, id: str | None = None) -> None:
        super().__init__(id=id)
        self.names = tuple(names)
        self._numbered = numbered
        self.set_reactive(Views.chosen, self.names[0])

    def render(self) -> Text:
        """See `textual.widget.Widget.render`."""
        line = Text(no_wrap=True, overflow="crop", end="")
        for name, label in self._labels():
            line.append(label, "bold reverse" if name == self.chosen else "")
        return line

    def _labels(self) -> list[tuple[str, str]]:
        labels = []
        for number, name in enumerate(self.names, 1):
            inside = f"{number} {name}" if self._numbered else name
            labels.append((name, f"[{inside}]" if name == self.chosen else f" {inside} "))
        return labels

    def on_click(self, event: events.Click) -> None:
        """Choose the name under the mouse."""
        left = 0
        for name, label in self._labels():
            left += len(label)
            if event.x < left:
                self.post_message(self.Chosen(name))
                return
