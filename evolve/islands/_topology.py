"""Topologies: which islands send elites to which."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

Route = tuple[int, int]
"""(source, target), indices of islands."""
Topology = Callable[[int, np.random.Generator], list[Route]]


def ring(islands: int, rng: np.random.Generator) -> list[Route]:  # noqa: ARG001
    """Connect every island to the next and the last to the first; a single island to nothing."""
    if islands < 2:
        return []
    return [(source, (source + 1) % islands) for source in range(islands)]


def star(islands: int, rng: np.random.Generator) -> list[Route]:  # noqa: ARG001
    """Connect every island to the first, and the first to every other."""
    inward = [(source, 0) for source in range(1, islands)]
    return inward + [(0, target) for target in range(1, islands)]


def full(islands: int, rng: np.random.Generator) -> list[Route]:  # noqa: ARG001
    """Connect every island to every other."""
    return [(source, target) for source in range(islands) for target in range(islands) if source != target]


def random(islands: int, rng: np.random.Generator) -> list[Route]:
    """Connect every island to one other, drawn anew for every migration."""
    if islands < 2:
        return []
    steps = rng.integers(1, islands, islands).tolist()
    return [(source, (source + step) % islands) for source, step in enumerate(steps)]


def isolated(islands: int, rng: np.random.Generator) -> list[Route]:  # noqa: ARG001
    """Connect nothing: islands meet only when one is seeded again."""
    return []


TOPOLOGIES: Mapping[str, Topology] = {
    "ring": ring,
    "star": star,
    "full": full,
    "random": random,
    "isolated": isolated,
}
"""By name: number of islands, generator -> connections in the order in which they are served."""
