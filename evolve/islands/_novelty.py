"""Selection by novelty: parents from where elites are few."""

from __future__ import annotations

import numpy as np

from evolve.archive import Archive
from evolve.islands._contenders import draw, ids_of, scatter
from evolve.islands._resolve import require_number, require_whole

_CONTENDERS = 8
_REFERENCES = 48
"""Elites that distances are taken to, the contenders included."""
_LEAST = 1e-300
"""Stands for a novelty of 0, which has no logarithm."""


class Novelty:
    """Elites with probability proportional to how far away their neighbours are.

    Novelty (Lehman & Stanley 2011) is the sum of the distances to the nearest neighbours in the space of the
    measures, each scaled by its bins. 8 elites drawn uniformly compete, and distances are taken to at
    most 48: exact for small archives, an estimate for large ones. Cost independent of the size.

    Args:
        neighbours: Number of nearest neighbours, 1 to 32.
        power: Of the novelty, 0 (uniform) to 10.

    Raises:
        ValueError: a setting is out of range.
    """

    def __init__(self, *, neighbours: int = 5, power: float = 1.0) -> None:
        require_whole("neighbours", neighbours, 1, 32)
        require_number("power", power, 0.0, 10.0)
        self.neighbours = int(neighbours)
        self.power = float(power)

    def select(self, archive: Archive, rng: np.random.Generator, count: int) -> list[int]:
        """Draw contenders, then parents among them by novelty; see `Selection`."""
        count = min(count, archive.size)
        if count < 1:
            return []
        rows = scatter(archive.size, max(_REFERENCES, count), rng)
        compete = max(_CONTENDERS, count)
        weights = self.power * np.log(np.maximum(self._novelty(archive, rows, compete), _LEAST))
        return ids_of(archive.ids, rows[draw(weights, rng, count)])

    def _novelty(self, archive: Archive, rows: np.ndarray, compete: int) -> np.ndarray:
        """Return the novelty of the first of the rows among all of them."""
        points = archive.measures.take(rows, axis=0)
        distances = np.zeros((min(compete, len(rows)), len(rows)))
        for axis, bins in enumerate(archive.bins):
            places = bins.positions(points[:, axis])
            apart = places[:compete, None] - places
            apart *= apart
            distances += apart
        # One more than wanted, because each is among the references itself, at distance 0.
        wanted = min(self.neighbours, len(rows) - 1)
        distances.partition(wanted, axis=1)
        novelty: np.ndarray = np.add.reduce(np.sqrt(distances[:, : wanted + 1]), axis=1)
        return novelty
