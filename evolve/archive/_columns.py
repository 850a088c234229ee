"""Columns: the hot state of an archive, one row an elite."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evolve.archive._exact_sum import ExactSum

_FIRST_CAPACITY = 64


class Elite(NamedTuple):
    """The occupant of a cell.

    Attributes:
        id: Program id.
        fitness: Higher is better.
        measures: ``k`` values, as they were measured (not clipped).
        cell: Flat index of the cell.
    """

    id: int
    fitness: float
    measures: tuple[float, ...]
    cell: int


@dataclass(frozen=True, slots=True)
class Elites:
    """All elites of an archive as columns, one row an elite.

    Rows are in the order in which their cells were first occupied. The arrays are copies:
    later insertions do not change them.

    Attributes:
        ids: (n,) int64.
        fitness: (n,) float64, higher is better.
        measures: (n, k) float64.
        cells: (n,) int64.
    """

    ids: np.ndarray
    fitness: np.ndarray
    measures: np.ndarray
    cells: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)


class Columns:
    """Arrays that grow with the number of elites, not with the number of cells.

    Rows are dense and never removed: the rows 0 .. size - 1 are at once the list of occupied cells in
    the order of their first occupation. `row_of` maps a cell to its row; it is a dict because an archive
    of ten million cells usually holds some thousand elites, and because a scalar look-up in a dict
    is several times faster than in an array.

    Attributes:
        size: Number of elites.
        row_of: Row of every occupied cell.
        total: Exact sum of the fitness of the elites.
        best_row: Row of the fittest elite, the earliest admitted of equals; -1 when empty.
        best_fitness: Its fitness; -inf when empty.
        lowest: Lowest fitness that was ever admitted, elites replaced since included; +inf when empty.
    """

    __slots__ = (
        "_cells",
        "_fitness",
        "_ids",
        "_measures",
        "best_fitness",
        "best_row",
        "lowest",
        "row_of",
        "size",
        "total",
    )

    def __init__(self, n_measures: int) -> None:
        self.size = 0
        self.row_of: dict[int, int] = {}
        self.total = ExactSum()
        self.best_row = -1
        self.best_fitness = float("-inf")
        self.lowest = float("inf")
        self._ids = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._cells = np.empty(_FIRST_CAPACITY, dtype=np.int64)
        self._fitness = np.empty(_FIRST_CAPACITY, dtype=np.float64)
        self._measures = np.empty((_FIRST_CAPACITY, n_measures), dtype=np.float64)

    @property
    def ids(self) -> np.ndarray:
        """(size,) program ids: a writable view."""
        return self._ids[: self.size]

    @property
    def cells(self) -> np.ndarray:
        """(size,) cells: a writable view."""
        return self._cells[: self.size]

    @property
    def fitness(self) -> np.ndarray:
        """(size,) fitness: a writable view."""
        return self._fitness[: self.size]

    @property
    def measures(self) -> np.ndarray:
        """(size, k) measures: a writable view."""
        return self._measures[: self.size]

    def fitness_at(self, row: int) -> float:
        """Return the fitness of one elite."""
        return self._fitness.item(row)

    def id_at(self, row: int) -> int:
        """Return the program id of one elite."""
        return self._ids.item(row)

    def elite_at(self, row: int) -> Elite:
        """Return one elite."""
        return Elite(
            self._ids.item(row),
            self._fitness.item(row),
            tuple(self._measures[row].tolist()),
            self._cells.item(row),
        )

    def append(self, cells: np.ndarray) -> np.ndarray:
        """Give every one of the (n,) vacant, distinct cells a row, in that order; return the (n,) rows.

        The caller writes the other columns.
        """
        rows = np.arange(self.size, self.size + len(cells))
        self._reserve(self.size + len(cells))
        self.row_of.update(zip(cells.tolist(), rows.tolist(), strict=True))
        self.size += len(cells)
        self._cells[rows] = cells
        return rows

    def write(self, rows: np.ndarray, ids: np.ndarray, fitness: np.ndarray, measures: np.ndarray) -> None:
        """Put new occupants into existing rows."""
        self._ids[rows] = ids
        self._fitness[rows] = fitness
        self._measures[rows] = measures

    def append_one(self, cell: int) -> int:
        """Give one vacant cell a row: `append` for a single cell."""
        row = self.size
        if row == len(self._ids):
            self._reserve(row + 1)
        self.row_of[cell] = row
        self.size = row + 1
        self._cells[row] = cell
        return row

    def write_one(self, row: int, program_id: int, fitness: float, measures: list[float]) -> None:
        """Put a new occupant into an existing row."""
        self._ids[row] = program_id
        self._fitness[row] = fitness
        self._measures[row] = measures

    def _reserve(self, rows: int) -> None:
        capacity = len(self._ids)
        if rows <= capacity:
            return
        while capacity < rows:
            capacity *= 2
        self._ids = _grown(self._ids, capacity, self.size)
        self._cells = _grown(self._cells, capacity, self.size)
        self._fitness = _grown(self._fitness, capacity, self.size)
        self._measures = _grown(self._measures, capacity, self.size)


def _grown(column: np.ndarray, capacity: int, used: int) -> np.ndarray:
    grown = np.empty((capacity, *column.shape[1:]), dtype=column.dtype)
    grown[:used] = column[:used]
    return grown
