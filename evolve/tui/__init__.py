"""The terminal app: `evolve watch`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

__all__ = ["watch"]


def watch(folder: Path, runs: Path, *, ask_to_stop: bool = False) -> Literal["stop", "leave"]:
    """Show a run until the user leaves.

    Args:
        folder: Of the run.
        runs: Where other runs are.
        ask_to_stop: Ask at the end whether a run in progress shall go on.

    Returns:
        What the user wants: "stop" when asked and so decided, else "leave".

    Raises:
        UsageError: the user's settings of the app do not fit.
        RunError, StoreError: the run cannot be read.
    """
    from evolve.store import Viewer
    from evolve.tui._app import EvolveApp  # 0.3 s, and most commands do not need it

    with Viewer(folder):
        pass  # what cannot be read is said before the screen changes
    return EvolveApp(folder, runs, ask_to_stop=ask_to_stop).run() or "leave"
