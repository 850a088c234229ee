"""Whether the lines that may not change still say what they said.

A block that may change can take the lines below it along without touching one: it opens a string, a bracket
or a function that they then belong to. So the syntax trees are compared where the text is the same.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from evolve.source import parse

Place = tuple[int, int]
"""Part of a program and line within it, both from 0; the line is -1 for all that may change."""

_LEAVES = ast.Name | ast.Constant | ast.JoinedStr | ast.arg | ast.alias
_Key = tuple[int, int, int, str]
"""Where a node begins, with its column, and its kind."""


@dataclass(frozen=True, slots=True)
class _Node:
    """What a node belongs to, and where it ends if it is a statement without others within."""

    around: tuple[_Key, ...]
    end: Place | None = None


def moved_line(parent: str, child: str, old: Sequence[Place], new: Sequence[Place]) -> Place | None:
    """Return the first line that no longer is the same code, although its text is the same.

    Args:
        parent: A program.
        child: One with the same lines where they may not change.
        old: The place of each line of the parent.
        new: The place of each line of the child.

    Returns:
        Its place; None when there is none, and when one of the programs is no Python.
    """
    before, after = _nodes(parent, tuple(old)), _nodes(child, tuple(new))
    if before is None or after is None:
        return None
    wrong = [key for key in before.keys() | after.keys() if not _is_same(before.get(key), after.get(key))]
    return min(wrong)[:2] if wrong else None


def _is_same(before: _Node | None, after: _Node | None) -> bool:
    if before is None or after is None:
        return False
    # What ends where all may change may end anywhere.
    return before.around == after.around and (before.end in (None, after.end) or before.end[1] < 0)


@lru_cache(maxsize=64)
def _nodes(text: str, places: tuple[Place, ...]) -> dict[_Key, _Node] | None:
    """Return the statements and names that begin in lines that may not change; None: it is no Python."""
    try:
        tree = parse(text)
    except SyntaxError:
        return None
    found: dict[_Key, _Node] = {}
    waiting: list[tuple[ast.AST, tuple[_Key, ...]]] = [(tree, ())]
    while waiting:
        node, around = waiting.pop()
        is_statement = isinstance(node, ast.stmt | ast.excepthandler)
        if isinstance(node, ast.stmt | ast.excepthandler | _LEAVES):
            part, row = places[node.lineno - 1]
            key = (part, row, node.col_offset if row >= 0 else 0, type(node).__name__ if row >= 0 else "")
            if row >= 0:
                simple = isinstance(node, ast.stmt) and not hasattr(node, "body")
                end = places[(node.end_lineno or node.lineno) - 1] if simple else None
                found[key] = _Node(around if is_statement else (), end)
            if is_statement and around[-1:] != (key,):
                around = (*around, key)
        if not isinstance(node, ast.JoinedStr):  # whose inner positions are wrong before Python 3.12
            waiting += [(child, around) for child in ast.iter_child_nodes(node)]
    return found
