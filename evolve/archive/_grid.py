"""The MAP-Elites grid."""

from __future__ import annotations

from collections.abc import Sequence

from evolve.archive._cells import CellArchive, bins_of
from evolve.archive._partition import Grid
from evolve.problem import Measure


class GridArchive(CellArchive):
    """MAP-Elites (Mouret & Clune 2015, https://arxiv.org/abs/1504.04909): a grid over the measures.

    Cells are numbered in row-major order: the last measure varies fastest.

    Args:
        measures: One dimension each, at least one.
        floor: See `CellArchive`.

    Raises:
        ShapeError: no measure is given.
        NonFiniteError: `floor` is NaN or infinite.
        ProblemError: a measure's range cannot be divided into its bins.
    """

    def __init__(self, measures: Sequence[Measure], *, floor: float | None = None) -> None:
        super().__init__(measures, Grid(bins_of(measures)), floor)
