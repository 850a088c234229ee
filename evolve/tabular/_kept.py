"""What a problem keeps of a table: plain data in one file, which executes nothing when it is read."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import ProblemError
from evolve.sandbox import CodecError, decode, encode
from evolve.tabular._frame import Array, Frame, FrameError, Rows, Text, Values, is_missing
from evolve.tabular._splits import Fold
from evolve.tabular._table import Column, Table, distinct_count

_FORMAT = 1
_GROUPS, _TIMES = "groups", "times"


@dataclass(frozen=True, slots=True, eq=False)
class Kept:
    """Rows of a table with all that is settled about how features of them are judged.

    Attributes:
        table: The rows.
        metric: Name of the metric.
        learner: Name of the learner.
        seed: Of the learner and of the orders in which programs see rows.
        repeats: How many times the folds were drawn.
        folds: Which rows are fitted on and which predicted, by position in `table`.
        base: Predictions of each fold without any new feature, as `predict_fold` gives them.
        pairs: Columns that seem to act together, for operators.
    """

    table: Table
    metric: str
    learner: str
    seed: int
    repeats: int = 1
    folds: tuple[Fold, ...] = ()
    base: tuple[Array, ...] = ()
    pairs: tuple[tuple[str, str], ...] = ()


def part_of(table: Table, rows: Rows) -> Table:
    """Return some rows of a table; what is known about columns is found out anew from these."""
    frame = table.frame.take(rows)
    columns = tuple(
        replace(
            column,
            distinct=distinct_count(frame.columns[column.name]),
            missing=int(is_missing(frame.columns[column.name]).sum()),
        )
        if column.name in frame.columns
        else column
        for column in table.columns
    )
    return replace(
        table,
        frame=frame,
        target=table.target[rows],
        columns=columns,
        groups=None if table.groups is None else _taken(table.groups, rows),
        times=None if table.times is None else table.times[rows],
    )


def joined(first: Kept, second: Kept) -> Table:
    """Return a table of the rows of both, those of the first before."""
    columns = {
        name: _concatenated(values, second.table.frame.columns[name])
        for name, values in first.table.frame.columns.items()
    }
    return replace(
        first.table,
        frame=Frame.of(columns),
        target=np.concatenate((first.table.target, second.table.target)),
        groups=None,
        times=None,
    )


def save(path: Path, kept: Kept) -> None:
    """Write a file that `load` reads; raises OSError."""
    table = kept.table
    beside = {
        name: values
        for name, values in ((_GROUPS, table.groups), (_TIMES, table.times))
        if values is not None
    }
    path.write_bytes(
        encode(
            {
                "format": _FORMAT,
                "name": table.name,
                "frame": table.frame.to_plain(),
                "target": table.target,
                "target_name": table.target_name,
                "task": table.task,
                "classes": list(table.classes),
                "columns": [asdict(column) for column in table.columns],
                "beside": Frame.of(beside).to_plain() if beside else None,
                "target_meaning": table.target_meaning,
                "notes": list(table.notes),
                "metric": kept.metric,
                "learner": kept.learner,
                "seed": kept.seed,
                "repeats": kept.repeats,
                "folds": [[fold.train, fold.validation] for fold in kept.folds],
                "base": list(kept.base),
                "pairs": [list(pair) for pair in kept.pairs],
            }
        )
    )


def load(path: Path) -> Kept:
    """Read a file that `save` wrote.

    Raises:
        ProblemError: there is none, or it is damaged.
    """
    try:
        plain: dict[str, Any] = decode(path.read_bytes())
        if plain["format"] != _FORMAT:
            raise ProblemError(
                f"{path}: is of format {plain['format']}, expected {_FORMAT}. Declare it anew."
            )
        beside = {} if plain["beside"] is None else Frame.from_plain(plain["beside"]).columns
        table = Table(
            name=plain["name"],
            frame=Frame.from_plain(plain["frame"]),
            target=plain["target"],
            target_name=plain["target_name"],
            task=plain["task"],
            classes=tuple(plain["classes"]),
            columns=tuple(Column(**column) for column in plain["columns"]),
            groups=beside.get(_GROUPS),
            times=_times(beside.get(_TIMES)),
            target_meaning=plain["target_meaning"],
            notes=tuple(plain["notes"]),
        )
        return Kept(
            table,
            plain["metric"],
            plain["learner"],
            plain["seed"],
            plain["repeats"],
            tuple(Fold(train, validation) for train, validation in plain["folds"]),
            tuple(plain["base"]),
            tuple((a, b) for a, b in plain["pairs"]),
        )
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read ({error.strerror}). Declare the table anew.") from None
    except (CodecError, FrameError, KeyError, TypeError, ValueError) as error:
        raise ProblemError(f"{path}: is damaged ({error}). Declare the table anew.") from None


def _times(values: Values | None) -> Array | None:
    if isinstance(values, Text):
        raise ProblemError("the times of a table cannot be text. Declare the table anew.")
    return values


def _taken(values: Values, rows: Rows) -> Values:
    return values.take(rows) if isinstance(values, Text) else values[rows]


def _concatenated(first: Values, second: Values) -> Values:
    if isinstance(first, Text) and isinstance(second, Text):
        return Text.of([*first.texts(), *second.texts()])
    if isinstance(first, Text) or isinstance(second, Text):
        raise ProblemError("the two parts of the table differ in their types. Declare the table anew.")
    return np.concatenate((first, second))
