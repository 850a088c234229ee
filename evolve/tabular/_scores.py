"""Score features by cross-validation, on the trusted side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._checks import Transformed
from evolve.tabular._frame import Array, Frame
from evolve.tabular._learners import Learner, Model
from evolve.tabular._metrics import Metric, UndefinedMetricError
from evolve.tabular._splits import Fold
from evolve.tabular._table import Table


@dataclass(frozen=True, slots=True)
class FoldScores:
    """A metric's value on every fold, in the metric's own direction.

    Attributes:
        values: One for each fold, in the order of the folds.
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the folds."""
        return math.fsum(self.values) / len(self.values)

    @property
    def spread(self) -> float:
        """Standard deviation between folds; 0 for a single one."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else 0.0


def untransformed(frame: Frame, folds: Sequence[Fold]) -> list[Transformed]:
    """Return the folds of a frame as it is: the base that features have to beat."""
    return [Transformed(frame.take(fold.train), frame.take(fold.validation)) for fold in folds]


def fit_folds(
    table: Table, folds: Sequence[Fold], features: Sequence[Transformed], learner: Learner, *, seed: int
) -> list[Model]:
    """Fit a learner to the training rows of every fold."""
    return [
        learner.fit(part.train, table.target[fold.train], table.task, len(table.classes), seed)
        for fold, part in zip(folds, features, strict=True)
    ]


def predict_fold(table: Table, fold: Fold, features: Transformed, learner: Learner, *, seed: int) -> Array:
    """Fit a learner to a fold's training rows and predict the others.

    Returns:
        (n, classes) probabilities, or (n,) values, for the rows of `fold.validation`.
    """
    model = learner.fit(features.train, table.target[fold.train], table.task, len(table.classes), seed)
    return model.predict(features.validation)


def score_folds(
    table: Table,
    folds: Sequence[Fold],
    features: Sequence[Transformed],
    learner: Learner,
    metric: Metric,
    *,
    seed: int,
) -> FoldScores:
    """Score features on every fold.

    Args:
        table: Holds the target.
        folds: Which rows are fitted on and which are predicted.
        features: For each fold.
        learner: What is fitted.
        metric: What counts.
        seed: The learner's; equal for programs that are compared.

    Raises:
        UsageError: the metric has no value on a fold.
    """
    mean = float(table.target.mean()) if table.task == "regression" else 1.0
    values = []
    for number, (fold, part) in enumerate(zip(folds, features, strict=True), 1):
        predicted = predict_fold(table, fold, part, learner, seed=seed)
        try:
            values.append(metric.value(table.target[fold.validation], predicted, mean=mean))
        except UndefinedMetricError as error:
            raise UsageError(
                f"{table.name}: fold {number} of {len(folds)}: {error}. Use fewer folds or another metric."
            ) from None
    return FoldScores(tuple(values))
