"""Confidence intervals on a hold-out: rows are drawn again, the same ones for both predictions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array
from evolve.tabular._metrics import Metric, UndefinedMetricError

_MOST_UNDEFINED = 0.1
"""Share of the draws that may have no value, such as an area under the curve of one class."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure with its confidence interval; gains are positive whatever the metric's direction.

    Attributes:
        value: On the hold-out itself.
        low: Lower end.
        high: Upper end.
        level: How sure, such as 0.95.
        draws: Draws that had a value.
    """

    value: float
    low: float
    high: float
    level: float
    draws: int

    @property
    def excludes_zero(self) -> bool:
        """Whether the whole interval lies on one side of 0."""
        return self.low > 0 or self.high < 0


def paired_bootstrap(
    metric: Metric,
    truth: Array,
    base: Array,
    other: Array,
    *,
    groups: Array | None = None,
    mean: float = 1.0,
    draws: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Return how much better one prediction is than another, with a percentile interval.

    Args:
        metric: What counts.
        truth: (n,) the hold-out's target.
        base: Predictions to beat: (n, classes) probabilities or (n,) values.
        other: Predictions of the same rows.
        groups: (n,) int: rows with equal numbers are drawn together; None: each row for itself.
        mean: Mean of the target over the whole table, for `nrmse`.
        draws: At least 100.
        level: Between 0 and 1.
        seed: Equal seeds give equal intervals.

    Raises:
        UsageError: lengths differ, there are too few rows or draws, or the metric has no value on more than
            a tenth of the draws.
        UndefinedMetricError: the metric has no value on the hold-out itself.
    """
    if not len(truth) == len(base) == len(other):
        raise UsageError(
            f"predictions must be of the same rows: got {len(truth)}, {len(base)} and {len(other)} of them."
        )
    if len(truth) < 2 or draws < 100 or not 0 < level < 1:
        raise UsageError("an interval needs at least 2 rows, 100 draws and a level between 0 and 1.")
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        rows = _draw(rng, len(truth), groups)
        try:
            found.append(_gain(metric, truth[rows], base[rows], other[rows], mean))
        except UndefinedMetricError:
            continue
    if len(found) < (1 - _MOST_UNDEFINED) * draws:
        raise UsageError(
            f"{metric.name} has no value on {draws - len(found):,} of {draws:,} draws from {len(truth)} "
            "rows. Hold out more rows, or use another metric."
        )
    tail = 50 * (1 - level)
    low, high = np.percentile(found, [tail, 100 - tail])
    value = _gain(metric, truth, base, other, mean)
    return Interval(value, float(low), float(high), level, len(found))


def _gain(metric: Metric, truth: Array, base: Array, other: Array, mean: float) -> float:
    return metric.sign * (metric.value(truth, other, mean=mean) - metric.value(truth, base, mean=mean))


def _draw(rng: np.random.Generator, rows: int, groups: Array | None) -> Array:
    if groups is None:
        return rng.integers(0, rows, rows)
    _, number = np.unique(groups, return_inverse=True)
    order = np.argsort(number, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(number))[:-1])
    return np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))])
