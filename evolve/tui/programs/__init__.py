"""The table of programs."""

from evolve.tui.programs._pane import Programs

__all__ = ["Programs"]
