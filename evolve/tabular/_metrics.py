"""How good predictions are: figures on plain arrays, equal to scikit-learn's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array

Task = Literal["binary", "multiclass", "regression"]
CLASSES: tuple[Task, ...] = ("binary", "multiclass")
REGRESSION: tuple[Task, ...] = ("regression",)

_LEAST_PROBABILITY = 1e-15


class UndefinedMetricError(ValueError):
    """The metric has no value on these rows; says why."""


@dataclass(frozen=True, slots=True)
class Metric:
    """A figure of predictions.

    Attributes:
        name: As it is called on the command line.
        maximize: Whether larger is better.
        tasks: The tasks that have it.
        function: Of truth and predictions, see `Metric.value`.
    """

    name: str
    maximize: bool
    tasks: tuple[Task, ...]
    function: Callable[[Array, Array], float]

    @property
    def sign(self) -> float:
        """+1.0 when larger is better, −1.0 when smaller is better."""
        return 1.0 if self.maximize else -1.0

    def value(self, truth: Array, predicted: Array, *, mean: float = 1.0) -> float:
        """Return the figure.

        Args:
            truth: (n,) int classes from 0, or float values.
            predicted: (n, classes) probabilities, or (n,) values.
            mean: Mean of the target over the whole table, by which `nrmse` divides.

        Raises:
            UndefinedMetricError: it has no value here, such as an area under the curve of one class.
        """
        value = self.function(truth, predicted)
        if self.name == "nrmse":
            if mean == 0:
                raise UndefinedMetricError("nrmse divides by the mean of the target, which is 0")
            return value / abs(mean)
        return value


def metric_named(name: str, task: Task) -> Metric:
    """Return a metric of a task; raises UsageError for an unknown name or another task's metric."""
    suited = ", ".join(metric.name for metric in METRICS.values() if task in metric.tasks)
    if name not in METRICS:
        raise UsageError(f"unknown metric {name!r}. For a {task} task there are: {suited}.")
    if task not in METRICS[name].tasks:
        raise UsageError(f"the metric {name!r} is not for a {task} task. There are: {suited}.")
    return METRICS[name]


def default_metric(task: Task) -> Metric:
    """Return accuracy for classes and nrmse for values, the figures that papers report."""
    return METRICS["nrmse" if task == "regression" else "accuracy"]


def accuracy(truth: Array, predicted: Array) -> float:
    """Return the share of rows whose most probable class is the true one; the first among equals."""
    return float(np.mean(predicted.argmax(axis=1) == truth))


def auc(truth: Array, predicted: Array) -> float:
    """Return the area under the ROC curve; with several classes each against the rest, weighted by size."""
    classes = predicted.shape[1]
    if classes == 2:
        return _binary_auc(truth == 1, predicted[:, 1])
    sizes = np.bincount(truth, minlength=classes)
    present = np.flatnonzero(sizes)
    areas = [_binary_auc(truth == k, predicted[:, k]) for k in present]
    return float(np.average(areas, weights=sizes[present]))


def log_loss(truth: Array, predicted: Array) -> float:
    """Return the mean negative logarithm of the true class's probability."""
    chosen = predicted[np.arange(len(truth)), truth] / predicted.sum(axis=1)
    return float(-np.mean(np.log(np.clip(chosen, _LEAST_PROBABILITY, 1.0))))


def f1(truth: Array, predicted: Array) -> float:
    """Return F1 of the second class of two; with more classes the mean over those that occur."""
    label = predicted.argmax(axis=1)
    classes = predicted.shape[1]
    wanted = [1] if classes == 2 else np.union1d(truth, label).tolist()
    values = []
    for k in wanted:
        hit = np.count_nonzero((truth == k) & (label == k))
        either = np.count_nonzero(truth == k) + np.count_nonzero(label == k)
        values.append(2 * hit / either if either else 0.0)
    return float(np.mean(values))


def rmse(truth: Array, predicted: Array) -> float:
    """Return the root of the mean squared error."""
    return float(np.sqrt(np.mean((truth - predicted) ** 2)))


def mae(truth: Array, predicted: Array) -> float:
    """Return the mean absolute error."""
    return float(np.mean(np.abs(truth - predicted)))


def r2(truth: Array, predicted: Array) -> float:
    """Return the share of the variance that is explained."""
    total = float(np.sum((truth - truth.mean()) ** 2))
    if total == 0:
        raise UndefinedMetricError("r2 has no value where all true values are equal")
    return 1.0 - float(np.sum((truth - predicted) ** 2)) / total


def _binary_auc(positive: Array, score: Array) -> float:
    """Return the chance that a positive row is ranked above a negative one; ties count half."""
    positives = int(np.count_nonzero(positive))
    negatives = len(positive) - positives
    if not positives or not negatives:
        raise UndefinedMetricError("auc has no value where only one class occurs")
    _, inverse, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    total = float(ranks[inverse][positive].sum())
    return (total - positives * (positives + 1) / 2) / (positives * negatives)


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", True, CLASSES, accuracy),
        Metric("auc", True, CLASSES, auc),
        Metric("log_loss", False, CLASSES, log_loss),
        Metric("f1", True, CLASSES, f1),
        Metric("rmse", False, REGRESSION, rmse),
        Metric("nrmse", False, REGRESSION, rmse),
        Metric("mae", False, REGRESSION, mae),
        Metric("r2", True, REGRESSION, r2),
    )
}
