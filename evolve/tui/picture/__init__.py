"""The picture of what a program produced."""

from evolve.tui.picture._pane import PicturePane

__all__ = ["PicturePane"]
