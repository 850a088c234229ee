"""Partitions: divide the measure space into cells."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

import numpy as np

from evolve.archive._bins import Bins

_LLOYD_STEPS = 25
"""Later steps move the centroids by less than the samples' own scatter."""


class Partition(Protocol):
    """Numbers the cells of the measure space; immutable."""

    @property
    def bins(self) -> tuple[Bins, ...]:
        """The bins of every measure: they give the range, and what is linear in it."""
        ...

    @property
    def count(self) -> int:
        """Number of cells."""
        ...

    def cell(self, values: list[float]) -> int:
        """Return the cell of one point."""
        ...

    def cells(self, points: np.ndarray) -> np.ndarray:
        """Return the cells of (n, k) points as (n,) int64; the same as `cell` of each."""
        ...

    def with_bins(self, bins: tuple[Bins, ...]) -> Partition:
        """Return the same kind of partition over other ranges."""
        ...


class Grid:
    """Boxes, numbered in row-major order: the last measure varies fastest."""

    __slots__ = ("_axes", "_bins", "_count", "_strides")

    def __init__(self, bins: tuple[Bins, ...]) -> None:
        counts = [item.count for item in bins]
        self._bins = bins
        self._count = math.prod(counts)
        self._strides = tuple(math.prod(counts[i + 1 :]) for i in range(len(counts)))
        self._axes = tuple((item.index, stride) for item, stride in zip(bins, self._strides, strict=True))

    @property
    def bins(self) -> tuple[Bins, ...]:
        """See `Partition.bins`."""
        return self._bins

    @property
    def count(self) -> int:
        """See `Partition.count`."""
        return self._count

    def cell(self, values: list[float]) -> int:
        """See `Partition.cell`."""
        cell = 0
        for (index, stride), value in zip(self._axes, values, strict=True):
            cell += index(value) * stride
        return cell

    def cells(self, points: np.ndarray) -> np.ndarray:
        """See `Partition.cells`."""
        cells = np.zeros(len(points), dtype=np.int64)
        for bins, stride, column in zip(self._bins, self._strides, points.T, strict=True):
            cells += bins.indices(column) * stride
        return cells

    def with_bins(self, bins: tuple[Bins, ...]) -> Grid:
        """See `Partition.with_bins`."""
        return Grid(bins)


class Voronoi:
    """Cells around centroids that are spread evenly (Vassiliades et al. 2018, https://arxiv.org/abs/1610.05729).

    Args:
        bins: Of every measure; they scale it to [0, 1], logarithmically where it is declared so.
        centroids: (cells, k) points of the unit cube.
    """

    __slots__ = ("_bins", "_centroids", "_tree")

    def __init__(self, bins: tuple[Bins, ...], centroids: np.ndarray) -> None:
        from scipy.spatial import cKDTree  # 0.1 s, and most runs use a grid

        self._bins = bins
        self._centroids = centroids
        self._tree = cKDTree(centroids)

    @property
    def bins(self) -> tuple[Bins, ...]:
        """See `Partition.bins`."""
        return self._bins

    @property
    def count(self) -> int:
        """See `Partition.count`."""
        return len(self._centroids)

    @property
    def centroids(self) -> np.ndarray:
        """(cells, k) points of the unit cube, a copy."""
        return self._centroids.copy()

    def cell(self, values: list[float]) -> int:
        """See `Partition.cell`."""
        return int(self.cells(np.array([values], dtype=np.float64))[0])

    def cells(self, points: np.ndarray) -> np.ndarray:
        """See `Partition.cells`."""
        if not len(points):
            return np.zeros(0, dtype=np.int64)
        columns = [bins.positions(column) for bins, column in zip(self._bins, points.T, strict=True)]
        _, nearest = self._tree.query(np.stack(columns, axis=1))
        return np.asarray(nearest, dtype=np.int64)

    def with_bins(self, bins: tuple[Bins, ...]) -> Voronoi:
        """See `Partition.with_bins`."""
        return Voronoi(bins, self._centroids)


@lru_cache(maxsize=8)
def centroids_for(dimensions: int, cells: int, samples: int, seed: int) -> np.ndarray:
    """Return (cells, dimensions) points spread evenly over the unit cube, read-only.

    Lloyd's algorithm on uniform samples: k-means as in the paper on CVT-MAP-Elites, with a tree for the
    nearest centroid. The answer is a function of the arguments.
    """
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(seed)
    points = rng.random((max(samples, cells), dimensions))
    centroids = points[:cells].copy()
    for _ in range(_LLOYD_STEPS):
        _, nearest = cKDTree(centroids).query(points)
        counts = np.bincount(nearest, minlength=cells)
        sums = [np.bincount(nearest, weights=column, minlength=cells) for column in points.T]
        filled = counts > 0
        centroids[filled] = (np.stack(sums, axis=1)[filled].T / counts[filled]).T
    centroids.flags.writeable = False
    return centroids
