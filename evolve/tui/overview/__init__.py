"""The overview: how the run stands."""

from evolve.tui.overview._pane import Overview

__all__ = ["Overview"]
