"""What is particular to the tessellation: its centroids, and that the nearest one decides."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.archive import Archive, CVTArchive, ShapeError
from evolve.problem import Measure

MEASURES = [
    Measure(metric="a", range=(-10.0, 10.0), bins=7),
    Measure(metric="b", range=(1.0, 100.0), bins=2, scale="log"),
]


def test_it_keeps_the_contract() -> None:
    archive = CVTArchive(MEASURES, cells=16)
    assert isinstance(archive, Archive)
    assert archive.cells == 16
    with pytest.raises(IndexError, match=r"cell must be 0 \.\. 15, got 16"):
        archive.elite_in(16)


def test_the_nearest_centroid_decides_in_the_scaled_space() -> None:
    archive = CVTArchive(MEASURES, cells=32)
    rng = np.random.default_rng(0)
    points = np.stack([rng.uniform(-12, 12, 200), rng.uniform(0.5, 120, 200)], axis=1)
    scaled = np.stack(
        [bins.positions(column) for bins, column in zip(archive.bins, points.T, strict=True)], 1
    )
    expected = ((scaled[:, None, :] - archive.centroids[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert archive.add(range(200), np.zeros(200), points).cell.tolist() == expected.tolist()
    assert [archive.cell_of(point) for point in points] == expected.tolist()


def test_centroids_are_spread_evenly_and_follow_from_the_seed() -> None:
    one, same, other = (CVTArchive(MEASURES, cells=64, seed=seed).centroids for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)
    points = np.random.default_rng(5).random((20_000, 2))
    shares = np.bincount(((points[:, None] - one[None]) ** 2).sum(axis=2).argmin(axis=1), minlength=64)
    assert shares.min() > 100  # 312 on average


def test_a_log_scale_is_even_in_the_exponent() -> None:
    middle = CVTArchive(MEASURES, cells=2).bins[1].positions(np.array([1.0, 10.0, 100.0, 1e9, -5.0]))
    assert middle.tolist() == pytest.approx([0.0, 0.5, 1.0, 1.0, 0.0])


@pytest.mark.parametrize("cells", [1, 100_001])
def test_too_few_or_too_many_cells_are_refused(cells: int) -> None:
    with pytest.raises(ShapeError, match=r"cells must be from 2 to 100,000, got"):
        CVTArchive(MEASURES, cells=cells)
