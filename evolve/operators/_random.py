"""Draws from the ticket's generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def pick(rng: np.random.Generator, items: Sequence[Item]) -> Item:
    """Draw one item, all alike."""
    return items[int(rng.integers(len(items)))]


def weighted(rng: np.random.Generator, items: Sequence[tuple[float, Item]]) -> Item:
    """Draw one item from pairs (weight, item)."""
    point = float(rng.random()) * sum(weight for weight, _ in items)
    for weight, item in items:
        point -= weight
        if point < 0:
            return item
    return items[-1][1]


def chance(rng: np.random.Generator, probability: float) -> bool:
    """Tell whether an event of this probability happens."""
    return float(rng.random()) < probability
