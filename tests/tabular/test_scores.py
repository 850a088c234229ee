"""Scores over folds equal those of the learner called directly."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import (
    METRICS,
    Fold,
    FoldScores,
    k_folds,
    learner_named,
    load_dataset,
    make_table,
    predict_fold,
    score_folds,
    untransformed,
)

pytest.importorskip("sklearn")
xgboost = pytest.importorskip("xgboost")


def test_the_base_is_what_xgboost_says_by_itself() -> None:
    table = load_dataset("balance-scale")
    folds = k_folds(table.splittable(), 5, 42)
    scores = score_folds(
        table,
        folds,
        untransformed(table.frame, folds),
        learner_named("xgboost"),
        METRICS["accuracy"],
        seed=42,
    )
    matrix = np.column_stack([np.asarray(v, dtype=float) for v in table.frame.columns.values()])
    expected = []
    for fold in folds:
        model = xgboost.XGBClassifier(random_state=42, n_jobs=1).fit(
            matrix[fold.train], table.target[fold.train]
        )
        expected.append((model.predict(matrix[fold.validation]) == table.target[fold.validation]).mean())
    assert scores.values == pytest.approx(expected)
    assert scores.mean == pytest.approx(0.8576, abs=1e-4)  # the reference value


def test_nrmse_divides_by_the_mean_of_the_whole_table() -> None:
    table = load_dataset("diabetes")
    folds = k_folds(table.splittable(), 3, 0)
    features = untransformed(table.frame, folds)
    rmse, nrmse = (
        score_folds(table, folds, features, learner_named("linear"), METRICS[name], seed=0)
        for name in ("rmse", "nrmse")
    )
    assert np.allclose(nrmse.values, np.array(rmse.values) / table.target.mean())


def test_mean_and_spread() -> None:
    scores = FoldScores((1.0, 2.0, 3.0))
    assert (scores.mean, scores.spread) == (2.0, 1.0)
    assert FoldScores((1.0,)).spread == 0.0


def test_predictions_are_of_the_rows_held_out() -> None:
    table = load_dataset("iris")
    fold = k_folds(table.splittable(), 5, 0)[0]
    features = untransformed(table.frame, [fold])[0]
    predicted = predict_fold(table, fold, features, learner_named("linear"), seed=0)
    assert predicted.shape == (len(fold.validation), 3)
    assert (predicted.argmax(axis=1) == table.target[fold.validation]).mean() > 0.9


def test_a_metric_without_a_value_names_the_fold() -> None:
    columns = {"x": np.arange(20.0), "y": np.array([0] * 10 + [1] * 10)}
    table = make_table("t", columns, "y")
    folds = [Fold(np.arange(5, 20), np.arange(5))]
    with pytest.raises(UsageError, match="t: fold 1 of 1: auc has no value where only one class occurs"):
        score_folds(
            table, folds, untransformed(table.frame, folds), learner_named("linear"), METRICS["auc"], seed=0
        )
