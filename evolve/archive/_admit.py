"""Admission: the one rule by which every archive lets a program into a cell.

`admit` decides a batch at once, `admit_one` a single row; a test holds the two equal.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from evolve.archive._columns import Columns

_LARGEST = sys.float_info.max


class Status(IntEnum):
    """What became of a row."""

    REJECTED = 0
    """The cell's elite is as good or better."""
    IMPROVED = 1
    """It replaced the cell's elite."""
    NEW = 2
    """It occupied a vacant cell."""


class Added(NamedTuple):
    """What became of one program.

    Attributes:
        status: See `Status`.
        gain: Not negative, finite, in units of fitness. Improved: fitness minus that of the elite it
            replaced. New: fitness minus the archive's floor, or 0 below the floor. Rejected: 0.
        cell: Flat index of its cell.
    """

    status: Status
    gain: float
    cell: int


@dataclass(frozen=True, slots=True)
class AddResult:
    """What became of every row of a batch.

    Attributes:
        status: (n,) int8, values of `Status`.
        gain: (n,) float64, as in `Added`.
        cell: (n,) int64.
    """

    status: np.ndarray
    gain: np.ndarray
    cell: np.ndarray


def admit_one(
    columns: Columns, cell: int, program_id: int, fitness: float, measures: list[float], floor: float | None
) -> Added:
    """Offer one row to its cell; see `admit`."""
    row = columns.row_of.get(cell)
    if row is None:
        base = columns.lowest if floor is None else floor
        added = Added(Status.NEW, min(fitness - base, _LARGEST) if fitness > base else 0.0, cell)
        row = columns.append_one(cell)
    else:
        incumbent = columns.fitness_at(row)
        if fitness <= incumbent:
            return Added(Status.REJECTED, 0.0, cell)
        added = Added(Status.IMPROVED, min(fitness - incumbent, _LARGEST), cell)
        columns.total.subtract(incumbent)
    if fitness > columns.best_fitness:
        columns.best_row, columns.best_fitness = row, fitness
    columns.write_one(row, program_id, fitness, measures)
    columns.total.add(fitness)
    columns.lowest = min(columns.lowest, fitness)
    return added


def admit(
    columns: Columns,
    cells: np.ndarray,
    ids: np.ndarray,
    fitness: np.ndarray,
    measures: np.ndarray,
    floor: float | None,
) -> AddResult:
    """Offer rows to their cells; each cell keeps the fittest.

    Ties keep the incumbent, and among the rows of a batch the earlier one. The outcome is that of
    offering the rows one by one.

    Args:
        columns: The archive's state; changed in place.
        cells: (n,) int64, the cell of every row.
        ids: (n,) int64 program ids.
        fitness: (n,) float64, finite.
        measures: (n, k) float64, finite.
        floor: What the fitness in a new cell is compared with; None: the lowest fitness admitted
            before that row (the first row of all gains 0).
    """
    n = len(cells)
    status = np.zeros(n, dtype=np.int8)
    gain = np.zeros(n, dtype=np.float64)
    result = AddResult(status, gain, cells)
    if not n:
        return result
    # Rows by cell; within a cell in the order of the batch, because the sort is stable.
    order = np.argsort(cells, kind="stable")
    starts = np.flatnonzero(np.diff(cells[order], prepend=-1))
    touched = cells[order[starts]]
    rows = np.fromiter((columns.row_of.get(cell, -1) for cell in touched.tolist()), np.int64, len(touched))
    incumbents = np.full(len(touched), -np.inf)
    incumbents[rows >= 0] = columns.fitness[rows[rows >= 0]]

    to_beat = np.empty(n)
    to_beat[order] = _to_beat(fitness[order], starts, incumbents)
    status[fitness > to_beat] = Status.IMPROVED
    status[np.isneginf(to_beat)] = Status.NEW
    base = np.where(status == Status.NEW, _floors(columns, fitness, status, floor), to_beat)
    gain[:] = _gains(fitness, base, status)

    _replace(columns, order, starts, touched, rows, status, ids, fitness, measures)
    return result


def _to_beat(fitness: np.ndarray, starts: np.ndarray, incumbents: np.ndarray) -> np.ndarray:
    """Return, for rows grouped by cell, the fitness in the cell just before each row.

    That is a running maximum within each group. Ranks instead of values let one cumulative maximum serve
    all groups: raising the ranks of a later group above all earlier ones restarts it.

    Args:
        fitness: (n,) grouped by cell.
        starts: (g,) first row of every group.
        incumbents: (g,) fitness of the cell before the batch, -inf when vacant.
    """
    before = np.empty_like(fitness)
    before[1:] = fitness[:-1]
    before[starts] = incumbents
    values, ranks = np.unique(before, return_inverse=True)
    group_of = np.zeros(len(fitness), dtype=np.int64)
    group_of[starts[1:]] = 1
    offsets = np.cumsum(group_of) * len(values)
    running: np.ndarray = values[np.maximum.accumulate(ranks + offsets) - offsets]
    return running


def _floors(columns: Columns, fitness: np.ndarray, status: np.ndarray, floor: float | None) -> np.ndarray:
    """Return the floor as each row found it: (n,) float64."""
    if floor is not None:
        return np.full(len(fitness), floor)
    admitted = np.where(status > 0, fitness, np.inf)
    before = np.concatenate(([columns.lowest], admitted[:-1]))
    lowest: np.ndarray = np.minimum.accumulate(before)
    return lowest


def _gains(fitness: np.ndarray, base: np.ndarray, status: np.ndarray) -> np.ndarray:
    gains = np.zeros(len(fitness))
    better = (status > 0) & (fitness > base)
    with np.errstate(over="ignore"):
        gains[better] = np.minimum(fitness[better] - base[better], _LARGEST)
    return gains


def _replace(
    columns: Columns,
    order: np.ndarray,
    starts: np.ndarray,
    touched: np.ndarray,
    rows: np.ndarray,
    status: np.ndarray,
    ids: np.ndarray,
    fitness: np.ndarray,
    measures: np.ndarray,
) -> None:
    """Write the last admitted row of every cell and bring the totals up to date."""
    admitted = np.where(status[order] > 0, np.arange(len(order)), -1)
    last = np.maximum.reduceat(admitted, starts)
    wins = last >= 0
    if not wins.any():
        return
    old_rows = rows[wins & (rows >= 0)]
    columns.total.subtract_all(columns.fitness[old_rows])

    # New cells get their rows in the order in which the batch first names them.
    vacant = np.flatnonzero(rows < 0)
    vacant = vacant[np.argsort(order[starts[vacant]])]
    rows[vacant] = columns.append(touched[vacant])

    winners = order[last[wins]]
    columns.write(rows[wins], ids[winners], fitness[winners], measures[winners])
    columns.total.add_all(fitness[winners])
    columns.lowest = min(columns.lowest, float(fitness[status > 0].min()))
    fittest = float(fitness[winners].max())
    if fittest > columns.best_fitness:
        # The earliest of equally fit rows, as if they had come one by one.
        tied = np.flatnonzero(fitness[winners] == fittest)
        columns.best_row = int(rows[wins][tied[np.argmin(winners[tied])]])
        columns.best_fitness = fittest
