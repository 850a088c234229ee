"""Steering a running engine."""

from evolve.tui.control._ask import AskEngine, Steering
from evolve.tui.control._pane import ControlPane

__all__ = ["AskEngine", "ControlPane", "Steering"]
