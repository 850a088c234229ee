"""The contract of `Archive`, held against a plain model; every kind of archive is run through it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Archive, Elite, GridArchive, NonFiniteError, ShapeError, Status
from evolve.problem import Measure

Row = tuple[int, float, list[float]]

MEASURES = (
    Measure(metric="size", range=(0.0, 4.0), bins=4),
    Measure(metric="speed", range=(1.0, 100.0), bins=2, scale="log"),
)


def grid(floor: float | None = None) -> Archive:
    return GridArchive(MEASURES, floor=floor)


FACTORIES = [pytest.param(grid, id="grid")]
every_archive = pytest.mark.parametrize("make", FACTORIES)

# Few distinct values, so that cells collide and ties happen; and some extremes.
FITNESS = st.one_of(
    st.integers(-3, 3).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([1.7e308, -1.7e308]),
)
POINT = st.tuples(st.floats(-1, 5), st.floats(-5, 200)).map(list)
FLOORS = st.sampled_from([None, 0.0, -1.5])


@st.composite
def row_lists(draw: st.DrawFn) -> list[Row]:
    points = draw(st.lists(st.tuples(FITNESS, POINT), max_size=40))
    return [(100 + i, fitness, point) for i, (fitness, point) in enumerate(points)]


@dataclass
class Model:
    """What an archive must do, with no thought of speed."""

    floor: float | None
    cells: dict[int, Row] = field(default_factory=dict)
    best: tuple[int, float] | None = None
    lowest: float = math.inf

    def add(self, cell: int, row: Row) -> tuple[int, float]:
        program_id, fitness, _ = row
        old = self.cells.get(cell)
        if old is not None and fitness <= old[1]:
            return 0, 0.0
        base = old[1] if old else (self.lowest if self.floor is None else self.floor)
        self.cells[cell] = row
        self.lowest = min(self.lowest, fitness)
        if self.best is None or fitness > self.best[1]:
            self.best = (program_id, fitness)
        gain = min(max(0.0, fitness - base), np.finfo(float).max)
        return (1 if old else 2), 0.0 if base == math.inf else gain


def add_batch(archive: Archive, rows: list[Row]) -> list[tuple[int, float, int]]:
    result = archive.add(*(list(column) for column in zip(*rows, strict=True)) if rows else ([], [], []))
    assert [str(c.dtype) for c in (result.status, result.gain, result.cell)] == ["int8", "float64", "int64"]
    return list(zip(result.status.tolist(), result.gain.tolist(), result.cell.tolist(), strict=True))


def contents(archive: Archive) -> tuple[Any, ...]:
    elites = archive.elites()
    columns = [column.tolist() for column in (elites.ids, elites.fitness, elites.measures, elites.cells)]
    return (*columns, archive.best, archive.qd_score, archive.size)


@every_archive
@settings(deadline=None, max_examples=150)
@given(rows=row_lists(), floor=FLOORS, data=st.data())
def test_any_cut_into_batches_equals_one_by_one_and_the_model(
    make: Callable[[float | None], Archive], rows: list[Row], floor: float | None, data: st.DataObject
) -> None:
    batched, single, model = make(floor), make(floor), Model(floor)
    answers = []
    start = 0
    while start < len(rows):
        stop = data.draw(st.integers(start + 1, len(rows)))
        answers += add_batch(batched, rows[start:stop])
        start = stop
    assert answers == [tuple(single.add_single(*row)) for row in rows]
    assert contents(batched) == contents(single)
    assert [answer[:2] for answer in answers] == [
        model.add(answer[2], row) for answer, row in zip(answers, rows, strict=True)
    ]

    # Running totals against recomputation.
    assert batched.size == len(model.cells)
    assert batched.best == model.best
    assert batched.elites().cells.tolist() == list(model.cells)
    for cell, row in model.cells.items():
        assert batched.elite_in(cell) == Elite(row[0], row[1], tuple(row[2]), cell)
    expected = rounded_sum([row[1] for row in model.cells.values()]) - len(model.cells) * (floor or 0.0)
    assert batched.qd_score == expected
    assert batched.coverage == len(model.cells) / batched.cells


@every_archive
@settings(deadline=None, max_examples=100)
@given(rows=row_lists())
def test_a_cell_keeps_the_best_ever_added_the_first_among_ties(
    make: Callable[[], Archive], rows: list[Row]
) -> None:
    archive = make()
    answers = add_batch(archive, rows)
    for cell in {answer[2] for answer in answers}:
        assert 0 <= cell < archive.cells
        rivals = [row for row, answer in zip(rows, answers, strict=True) if answer[2] == cell]
        winner = max(rivals, key=lambda row: row[1])  # max() keeps the first of equals
        elite = archive.elite_in(cell)
        assert elite is not None
        assert (elite.id, elite.fitness) == winner[:2]


@every_archive
@settings(deadline=None, max_examples=100)
@given(rows=row_lists())
def test_gains_are_finite_and_not_negative(make: Callable[[], Archive], rows: list[Row]) -> None:
    for status, gain, _ in add_batch(make(), rows):
        assert 0.0 <= gain < math.inf
        assert status != Status.IMPROVED or gain > 0.0
        assert status != Status.REJECTED or gain == 0.0


@every_archive
def test_an_empty_archive(make: Callable[[], Archive]) -> None:
    archive = make()
    assert isinstance(archive, Archive)
    assert (archive.size, archive.coverage, archive.best, archive.qd_score) == (0, 0.0, None, 0.0)
    assert len(archive.elites()) == 0
    assert archive.elite_in(0) is None
    assert add_batch(archive, []) == []


@every_archive
def test_status_and_gain_of_each_outcome(make: Callable[[], Archive]) -> None:
    archive = make()
    assert archive.add_single(1, 1.0, [0.5, 2.0]) == (Status.NEW, 0.0, 0)
    assert archive.add_single(2, 1.0, [0.5, 2.0]) == (Status.REJECTED, 0.0, 0)
    assert archive.add_single(3, 1.5, [0.5, 2.0]) == (Status.IMPROVED, 0.5, 0)
    assert archive.add_single(4, 3.0, [3.5, 50.0]) == (Status.NEW, 2.0, 7)
    assert archive.add_single(5, 0.5, [1.5, 2.0]) == (Status.NEW, 0.0, 2)
    assert archive.best == (4, 3.0)
    assert archive.qd_score == 5.0


@every_archive
def test_a_given_floor_measures_new_cells_and_the_qd_score(make: Callable[[float], Archive]) -> None:
    archive = make(-10.0)
    assert archive.add_single(1, -4.0, [0.5, 2.0]).gain == 6.0
    assert archive.add_single(2, -12.0, [3.5, 2.0]).gain == 0.0
    assert archive.qd_score == 4.0


@every_archive
def test_elites_are_copies_and_columns_are_read_only(make: Callable[[], Archive]) -> None:
    archive = make()
    archive.add_single(1, 1.0, [0.5, 2.0])
    before = archive.elites()
    archive.add_single(2, 2.0, [0.5, 2.0])
    assert before.ids.tolist() == [1]
    assert (archive.ids.tolist(), archive.fitness.tolist()) == ([2], [2.0])
    with pytest.raises(ValueError, match="read-only"):
        archive.fitness[0] = 5.0


@every_archive
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_bad_row_is_named_and_the_batch_refused_whole(make: Callable[[], Archive], bad: float) -> None:
    archive = make()
    archive.add_single(1, 1.0, [0.5, 2.0])
    before = contents(archive)
    with pytest.raises(NonFiniteError, match=r"must be finite, got fitness = -?(nan|inf) \(row 1\)"):
        archive.add([2, 3, 4], [5.0, bad, bad], [[0.5, 2.0]] * 3)
    with pytest.raises(
        NonFiniteError, match=r"got measure speed = -?(nan|inf) \(row 2\)\. An evaluation without"
    ):
        archive.add([2, 3, 4], [5.0] * 3, [[0.5, 2.0], [0.5, 2.0], [0.5, bad]])
    with pytest.raises(NonFiniteError, match=r"got fitness = -?(nan|inf) \(row 0\)"):
        archive.add_single(2, bad, [0.5, 2.0])
    with pytest.raises(NonFiniteError, match=r"got measure size = -?(nan|inf) \(row 0\)"):
        archive.add_single(2, 5.0, [bad, 2.0])
    assert contents(archive) == before


@every_archive
@pytest.mark.parametrize(
    ("ids", "fitness", "measures"),
    [
        ([1, 2], [1.0], [[0.5, 2.0]]),
        ([1], [1.0], [[0.5]]),
        ([1], [1.0], [0.5, 2.0]),
        ([1], 1.0, [[0.5, 2.0]]),
    ],
)
def test_wrong_shapes_are_refused(make: Callable[[], Archive], ids: Any, fitness: Any, measures: Any) -> None:
    with pytest.raises(ShapeError, match=r"must be \(n,\), \(n,\) and \(n, 2\) for size, speed, got"):
        make().add(ids, fitness, measures)


@every_archive
def test_ids_must_be_integers(make: Callable[[], Archive]) -> None:
    with pytest.raises(ShapeError, match=r"ids must be \(n,\) integers, got float64"):
        make().add([1.5], [1.0], [[0.5, 2.0]])


@every_archive
def test_a_single_point_of_the_wrong_length_is_refused(make: Callable[[], Archive]) -> None:
    with pytest.raises(ShapeError, match=r"measures must be 2 values \(size, speed\), got 3"):
        make().add_single(1, 1.0, [1.0, 2.0, 3.0])


@every_archive
def test_a_cell_that_does_not_exist_is_refused(make: Callable[[], Archive]) -> None:
    for cell in (-1, make().cells):
        with pytest.raises(IndexError, match=r"cell must be 0 \.\. 7, got"):
            make().elite_in(cell)


def rounded_sum(values: list[float]) -> float:
    """Return the correctly rounded sum, infinite beyond the largest float."""
    exact = sum(map(Fraction, values), Fraction())
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
