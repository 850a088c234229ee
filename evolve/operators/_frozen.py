"""Whether the lines that may not change still say what they said.

A block that may change can take the lines below it along without touching one: it opens a string, a bracket
or a function that they then belong to, turns `body` into `else`, or ends in a decorator. So the syntax trees
are compared where the text is the same. What a block may do by being run, such as to bind a name anew, or to
make a generator of the function that it is in, is its right.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from evolve.source import parse

Place = tuple[int, int]
"""Part of a program and line within it, both from 0; the line is -1 for all that may change."""

_LEAVES = ast.Name | ast.Constant | ast.JoinedStr | ast.arg | ast.alias
_BRACKETED = ast.Call | ast.Subscript | ast.List | ast.Tuple | ast.Set | ast.Dict
_Key = tuple[int, int, int, str]
"""Where a node begins, with its column, and its kind."""


@dataclass(frozen=True, slots=True)
class _Node:
    """What has to stay of a node that begins in a line that may not change.

    Attributes:
        around: The statements and branches that it belongs to, the outermost first.
        end: Where it ends, of a bracket or of a statement without others within.
        parts: Its decorators, handlers and cases; those that may change count as one.
    """

    around: tuple[_Key | str, ...]
    end: Place | None = None
    parts: tuple[_Key, ...] = ()


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
    if before.around != after.around or before.parts != after.parts:
        return False
    # What ends where all may change may end anywhere.
    return before.end in (None, after.end) or before.end[1] < 0


@lru_cache(maxsize=64)
def _nodes(text: str, places: tuple[Place, ...]) -> dict[_Key, _Node] | None:
    """Return what begins in lines that may not change; None: the text is no Python."""
    try:
        tree = parse(text)
    except SyntaxError:
        return None
    found: dict[_Key, _Node] = {}
    waiting: list[tuple[ast.AST, tuple[_Key | str, ...]]] = [(tree, ())]
    while waiting:
        node, around = waiting.pop()
        if isinstance(node, ast.stmt | ast.excepthandler | ast.match_case):
            key = _key(node, places)
            if key[1] >= 0:
                found[key] = _Node(around, _end(node, places), _parts(node, places))
            if around[-1:] != (key,):
                around = (*around, key)
        elif isinstance(node, _LEAVES | _BRACKETED):
            key = _key(node, places)
            if key[1] >= 0:
                # Of those that begin at one place, `f(a)(b)`, the outermost is seen first.
                found.setdefault(key, _Node((), _end(node, places)))
        if not isinstance(node, ast.JoinedStr):  # whose inner positions are wrong before Python 3.12
            waiting += reversed(list(_children(node, around)))
    return found


def _children(
    node: ast.AST, around: tuple[_Key | str, ...]
) -> Iterator[tuple[ast.AST, tuple[_Key | str, ...]]]:
    """List the children, with the branch that they stand in when the statement itself may not change."""
    branches = isinstance(node, ast.stmt) and isinstance(around[-1], tuple) and around[-1][1] >= 0
    for name, value in ast.iter_fields(node):
        inside = (*around, name) if branches and name in _BRANCHES else around
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, ast.AST):
                yield child, inside


_BRANCHES = ("body", "orelse", "finalbody", "handlers", "cases")


def _key(node: ast.AST, places: tuple[Place, ...]) -> _Key:
    placed: Any = node.pattern if isinstance(node, ast.match_case) else node
    part, row = places[placed.lineno - 1]
    return (part, row, placed.col_offset, type(node).__name__) if row >= 0 else (part, row, 0, "")


def _end(node: Any, places: tuple[Place, ...]) -> Place | None:
    if isinstance(node, ast.match_case) or hasattr(node, "body") or isinstance(node, _LEAVES | ast.Match):
        return None
    return places[(node.end_lineno or node.lineno) - 1]


def _parts(node: ast.AST, places: tuple[Place, ...]) -> tuple[_Key, ...]:
    parts = [part for name in ("decorator_list", "handlers", "cases") for part in getattr(node, name, ())]
    keys = [_key(part, places) for part in parts]
    return tuple(key for key, before in zip(keys, [None, *keys], strict=False) if key != before)
