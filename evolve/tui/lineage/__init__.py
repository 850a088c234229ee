"""The lineage of a program."""

from evolve.tui.lineage._pane import LineagePane

__all__ = ["LineagePane"]
