"""Data frames for the program, and plain columns from what it returns."""

from __future__ import annotations

import decimal
from typing import Any

import numpy as np
import pandas as pd

from evolve.tabular._frame import Frame, Text, Values

_NUMBERS = (bool, int, float, np.bool_, np.integer, np.floating, decimal.Decimal)
_DATES = ("datetime64", "datetime", "date")
_CELLS = (str, *_NUMBERS, pd.Timestamp, pd.Timedelta, pd.Interval, pd.Period)


def to_pandas(frame: Frame) -> pd.DataFrame:
    """Return a data frame of its own arrays, with rows numbered from 0.

    Text becomes a column of dtype object whatever the version of pandas, with NaN for missing cells.
    """
    columns = {name: _series_data(values) for name, values in frame.columns.items()}
    return pd.DataFrame(columns, index=pd.RangeIndex(frame.rows), copy=True)


def _series_data(values: Values) -> Any:
    if not isinstance(values, Text):
        return values
    cells = np.empty(len(values.categories) + 1, dtype=object)
    cells[:-1] = values.categories
    cells[-1] = np.nan
    return pd.Series(cells[values.codes], dtype=object)


def from_pandas(returned: object, rows: int, by: str) -> Frame:
    """Read what a program returned.

    Args:
        returned: Should be a data frame with the rows that were given, in their order.
        rows: How many were given.
        by: The function's name, for messages.

    Raises:
        TypeError: it is no data frame, or a column holds what no learner can use.
        ValueError: its rows or its column names are wrong.
    """
    if not isinstance(returned, pd.DataFrame):
        raise TypeError(f"{by} must return a pandas DataFrame, got {type(returned).__name__}")
    if len(returned) != rows:
        raise ValueError(f"{by} was given {rows:,} rows and returned {len(returned):,}; return one for each")
    if not returned.index.equals(pd.RangeIndex(rows)):
        raise ValueError(
            f"{by} must return the rows in the order in which they were given, with the index unchanged"
        )
    names = list(returned.columns)
    for position, name in enumerate(names):
        if type(name) is not str:
            raise TypeError(f"{by} returned a column named {name!r}; column names must be text")
        if name in names[:position]:
            raise ValueError(f"{by} returned two columns named {name!r}")
    columns = {name: _values(returned.iloc[:, i], name, by) for i, name in enumerate(names)}
    return Frame(columns, rows)


def _values(series: pd.Series, name: str, by: str) -> Values:
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        if dtype.ordered:
            codes = series.cat.codes.to_numpy(np.float64)
            return np.where(codes < 0, np.nan, codes)
        series = series.astype(object)
    if isinstance(dtype, pd.SparseDtype):
        series = series.sparse.to_dense()
    kind = getattr(series.dtype, "kind", "O")
    if pd.api.types.is_bool_dtype(series.dtype) and not series.hasnans:
        return np.asarray(series.to_numpy(np.bool_))
    if kind == "i" and not series.hasnans:
        return np.asarray(series.to_numpy(np.int64))
    if kind in "iufb":
        return np.asarray(series.to_numpy(np.float64, na_value=np.nan))
    if kind == "m":
        return np.asarray(series.dt.total_seconds().to_numpy(np.float64))
    if kind == "M":
        return _dates(series)
    return _from_objects(series.to_numpy(object), name, by)


def _dates(series: pd.Series) -> Values:
    if getattr(series.dtype, "tz", None) is not None:
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
    return np.asarray(series.to_numpy("datetime64[us]"))


def _from_objects(cells: Any, name: str, by: str) -> Values:
    found = pd.api.types.infer_dtype(cells, skipna=True)
    if found == "string":
        return _text(cells)
    if found == "empty":
        return np.full(len(cells), np.nan)
    if found in _DATES:
        return _dates(pd.to_datetime(pd.Series(cells), utc=True))
    known = [None if _is_missing(cell) else cell for cell in cells]
    if all(cell is None or isinstance(cell, _NUMBERS) for cell in known):
        return np.array([np.nan if cell is None else float(cell) for cell in known])
    for cell in known:
        if cell is not None and not isinstance(cell, _CELLS):
            raise TypeError(
                f"{by} returned column {name!r} with a cell of type {type(cell).__name__}; "
                "cells must be numbers, text, booleans or dates"
            )
    return _text(np.array([None if cell is None else str(cell) for cell in known], dtype=object))


def _is_missing(cell: Any) -> bool:
    return cell is None or cell is pd.NA or cell is pd.NaT or (isinstance(cell, float) and cell != cell)


def _text(cells: Any) -> Text:
    codes, categories = pd.factorize(cells, sort=False, use_na_sentinel=True)
    texts = [str(text) for text in categories]  # a subclass of str would keep its behaviour
    order = sorted(range(len(texts)), key=texts.__getitem__)
    place = np.empty(len(texts) + 1, dtype=np.int32)
    place[order] = np.arange(len(texts), dtype=np.int32)
    place[-1] = -1
    return Text(place[codes], tuple(texts[i] for i in order))
