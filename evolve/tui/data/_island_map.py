"""The elites of an island at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from evolve.archive import Bins
    from evolve.problem import Measure


@dataclass(frozen=True, slots=True)
class IslandMap:
    """The elites of an island at one moment; a copy that nobody changes.

    Attributes:
        island: Its index.
        measures: As declared.
        bins: The ranges in force and what divides them.
        ids: (n,) programs.
        objective: (n,) scores in the problem's own direction.
        points: (n, k) measures.
        cells: (n,) cells.
        count: Number of cells of the archive.
        qd_score: Sum over the elites.
        centroids: (cells, k) points of the unit cube for a tessellation; None for a grid.
        revision: How often the ranges have followed what was seen.
    """

    island: int
    measures: tuple[Measure, ...]
    bins: tuple[Bins, ...]
    ids: np.ndarray
    objective: np.ndarray
    points: np.ndarray
    cells: np.ndarray
    count: int
    qd_score: float
    centroids: np.ndarray | None
    revision: int
