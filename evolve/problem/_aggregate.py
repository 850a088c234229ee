"""Aggregates: how the values of a metric over several cases or seeds become one."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

_QUANTILE = re.compile(r"quantile\s+(0(?:\.\d+)?|1(?:\.0+)?|\.\d+)")
_NAMES = ("mean", "worst", "min", "max", "median")


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A way to unite values.

    Attributes:
        name: "mean", "worst" (by the objective's direction), "min", "max" or "quantile".
        level: Of a quantile: from 0 (the smallest) to 1 (the largest value).
    """

    name: str = "mean"
    level: float = 0.0

    @classmethod
    def parse(cls, text: str) -> Aggregate:
        """Read "mean", "worst", "min", "max", "median" or "quantile 0.1"; raises ValueError."""
        match = _QUANTILE.fullmatch(text.strip())
        if match is not None:
            return cls("quantile", float(match[1]))
        if text not in _NAMES:
            raise ValueError(
                "must be 'mean', 'worst', 'min', 'max', 'median', or 'quantile Q' with Q from 0 to 1"
            )
        return cls("quantile", 0.5) if text == "median" else cls(text)

    def of(self, values: Sequence[float], *, sign: float = 1.0) -> float:
        """Unite at least one value.

        Args:
            values: Finite numbers.
            sign: Of the objective: +1 when larger is better; decides which value is the worst.

        Returns:
            The aggregate. A quantile between two values is interpolated linearly.
        """
        match self.name:
            case "mean":
                return sum(values) / len(values)
            case "min":
                return min(values)
            case "max":
                return max(values)
            case "worst":
                return min(values) if sign > 0 else max(values)
        ordered = sorted(values)
        place = self.level * (len(ordered) - 1)
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def spread(values: Sequence[float]) -> float:
    """Return the population standard deviation of at least one value; infinite when it is too large."""
    mean = sum(values) / len(values)
    # not by squares of one's own, which raise an error from about 1e154 on
    return math.hypot(*(value - mean for value in values)) / math.sqrt(len(values))
