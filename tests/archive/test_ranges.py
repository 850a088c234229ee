"""Ranges that follow what was seen: filling the cells anew loses no elite and counts nothing twice."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Archive, CVTArchive, GridArchive
from evolve.problem import Measure

Row = tuple[int, float, list[float]]
Maker = Callable[[list[Measure]], Archive]

MEASURES = [
    Measure(metric="size", range=(0.0, 1.0), bins=4, adapt=True),
    Measure(metric="speed", range=(1.0, 10.0), bins=3, scale="log", adapt=True),
    Measure(metric="kind", edges=(0.0, 1.0, 5.0)),
]
every_kind = pytest.mark.parametrize(
    "make", [GridArchive, lambda measures: CVTArchive(measures, cells=9)], ids=["grid", "cvt"]
)
FITNESS = st.one_of(st.integers(-3, 3).map(float), st.floats(allow_nan=False, allow_infinity=False))
WIDE = st.one_of(st.floats(-3, 8), st.floats(-1e6, 1e6), st.sampled_from([1e300, -1e300, 5e-324]))
POINTS = st.tuples(WIDE, WIDE, st.floats(-1, 6)).map(list)


@st.composite
def row_lists(draw: st.DrawFn) -> list[Row]:
    points = draw(st.lists(st.tuples(FITNESS, POINTS), max_size=80))
    return [(100 + i, fitness, point) for i, (fitness, point) in enumerate(points)]


def contents(archive: Archive) -> tuple[Any, ...]:
    elites = archive.elites()
    columns = [column.tolist() for column in (elites.ids, elites.fitness, elites.measures, elites.cells)]
    return (*columns, archive.best, archive.qd_score, archive.coverage)


def add(archive: Archive, rows: list[Row]) -> list[tuple[int, float, int]]:
    found = archive.add(*(list(column) for column in zip(*rows, strict=True)))
    return list(zip(found.status.tolist(), found.gain.tolist(), found.cell.tolist(), strict=True))


@every_kind
@settings(deadline=None, max_examples=100)
@given(rows=row_lists(), data=st.data())
def test_any_cut_into_batches_equals_one_by_one(make: Maker, rows: list[Row], data: st.DataObject) -> None:
    batched, single = make(MEASURES), make(MEASURES)
    answers = []
    start = 0
    while start < len(rows):
        stop = data.draw(st.integers(start + 1, len(rows)))
        answers += add(batched, rows[start:stop])
        start = stop
    assert answers == [tuple(single.add_single(*row)) for row in rows]
    assert contents(batched) == contents(single)
    assert (batched.bins, batched.revision) == (single.bins, single.revision)


@every_kind
@settings(deadline=None, max_examples=100)
@given(rows=row_lists())
def test_the_archive_is_what_it_would_be_with_these_ranges_from_the_beginning(
    make: Maker, rows: list[Row]
) -> None:
    archive = make(MEASURES)
    for row in rows:
        archive.add_single(*row)
    fresh = make([Measure(metric=bins.metric, edges=bins.edges) for bins in archive.bins])
    for row in rows:
        fresh.add_single(*row)
    assert contents(archive) == contents(fresh)
    assert fresh.revision == 0


@every_kind
@settings(deadline=None, max_examples=100)
@given(rows=row_lists())
def test_no_elite_is_lost_but_to_a_fitter_one_of_its_cell(make: Maker, rows: list[Row]) -> None:
    archive = make(MEASURES)
    for row in rows:
        before, revision = archive.elites(), archive.revision
        archive.add_single(*row)
        if archive.revision == revision:
            continue
        for program, fitness, point in zip(before.ids, before.fitness, before.measures, strict=True):
            elite = archive.elite_in(archive.cell_of(point))  # type: ignore[attr-defined]
            assert elite is not None
            assert elite.fitness >= fitness
            assert elite.id == program or elite.fitness > fitness or elite.id < program
    fitness = [row[1] for row in rows]
    if rows:
        assert archive.best == (rows[fitness.index(max(fitness))][0], max(fitness))


def uniform(count: int, low: float, high: float) -> np.ndarray:
    return np.random.default_rng(1).uniform(low, high, (count, 1))


def test_a_range_far_too_wide_closes_in_and_brings_programs_back() -> None:
    wide = Measure(metric="m", range=(0.0, 1000.0), bins=10)
    points = uniform(256, 400.0, 410.0)
    fixed, moving = GridArchive([wide]), GridArchive([wide.model_copy(update={"adapt": True})])
    for archive in (fixed, moving):
        archive.add(np.arange(256), np.zeros(256), points)
    assert fixed.size == 1
    assert moving.size >= 8
    assert moving.revision <= math.log2(256)


def test_a_range_far_too_narrow_opens() -> None:
    archive = GridArchive([Measure(metric="m", range=(0.0, 1e-3), bins=10, adapt=True)])
    archive.add(np.arange(64), np.zeros(64), uniform(64, -50.0, 50.0))
    assert archive.size >= 8


def test_an_outlier_does_not_squeeze_the_others_into_one_bin() -> None:
    archive = GridArchive([Measure(metric="m", range=(0.0, 1.0), bins=10, adapt=True)])
    points = uniform(512, 0.0, 1.0)
    points[100] = 1e12
    archive.add(np.arange(512), np.zeros(512), points)
    assert archive.size >= 8


def test_a_range_that_suits_is_left_alone() -> None:
    archive = GridArchive([Measure(metric="m", range=(0.0, 1.0), bins=10, adapt=True)])
    archive.add(np.arange(512), np.zeros(512), uniform(512, 0.1, 0.9))
    assert archive.revision == 0
    assert archive.bins[0].edges[-1] == 1.0


def test_equal_values_move_no_range() -> None:
    archive = GridArchive([Measure(metric="m", range=(0.0, 1.0), bins=10, adapt=True)])
    archive.add(np.arange(40), np.zeros(40), np.full((40, 1), 77.0))
    assert archive.revision == 0
