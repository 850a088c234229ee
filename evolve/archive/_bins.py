"""Bins: divide the values of one measure."""

from __future__ import annotations

import operator
from bisect import bisect_right
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from itertools import accumulate, repeat

import numpy as np

from evolve.errors import ProblemError
from evolve.problem import Measure

_LOG_DIGITS = 60  # 17 decide a float64; the rest absorbs the rounding of 10,000 multiplications


@dataclass(frozen=True, slots=True)
class Bins:
    """Half-open intervals [edge, next edge); the last one is closed.

    Values outside the outer edges belong to the first or last bin.

    Attributes:
        metric: Name of the measured metric.
        edges: ``count + 1`` ascending finite numbers, outer edges included.
    """

    metric: str
    edges: tuple[float, ...]
    _inner: list[float] = field(init=False, repr=False, compare=False)
    _inner_array: np.ndarray = field(init=False, repr=False, compare=False)
    _steps: np.ndarray = field(init=False, repr=False, compare=False)
    _edge_array: np.ndarray = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        ordered = all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False))
        finite = bool(np.isfinite(self.edges).all())
        if len(self.edges) < 2 or not ordered or not finite:
            raise ProblemError(
                f"measures: {self.metric!r} must have at least two ascending finite bin edges, got "
                f"{len(self.edges)} from {self.edges[:1]} to {self.edges[-1:]}. The range is too narrow or "
                "too wide for that many distinct floating-point numbers; use fewer bins or another range."
            )
        # Outer edges never decide anything: whatever lies beyond them belongs to the edge bins.
        object.__setattr__(self, "_inner", list(self.edges[1:-1]))
        object.__setattr__(self, "_inner_array", np.asarray(self.edges[1:-1], dtype=np.float64))
        object.__setattr__(self, "_steps", np.arange(self.count + 1) / self.count)
        object.__setattr__(self, "_edge_array", np.asarray(self.edges, dtype=np.float64))

    @property
    def count(self) -> int:
        """Number of bins."""
        return len(self.edges) - 1

    def index(self, value: float) -> int:
        """Return the bin of a value: 0 .. count - 1."""
        return bisect_right(self._inner, value)

    def indices(self, values: np.ndarray) -> np.ndarray:
        """Return the bins of (n,) values as (n,) int64; the same as `index` of each."""
        return np.searchsorted(self._inner_array, values, side="right").astype(np.int64, copy=False)

    def positions(self, values: np.ndarray) -> np.ndarray:
        """Return where (n,) values lie, as (n,) float64 of [0, 1]: every bin is as wide as every other.

        Values outside of the outer edges lie on them. Interpolated within a bin, so that no logarithm of
        the machine's own decides.
        """
        places: np.ndarray = np.interp(values, self._edge_array, self._steps)
        return places


def bins_for(measure: Measure) -> Bins:
    """Make the bins that a measure declares.

    Edges are the same floats on every machine: simple decimals where the declaration has simple
    decimals (ten bins of [0, 1] have an edge at 0.3 exactly), and powers correctly rounded for a log scale.

    Raises:
        ProblemError: the range is too narrow or too wide for that many distinct edges.
    """
    if measure.edges is not None:
        return Bins(measure.metric, tuple(float(edge) for edge in measure.edges))
    # The declaration's own validation refuses a measure without edges that lacks range or bins.
    assert measure.range is not None
    assert measure.bins is not None
    low, high = (float(end) for end in measure.range)
    divide = _log_edges if measure.scale == "log" else _linear_edges
    return Bins(measure.metric, (low, *divide(low, high, measure.bins), high))


def _linear_edges(low: float, high: float, bins: int) -> list[float]:
    return [(low * (bins - i) + high * i) / bins for i in range(1, bins)]


def _log_edges(low: float, high: float, bins: int) -> list[float]:
    # Powers of the C library and of numpy differ between processors in the last bit; decimals do not.
    with localcontext() as context:
        context.prec = _LOG_DIGITS
        step = (Decimal(high) / Decimal(low)) ** (Decimal(1) / bins)
        edges = accumulate(repeat(step, bins - 1), operator.mul, initial=Decimal(low))
        return [float(edge) for edge in edges][1:]
