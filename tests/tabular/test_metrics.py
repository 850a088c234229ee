"""Metrics equal those of scikit-learn."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import METRICS, UndefinedMetricError, default_metric, metric_named

theirs = pytest.importorskip("sklearn.metrics")

RNG = np.random.default_rng(0)


def classes(count: int, rows: int = 200) -> tuple[Any, Any]:
    truth = RNG.integers(0, count, rows)
    scores = RNG.uniform(size=(rows, count)).round(1) + 0.05  # ties
    scores[np.arange(rows), truth] += 0.3
    return truth, scores / scores.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("count", [2, 4])
def test_figures_of_classes(count: int) -> None:
    truth, predicted = classes(count)
    label = predicted.argmax(axis=1)
    average = "binary" if count == 2 else "macro"
    ranked = predicted[:, 1] if count == 2 else predicted
    expected = {
        "accuracy": theirs.accuracy_score(truth, label),
        "f1": theirs.f1_score(truth, label, average=average),
        "log_loss": theirs.log_loss(truth, predicted),
        "auc": theirs.roc_auc_score(truth, ranked, multi_class="ovr", average="weighted"),
    }
    for name, value in expected.items():
        assert METRICS[name].value(truth, predicted) == pytest.approx(value, abs=1e-12), name


def test_figures_of_values() -> None:
    truth, predicted = RNG.normal(3, 1, 100), RNG.normal(3, 1, 100)
    mse = theirs.mean_squared_error(truth, predicted)
    expected = {
        "rmse": mse**0.5,
        "nrmse": mse**0.5 / 4.0,
        "mae": theirs.mean_absolute_error(truth, predicted),
        "r2": theirs.r2_score(truth, predicted),
    }
    for name, value in expected.items():
        assert METRICS[name].value(truth, predicted, mean=-4.0) == pytest.approx(value, abs=1e-12), name


def test_a_sure_and_wrong_probability_costs_a_finite_loss() -> None:
    assert 30 < METRICS["log_loss"].value(np.array([0]), np.array([[0.0, 1.0]])) < 40


def test_figures_without_a_value_say_so() -> None:
    one = np.zeros(4, dtype=np.int64)
    with pytest.raises(UndefinedMetricError, match="only one class occurs"):
        METRICS["auc"].value(one, np.full((4, 2), 0.5))
    with pytest.raises(UndefinedMetricError, match="all true values are equal"):
        METRICS["r2"].value(np.ones(4), np.arange(4.0))
    with pytest.raises(UndefinedMetricError, match="mean of the target, which is 0"):
        METRICS["nrmse"].value(np.ones(4), np.arange(4.0), mean=0.0)


def test_metrics_belong_to_tasks() -> None:
    assert metric_named("auc", "binary") is METRICS["auc"]
    assert (default_metric("multiclass").name, default_metric("regression").name) == ("accuracy", "nrmse")
    with pytest.raises(
        UsageError, match=r"unknown metric 'gini'. For a binary task there are: accuracy, auc"
    ):
        metric_named("gini", "binary")
    with pytest.raises(
        UsageError, match=r"'auc' is not for a regression task. There are: rmse, nrmse, mae, r2"
    ):
        metric_named("auc", "regression")
