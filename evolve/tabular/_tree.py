"""Small decision trees as text: what a model reads best about where a learner goes wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evolve.tabular._frame import Array, Frame, Text
from evolve.tabular._learners import Ordinal

_SHARE_OF_LEAF = 50
"""A leaf holds at least one in so many rows."""
_LEAST_LEAF = 5
_NAMED_CATEGORIES = 5
_SHOWN_CHARS = 60
_INDENT = "    "


def value_tree(frame: Frame, values: Array, *, depth: int, what: str) -> str:
    """Return a tree that tells where values are high or low.

    Args:
        frame: (n) rows.
        values: (n,) float64, such as errors.
        depth: Most questions on a path, from 1 on.
        what: What the values are, for the leaves.

    Returns:
        if/else text; a single line when no question helps.
    """
    from sklearn.tree import DecisionTreeRegressor  # 1 s

    tree = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=_leaf(len(values)), random_state=0)
    return _rendered(tree, frame, values, lambda node: f"{what} {node.ravel()[0]:.4g}")


def class_tree(frame: Frame, labels: Array, classes: Sequence[str], *, depth: int) -> str:
    """Return a tree that tells classes apart; see `value_tree`. `labels`: (n,) int indices into `classes`."""
    from sklearn.tree import DecisionTreeClassifier

    tree = DecisionTreeClassifier(max_depth=depth, min_samples_leaf=_leaf(len(labels)), random_state=0)
    present = np.unique(labels)

    def leaf(node: Array) -> str:
        shares = node.ravel() / node.sum()
        best = int(shares.argmax())
        return f"{shown(classes[int(present[best])])} {shares[best]:.0%}"

    return _rendered(tree, frame, labels, leaf)


def interacting_pairs(frame: Frame, values: Array, *, depth: int = 4) -> list[tuple[str, str]]:
    """Return pairs of different columns that follow each other on a path of a tree, those of most rows first.

    A split that helps only below another one hints at an interaction: see `Columns.pairs`.

    Args:
        frame: (n) rows.
        values: (n,) float64: what is to be told apart, such as the target, the errors or one class.
        depth: Most questions on a path.
    """
    from sklearn.tree import DecisionTreeRegressor

    estimator = DecisionTreeRegressor(max_depth=depth, min_samples_leaf=_leaf(len(values)), random_state=0)
    tree = estimator.fit(Ordinal().fit(frame).matrix(frame), values).tree_
    weights: dict[tuple[str, str], int] = {}
    for node in np.flatnonzero(tree.children_left >= 0).tolist():
        for child in (tree.children_left[node], tree.children_right[node]):
            if tree.children_left[child] < 0 or tree.feature[child] == tree.feature[node]:
                continue
            pair = frame.names[tree.feature[node]], frame.names[tree.feature[child]]
            weights[pair] = weights.get(pair, 0) + int(tree.n_node_samples[child])
    return sorted(weights, key=lambda pair: -weights[pair])


def shown(text: str) -> str:
    """Return a name or a cell as it may stand in a prompt: quoted, short, without control characters."""
    return repr(text if len(text) <= _SHOWN_CHARS else text[: _SHOWN_CHARS - 3] + "...")


def _leaf(rows: int) -> int:
    return max(_LEAST_LEAF, rows // _SHARE_OF_LEAF)


def _rendered(estimator: Any, frame: Frame, target: Array, leaf: Callable[[Array], str]) -> str:
    encoder = Ordinal().fit(frame)
    tree = estimator.fit(encoder.matrix(frame), target).tree_
    lines: list[str] = []

    def walk(node: int, indent: str) -> None:
        if tree.children_left[node] < 0:
            lines.append(f"{indent}{leaf(tree.value[node])} ({tree.n_node_samples[node]:,} rows)")
            return
        name = frame.names[tree.feature[node]]
        lines.append(f"{indent}if {_question(frame, name, float(tree.threshold[node]))}:")
        walk(tree.children_left[node], indent + _INDENT)
        lines.append(f"{indent}else:")
        walk(tree.children_right[node], indent + _INDENT)

    walk(0, "")
    return "\n".join(lines)


def _question(frame: Frame, name: str, threshold: float) -> str:
    values = frame.columns[name]
    if isinstance(values, Text):
        within = values.categories[: int(np.floor(threshold)) + 1]
        listed = ", ".join(shown(text) for text in within[:_NAMED_CATEGORIES])
        more = f", and {len(within) - _NAMED_CATEGORIES} more" if len(within) > _NAMED_CATEGORIES else ""
        return f"{shown(name)} in ({listed}{more})"
    if values.dtype.kind == "M":
        return f"{shown(name)} before {np.datetime64(int(np.floor(threshold)) + 1, 'D')}"
    return f"{shown(name)} <= {threshold:.4g}"
