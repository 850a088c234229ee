"""Other runs, and a comparison with them."""

from evolve.tui.runs._pane import OpenRun, RunsPane

__all__ = ["OpenRun", "RunsPane"]
