"""Learners take every kind of column, repeat themselves, and learn what is there."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import LEARNERS, Frame, Text, learner_named
from evolve.tabular import _learners as module
from evolve.tabular._learners import Indicators, Ordinal

pytest.importorskip("sklearn")
pytest.importorskip("xgboost")


def mixed(rows: int, seed: int) -> tuple[Frame, np.ndarray]:
    """Return columns of all kinds with holes, and the class that two of them decide."""
    rng = np.random.default_rng(seed)
    x, word = rng.standard_normal(rows), rng.integers(0, 3, rows)
    holes = rng.uniform(size=rows) < 0.1
    frame = Frame.of(
        {
            "x": np.where(holes, np.nan, x),
            "i": rng.integers(0, 9, rows),
            "b": rng.uniform(size=rows) > 0.5,
            "d": rng.integers(0, 3000, rows).astype("datetime64[D]").astype("datetime64[us]"),
            "t": Text.of(
                [None if hole else "abc"[w] for w, hole in zip(word.tolist(), holes.tolist(), strict=True)]
            ),
            "gone": np.full(rows, np.nan),
        }
    )
    return frame, ((x > 0) ^ (word == 1)).astype(np.int64)


@pytest.mark.parametrize("name", LEARNERS)
def test_learners_learn_and_repeat(name: str) -> None:
    train, classes = mixed(400, 0)
    test, expected = mixed(200, 1)
    learner = learner_named(name)
    first = learner.fit(train, classes, "binary", 2, 3).predict(test)
    assert first.shape == (200, 2)
    assert np.allclose(first.sum(axis=1), 1.0)
    assert np.array_equal(first, learner.fit(train, classes, "binary", 2, 3).predict(test))
    accuracy = (first.argmax(axis=1) == expected).mean()
    assert accuracy > (0.5 if name == "linear" else 0.85)  # an exclusive or is beyond a linear learner
    values = learner.fit(train, classes * 2.5, "regression", 0, 3).predict(test)
    assert values.shape == (200,)
    assert np.corrcoef(values, expected)[0, 1] > (0.15 if name == "linear" else 0.6)


@pytest.mark.parametrize("name", LEARNERS)
def test_classes_may_be_absent_from_training(name: str) -> None:
    train, classes = mixed(120, 0)
    model = learner_named(name).fit(train, classes * 2, "multiclass", 4, 0)
    assert model.predict(train)[:, [1, 3]].max() == 0
    assert model.predict(train).shape == (120, 4)
    only = learner_named(name).fit(train, np.full(120, 2), "multiclass", 4, 0).predict(train)
    assert np.array_equal(only, np.eye(4)[np.full(120, 2)])


def test_numbers_for_trees() -> None:
    train = Frame.of(
        {"t": Text.of(["b", "d", None]), "d": np.array([0, 86_400_000_000, 1]).view("datetime64[us]")}
    )
    encoder = Ordinal().fit(train)
    other = Frame.of(
        {"t": Text.of(["d", "c", "b"]), "d": np.array(["NaT", "1970-01-03", "1970-01-01T12"], "M8[us]")}
    )
    assert encoder.matrix(train)[:, 0].tolist()[:2] == [0.0, 1.0]
    found = encoder.matrix(other)
    assert np.array_equal(found, [[1.0, np.nan], [np.nan, 2.0], [0.0, 0.5]], equal_nan=True)


def test_columns_for_linear_models() -> None:
    train = Frame.of({"x": np.array([1.0, 3.0, np.nan, 1e30]), "t": Text.of(["a", "b", "b", None])})
    encoder = Indicators().fit(train)
    found = encoder.matrix(train)
    assert np.isfinite(found).all()
    assert found.shape == (4, 4)  # the number, whether it was missing, and two categories
    assert abs(found[:, 0].mean()) < 1e-9
    assert found[:, 1].tolist() == [0, 0, 1, 0]
    assert found[:, 2:].tolist() == [[1, 0], [0, 1], [0, 1], [0, 0]]
    unseen = encoder.matrix(Frame.of({"x": np.array([np.nan]), "t": Text.of(["z"])}))
    assert unseen[0, 1:].tolist() == [1, 0, 0]


def test_the_most_frequent_categories_are_told_apart() -> None:
    words: list[str | None] = [f"w{i:03d}" for i in [*range(80), *range(70, 80)]]
    assert Indicators().fit(Frame.of({"t": Text.of(words)})).matrix(
        Frame.of({"t": Text.of(words)})
    ).shape == (90, 50)


def test_unknown_and_missing_learners(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UsageError, match=r"unknown learner 'catboost'. There are: xgboost, histogram"):
        learner_named("catboost")

    def absent(name: str) -> None:
        raise ImportError(f"No module named {name!r}")

    monkeypatch.setattr(module, "import_module", absent)
    with pytest.raises(UsageError, match=r"'xgboost' needs xgboost: No module.*evolve-engine\[tabular\]"):
        learner_named("xgboost")
