"""Controls: what bags, luck and optimism are worth."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import (
    METRICS,
    Frame,
    bag,
    bagged_base,
    k_folds,
    learner_named,
    load_dataset,
    noise_features,
    noise_table,
    null_control,
    optimism,
    planted,
    predict_fold,
    score_folds,
    untransformed,
)

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")


def test_a_bag_is_a_mean() -> None:
    assert np.array_equal(bag([np.array([1.0, 3.0]), np.array([2.0, 5.0])]), [1.5, 4.0])
    with pytest.raises(UsageError, match="of one shape, got none"):
        bag([])
    with pytest.raises(UsageError, match=r"of one shape, got \[\(1,\), \(2,\)\]"):
        bag([np.zeros(1), np.zeros(2)])


def test_a_bag_of_one_is_the_base_and_a_larger_one_is_better() -> None:
    table = planted("product", noise=0.8).table
    fold = k_folds(table.splittable(), 3, 0)[0]
    learner, metric = learner_named("xgboost"), METRICS["rmse"]
    base = predict_fold(table, fold, untransformed(table.frame, [fold])[0], learner, seed=5)
    assert np.array_equal(bagged_base(table, fold, learner, size=1, seed=5), base)
    bagged = bagged_base(table, fold, learner, size=8, seed=5)
    truth = table.target[fold.validation]
    assert metric.value(truth, bagged) < metric.value(truth, base)
    assert np.array_equal(bagged, bagged_base(table, fold, learner, size=8, seed=5))


@pytest.mark.parametrize("size", [0, 65])
def test_impossible_bags(size: int) -> None:
    table = load_dataset("iris")
    fold = k_folds(table.splittable(), 3, 0)[0]
    with pytest.raises(UsageError, match=f"1 to 64 members, got {size}"):
        bagged_base(table, fold, learner_named("linear"), size=size, seed=0)


def test_a_bag_of_classes_gives_probabilities() -> None:
    table = load_dataset("iris")
    fold = k_folds(table.splittable(), 3, 0)[0]
    found = bagged_base(table, fold, learner_named("linear"), size=3, seed=0)
    assert np.allclose(found.sum(axis=1), 1.0)


def test_noise_is_drawn_from_the_seed() -> None:
    a, b, c = (noise_features(50, 5, seed) for seed in (1, 1, 2))
    assert list(a) == [f"noise_{i}" for i in range(5)]
    assert all(np.array_equal(a[name], b[name]) for name in a)  # type: ignore[arg-type]
    assert not any(np.array_equal(a[name], c[name]) for name in a if name != "noise_3")  # type: ignore[arg-type]


def test_the_best_of_many_noises_seems_to_gain() -> None:
    """What a search without a control would report as a discovery."""
    table, metric = noise_table(rows=120, columns=3), METRICS["accuracy"]
    folds = k_folds(table.splittable(), 4, 0)
    learner = learner_named("linear")

    def score(frame: Frame) -> float:
        return score_folds(table, folds, untransformed(frame, folds), learner, metric, seed=0).mean

    found = null_control(table.frame, score, metric, candidates=12)
    assert len(found.scores) == 12
    assert found.gain > 0.01
    assert found.best == max(found.scores)
    assert found.rank_of(found.best) <= 3 / 13
    assert found.rank_of(2.0) == 1 / 13
    assert found.rank_of(0.0) == 1.0
    again = null_control(table.frame, score, metric, candidates=2)
    assert again.scores == found.scores[:2]


def test_smaller_is_better_for_errors() -> None:
    frame = Frame.of({"x": np.arange(5.0), "noise_0": np.zeros(5)})
    scores = iter([3.0, 1.0, 2.0, 1.5])

    def score(given: Frame) -> float:
        assert given.columns["noise_0"].sum() == 0  # type: ignore[union-attr]
        return next(scores)

    found = null_control(frame, score, METRICS["rmse"], candidates=3, columns=1)
    assert (found.best, found.base, found.gain) == (1.0, 1.5, 0.5)
    with pytest.raises(UsageError, match="at least one candidate"):
        null_control(frame, score, METRICS["rmse"], candidates=0)


def test_optimism_is_positive_when_a_score_shrinks() -> None:
    assert optimism(0.9, 0.8, METRICS["accuracy"]) == pytest.approx(0.1)
    assert optimism(0.2, 0.3, METRICS["rmse"]) == pytest.approx(0.1)
