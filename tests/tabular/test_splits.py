"""Folds: nothing is in two places, what belongs together stays together, and published folds are met."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.errors import UsageError
from evolve.tabular import Fold, Frame, Splittable, Text, hold_out, k_folds, repeated_folds, splittable

model_selection = pytest.importorskip("sklearn.model_selection")


def partitions(folds: list[Fold], rows: int) -> bool:
    """Tell whether every row is held out exactly once and fitted on in all other folds."""
    held = np.concatenate([fold.validation for fold in folds])
    return sorted(held.tolist()) == list(range(rows)) and all(
        np.array_equal(np.union1d(fold.train, fold.validation), np.arange(rows))
        and not np.intersect1d(fold.train, fold.validation).size
        for fold in folds
    )


def straddles(folds: list[Fold], units: Any) -> bool:
    return any(np.intersect1d(units[fold.train], units[fold.validation]).size for fold in folds)


def test_plain_folds_are_those_of_scikit_learn() -> None:
    target = np.array([0, 1, 1, 2] * 25)
    frame = Frame.of({"x": np.arange(100.0)})
    ours = k_folds(splittable(frame, target, classes=True), 5, 42)
    theirs = model_selection.StratifiedKFold(5, shuffle=True, random_state=42).split(target, target)
    assert all(np.array_equal(a.validation, b) for a, (_, b) in zip(ours, theirs, strict=True))
    ours = k_folds(splittable(frame, target * 1.0, classes=False), 5, 42)
    theirs = model_selection.KFold(5, shuffle=True, random_state=42).split(target)
    assert all(np.array_equal(a.train, b) for a, (b, _) in zip(ours, theirs, strict=True))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.booleans(), st.booleans())
def test_duplicates_and_groups_never_straddle(seed: int, folds: int, classes: bool, grouped: bool) -> None:
    rng = np.random.default_rng(seed)
    rows = int(rng.integers(60, 120))
    values, target = rng.integers(0, 80, rows), rng.integers(0, 2, rows)
    names = Text.of([None if g == 0 else f"g{g}" for g in rng.integers(0, 15, rows).tolist()])
    frame = Frame.of({"x": values.astype(np.float64), "t": Text.of([str(v % 3) for v in values.tolist()])})
    said = splittable(frame, target, classes=classes, groups=names if grouped else None)
    found = k_folds(said, folds, seed)
    held = np.concatenate([fold.validation for fold in found])
    assert sorted(held.tolist()) == list(range(rows))
    assert grouped or partitions(found, rows)
    assert not straddles(found, values * 2 + target)
    if grouped:
        known = names.codes >= 0
        assert not any(
            np.intersect1d(
                names.codes[f.train][known[f.train]], names.codes[f.validation][known[f.validation]]
            ).size
            for f in found
        )


def test_a_missing_group_stands_for_itself() -> None:
    frame = Frame.of({"x": np.arange(20.0)})
    groups = Text.of([None] * 18 + ["a", "a"])
    said = splittable(frame, np.arange(20.0), classes=False, groups=groups)
    assert partitions(k_folds(said, 10, 0), 20)


def test_groups_of_several_classes_are_spread_evenly() -> None:
    rng = np.random.default_rng(0)
    groups = rng.integers(0, 60, 1200)
    target = (rng.uniform(size=1200) < 0.2).astype(np.int64)
    frame = Frame.of({"x": rng.standard_normal(1200)})
    said = splittable(frame, target, classes=True, groups=groups.astype(np.int64))
    found = k_folds(said, 4, 1)
    assert not straddles(found, groups)
    shares = [target[fold.validation].mean() for fold in found]
    assert max(shares) - min(shares) < 0.03
    sizes = [len(fold.validation) for fold in found]
    assert max(sizes) - min(sizes) < 60


def test_duplicates_may_be_separated_when_a_protocol_does() -> None:
    frame = Frame.of({"x": np.repeat(np.arange(10.0), 4)})
    target = np.repeat([0, 1], 20)
    kept = splittable(frame, target, classes=True)
    loose = splittable(frame, target, classes=True, duplicates_together=False)
    assert not straddles(k_folds(kept, 5, 0), np.repeat(np.arange(10), 4))
    assert straddles(k_folds(loose, 5, 0), np.repeat(np.arange(10), 4))


def test_a_rare_class_is_no_error() -> None:
    frame = Frame.of({"x": np.arange(30.0)})
    assert partitions(k_folds(splittable(frame, np.array([0] * 28 + [1] * 2), classes=True), 5, 0), 30)


# -- ordered -------------------------------------------------------------------------------------


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(0, 30), min_size=12, max_size=80), st.integers(2, 5))
def test_ordered_folds_never_look_ahead(times: list[int], folds: int) -> None:
    moments = np.array(times)
    said = Splittable(len(times), times=moments)
    if len(set(times)) < folds + 1:
        with pytest.raises(UsageError, match=f"{len(set(times))} different times cannot be cut"):
            k_folds(said, folds, 0)
        return
    found = k_folds(said, folds, 0)
    assert len(found) == folds
    for fold in found:
        assert moments[fold.train].max() < moments[fold.validation].min()
    assert sum(len(fold.validation) for fold in found) + len(found[0].train) == len(times)


def test_the_hold_out_of_an_ordered_table_is_its_end() -> None:
    times = np.random.default_rng(0).permutation(100).astype("datetime64[D]").astype("datetime64[us]")
    fold = hold_out(Splittable(100, times=times), 0.2, 0)
    assert len(fold.validation) == 20
    assert times[fold.train].max() < times[fold.validation].min()


def test_ordered_groups_that_are_held_out_are_not_fitted_on() -> None:
    times, units = np.arange(40), np.arange(40) % 8
    fold = k_folds(Splittable(40, groups=np.arange(40) // 6, times=times), 3, 0)[1]
    assert not straddles([fold], np.arange(40) // 6)
    with pytest.raises(UsageError, match="no rows to learn from, since all are copies"):
        k_folds(Splittable(40, groups=units, times=times), 3, 0)


# -- hold-out and repeats ------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.1, 0.2, 0.34, 0.5, 0.8])
def test_a_hold_out_keeps_shares(share: float) -> None:
    target = np.array([0] * 70 + [1] * 30)
    said = splittable(Frame.of({"x": np.arange(100.0)}), target, classes=True)
    fold = hold_out(said, share, 3)
    assert partitions([fold, Fold(fold.validation, fold.train)], 100)
    assert abs(len(fold.validation) / 100 - share) <= 0.02
    assert abs(target[fold.validation].mean() - 0.3) < 0.04


def test_repeats_rotate_and_repeat() -> None:
    target = np.arange(100) % 2
    said = splittable(Frame.of({"x": np.arange(100.0)}), target, classes=True)
    within = np.arange(10, 90)
    options: dict[str, Any] = {"folds": 4, "repeats": 3, "seed": 5}
    first = repeated_folds(said, within, **options)
    again = repeated_folds(said, within, **options)
    other = repeated_folds(said, within, rotation=1, **options)
    assert len(first) == 12
    assert all(np.array_equal(a.train, b.train) for a, b in zip(first, again, strict=True))
    seen = {fold.validation.tobytes() for fold in [*first, *other]}
    assert len(seen) == 24
    for fold in first:
        assert np.array_equal(np.union1d(fold.train, fold.validation), within)


def test_ordered_repeats_are_made_once() -> None:
    said = Splittable(50, times=np.arange(50))
    assert len(repeated_folds(said, np.arange(40), folds=3, repeats=5, seed=0)) == 3


@pytest.mark.parametrize(
    ("rows", "folds", "message"),
    [
        (Splittable(3), 5, "3 different rows cannot be split into 5 folds"),
        (Splittable(30), 1, "folds must be at least 2, got 1"),
        (Splittable(30, groups=np.arange(30) % 3), 5, "3 groups cannot be split into 5 folds"),
        (Splittable(30, records=np.arange(30) % 3), 5, "3 different rows cannot be split into 5 folds"),
        (Splittable(30, groups=np.arange(30), records=np.zeros(30, dtype=int)), 5, "since all are copies"),
        (Splittable(9, strata=np.arange(9) % 3), 5, "no class has as many as 5 different rows"),
    ],
)
def test_too_few_rows_are_an_error(rows: Splittable, folds: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        k_folds(rows, folds, 0)


@pytest.mark.parametrize("share", [0.0, 1.0, -0.1, float("nan")])
def test_impossible_shares_are_an_error(share: float) -> None:
    with pytest.raises(UsageError, match="must be between 0 and 1"):
        hold_out(Splittable(30), share, 0)
