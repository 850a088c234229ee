"""The page of one program."""

from evolve.tui.program._screen import ProgramScreen

__all__ = ["ProgramScreen"]
