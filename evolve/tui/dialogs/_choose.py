"""Ask to choose among a few ways."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

from evolve.tui._actions import bindings
from evolve.tui.data._text import plain, shown


class Choose(ModalScreen[str | None]):
    """Offers a few ways; answers the name of one, or None when the user goes back.

    Args:
        title: What is to be decided.
        ways: (name, what it does) of each; the first is selected.
        about: What the decision means.
    """

    AREA = "dialog"
    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    Choose { align: center middle; }
    Choose Vertical { width: 72; max-width: 96%; height: auto; border: round $primary; padding: 1 2;
                      background: $surface; border-title-style: bold; }
    Choose Static { height: auto; }
    Choose OptionList { height: auto; max-height: 12; margin: 1 0; border: none; }
    """

    def __init__(self, title: str, ways: Sequence[tuple[str, str]], *, about: str = "") -> None:
        super().__init__()
        self._title, self._ways, self._about = title, tuple(ways), about

    def compose(self) -> ComposeResult:
        """Lay out the ways."""
        with Vertical() as box:
            box.border_title = self._title
            yield Static(plain(self._about), markup=False)
            yield OptionList(*(Option(Text(shown(about)), id=name) for name, about in self._ways))
            yield Static(plain("Enter: do it.  Escape: go back.", "dim"), markup=False)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        self.dismiss(event.option_id)

    def action_back(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)
