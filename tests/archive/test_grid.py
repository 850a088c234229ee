"""What is particular to the grid: numbering of cells, large grids, growth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import GridArchive, NonFiniteError, ShapeError
from evolve.problem import Measure

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def unit(bins: int, metric: str = "m") -> Measure:
    return Measure(metric=metric, range=(0.0, 1.0), bins=bins)


def test_cells_are_numbered_row_major() -> None:
    archive = GridArchive([unit(3, "a"), unit(4, "b"), unit(5, "c")])
    shape = tuple(bins.count for bins in archive.bins)
    assert shape == (3, 4, 5)
    assert archive.cells == 60
    for index in np.ndindex(shape):
        centre = (np.array(index) + 0.5) / shape
        assert archive.cell_of(centre) == np.ravel_multi_index(index, shape)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.tuples(FINITE, FINITE), min_size=1, max_size=20))
def test_the_cell_of_any_value_exists(points: list[tuple[float, float]]) -> None:
    archive = GridArchive([unit(7, "a"), Measure(metric="b", edges=(-1, 0, 2, 50))])
    cells = archive.add(range(len(points)), [0.0] * len(points), points).cell.tolist()
    assert cells == [archive.cell_of(point) for point in points]
    assert all(0 <= cell < archive.cells for cell in cells)


def test_ten_million_cells_cost_nothing_until_occupied() -> None:
    archive = GridArchive([unit(10_000, "a"), unit(1_000, "b")])
    assert archive.cells == 10_000_000
    archive.add_single(1, 1.0, [1.0, 1.0])
    assert archive.elite_in(9_999_999) is not None
    assert archive.coverage == 1e-7
    assert archive.elites().ids.nbytes == 8


def test_columns_grow_by_single_rows_and_by_batches() -> None:
    archive = GridArchive([unit(1000)])
    for i in range(100):
        archive.add_single(i, float(i), [(i + 0.5) / 1000])
    rest = np.arange(100, 1000)
    archive.add(rest, rest.astype(float), ((rest + 0.5) / 1000)[:, None])
    elites = archive.elites()
    assert elites.ids.tolist() == elites.cells.tolist() == list(range(1000))
    assert archive.qd_score == 999 * 500
    assert archive.best == (999, 999.0)


def test_the_floor_is_the_lowest_fitness_so_far_unless_given() -> None:
    archive = GridArchive([unit(10)])
    assert archive.floor is None
    archive.add_single(1, 5.0, [0.0])
    archive.add_single(2, 3.0, [0.5])
    archive.add_single(3, 9.0, [0.5])
    assert archive.floor == 3.0
    assert GridArchive([unit(10)], floor=-1.0).floor == -1.0


def test_a_grid_needs_measures_and_a_finite_floor() -> None:
    with pytest.raises(ShapeError, match=r"at least one measure, got none\. Declare \[\[measures\]\]"):
        GridArchive([])
    with pytest.raises(NonFiniteError, match="floor must be finite, got nan"):
        GridArchive([unit(2)], floor=math.nan)
