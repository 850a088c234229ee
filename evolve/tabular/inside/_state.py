"""What `fit` learned, as plain data: it goes from one process to another, and into an export.

Everything that is not a plain scalar becomes a list that begins with a tag, so that tuples, sets, keys of any
kind and pandas objects come back as what they were.
"""

from __future__ import annotations

import datetime
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

_PLAIN = (type(None), bool, int, float, str, bytes)
_MOST_DEPTH = 40
_NUMERIC = "biuf"


def pack(value: Any, where: str = "state", depth: int = 0) -> Any:
    """Turn a state into data that the codec knows.

    Raises:
        TypeError: it holds something that is no data; says where, and what can be used instead.
    """
    if depth > _MOST_DEPTH:
        raise TypeError(f"{where} is nested deeper than {_MOST_DEPTH} levels (does it contain itself?)")
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind in (list, tuple, set, frozenset):
        items = _ordered(value) if kind in (set, frozenset) else value
        return [kind.__name__, [pack(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(items)]]
    if kind in (dict, OrderedDict, Counter):
        keys = [pack(key, f"a key of {where}", depth + 1) for key in value]
        return [
            "Counter" if kind is Counter else "dict",
            keys,
            [pack(v, f"{where}[{k!r}]", depth + 1) for k, v in value.items()],
        ]
    return _pack_arrays(value, where, depth)


def _pack_arrays(value: Any, where: str, depth: int) -> Any:
    if value is pd.NaT or value is pd.NA:
        return ["NaT" if value is pd.NaT else "NA"]
    if isinstance(value, (pd.Timestamp, datetime.datetime, datetime.date, np.datetime64)):
        stamp = pd.Timestamp(value)
        return ["Timestamp", stamp.isoformat()]
    if isinstance(value, (pd.Timedelta, datetime.timedelta, np.timedelta64)):
        return ["Timedelta", pd.Timedelta(value).isoformat()]
    if isinstance(value, np.generic):
        return pack(value.item(), where, depth + 1)
    if type(value) is np.ndarray:
        return _pack_array(value, where, depth)
    if isinstance(value, pd.MultiIndex):
        levels = [pack(value.get_level_values(i), where, depth + 1) for i in range(value.nlevels)]
        return ["MultiIndex", levels, pack(list(value.names), where, depth + 1)]
    if isinstance(value, pd.Index):
        return ["Index", _pack_values(value, where, depth), pack(value.name, where, depth + 1)]
    if type(value) is pd.Series:
        parts = (_pack_values(value, where, depth), pack(value.index, where, depth + 1))
        return ["Series", *parts, pack(value.name, where, depth + 1)]
    if type(value) is pd.DataFrame:
        columns = [_pack_values(value.iloc[:, i], where, depth) for i in range(value.shape[1])]
        names, index = pack(value.columns, where, depth + 1), pack(value.index, where, depth + 1)
        return ["DataFrame", columns, names, index]
    raise TypeError(
        f"{where} is of type {type(value).__module__}.{type(value).__qualname__}; what fit returns must "
        "be data: numbers, text, lists, tuples, sets, dicts, arrays, dates, Series or DataFrames"
    )


def _pack_values(values: Any, where: str, depth: int) -> Any:
    """Pack the values of a Series or an Index with their dtype, where it is one that can come back."""
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes if isinstance(values, pd.Series) else pd.Series(values.codes)
        categories = pack(values.dtype.categories, where, depth + 1)
        return ["categories", codes.to_numpy(np.int64), categories, bool(values.dtype.ordered)]
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in _NUMERIC + "mM":
        return _pack_array(values.to_numpy(), where, depth)
    return _pack_array(values.to_numpy(object), where, depth)


def _pack_array(array: Any, where: str, depth: int) -> Any:
    if array.dtype.kind in _NUMERIC and array.dtype != np.longdouble:
        return ["array", array]
    if array.dtype.kind in "mM":
        unit = np.datetime_data(array.dtype)[0]
        return ["ticks", array.dtype.kind, unit, array.view(np.int64)]
    if array.dtype.kind in "OU":
        cells = [pack(cell, where, depth + 1) for cell in array.ravel().tolist()]
        return ["objects", list(array.shape), cells]
    raise TypeError(f"{where} is an array of dtype {array.dtype}; arrays must hold numbers, text or dates")


def unpack(plain: Any) -> Any:
    """Return what `pack` was given."""
    if type(plain) is not list:
        return plain
    return _READ[plain[0]](*plain[1:])


def _read_series(values: Any, index: Any, name: Any) -> Any:
    return pd.Series(unpack(values), index=unpack(index), name=unpack(name))


def _read_frame(columns: Any, names: Any, index: Any) -> Any:
    rows = unpack(index)
    data = {i: pd.Series(unpack(values), index=rows) for i, values in enumerate(columns)}
    frame = pd.DataFrame(data, index=rows)
    frame.columns = unpack(names)
    return frame


def _read_objects(shape: Any, cells: Any) -> Any:
    array = np.empty(len(cells), dtype=object)
    array[:] = [unpack(cell) for cell in cells]
    return array.reshape(shape)


def _ordered(values: Any) -> list[Any]:
    """Put a set's items in an order that does not depend on their hashes."""
    return sorted(values, key=lambda item: (type(item).__name__, repr(item)))


_READ: dict[str, Callable[..., Any]] = {
    "list": lambda items: [unpack(item) for item in items],
    "tuple": lambda items: tuple(unpack(item) for item in items),
    "set": lambda items: {unpack(item) for item in items},
    "frozenset": lambda items: frozenset(unpack(item) for item in items),
    "dict": lambda keys, values: dict(zip(map(unpack, keys), map(unpack, values), strict=True)),
    "Counter": lambda keys, values: Counter(dict(zip(map(unpack, keys), map(unpack, values), strict=True))),
    "NaT": lambda: pd.NaT,
    "NA": lambda: pd.NA,
    "Timestamp": pd.Timestamp,
    "Timedelta": pd.Timedelta,
    "array": lambda array: array,
    "ticks": lambda kind, unit, ticks: ticks.view(f"{kind}8[{unit}]"),
    "objects": _read_objects,
    "categories": lambda codes, categories, ordered: pd.Categorical.from_codes(
        codes, unpack(categories), ordered=ordered
    ),
    "Index": lambda values, name: pd.Index(unpack(values), name=unpack(name)),
    "MultiIndex": lambda levels, names: pd.MultiIndex.from_arrays(
        [unpack(level) for level in levels], names=unpack(names)
    ),
    "Series": _read_series,
    "DataFrame": _read_frame,
}
