"""Panels that scroll together."""

from __future__ import annotations

from textual.containers import VerticalScroll

from evolve.tui._actions import bindings


class Board(VerticalScroll, inherit_bindings=False):
    """A column of panels; scrolls by arrow keys, vim keys and the mouse."""

    BINDINGS = bindings("board")
