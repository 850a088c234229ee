"""Ask for one line of text."""

from __future__ import annotations

from collections.abc import Callable

from textual import on
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from evolve.errors import UsageError
from evolve.tui._actions import bindings
from evolve.tui.data._text import plain


class AskText(ModalScreen[str | None]):
    """Asks for a line; answers None when the user goes back.

    Args:
        title: What is asked for.
        value: What stands there at first.
        about: What the answer means.
        check: Raises UsageError with what is wrong with an answer.
    """

    AREA = "dialog"
    BINDINGS = bindings("dialog")
    DEFAULT_CSS = """
    AskText { align: center middle; }
    AskText Vertical { width: 72; max-width: 96%; height: auto; border: round $primary; padding: 1 2;
                       background: $surface; border-title-style: bold; }
    AskText Static { height: auto; }
    AskText Input { margin: 1 0; }
    """

    def __init__(
        self, title: str, value: str = "", *, about: str = "", check: Callable[[str], object] | None = None
    ) -> None:
        super().__init__()
        self._title, self._value, self._about, self._check = title, value, about, check

    def compose(self) -> ComposeResult:
        """Lay out the question."""
        with Vertical() as box:
            box.border_title = self._title
            yield Static(plain(self._about), markup=False)
            yield Input(self._value, select_on_focus=False)
            yield Static(plain("Enter: do it.  Escape: go back.", "dim"), id="hint", markup=False)

    def on_mount(self) -> None:
        """Have what stands there replaced by what is typed; at once, so that no key comes before it."""
        self.query_one(Input).action_select_all()

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        try:
            if self._check is not None:
                self._check(event.value)
        except UsageError as error:
            self.query_one("#hint", Static).update(plain(f"✗ {error}", "bold red"))
            return
        self.dismiss(event.value)

    def action_back(self) -> None:
        """Go back without an answer."""
        self.dismiss(None)
