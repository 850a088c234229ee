"""Drawn tables whose best feature is known, and a table in which nothing can be found.

The target is a function of one feature, not among the columns but computable from them, plus noise.
So two references exist for every table: what no predictor can beat (the noise alone), and what the learner
gets when it is handed the feature.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array, Frame, Text, Values
from evolve.tabular._metrics import Metric
from evolve.tabular._table import Table, make_table

_GROUPS = 12
_DAY = np.timedelta64(86_400_000_000, "us")
_DISTRACTORS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Planted:
    """A table with its secret.

    Attributes:
        table: What is shown.
        feature: (rows,) float64: the planted feature.
        truth: What an oracle predicts: (rows, 2) probabilities, or (rows,) values without the noise.
        recipe: How the feature is computed from the columns, in words.
    """

    table: Table
    feature: Array
    truth: Array
    recipe: str

    def with_feature(self) -> Frame:
        """Return the features with the planted one beside them."""
        return self.table.frame.with_columns({"planted": self.feature})

    def bayes(self, metric: Metric) -> float:
        """Return the metric of the oracle on these rows: only luck gets beyond it."""
        mean = float(self.table.target.mean()) if self.table.task == "regression" else 1.0
        return metric.value(self.table.target, self.truth, mean=mean)


@dataclass(frozen=True, slots=True, eq=False)
class _Drawn:
    columns: dict[str, Values]
    feature: Array
    recipe: str


def planted(
    interaction: str, *, rows: int = 1000, noise: float = 0.3, task: str = "regression", seed: int = 0
) -> Planted:
    """Draw a table with a planted interaction.

    Args:
        interaction: One of `INTERACTIONS`.
        rows: At least 50.
        noise: Standard deviation of the noise, where the signal's is 1.
        task: "regression", or "binary": whether the noisy signal is above 0.
        seed: Equal seeds draw equal tables.

    Raises:
        UsageError: an unknown interaction or task, too few rows, or noise that is negative or not finite.
    """
    if interaction not in INTERACTIONS:
        raise UsageError(f"unknown interaction {interaction!r}. There are: {', '.join(INTERACTIONS)}.")
    if rows < 50:
        raise UsageError(f"a planted table needs at least 50 rows, got {rows}.")
    if not 0 <= noise < float("inf"):
        raise UsageError(f"noise must be a standard deviation from 0 on, got {noise}.")
    if task not in ("regression", "binary"):
        raise UsageError(f"a planted table is for 'regression' or 'binary', got {task!r}.")
    rng = np.random.default_rng(np.random.SeedSequence([seed, list(INTERACTIONS).index(interaction)]))
    drawn = INTERACTIONS[interaction](rng, rows)
    signal = _standardised(drawn.feature)
    noisy = signal + noise * rng.standard_normal(rows)
    target: Values
    if task == "regression":
        truth, target = signal, noisy
    else:
        truth, target = _chance_above_zero(signal, noise), (noisy > 0).astype(np.int64)
    others = {f"other_{i}": rng.standard_normal(rows) for i in range(_DISTRACTORS)}
    table = make_table(f"planted-{interaction}", {**drawn.columns, **others, "y": target}, "y", task=task)
    return Planted(table, drawn.feature, truth, drawn.recipe)


def noise_table(*, rows: int = 500, columns: int = 8, seed: int = 0) -> Table:
    """Draw a binary table in which no column says anything about the target."""
    rng = np.random.default_rng(np.random.SeedSequence([seed, len(INTERACTIONS)]))
    values: dict[str, Values] = {f"x{i}": rng.standard_normal(rows) for i in range(columns)}
    values["group"] = Text.of([f"g{code}" for code in rng.integers(0, _GROUPS, rows).tolist()])
    # as many of each class as the number of rows allows, so that chance is one half
    values["y"] = rng.permutation(np.arange(rows) % 2)
    return make_table("noise", values, "y", task="binary")


def _standardised(feature: Array) -> Array:
    return np.asarray((feature - feature.mean()) / feature.std())


def _chance_above_zero(signal: Array, noise: float) -> Array:
    from scipy.stats import norm

    above = norm.cdf(signal / noise) if noise > 0 else (signal > 0).astype(np.float64)
    return np.column_stack((1.0 - above, above))


def _ratio(rng: np.random.Generator, rows: int) -> _Drawn:
    revenue, share = np.exp(rng.normal(8, 1, rows)), rng.uniform(0.3, 0.7, rows)
    return _Drawn({"revenue": revenue, "cost": revenue * share}, share, "cost divided by revenue")


def _product(rng: np.random.Generator, rows: int) -> _Drawn:
    a, b = rng.standard_normal(rows), rng.standard_normal(rows)
    return _Drawn({"a": a, "b": b}, a * b, "a times b")


def _group_mean(rng: np.random.Generator, rows: int) -> _Drawn:
    group = rng.integers(0, _GROUPS, rows)
    level = rng.normal(0, 3, _GROUPS)[group]
    price = level + rng.standard_normal(rows)
    sums = np.bincount(group, weights=price, minlength=_GROUPS)
    mean = sums / np.maximum(1, np.bincount(group, minlength=_GROUPS))
    # names drawn at random, so that their order says nothing about the levels
    names = [f"shop {code:02d}" for code in rng.permutation(_GROUPS)]
    return _Drawn(
        {"shop": Text.of([names[code] for code in group.tolist()]), "price": price},
        price - mean[group],
        "price minus the mean price of the shop",
    )


def _threshold(rng: np.random.Generator, rows: int) -> _Drawn:
    a, b, c = (rng.standard_normal(rows) for _ in range(3))
    feature = (a > 0.3).astype(np.float64) + (b > -0.2) + (c > 0.1)
    return _Drawn(
        {"a": a, "b": b, "c": c},
        (feature % 2).astype(np.float64),
        "whether an odd number of a > 0.3, b > -0.2, c > 0.1 hold",
    )


def _date_parts(rng: np.random.Generator, rows: int) -> _Drawn:
    day = rng.integers(0, 3650, rows)
    date = np.datetime64("2010-01-01", "us") + day * _DAY
    weekday = (day + 4) % 7  # 2010-01-01 was a Friday; 0 is Monday
    month = date.astype("datetime64[M]").astype(np.int64) % 12
    feature = (weekday >= 5) + 0.8 * np.sin(2 * np.pi * month / 12)
    return _Drawn(
        {"date": date}, feature.astype(np.float64), "weekend or not, plus a sine of the month over the year"
    )


INTERACTIONS: dict[str, Callable[[np.random.Generator, int], _Drawn]] = {
    "ratio": _ratio,
    "product": _product,
    "group_mean": _group_mean,
    "threshold": _threshold,
    "date_parts": _date_parts,
}
"""Draws a table of each kind of interaction."""
