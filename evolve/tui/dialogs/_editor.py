"""Write a program to put into the run."""

from __future__ import annotations

import os
import shlex
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from textual import on
from textual.app import ComposeResult, SuspendNotSupported
from textual.containers import Horizontal
from textual.screen import Screen
from textual.widgets import Footer, Input, Select, Static, TextArea

from evolve.tui._actions import bindings
from evolve.tui.data._text import plain

ALL = -1
"""Stands for all islands."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A program that a user wrote.

    Attributes:
        text: The program.
        island: Index of the island that gets it; None: all.
        note: What the user says of it.
    """

    text: str
    island: int | None
    note: str


class Editor(Screen[Draft | None]):
    """A text area for a program, and where it goes; answers None when the user goes back.

    Args:
        text: What stands there at first.
        islands: Number of islands.
        suffix: Of the file that an editor outside is given.
    """

    AREA = "editor"
    BINDINGS = bindings("editor")
    DEFAULT_CSS = """
    Editor #title { height: 1; padding: 0 1; background: $panel; }
    Editor TextArea { height: 1fr; }
    Editor #where { height: 3; }
    Editor Select { width: 26; }
    Editor Input { width: 1fr; }
    """

    def __init__(self, text: str, islands: int, suffix: str) -> None:
        super().__init__()
        self._text, self._islands, self._suffix = text, islands, suffix

    def compose(self) -> ComposeResult:
        """Lay out the text and where it goes."""
        yield Static(
            plain("a program to put into the run; Tab leaves the text", "bold"), id="title", markup=False
        )
        yield TextArea(self._text, show_line_numbers=True, tab_behavior="focus")
        with Horizontal(id="where"):
            ways = [("all islands", ALL), *((f"island {i}", i) for i in range(self._islands))]
            yield Select(ways, value=ALL, allow_blank=False)
            yield Input(placeholder="a note on it, for the record")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin in the text."""
        self.query_one(TextArea).focus()

    @on(Input.Submitted)
    def _noted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_send()

    def action_send(self) -> None:
        """Put the program into the run."""
        text = self.query_one(TextArea).text
        if not text.strip():
            self.notify("the program is empty", severity="error", markup=False)
            return
        island = self.query_one(Select).value
        where = island if isinstance(island, int) and island >= 0 else None
        self.dismiss(Draft(text, where, self.query_one(Input).value.strip()[:500]))

    def action_back(self) -> None:
        """Go back; what was written is dropped."""
        self.dismiss(None)

    def action_outside(self) -> None:
        """Edit the text in the user's own editor."""
        command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        area = self.query_one(TextArea)
        try:
            with tempfile.TemporaryDirectory(prefix="evolve-") as folder:
                path = Path(folder) / f"program{self._suffix}"
                path.write_text(area.text, encoding="utf-8")
                with self.app.suspend():
                    ended = subprocess.run([*shlex.split(command), str(path)], check=False)
                if ended.returncode == 0:
                    area.text = path.read_text(encoding="utf-8")
                    return
                trouble = f"{command}: ended with {ended.returncode}; the text is as it was"
        except (OSError, ValueError, SuspendNotSupported) as error:
            trouble = f"{command}: cannot be used ({error}). Set EDITOR to another editor."
        self.notify(trouble, severity="error", markup=False)
