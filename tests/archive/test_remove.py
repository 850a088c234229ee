"""Taking a program out leaves what would be there had it never been offered."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Archive, CVTArchive, GridArchive
from evolve.problem import Measure

FIXED = (
    Measure(metric="size", range=(0.0, 4.0), bins=4),
    Measure(metric="speed", range=(1.0, 100.0), bins=2, scale="log"),
)
ADAPTING = (Measure(metric="size", range=(0.0, 1.0), bins=4, adapt=True), FIXED[1])
MAKERS = [
    pytest.param(lambda: GridArchive(FIXED), id="grid"),
    pytest.param(lambda: GridArchive(FIXED, floor=-1.5), id="grid with a floor"),
    pytest.param(lambda: CVTArchive(FIXED, cells=6), id="cvt"),
    pytest.param(lambda: GridArchive(ADAPTING), id="grid that adapts"),
]
every_archive = pytest.mark.parametrize("make", MAKERS)
Make = Callable[[], Archive]
Row = tuple[int, float, list[float]]

FITNESS = st.one_of(st.integers(-3, 3).map(float), st.sampled_from([1e300, -1e300, 1e-300, 0.1, 0.3]))
POINT = st.tuples(st.floats(-1, 5), st.floats(1, 200)).map(list)


@st.composite
def histories(draw: st.DrawFn) -> list[Row | int]:
    """Rows to add, and ids to remove, some of which were never added."""
    steps: list[Row | int] = []
    for number in range(draw(st.integers(0, 40))):
        if draw(st.integers(0, 3)) == 0:
            steps.append(draw(st.integers(0, number + 1)))
        else:
            steps.append((number, draw(FITNESS), draw(POINT)))
    return steps


def check_sums(archive: Archive) -> None:
    """Hold what is kept as a running total against what the elites say."""
    elites = archive.elites()
    assert archive.size == len(elites) == len(set(elites.cells.tolist()))
    total = sum(map(Fraction, elites.fitness.tolist()), Fraction())
    floor = getattr(archive, "_floor", None) or 0.0
    assert archive.qd_score == float(total) - archive.size * floor
    if archive.size:
        best = archive.best
        assert best is not None
        assert best[1] == max(elites.fitness.tolist())
        assert best[0] in elites.ids.tolist()
    else:
        assert archive.best is None
    for row, cell in enumerate(elites.cells.tolist()):
        elite = archive.elite_in(cell)
        assert elite is not None
        assert elite.id == elites.ids[row]


@every_archive
@settings(max_examples=60, deadline=None)
@given(steps=histories())
def test_what_is_removed_was_never_there(make: Make, steps: list[Row | int]) -> None:
    archive = make()
    kept: dict[int, Row] = {}
    for step in steps:
        if isinstance(step, int):
            taken = archive.remove(step)
            row = kept.pop(step, None)
            assert (taken is None) == (row is None)
            if taken is not None and row is not None:
                assert (taken.id, taken.fitness, list(taken.measures)) == row
                assert 0 <= taken.cell < archive.cells
        else:
            archive.add_single(*step)
            kept[step[0]] = step
        check_sums(archive)
    assert archive.offered.tolist() == list(kept)
    if archive.revision:
        return  # ranges remember what they were fitted to
    fresh = make()
    for row in kept.values():
        fresh.add_single(*row)
    if fresh.revision:
        return
    assert fresh.elites().ids.tolist() == archive.elites().ids.tolist()
    assert fresh.elites().cells.tolist() == archive.elites().cells.tolist()
    assert (fresh.best, fresh.qd_score) == (archive.best, archive.qd_score)
    probe = (10_000, 2.5, [1.5, 50.0])
    assert fresh.add_single(*probe) == archive.add_single(*probe), "floors and incumbents are the same"


@every_archive
def test_a_cell_goes_to_the_best_of_the_others(make: Make) -> None:
    archive = make()
    for number, fitness in ((1, 1.0), (2, 3.0), (3, 3.0), (4, 9.0)):
        archive.add_single(number, fitness, [0.5, 10.0])
    assert archive.best == (4, 9.0)
    archive.remove(4)
    assert archive.best == (2, 3.0), "the earliest of equals"
    archive.remove(2)
    archive.remove(3)
    archive.remove(1)
    assert (archive.size, archive.qd_score) == (0, 0.0)
    assert archive.best is None
    assert archive.add_single(5, 2.0, [0.5, 10.0]).status == 2


def test_ranges_are_not_fitted_to_what_was_removed() -> None:
    archive = GridArchive(ADAPTING)
    for number in range(15):
        archive.add_single(number, 1.0, [0.1 * number, 10.0])
    archive.add_single(99, 1.0, [1e6, 10.0])
    assert archive.revision == 1
    wide = archive.bins[0].edges[-1]
    archive.remove(99)
    for number in range(100, 117):
        archive.add_single(number, 1.0, [0.5, 10.0])
    assert archive.revision == 2
    assert archive.bins[0].edges[-1] < 10 < wide
    assert math.isfinite(archive.qd_score)
