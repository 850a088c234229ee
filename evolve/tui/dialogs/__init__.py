"""Small screens that ask one thing."""

from evolve.tui.dialogs._ask import AskText
from evolve.tui.dialogs._choose import Choose
from evolve.tui.dialogs._editor import Draft, Editor

__all__ = ["AskText", "Choose", "Draft", "Editor"]
