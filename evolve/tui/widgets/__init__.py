"""Widgets that several panes use."""

from evolve.tui.widgets._board import Board
from evolve.tui.widgets._panel import Panel
from evolve.tui.widgets._rows import Rows
from evolve.tui.widgets._views import Views

__all__ = ["Board", "Panel", "Rows", "Views"]
