"""What a gain has to be held against: chance, more of the same, and the search's own optimism."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._checks import Transformed
from evolve.tabular._frame import Array, Frame, Values
from evolve.tabular._learners import Learner
from evolve.tabular._metrics import Metric
from evolve.tabular._splits import Fold
from evolve.tabular._table import Table

MOST_BAGGED = 64


def bag(predictions: Sequence[Array]) -> Array:
    """Average predictions: probabilities, or values.

    Args:
        predictions: Of the same rows, at least one: each (n, classes) or (n,).

    Raises:
        UsageError: there are none, or their shapes differ.
    """
    if not predictions or len({p.shape for p in predictions}) != 1:
        shapes = sorted({p.shape for p in predictions})
        raise UsageError(f"a bag needs predictions of one shape, got {shapes or 'none'}.")
    return np.asarray(np.mean(np.stack(list(predictions)), axis=0))


def bagged_base(
    table: Table, fold: Fold, learner: Learner, *, size: int, seed: int, features: Transformed | None = None
) -> Array:
    """Predict a fold by a bag of the plain learner: what as many fits buy without any new feature.

    The first member sees all training rows, the others as many drawn with replacement.

    Args:
        table: Holds the target.
        fold: Which rows are fitted on and which are predicted.
        learner: What is fitted.
        size: Members; as many as the programs whose predictions are to be beaten, 1 to 64.
        seed: Decides which rows are drawn, and the learners' seeds.
        features: None: the table's own.

    Returns:
        As `predict_fold`.
    """
    if not 1 <= size <= MOST_BAGGED:
        raise UsageError(f"a bag has 1 to {MOST_BAGGED} members, got {size}.")
    given = features or Transformed(table.frame.take(fold.train), table.frame.take(fold.validation))
    target = table.target[fold.train]
    rng = np.random.default_rng(seed)
    found = []
    for member in range(size):
        rows = np.arange(len(target)) if member == 0 else rng.integers(0, len(target), len(target))
        model = learner.fit(
            given.train.take(rows), target[rows], table.task, len(table.classes), seed + member
        )
        found.append(model.predict(given.validation))
    return bag(found)


def noise_features(rows: int, count: int, seed: int) -> dict[str, Values]:
    """Draw columns that say nothing: normal, uniform, heavy-tailed and binary ones in turn."""
    rng = np.random.default_rng(seed)
    draws: tuple[Callable[[], Array], ...] = (
        lambda: rng.standard_normal(rows),
        lambda: rng.uniform(size=rows),
        lambda: np.exp(2 * rng.standard_normal(rows)),
        lambda: rng.integers(0, 2, rows).astype(np.int64),
    )
    return {f"noise_{i}": draws[i % len(draws)]() for i in range(count)}


@dataclass(frozen=True, slots=True)
class NullControl:
    """What a search finds when there is nothing to find.

    Attributes:
        base: Score without any new column.
        scores: Score of every candidate that adds pure noise.
        sign: +1.0 when larger is better.
    """

    base: float
    scores: tuple[float, ...]
    sign: float

    @property
    def best(self) -> float:
        """The luckiest candidate's score."""
        return max(self.scores, key=lambda score: self.sign * score)

    @property
    def gain(self) -> float:
        """How much the luckiest candidate seems to gain: a real gain has to be larger."""
        return self.sign * (self.best - self.base)

    def rank_of(self, score: float) -> float:
        """Return the share of candidates at least as good as a score, that one itself counted.

        A p-value: small when noise hardly ever gets as far.
        """
        as_good = sum(self.sign * other >= self.sign * score for other in self.scores)
        return (as_good + 1) / (len(self.scores) + 1)


def null_control(
    frame: Frame,
    score: Callable[[Frame], float],
    metric: Metric,
    *,
    candidates: int,
    columns: int = 3,
    seed: int = 0,
) -> NullControl:
    """Score as many candidates that add pure noise as a search has tried.

    Args:
        frame: The features.
        score: Cross-validates a frame, by the protocol of the search.
        metric: What it returns.
        candidates: How many, at least 1.
        columns: Columns of noise that each adds.
        seed: Equal seeds draw equal noise.
    """
    if candidates < 1 or columns < 1:
        raise UsageError(
            f"a null control needs at least one candidate and one column, got {candidates}, {columns}."
        )
    seeds = np.random.SeedSequence(seed).generate_state(candidates, dtype=np.uint64)
    scores = []
    for drawn in seeds.tolist():
        noise = noise_features(frame.rows, columns, drawn)
        scores.append(score(frame.with_columns(_renamed(noise, frame))))
    return NullControl(score(frame), tuple(scores), metric.sign)


def _renamed(noise: Mapping[str, Values], frame: Frame) -> dict[str, Values]:
    """Make sure that noise replaces no column."""
    prefix = ""
    while any(prefix + name in frame.columns for name in noise):
        prefix += "_"
    return {prefix + name: values for name, values in noise.items()}


def optimism(search: float, hold_out: float, metric: Metric) -> float:
    """Return how much better a score looked during the search than on unseen rows; positive: it shrank."""
    return metric.sign * (search - hold_out)
