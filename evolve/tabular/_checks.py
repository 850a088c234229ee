"""What a program answered for its folds, read and checked by the trusted side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.problem import Invalid
from evolve.sandbox import CodecError, decode
from evolve.tabular._folds import Errand
from evolve.tabular._frame import Array, Frame, FrameError, Rows, Text, Values, is_missing, kind_of

LARGEST = float(np.finfo(np.float32).max)
"""Largest magnitude that every learner can hold."""
_RTOL, _ATOL = 1e-6, 1e-9
_FAMILIES = {"float": "numbers", "int": "numbers", "bool": "numbers", "date": "dates", "text": "text"}
_NAMED = 5


@dataclass(frozen=True, slots=True, eq=False)
class Transformed:
    """A fold's features, in the rows' own order: `train` as in `Fold.train`, `validation` likewise."""

    train: Frame
    validation: Frame


def read_folds(output: bytes, errands: Sequence[Errand], *, max_columns: int) -> list[Transformed]:
    """Read what `run_folds` collected, and hold it against the contract.

    Args:
        output: What programs answered; nothing in it is trusted.
        errands: What was sent.
        max_columns: Most columns that a program may return.

    Raises:
        Invalid: a rule is broken; says which, in which column and by how much.
    """
    parts = _parts(output, len(errands))
    folds = [_read_fold(parts[i], errand, max_columns, f"fold {i + 1}") for i, errand in enumerate(errands)]
    _check_alike([frame for fold in folds for frame in (fold.train, fold.validation)])
    return folds


def _parts(output: bytes, folds: int) -> list[list[bytes]]:
    try:
        outer = decode(output, max_nodes=1 + folds)
        inner = [decode(part, max_nodes=5) for part in outer]
    except (CodecError, TypeError) as error:
        raise Invalid(f"the answer for the folds cannot be read: {error}") from None
    if len(inner) != folds or not all(isinstance(part, list) and len(part) == 4 for part in inner):
        raise Invalid("the answer does not hold four tables for every fold")
    return inner  # each part is read on its own


def _read_fold(parts: list[bytes], errand: Errand, max_columns: int, where: str) -> Transformed:
    shown = (errand.train, errand.validation, *errand.again)
    train, validation, *again = (
        _read_frame(part, len(rows), max_columns, where) for part, rows in zip(parts, shown, strict=True)
    )
    frames = [train, validation, *again]
    _check_alike(frames)
    for frame in frames:
        _check_finite(frame, where)
    for rows, frame in zip(errand.again, again, strict=True):
        _check_same(rows, frame, errand.validation, validation, where, _BATCHING)
        _check_same(rows, frame, errand.train, train, where, _TRAINING)
    return Transformed(
        train.take(_places(errand.fold.train, errand.train)),
        validation.take(_places(errand.fold.validation, errand.validation)),
    )


def _read_frame(part: bytes, rows: int, max_columns: int, where: str) -> Frame:
    try:
        frame = Frame.from_plain(decode(part), max_columns=max_columns)
    except (CodecError, FrameError, TypeError) as error:
        raise Invalid(f"{where}: {error}") from None
    if frame.rows != rows:
        raise Invalid(f"{where}: {rows:,} rows were given and {frame.rows:,} came back")
    if not frame.columns:
        raise Invalid(f"{where}: a table without columns came back; return at least one feature")
    return frame


def _check_alike(frames: Sequence[Frame]) -> None:
    """Demand the same columns, in one order and of one family each, from every call."""
    first = frames[0]
    for frame in frames[1:]:
        if frame.names != first.names:
            raise Invalid(
                f"transform gives different columns for different rows: {_difference(first, frame)}. "
                "Fix the columns in fit, for instance the categories that are told apart"
            )
    for name in first.names:
        families = {_family(frame.columns[name]) for frame in frames} - {None}
        if len(families) > 1:
            raise Invalid(
                f"column {name!r} holds {' and '.join(sorted(str(f) for f in families))} for different rows; "
                "give it one type"
            )


def _difference(first: Frame, other: Frame) -> str:
    more = [name for name in other.names if name not in first.columns]
    gone = [name for name in first.names if name not in other.columns]
    if not more and not gone:
        return "their order changes"
    said = [
        f"{text} {', '.join(map(repr, names[:_NAMED]))}{' ...' if len(names) > _NAMED else ''}"
        for text, names in (("some calls add", more), ("some lack", gone))
        if names
    ]
    return "; ".join(said)


def _family(values: Values) -> str | None:
    """Name what a column holds; None when nothing is in it, which goes with everything."""
    kind = kind_of(values)
    return None if kind is None or bool(is_missing(values).all()) else _FAMILIES[kind]


def _check_finite(frame: Frame, where: str) -> None:
    for name, values in frame.columns.items():
        if isinstance(values, Text) or values.dtype.kind != "f":
            continue
        with np.errstate(invalid="ignore"):
            wrong = int(np.count_nonzero(np.abs(values) > LARGEST))
        if wrong:
            raise Invalid(
                f"{where}: column {name!r} is infinite or beyond {LARGEST:.1e} in {wrong:,} of "
                f"{len(values):,} rows; guard divisions and exponentials, or leave such cells missing (NaN)"
            )


_BATCHING = (
    "depends on which other rows are transformed with it. Learn statistics of several rows in fit, keep them "
    "in the state, and let transform use nothing but the row and the state"
)
_TRAINING = (
    "is another one for a training row than for the same row among new ones. Let transform be deterministic, "
    "and keep what it needs in the state that fit returns: nothing else survives"
)


def _check_same(rows: Rows, frame: Frame, known: Rows, as_known: Frame, where: str, fault: str) -> None:
    """Compare the rows of a second look with what they were the first time."""
    order = np.argsort(known)
    found = np.searchsorted(known, rows, sorter=order)
    found = np.where(found < len(known), found, 0)
    places = order[found]
    both = known[places] == rows
    seen = np.flatnonzero(both)
    for name in frame.names:
        equal = _equal(frame.columns[name], seen, as_known.columns[name], places[both])
        if not equal.all():
            count = int(np.count_nonzero(~equal))
            raise Invalid(f"{where}: column {name!r} {fault} ({count:,} of {len(equal):,} rows differ)")


def _equal(a: Values, rows_a: Array, b: Values, rows_b: Array) -> Array:
    if isinstance(a, Text) and isinstance(b, Text):
        place = {text: code for code, text in enumerate(b.categories)}
        table = np.array([*(place.get(text, -2) for text in a.categories), -1], dtype=np.int64)
        return np.asarray(table[a.codes[rows_a]] == b.codes[rows_b])
    if isinstance(a, Text) or isinstance(b, Text):  # one of them is wholly missing: see `_family`
        return np.asarray(is_missing(a)[rows_a] & is_missing(b)[rows_b])
    x, y = _numbers(a)[rows_a], _numbers(b)[rows_b]
    scale = float(np.nanmax(np.abs(y), initial=0.0)) if len(y) else 0.0
    return np.isclose(x, y, rtol=_RTOL, atol=_ATOL * scale, equal_nan=True)


def _numbers(values: Array) -> Array:
    if values.dtype.kind != "M":
        return values.astype(np.float64)
    return np.where(np.isnat(values), np.nan, values.view(np.int64).astype(np.float64))


def _places(wanted: Rows, shown: Rows) -> Array:
    """Tell where in `shown` each of the wanted rows lies."""
    order = np.argsort(shown)
    return np.asarray(order[np.searchsorted(shown, wanted, sorter=order)])
