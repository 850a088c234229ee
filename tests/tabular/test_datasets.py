"""Tables by name: the enumerable ones are complete, planted ones hold what they promise."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import (
    INTERACTIONS,
    METRICS,
    Text,
    dataset_names,
    k_folds,
    learner_named,
    load_dataset,
    noise_table,
    planted,
    score_folds,
    untransformed,
)

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")


def test_balance_scale_is_physics() -> None:
    table = load_dataset("balance-scale")
    lw, ld, rw, rd = table.frame.columns.values()
    tips = np.sign(lw * ld - rw * rd)  # type: ignore[operator]
    labels = np.array(table.classes)[table.target]
    assert table.rows == 625
    assert np.array_equal(labels, np.array(["right", "balanced", "left"])[tips.astype(int) + 1])
    assert np.bincount(table.target).tolist() == [49, 288, 288]


def test_tic_tac_toe_is_every_end_of_a_game() -> None:
    table = load_dataset("tic-tac-toe")
    cells = [v.texts() for v in table.frame.columns.values() if isinstance(v, Text)]
    boards = set(zip(*cells, strict=True))
    assert (len(boards), table.rows, len(cells)) == (958, 958, 9)
    assert {table.classes[0]: 332, table.classes[1]: 626} == {"negative": 332, "positive": 626}
    assert np.bincount(table.target).tolist() == [332, 626]
    assert all(board.count("x") - board.count("o") in (0, 1) for board in boards)


@pytest.mark.parametrize("name", dataset_names())
def test_every_name_gives_a_table(name: str) -> None:
    table, again = load_dataset(name), load_dataset(name)
    assert table.rows >= 100
    assert np.array_equal(table.target, again.target)
    assert len(table.frame.columns) >= 4


def test_unknown_names() -> None:
    with pytest.raises(UsageError, match=r"no data set 'mnist'. Expected a path, or one of balance-scale"):
        load_dataset("mnist")


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_the_planted_feature_is_worth_finding(interaction: str) -> None:
    secret = planted(interaction, noise=0.3, seed=1)
    table, metric = secret.table, METRICS["r2"]
    folds = k_folds(table.splittable(), 3, 0)
    base, given = (
        score_folds(table, folds, untransformed(frame, folds), learner_named("xgboost"), metric, seed=0).mean
        for frame in (table.frame, secret.with_feature())
    )
    best = secret.bayes(metric)
    assert base + 0.03 < given < best
    assert best == pytest.approx(1 / 1.09, abs=0.02)  # signal 1, noise 0.09


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_planted_classes_have_a_bayes_value(interaction: str) -> None:
    secret = planted(interaction, task="binary", rows=4000, noise=0.5)
    chance = secret.truth[:, 1]
    expected = np.maximum(chance, 1 - chance).mean()
    assert secret.bayes(METRICS["accuracy"]) == pytest.approx(expected, abs=0.02)
    noiseless = planted(interaction, task="binary", noise=0.0)
    assert noiseless.bayes(METRICS["accuracy"]) == 1.0


def test_recipes_compute_the_feature() -> None:
    ratio = planted("ratio")
    columns = ratio.table.frame.columns
    assert np.allclose(columns["cost"] / columns["revenue"], ratio.feature)  # type: ignore[operator]
    product = planted("product").table.frame.columns
    assert np.allclose(product["a"] * product["b"], planted("product").feature)  # type: ignore[operator]
    dates = planted("date_parts")
    day = dates.table.frame.columns["date"].astype("datetime64[D]").astype(np.int64)  # type: ignore[union-attr]
    weekend = (day + 3) % 7 >= 5
    assert (dates.feature[weekend].mean() - dates.feature[~weekend].mean()) == pytest.approx(1.0, abs=0.2)


def test_equal_seeds_draw_equal_tables() -> None:
    a, b, c = (planted("product", seed=seed).table.target for seed in (1, 1, 2))
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_nothing_is_in_the_noise_table() -> None:
    table = noise_table(seed=3)
    folds = k_folds(table.splittable(), 5, 0)
    features = untransformed(table.frame, folds)
    score = score_folds(table, folds, features, learner_named("xgboost"), METRICS["accuracy"], seed=0).mean
    assert 0.4 < score < 0.6
    assert np.bincount(table.target).tolist() == [250, 250]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interaction": "sum"}, "unknown interaction 'sum'"),
        ({"interaction": "ratio", "rows": 10}, "at least 50 rows, got 10"),
        ({"interaction": "ratio", "noise": -1.0}, "noise must be"),
        ({"interaction": "ratio", "noise": float("nan")}, "noise must be"),
        ({"interaction": "ratio", "task": "multiclass"}, "'regression' or 'binary'"),
    ],
)
def test_impossible_plantings(options: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        planted(**options)  # type: ignore[arg-type]
