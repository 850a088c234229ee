"""What an archive was offered, and ranges that follow it: when to fit them anew, and to what."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from evolve.archive._bins import Bins, bins_for
from evolve.errors import ProblemError
from evolve.problem import Measure

FIRST_FIT = 16
"""Rows after which ranges are fitted for the first time; then whenever their number has doubled."""
_TAIL = 0.01
"""Share of the rows beyond each end that a range may leave to its edge bins: one outlier must not
squeeze all others into one bin."""
_MARGIN = 0.125
"""Room beyond what was seen, as a share of it, on each side."""


class History:
    """Every row that an archive was offered, as columns: what ranges are fitted to and cells filled from.

    Rows are in the order in which they came.

    Attributes:
        size: Number of rows.
    """

    __slots__ = ("_fitness", "_ids", "_measures", "size")

    def __init__(self, n_measures: int) -> None:
        self.size = 0
        self._ids = np.empty(FIRST_FIT, dtype=np.int64)
        self._fitness = np.empty(FIRST_FIT, dtype=np.float64)
        self._measures = np.empty((FIRST_FIT, n_measures), dtype=np.float64)

    @property
    def ids(self) -> np.ndarray:
        """(size,) program ids: a view."""
        return self._ids[: self.size]

    @property
    def fitness(self) -> np.ndarray:
        """(size,) fitness: a view."""
        return self._fitness[: self.size]

    @property
    def measures(self) -> np.ndarray:
        """(size, k) measures: a view."""
        return self._measures[: self.size]

    @property
    def room(self) -> int:
        """Rows until ranges are fitted: columns double just then, at 16, 32, 64 ... rows."""
        return len(self._ids) - self.size

    def append(self, ids: np.ndarray, fitness: np.ndarray, measures: np.ndarray) -> None:
        """Add at most `room` rows."""
        rows = slice(self.size, self.size + len(ids))
        self._ids[rows], self._fitness[rows], self._measures[rows] = ids, fitness, measures
        self.size += len(ids)

    def append_one(self, program_id: int, fitness: float, measures: list[float]) -> None:
        """Add one row: `append` for a single one."""
        row = self.size
        self._ids[row], self._fitness[row], self._measures[row] = program_id, fitness, measures
        self.size = row + 1

    def remove(self, program_id: int) -> bool:
        """Take out the rows of a program; tell whether there were any."""
        kept = self.ids != program_id
        if kept.all():
            return False
        ids, fitness, measures = self.ids[kept], self.fitness[kept], self.measures[kept]
        self.size = len(ids)
        self._ids[: self.size], self._fitness[: self.size] = ids, fitness
        self._measures[: self.size] = measures
        return True

    def grow(self) -> None:
        """Make room for as many rows as there are."""
        self._ids = np.concatenate((self._ids, np.empty_like(self._ids)))
        self._fitness = np.concatenate((self._fitness, np.empty_like(self._fitness)))
        self._measures = np.concatenate((self._measures, np.empty_like(self._measures)))


def fitted(measures: Sequence[Measure], bins: tuple[Bins, ...], seen: np.ndarray) -> tuple[Bins, ...]:
    """Return the bins that suit what was seen.

    Args:
        measures: As declared; those that do not adapt keep their bins.
        bins: In force until now; kept where they still suit, so that cells do not move for nothing.
        seen: (n, k) measures of all rows, n at least 1.
    """
    columns = zip(measures, bins, seen.T, strict=True)
    return tuple(_fitted(measure, old, values) if measure.adapt else old for measure, old, values in columns)


def _fitted(measure: Measure, old: Bins, values: np.ndarray) -> Bins:
    # Values that were seen, not interpolated ones: the same on every machine.
    low = float(np.quantile(values, _TAIL, method="lower"))
    high = float(np.quantile(values, 1.0 - _TAIL, method="higher"))
    log = measure.scale == "log"
    if log and low <= 0:
        positive = values[values > 0]
        low = float(positive.min()) if len(positive) else high
    if not low < high or _suits(old.edges[0], old.edges[-1], low, high, log=log):
        return old
    low, high = _widened(low, high, log=log)
    if not (math.isfinite(low) and math.isfinite(high)) or (log and low <= 0):
        return old
    try:
        return bins_for(measure.model_copy(update={"range": (low, high)}))
    except ProblemError:  # too narrow or too wide for that many bins
        return old


def _suits(old_low: float, old_high: float, low: float, high: float, *, log: bool) -> bool:
    """Tell whether a range holds another one, and is less than twice as wide."""
    if not (old_low <= low and high <= old_high):
        return False
    if log:
        return high / low > math.sqrt(old_high / old_low)
    return high - low > (old_high - old_low) / 2


def _widened(low: float, high: float, *, log: bool) -> tuple[float, float]:
    if not log:
        margin = (high - low) * _MARGIN
        return low - margin, high + margin
    factor = math.sqrt(math.sqrt(math.sqrt(high / low)))  # an eighth; roots are rounded alike everywhere
    return low / factor, high * factor
