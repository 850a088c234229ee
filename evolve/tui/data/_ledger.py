"""The ledger: what tables and curves need of every program, as columns.

A hundred thousand programs take about 10 MB here, so that sorting, filtering and counting are a matter of
milliseconds and ask nothing of the store. Texts stay in the store and are read one at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from evolve.store import LedgerRow

NOT_EVALUATED = ("duplicate", "refused", "reflected")
VALID = "valid"
_FIRST = 1024
_COLUMNS: dict[str, Any] = {
    "id": np.int64,
    "island": np.int16,
    "operator": np.int16,
    "model": np.int16,
    "status": np.int16,
    "objective": np.float64,
    "calls": np.int32,
    "tokens": np.int64,
    "usd": np.float64,
    "at_s": np.float64,
    "wall_s": np.float64,
    "parent": np.int64,
    "kept": np.int8,
    "gain": np.float64,
}
NAMED = ("operator", "model", "status")
"""Columns that hold a number for each distinct text."""


class Names:
    """Numbers for texts, in the order in which they came."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self.texts: list[str] = []
        """By number."""

    def number(self, text: str) -> int:
        """Return the number of a text, a new one when it was not known."""
        known = self._numbers.get(text)
        if known is None:
            known = self._numbers[text] = len(self.texts)
            self.texts.append(text)
        return known

    def find(self, text: str) -> int:
        """Return the number of a text; -1 when it never came."""
        return self._numbers.get(text, -1)


class Ledger:
    """Columns over the commits, in their order; rows are only ever added.

    Row ``i`` is the commit with `seq` ``i + 1``. `island` is -1 for seeds, which enter all islands; `parent`
    is 0 for none; `objective` is NaN unless valid; `kept` is -1 when no archive was asked, else the best of
    its answers (0 rejected, 1 improved, 2 new cell); `gain` is the largest of them. Operators stand with the
    model that they asked.

    Args:
        maximize: Whether a higher objective is better.
    """

    def __init__(self, *, maximize: bool = True) -> None:
        self.maximize = maximize
        self.size = 0
        self.banned: frozenset[int] = frozenset()
        self._known: dict[str, np.ndarray] = {}
        self.names = {name: Names() for name in NAMED}
        self._columns = {name: np.empty(_FIRST, dtype=kind) for name, kind in _COLUMNS.items()}
        self._rows_of: dict[int, int] | None = None

    def __getitem__(self, column: str) -> np.ndarray:
        """Return a column: a view of its (size,) values."""
        return self._columns[column][: self.size]

    def extend(self, rows: Sequence[LedgerRow]) -> None:
        """Add the commits that come next."""
        if not rows:
            return
        end = self.size + len(rows)
        self._reserve(end)
        into = slice(self.size, end)
        given = dict(zip(LedgerRow._fields, zip(*rows, strict=True), strict=True))
        for name in _COLUMNS:
            values = list(given[name])
            if name in NAMED:
                number = self.names[name].number
                values = [number(value or "") for value in values]
            elif name == "objective":
                values = [np.nan if value is None else value for value in values]
            self._columns[name][into] = values
        if self._rows_of is not None:
            self._rows_of.update((row.id, self.size + offset) for offset, row in enumerate(rows))
        self.size = end
        self._known.clear()

    def _reserve(self, rows: int) -> None:
        room = len(self._columns["id"])
        if rows <= room:
            return
        while room < rows:
            room *= 2
        for name, column in self._columns.items():
            grown = np.empty(room, dtype=column.dtype)
            grown[: self.size] = column[: self.size]
            self._columns[name] = grown

    def text(self, column: str, row: int) -> str:
        """Return the text that a named column holds in a row."""
        return self.names[column].texts[int(self._columns[column][row])]

    def row_of(self, program: int) -> int | None:
        """Return the row of a program; None when it is not here (yet)."""
        guess = program - 1  # in ticket order ids and rows run in step
        ids = self["id"]
        if 0 <= guess < self.size and ids[guess] == program:
            return guess
        if self._rows_of is None:
            self._rows_of = {int(known): row for row, known in enumerate(ids.tolist())}
        return self._rows_of.get(program)

    # -- what follows from the columns; computed once for each growth ---------------------------------

    @property
    def is_valid(self) -> np.ndarray:
        """(size,) bool: valid programs."""
        return self._derived("valid", lambda: self["status"] == self.names["status"].find(VALID))

    @property
    def evaluations(self) -> np.ndarray:
        """(size,) int64: evaluations up to and with each commit; duplicates and refusals are none."""
        aside = [self.names["status"].find(status) for status in NOT_EVALUATED]
        return self._derived(
            "evaluations", lambda: np.cumsum(~np.isin(self["status"], aside), dtype=np.int64)
        )

    @property
    def fitness(self) -> np.ndarray:
        """(size,) float64: the objective as higher-is-better; minus infinity for what cannot be the best."""
        return self._derived("fitness", self._fitness)

    def _fitness(self) -> np.ndarray:
        sign = 1.0 if self.maximize else -1.0
        found = np.where(self.is_valid, sign * self["objective"], -np.inf)
        if self.banned:
            found[np.isin(self["id"], list(self.banned))] = -np.inf
        return found

    @property
    def bests(self) -> np.ndarray:
        """(size,) float64: the best objective up to and with each commit; NaN before the first."""
        return self._derived("bests", self._bests)

    def _bests(self) -> np.ndarray:
        sign = 1.0 if self.maximize else -1.0
        found = np.maximum.accumulate(self.fitness) if self.size else self.fitness
        return np.where(np.isneginf(found), np.nan, sign * found)

    @property
    def deltas(self) -> np.ndarray:
        """(size,) float64: differences to the main parents' objectives; NaN where one of both has none."""
        return self._derived("deltas", self._deltas)

    def _deltas(self) -> np.ndarray:
        ids, parents = self["id"], self["parent"]
        order = np.argsort(ids, kind="stable")
        places = np.minimum(np.searchsorted(ids, parents, sorter=order), max(0, self.size - 1))
        rows = order[places] if self.size else places
        values = self["objective"]
        return np.where(ids[rows] == parents, values - values[rows], np.nan)

    def _derived(self, name: str, compute: Callable[[], np.ndarray]) -> np.ndarray:
        if name not in self._known:
            self._known[name] = compute()
        return self._known[name]

    def ban(self, programs: frozenset[int]) -> None:
        """Say which programs a user took out: none of them is the best."""
        self.banned = programs
        self._known.clear()

    def best_row(self, island: int | None = None) -> int | None:
        """Return the row of the best valid program, the earliest of equals; of one island, or of all."""
        if not self.size:
            return None
        fitness = self.fitness
        if island is not None:
            fitness = np.where(self["island"] == island, fitness, -np.inf)
        row = int(np.argmax(fitness))
        return None if np.isneginf(fitness[row]) else row

    def counts(self, column: str) -> dict[str, int]:
        """Count the programs by the text of a named column, the most frequent first."""
        found = np.bincount(self[column], minlength=len(self.names[column].texts))
        pairs = zip(self.names[column].texts, found.tolist(), strict=True)
        return dict(sorted(((text, count) for text, count in pairs if count), key=lambda pair: -pair[1]))
