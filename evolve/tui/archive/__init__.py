"""The archives: a heat map of each island."""

from evolve.tui.archive._pane import ArchivePane

__all__ = ["ArchivePane"]
