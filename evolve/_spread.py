"""Several measurements of what should be one value: their middle, and how far apart they lie."""

from __future__ import annotations

import statistics
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Spread:
    """Measurements of one program's metric, in the order in which they were made; at least one."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle value, which a single outlier does not move."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The smallest value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The largest value."""
        return max(self.values)

    @property
    def width(self) -> float:
        """Largest minus smallest value; 0 for what repeats."""
        return self.high - self.low

    @property
    def deviation(self) -> float:
        """Standard deviation of the sample; 0 for a single value."""
        return statistics.stdev(self.values) if len(self.values) > 1 else 0.0

    def allows(self, value: float) -> bool:
        """Tell whether one more measurement may well give a value.

        That is within the range seen, widened by its width on both sides; exactly the value seen where
        all measurements are equal.
        """
        return self.low - self.width <= value <= self.high + self.width

    def is_apart_from(self, other: Spread) -> bool:
        """Tell whether the medians differ by more than both standard deviations together."""
        return abs(self.median - other.median) > self.deviation + other.deviation

    def __str__(self) -> str:
        """Say it for people: `6.3 ± 0.7`."""
        return f"{self.median:.4g} ± {self.deviation:.2g}"
