"""Topologies: which islands send elites to which."""

from __future__ import annotations

from collections.abc import Callable, Mapping


def ring(islands: int) -> list[tuple[int, int]]:
    """Connect every island to the next and the last to the first; a single island to nothing."""
    if islands < 2:
        return []
    return [(source, (source + 1) % islands) for source in range(islands)]


TOPOLOGIES: Mapping[str, Callable[[int], list[tuple[int, int]]]] = {"ring": ring}
"""By name: number of islands -> connections (source, target) in the order in which they are served."""
