"""A table with a target: what is predicted from what."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array, Frame, Text, Values, is_missing
from evolve.tabular._infer import Kind, kind_of_column
from evolve.tabular._metrics import Task
from evolve.tabular._splits import Splittable, splittable

FEWEST_ROWS = 10
_MOST_CLASSES = 200
_MOST_INTEGER_CLASSES = 20
_SUGGESTIONS = 3


@dataclass(frozen=True, slots=True)
class Column:
    """What is known about a column.

    Attributes:
        name: As in the file.
        kind: What it seems to hold.
        distinct: Number of different values.
        missing: Number of missing cells.
        meaning: What its author says about it; may be empty.
        used: Whether it is a feature.
    """

    name: str
    kind: Kind
    distinct: int
    missing: int
    meaning: str = ""
    used: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """A table, read and understood.

    Attributes:
        name: What it is called.
        frame: The features.
        target: (rows,) int64 indices into `classes`, or float64 values.
        target_name: The target's column.
        task: What is learned.
        classes: The classes' labels in order; empty for a regression.
        columns: Every column but the target, features or not.
        groups: (rows,) values that name the groups of rows; None: there are none.
        times: (rows,) values by which rows are ordered; None: they are not.
        target_meaning: What the author says about the target.
        notes: What was decided or left out when it was read, in sentences.
    """

    name: str
    frame: Frame
    target: Array
    target_name: str
    task: Task
    classes: tuple[str, ...]
    columns: tuple[Column, ...]
    groups: Values | None = None
    times: Array | None = None
    target_meaning: str = ""
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> int:
        """Number of rows."""
        return self.frame.rows

    def splittable(self, *, duplicates_together: bool = True) -> Splittable:
        """Return what decides about splits of this table."""
        return splittable(
            self.frame,
            self.target,
            classes=self.task != "regression",
            groups=self.groups,
            times=self.times,
            duplicates_together=duplicates_together,
        )


def make_table(
    name: str,
    columns: Mapping[str, Values],
    target: str,
    *,
    kinds: Mapping[str, Kind] | None = None,
    meanings: Mapping[str, str] | None = None,
    groups: str | None = None,
    time: str | None = None,
    task: str | None = None,
    keep: Iterable[str] = (),
    notes: Sequence[str] = (),
) -> Table:
    """Make a table of columns, or say what is wrong with them.

    Args:
        name: What it is called.
        columns: All columns, the target among them.
        target: The column to predict.
        kinds: Kinds of columns where they are known better than they can be inferred.
        meanings: What columns mean, by name.
        groups: Column whose equal values name rows that belong together; it is no feature.
        time: Column that orders the rows.
        task: "binary", "multiclass" or "regression"; None: by the look of the target.
        keep: Columns to use although they look like ids.
        notes: What has been noted so far.

    Raises:
        UsageError: the columns do not make a task; says why and what to do.
    """
    for role, column in (("target", target), ("groups", groups), ("time", time)):
        if column is not None and column not in columns:
            raise UsageError(_unknown(name, role, column, columns))
    if target in (groups, time):
        raise UsageError(f"{name}: the target {target!r} cannot name the groups or the time as well.")
    for column in keep:
        if column not in columns:
            raise UsageError(_unknown(name, "keep", column, columns))
    said = list(notes)
    columns = _with_target(name, columns, target, said)
    kinds = {column: (kinds or {}).get(column) or kind_of_column(column, v) for column, v in columns.items()}
    found_task, labels, values = _target(name, target, columns[target], task, said)
    used = _features(columns, kinds, {target, groups}, set(keep), said)
    if not used:
        raise UsageError(f"{name}: no column is left to predict {target!r} from. {' '.join(said)}".strip())
    texts = meanings or {}
    described = tuple(
        Column(
            column,
            kinds[column],
            distinct_count(values_),
            int(is_missing(values_).sum()),
            texts.get(column, ""),
            column in used,
        )
        for column, values_ in columns.items()
        if column != target
    )
    return Table(
        name,
        Frame.of({column: columns[column] for column in used}),
        values,
        target,
        found_task,
        labels,
        described,
        None if groups is None else columns[groups],
        None if time is None else _times(name, time, columns[time]),
        texts.get(target, ""),
        tuple(said),
    )


def distinct_count(values: Values) -> int:
    """Return how many different values a column has, missing ones aside."""
    if isinstance(values, Text):
        return len(np.unique(values.codes[values.codes >= 0]))
    return len(np.unique(values[~is_missing(values)]))


def _unknown(name: str, role: str, column: str, columns: Mapping[str, Values]) -> str:
    close = difflib.get_close_matches(column, columns, _SUGGESTIONS, 0.5)
    shown = [*close, *(other for other in columns if other not in close)][:20]
    more = " ..." if len(columns) > len(shown) else ""
    return f"{name}: there is no column {column!r} ({role}). Columns: {', '.join(map(repr, shown))}{more}."


def _with_target(
    name: str, columns: Mapping[str, Values], target: str, notes: list[str]
) -> Mapping[str, Values]:
    """Leave out rows whose target is missing."""
    if len(columns) < 2:
        raise UsageError(f"{name}: the target {target!r} is the only column. Expected features beside it.")
    missing = is_missing(columns[target])
    rows = len(missing)
    count = int(missing.sum())
    if rows and count == rows:
        raise UsageError(f"{name}: the target {target!r} is missing in all of {rows:,} rows.")
    if rows - count < FEWEST_ROWS:
        raise UsageError(
            f"{name}: {rows - count} row{'s' if rows - count != 1 else ''} with a target; "
            f"at least {FEWEST_ROWS} are needed to hold any out."
        )
    if not count:
        return columns
    notes.append(f"{count:,} rows without a target were left out.")
    kept = np.flatnonzero(~missing)
    return Frame.of(columns).take(kept).columns


def _target(
    name: str, target: str, values: Values, task: str | None, notes: list[str]
) -> tuple[Task, tuple[str, ...], Array]:
    """Return the task, the classes and the encoded target."""
    if task is not None and task not in get_args(Task):
        raise UsageError(f"task must be one of {', '.join(get_args(Task))}, got {task!r}.")
    distinct = distinct_count(values)
    if distinct < 2:
        raise UsageError(f"{name}: the target {target!r} has one value only; there is nothing to learn.")
    if task == "regression" or (task is None and _looks_continuous(values, distinct)):
        return "regression", (), _as_values(name, target, values)
    if task == "binary" and distinct != 2:
        raise UsageError(f"{name}: the target {target!r} has {distinct:,} classes; a binary task has two.")
    if distinct > min(_MOST_CLASSES, len(values) // 2):
        raise UsageError(
            f"{name}: the target {target!r} has {distinct:,} different values in {len(values):,} rows, "
            "too many to be classes. Choose another target, or say --task regression when it is a number."
        )
    labels, classes = _as_classes(values)
    rare = [label for label, size in zip(classes, np.bincount(labels), strict=True) if size < 5]
    if rare:
        shown = ", ".join(repr(label) for label in rare[:5])
        notes.append(f"{len(rare)} classes have fewer than 5 rows ({shown}); some folds lack them.")
    return ("binary" if distinct == 2 else "multiclass"), classes, labels


def _looks_continuous(values: Values, distinct: int) -> bool:
    if isinstance(values, Text) or values.dtype.kind == "b":
        return False
    if values.dtype.kind == "M":
        return True
    known = values[~is_missing(values)]
    whole = values.dtype.kind == "i" or bool(np.all(known == np.floor(known)))
    return not whole or distinct > _MOST_INTEGER_CLASSES


def _as_values(name: str, target: str, values: Values) -> Array:
    if isinstance(values, Text) or values.dtype.kind == "M":
        what = "text" if isinstance(values, Text) else "dates"
        raise UsageError(f"{name}: the target {target!r} holds {what}; a regression needs numbers.")
    found = values.astype(np.float64)
    if not np.isfinite(found).all():
        raise UsageError(f"{name}: the target {target!r} holds infinite values. Remove or correct them.")
    return found


def _as_classes(values: Values) -> tuple[Array, tuple[str, ...]]:
    if isinstance(values, Text):
        present, labels = np.unique(values.codes, return_inverse=True)
        return labels.astype(np.int64), tuple(values.categories[code] for code in present)
    present, labels = np.unique(values, return_inverse=True)
    return labels.astype(np.int64), tuple(
        f"{value:g}" if present.dtype.kind == "f" else str(value) for value in present
    )


def _features(
    columns: Mapping[str, Values],
    kinds: Mapping[str, Kind],
    other: set[str | None],
    keep: set[str],
    notes: list[str],
) -> list[str]:
    used = []
    for column in columns:
        if column in other:
            continue
        if kinds[column] == "constant" and column not in keep:
            notes.append(f"column {column!r} has one value only and was left out.")
        elif kinds[column] == "id" and column not in keep:
            notes.append(f"column {column!r} looks like an id and was left out; --keep {column} uses it.")
        else:
            used.append(column)
    return used


def _times(name: str, time: str, values: Values) -> Array:
    if isinstance(values, Text):
        raise UsageError(
            f"{name}: the time {time!r} holds text. Expected dates such as 2024-05-31, or numbers."
        )
    missing = int(is_missing(values).sum())
    if missing:
        raise UsageError(
            f"{name}: the time {time!r} is missing in {missing:,} rows. Remove them, or fill it in."
        )
    return values
