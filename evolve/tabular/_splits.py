"""Which rows are fitted on and which are held out.

Rows of one group, copies of one record and, for ordered tables, rows of one time are never on both sides.
What is split are the groups where there are any, else the records; a copy of a held-out record that lies in
another group or time is left out of training. Where every row is a record of its own, the folds equal
scikit-learn's `StratifiedKFold` and `KFold` of the same seed, so that published figures can be compared with.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array, Frame, Rows, Text, Values, is_missing

OUTER_FOLDS = 5
OUTER_SEED = 42
INNER_FOLDS = 4


@dataclass(frozen=True, slots=True, eq=False)
class Fold:
    """Rows of the table in ascending order, disjoint."""

    train: Rows
    validation: Rows


@dataclass(frozen=True, slots=True, eq=False)
class Splittable:
    """What decides about splits.

    Attributes:
        rows: Number of rows.
        strata: (rows,) int class of each row; None for regression.
        groups: (rows,) int: rows with equal numbers stay together; None: there are no groups.
        records: (rows,) int: rows with equal numbers are copies; None: there are none.
        times: (rows,) values that can be compared, for splits in which training comes before
            validation; None: the order of the rows means nothing.
    """

    rows: int
    strata: Array | None = None
    groups: Array | None = None
    records: Array | None = None
    times: Array | None = None


def splittable(
    frame: Frame,
    target: Array,
    *,
    classes: bool,
    groups: Values | None = None,
    times: Array | None = None,
    duplicates_together: bool = True,
) -> Splittable:
    """Find out which rows belong together.

    Args:
        frame: The features.
        target: (rows,) int classes or float values.
        classes: Whether the task is a classification.
        groups: (rows,) values; rows with an equal one are never separated. A missing one stands for itself.
        times: (rows,) numbers or dates without missing ones.
        duplicates_together: Whether records that are equal in all features and the target are never
            separated: a learner could know them by heart.
    """
    return Splittable(
        frame.rows,
        target if classes else None,
        None if groups is None else _group_numbers(groups),
        _records(frame, target) if duplicates_together else None,
        times,
    )


def k_folds(rows: Splittable, folds: int, seed: int) -> list[Fold]:
    """Split into folds: every row is held out once, or, when times count, the later ones are.

    Args:
        rows: What decides.
        folds: At least 2.
        seed: Decides which rows share a fold; without effect on ordered splits.

    Raises:
        UsageError: too few rows, units or times for as many folds.
    """
    if folds < 2:
        raise UsageError(f"folds must be at least 2, got {folds}.")
    if rows.times is not None:
        return _ordered_folds(rows, folds)
    if rows.groups is not None:
        return _group_folds(rows, rows.groups, folds, seed)
    if rows.records is None:
        return _plain_folds(rows.rows, rows.strata, folds, seed)
    firsts, record = _representatives(rows.records)  # copies are of one class
    strata = None if rows.strata is None else rows.strata[firsts]
    whole = _plain_folds(len(firsts), strata, folds, seed)
    return [_apart(rows, np.isin(record, fold.validation)) for fold in whole]


def hold_out(rows: Splittable, share: float, seed: int) -> Fold:
    """Set a share of the rows aside: the latest when times count, else drawn by class.

    Raises:
        UsageError: the share is not between 0 and 1, or leaves too few rows on one side.
    """
    if not 0 < share < 1:
        raise UsageError(f"the share that is held out must be between 0 and 1, got {share}.")
    if rows.times is not None:
        return _latest(rows, share)
    # the first of as many folds as the share goes into one, so that classes keep their shares
    parts = max(2, round(1 / min(share, 1 - share)))
    fold = k_folds(rows, parts, seed)[0]
    return fold if share <= 0.5 else Fold(fold.validation, fold.train)


def repeated_folds(
    rows: Splittable, within: Rows, *, folds: int, repeats: int, seed: int, rotation: int = 0
) -> list[Fold]:
    """Split some of the rows into folds, several times over.

    Args:
        rows: All rows.
        within: Rows that may be used, such as those that are not held out.
        folds: Folds of each repeat.
        repeats: How many times; ordered splits have no chance in them and are made once.
        seed: The run's.
        rotation: Another number gives other folds; who is searching must not tune to one partition.

    Returns:
        `folds` × `repeats` folds of rows of the whole table.
    """
    part = _part(rows, within)
    if rows.times is not None:
        repeats = 1
    found = []
    for repeat in range(repeats):
        drawn = int(np.random.SeedSequence([seed, rotation, repeat]).generate_state(1)[0])
        found += [Fold(within[f.train], within[f.validation]) for f in k_folds(part, folds, drawn)]
    return found


def _part(rows: Splittable, within: Rows) -> Splittable:
    def chosen(values: Array | None) -> Array | None:
        return None if values is None else values[within]

    return Splittable(
        len(within), chosen(rows.strata), chosen(rows.groups), chosen(rows.records), chosen(rows.times)
    )


def _plain_folds(count: int, strata: Array | None, folds: int, seed: int) -> list[Fold]:
    from sklearn.model_selection import KFold, StratifiedKFold  # 1 s

    if count < folds:
        raise UsageError(
            f"{count} different rows cannot be split into {folds} folds. Use fewer folds or more rows."
        )
    items = np.arange(count)
    if strata is None:
        pairs = KFold(folds, shuffle=True, random_state=seed).split(items)
        return [Fold(train, validation) for train, validation in pairs]
    if np.bincount(strata).max() < folds:
        raise UsageError(
            f"no class has as many as {folds} different rows, so that {folds} folds cannot all hold one. "
            "Use fewer folds, or call the task a regression."
        )
    with warnings.catch_warnings():  # a class with fewer rows than folds is missing in some of them
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        pairs = list(StratifiedKFold(folds, shuffle=True, random_state=seed).split(items, strata))
    return [Fold(train, validation) for train, validation in pairs]


def _group_folds(rows: Splittable, groups: Array, folds: int, seed: int) -> list[Fold]:
    """Spread groups over folds, the most uneven first, each to where sizes and classes become most even."""
    group = np.unique(groups, return_inverse=True)[1]
    strata = np.zeros(rows.rows, dtype=np.int64) if rows.strata is None else rows.strata
    counts = np.zeros((int(group.max()) + 1, int(strata.max()) + 1))
    np.add.at(counts, (group, strata), 1)
    if len(counts) < folds:
        raise UsageError(
            f"{len(counts)} groups cannot be split into {folds} folds. Use fewer folds or other groups."
        )
    shares = counts / np.maximum(counts.sum(axis=0), 1)
    drawn = np.random.default_rng(seed).permutation(len(counts))
    order = drawn[np.argsort(-shares[drawn].max(axis=1), kind="stable")]
    held = np.zeros((folds, counts.shape[1]))
    sizes = np.zeros(folds)
    home = np.empty(len(counts), dtype=np.int64)
    for index in order:
        best = min(range(folds), key=lambda f: (_spread_with(held, f, shares[index]), sizes[f]))
        held[best] += shares[index]
        sizes[best] += counts[index].sum()
        home[index] = best
    return [_apart(rows, home[group] == fold) for fold in range(folds)]


def _spread_with(held: Array, fold: int, share: Array) -> float:
    held[fold] += share
    after = float(held.std(axis=0).sum())
    held[fold] -= share
    return round(after, 12)


def _ordered_folds(rows: Splittable, folds: int) -> list[Fold]:
    """Cut time into folds + 1 spans; each but the first is held out against all before it."""
    assert rows.times is not None
    span, moments = _spans(rows.times, folds + 1)
    if moments < folds + 1:
        raise UsageError(
            f"{moments} different times cannot be cut into {folds + 1} spans. "
            "Use fewer folds, or a finer time."
        )
    return [_apart(rows, span == fold, span < fold) for fold in range(1, folds + 1)]


def _latest(rows: Splittable, share: float) -> Fold:
    assert rows.times is not None
    times = np.sort(rows.times)
    cut = times[min(len(times) - 1, max(1, round(len(times) * (1 - share))))]
    later = rows.times >= cut
    if later.all():
        raise UsageError(
            "all rows before the held-out ones are of one time. Hold out less, or do not order by it."
        )
    return _apart(rows, later, ~later)


def _spans(times: Array, count: int) -> tuple[Array, int]:
    """Number every row by its span; spans hold about equally many rows, and equal times share one."""
    moments, moment, sizes = np.unique(times, return_inverse=True, return_counts=True)
    if len(moments) < count:
        return moment, len(moments)
    middle = np.cumsum(sizes) - sizes / 2
    span = np.minimum((middle * count / len(times)).astype(np.int64), count - 1)
    # no span may be empty: each begins after the one before, and leaves a moment for each to come
    starts = [int(np.searchsorted(span, number)) for number in range(count)]
    for number in range(1, count):
        latest = len(moments) - (count - number)
        starts[number] = min(max(starts[number], starts[number - 1] + 1), latest)
    return np.searchsorted(starts, moment, side="right") - 1, len(moments)


def _apart(rows: Splittable, validation: Array, train: Array | None = None) -> Fold:
    """Leave rows out of training whose group or record is held out; None: train on all others."""
    train = ~validation if train is None else train
    for numbers in (rows.groups, rows.records):
        if numbers is not None:
            train = train & ~np.isin(numbers, numbers[validation])
    if not train.any() or not validation.any():
        raise UsageError(
            "a fold has no rows to learn from, since all are copies of held-out ones or of their groups. "
            "Use fewer folds or other groups."
        )
    return Fold(np.flatnonzero(train), np.flatnonzero(validation))


def _representatives(units: Array) -> tuple[Array, Array]:
    """Return the first row of every unit in order of appearance, and the number of each row's unit."""
    _, firsts, inverse = np.unique(units, return_index=True, return_inverse=True)
    order = np.argsort(firsts)
    place = np.empty_like(order)
    place[order] = np.arange(len(order))
    return firsts[order], place[inverse]


def _records(frame: Frame, target: Array) -> Array | None:
    """Number equal records alike; None when all are different."""
    columns = [_codes(values) for values in frame.columns.values()]
    columns.append(np.unique(target, return_inverse=True)[1])
    number = np.zeros(frame.rows, dtype=np.int64)
    for column in columns:  # two at a time, so that no product overflows
        number = np.unique(number * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return None if int(number.max(initial=-1)) + 1 == frame.rows else number


def _codes(values: Values) -> Array:
    if isinstance(values, Text):
        return values.codes.astype(np.int64) + 1
    missing = is_missing(values)
    codes = np.zeros(len(values), dtype=np.int64)
    codes[~missing] = np.unique(values[~missing], return_inverse=True)[1] + 1
    return codes


def _group_numbers(groups: Values) -> Array:
    codes = _codes(groups)
    alone = np.flatnonzero(is_missing(groups))
    codes[alone] = int(codes.max(initial=0)) + 1 + np.arange(len(alone))
    return codes
