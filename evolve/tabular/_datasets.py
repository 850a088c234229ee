"""Tables by name, without a network: enumerable ones, scikit-learn's own, and drawn ones (see `_planted`)."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Text, Values
from evolve.tabular._planted import INTERACTIONS, noise_table, planted
from evolve.tabular._table import Table, make_table

_LINES = ((0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6))
_BUNDLED = {
    "iris": "load_iris",
    "wine": "load_wine",
    "breast-cancer": "load_breast_cancer",
    "digits": "load_digits",
    "diabetes": "load_diabetes",
}


def dataset_names() -> tuple[str, ...]:
    """Return the names of the tables that `load_dataset` knows."""
    return tuple(_DATASETS)


def load_dataset(name: str, *, seed: int = 0) -> Table:
    """Return a table by its name.

    Args:
        name: One of `dataset_names`.
        seed: For tables that are drawn.

    Raises:
        UsageError: no table has this name, or scikit-learn is not installed.
    """
    if name not in _DATASETS:
        raise UsageError(f"there is no data set {name!r}. Expected a path, or one of {', '.join(_DATASETS)}.")
    return _DATASETS[name](seed)


def _balance_scale(_seed: int) -> Table:
    """Enumerate a balance with weights and distances from 1 to 5: where does it tip?"""
    names = ("left_weight", "left_distance", "right_weight", "right_distance")
    grid = np.array(list(itertools.product(range(1, 6), repeat=4)), dtype=np.int64)
    torque = grid[:, 0] * grid[:, 1] - grid[:, 2] * grid[:, 3]
    side = np.where(torque > 0, "left", np.where(torque < 0, "right", "balanced"))
    columns: dict[str, Values] = {name: grid[:, i].copy() for i, name in enumerate(names)}
    columns["side"] = Text.of(side.tolist())
    meanings = {name: f"{name.replace('_', ' ')}, 1 to 5" for name in names} | {
        "side": "the side to which the balance tips"
    }
    return make_table("balance-scale", columns, "side", meanings=meanings)


def _tic_tac_toe(_seed: int) -> Table:
    """Enumerate the boards at the end of a game that x begins: does x win?"""
    names = [
        f"{row}_{column}" for row in ("top", "middle", "bottom") for column in ("left", "middle", "right")
    ]
    boards = _final_boards()
    columns: dict[str, Values] = {
        name: Text.of([board[i] for board in boards]) for i, name in enumerate(names)
    }
    columns["x_wins"] = Text.of(["positive" if _wins(board, "x") else "negative" for board in boards])
    meanings = {
        name: f"who holds the {name.replace('_', ' ')} square: x, o, or b for blank" for name in names
    }
    return make_table(
        "tic-tac-toe", columns, "x_wins", meanings=meanings | {"x_wins": "whether x has three in a row"}
    )


def _final_boards() -> list[str]:
    found: set[str] = set()
    seen: set[str] = set()
    todo = ["b" * 9]
    while todo:
        board = todo.pop()
        if board in seen:
            continue
        seen.add(board)
        if _wins(board, "x") or _wins(board, "o") or "b" not in board:
            found.add(board)
            continue
        player = "x" if board.count("x") == board.count("o") else "o"
        todo += [board[:i] + player + board[i + 1 :] for i in range(9) if board[i] == "b"]
    # as the published table has them: x wins first
    return sorted(found, key=lambda board: (_wins(board, "x"), board), reverse=True)


def _wins(board: str, player: str) -> bool:
    return any(all(board[i] == player for i in line) for line in _LINES)


def _from_sklearn(name: str) -> Callable[[int], Table]:
    def load(_seed: int) -> Table:
        try:
            from sklearn import datasets
        except ImportError as error:
            raise UsageError(
                f"the data set {name!r} comes with scikit-learn: {error}. "
                "Install it with: pip install 'evolve-engine[tabular]'."
            ) from None
        loaded = getattr(datasets, _BUNDLED[name])()
        columns: dict[str, Values] = {
            str(column): np.ascontiguousarray(loaded.data[:, i], dtype=np.float64)
            for i, column in enumerate(loaded.feature_names)
        }
        if hasattr(loaded, "target_names") and loaded.target.dtype.kind == "i":
            labels = [str(label) for label in loaded.target_names]
            columns["target"] = Text.of([labels[code] for code in loaded.target.tolist()])
        else:
            columns["target"] = np.asarray(loaded.target, dtype=np.float64)
        return make_table(name, columns, "target")

    return load


def _planted_table(interaction: str) -> Callable[[int], Table]:
    return lambda seed: planted(interaction, seed=seed).table


_DATASETS: dict[str, Callable[[int], Table]] = {
    "balance-scale": _balance_scale,
    "tic-tac-toe": _tic_tac_toe,
    **{name: _from_sklearn(name) for name in _BUNDLED},
    **{f"planted-{name.replace('_', '-')}": _planted_table(name) for name in INTERACTIONS},
    "noise": lambda seed: noise_table(seed=seed),
}
