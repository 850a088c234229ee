"""CVT-MAP-Elites: a number of cells that does not grow with the number of measures."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from evolve.archive._cells import CellArchive, bins_of
from evolve.archive._errors import ShapeError
from evolve.archive._partition import Voronoi, centroids_for
from evolve.problem import Measure

SAMPLES_A_CELL = 50
MAX_CELLS = 100_000


class CVTArchive(CellArchive):
    """A centroidal Voronoi tessellation of the measures (Vassiliades et al. 2018, https://arxiv.org/abs/1610.05729).

    A grid of ten bins in six measures has a million cells, nearly all of them vacant; here
    the number of cells is chosen. Cells are numbered in the order of their centroids.

    Args:
        measures: One dimension each, at least one. `bins` do not divide; they say what is linear.
        cells: Number of cells, from 2 to 100,000.
        seed: Of the samples that the centroids are fitted to.
        floor: See `CellArchive`.

    Raises:
        ShapeError: no measure is given, or `cells` is out of range.
        NonFiniteError: `floor` is NaN or infinite.
        ProblemError: a measure's range cannot be divided into its bins.
    """

    def __init__(
        self, measures: Sequence[Measure], *, cells: int = 256, seed: int = 0, floor: float | None = None
    ) -> None:
        if not 2 <= cells <= MAX_CELLS:
            raise ShapeError(f"cells must be from 2 to {MAX_CELLS:,}, got {cells}. Some hundreds are usual.")
        bins = bins_of(measures)
        tessellation = Voronoi(bins, centroids_for(len(bins), cells, SAMPLES_A_CELL * cells, seed))
        super().__init__(measures, tessellation, floor)
        self._centroids = tessellation.centroids

    @property
    def centroids(self) -> np.ndarray:
        """(cells, k) points of the unit cube, which the ranges of the measures are scaled to: a copy."""
        return self._centroids.copy()
