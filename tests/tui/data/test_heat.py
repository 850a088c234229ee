from __future__ import annotations

import numpy as np
import pytest

from evolve.archive import CVTArchive, GridArchive
from evolve.problem import Measure
from evolve.tui.data._heat import VACANT, draw, heat_map, legend, levels
from evolve.tui.data._island_map import IslandMap

RNG = np.random.default_rng(4)


def island_of(archive: GridArchive | CVTArchive, measures: tuple[Measure, ...]) -> IslandMap:
    elites = archive.elites()
    centroids = archive.centroids if isinstance(archive, CVTArchive) else None
    return IslandMap(
        0, measures, archive.bins, elites.ids, elites.fitness, elites.measures, elites.cells, archive.cells,
        archive.qd_score, centroids, 0,
    )  # fmt: skip


def grid(*bins: int, programs: int = 60) -> IslandMap:
    measures = tuple(Measure(metric=f"m{i}", range=(0.0, 1.0), bins=n) for i, n in enumerate(bins))
    archive = GridArchive(measures)
    archive.add(np.arange(1, programs + 1), RNG.random(programs), RNG.random((programs, len(bins))))
    return island_of(archive, measures)


def test_every_elite_of_a_plain_grid_has_its_place() -> None:
    island = grid(6, 4)
    heat = heat_map(island, 0, 1, 80, 40, maximize=True)
    assert heat.places.shape == (4, 6)
    for elite, cell in enumerate(island.cells.tolist()):
        assert heat.place_of(elite) == (cell % 4, cell // 4)
    assert (heat.places != VACANT).sum() == len(island.ids)
    assert heat.note == ""


@pytest.mark.parametrize("maximize", [True, False])
def test_where_several_fall_the_best_is_shown(maximize: bool) -> None:
    island = grid(6, 4, 3, programs=200)
    heat = heat_map(island, 0, 1, 80, 40, maximize=maximize)
    assert "best over m2" in heat.note
    better = max if maximize else min
    for row in range(4):
        for column in range(6):
            here = [
                float(value)
                for value, cell in zip(island.objective, island.cells, strict=True)
                if (cell // 12, cell // 3 % 4) == (column, row)
            ]
            elite = heat.elite_at(row, column)
            assert (elite is None) == (not here)
            if elite is not None:
                assert island.objective[elite] == better(here)


def test_a_large_grid_is_gathered() -> None:
    island = grid(100, 90, programs=500)
    heat = heat_map(island, 0, 1, 30, 20, maximize=True)
    assert heat.places.shape == (18, 25)
    assert "the best of 4 × 5 cells" in heat.note
    best = int(np.argmax(island.objective))
    assert heat.place_of(best) is not None
    assert heat.across.edges[-1] == 1.0


def test_a_single_measure_is_a_row() -> None:
    heat = heat_map(grid(8), 0, None, 80, 1, maximize=True)
    assert heat.places.shape == (1, 8)
    lines, _ = draw(heat, (0, 0), 80, 10, maximize=True)
    assert "m0" in lines[-2].plain


def test_a_tessellation_shows_the_cell_of_the_nearest_centroid() -> None:
    measures = tuple(Measure(metric=name, range=(0.0, 1.0), bins=20) for name in ("a", "b"))
    archive = CVTArchive(measures, cells=30)
    archive.add(np.arange(1, 41), RNG.random(40), RNG.random((40, 2)))
    island = island_of(archive, measures)
    heat = heat_map(island, 0, 1, 20, 20, maximize=True)
    for row in range(20):
        for column in range(20):
            found = archive.elite_in(archive.cell_of([(column + 0.5) / 20, (row + 0.5) / 20]))
            elite = heat.elite_at(row, column)
            assert (None if found is None else found.id) == (None if elite is None else island.ids[elite])


def test_levels_hold_equal_shares() -> None:
    values = RNG.permutation(100).astype(float)
    level = levels(values, maximize=True)
    assert np.bincount(level).tolist() == [25, 25, 25, 25]
    assert level[values.argmax()] == 3
    assert levels(values, maximize=False)[values.argmin()] == 3
    assert levels(np.zeros(0), maximize=True).size == 0


def test_the_drawing_marks_cursor_and_best_without_colours() -> None:
    measures = tuple(Measure(metric=name, range=(0.0, 1.0), bins=3) for name in ("across", "up"))
    archive = GridArchive(measures)
    archive.add([1, 2], [1.0, 2.0], [[0.1, 0.1], [0.9, 0.9]])
    heat = heat_map(island_of(archive, measures), 0, 1, 30, 9, maximize=True)
    lines, (left, wide, high) = draw(heat, (0, 0), 21, 6, maximize=True)
    assert [line.plain.rstrip() for line in lines] == [
        "        │ ·   ·  █★██",
        "        │ ·   ·   ·",
        "      0 │[▒▒] ·   ·",
        "        └────────────",
        "         0  across  1",
        "↑ up",
    ]
    assert (left, wide, high) == (9, 4, 1)
    said = [line.plain for line in legend(heat, maximize=True)]
    assert said == ["██ 2 to 2", "▒▒ 1 to 1", "·· vacant"]
