"""Features as plain arrays: what the trusted side holds, and what travels to a program and back.

Numbers are float64, int64 or bool arrays, dates datetime64[us], text is codes into a tuple of categories.
The plain form holds nothing but what the codec knows, few nodes however many rows, and is checked
part by part when it comes back, since a program may have written anything there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST_ROWS = 2**31 - 1
MOST_COLUMNS = 4096
_QUOTED_CHARS = 60

Array = NDArray[Any]
Rows = NDArray[np.int64]


class FrameError(ValueError):
    """What should be a table is none, or one that breaks a limit; the text is short, whatever came."""


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A column of text.

    Attributes:
        codes: (n,) int32: an index into `categories`, or −1 where the cell is missing.
        categories: Distinct texts, in ascending order.
    """

    codes: NDArray[np.int32]
    categories: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.codes)

    @classmethod
    def of(cls, values: Sequence[str | None]) -> Text:
        """Encode texts; None is a missing cell."""
        categories = tuple(sorted({value for value in values if value is not None}))
        place = {value: code for code, value in enumerate(categories)}
        codes = (-1 if value is None else place[value] for value in values)
        return cls(np.fromiter(codes, dtype=np.int32, count=len(values)), categories)

    def take(self, rows: Array) -> Text:
        """Choose rows; categories that occur in none of them are left behind."""
        codes = self.codes[rows]
        used = np.zeros(len(self.categories) + 1, dtype=bool)
        used[codes] = True  # a missing cell marks the last place
        kept = np.flatnonzero(used[:-1])
        if len(kept) == len(self.categories):
            return Text(codes, self.categories)
        place = np.full(len(self.categories) + 1, -1, dtype=np.int32)
        place[kept] = np.arange(len(kept), dtype=np.int32)
        return Text(place[codes], tuple(self.categories[code] for code in kept))

    def texts(self) -> list[str | None]:
        """Return the cells."""
        cells: tuple[str | None, ...] = (*self.categories, None)
        return [cells[code] for code in self.codes.tolist()]


Values = Array | Text


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Columns of one length, in order.

    Attributes:
        columns: (rows,) arrays of float64, int64, bool or datetime64[us], or `Text`, by name.
        rows: Number of rows.
    """

    columns: dict[str, Values]
    rows: int

    def __post_init__(self) -> None:
        for name, values in self.columns.items():
            if kind_of(values) is None:
                raise FrameError(f"column {name!r} must be float64, int64, bool, datetime64[us] or Text")
            if len(values) != self.rows:
                raise FrameError(
                    f"column {_quoted(name)} has {len(values):,} rows; the table has {self.rows:,}"
                )

    @classmethod
    def of(cls, columns: Mapping[str, Values]) -> Frame:
        """Return a frame of at least one column."""
        return cls(dict(columns), len(next(iter(columns.values()))))

    @property
    def names(self) -> tuple[str, ...]:
        """The columns' names, in order."""
        return tuple(self.columns)

    def take(self, rows: Array) -> Frame:
        """Choose rows, in the order given."""
        chosen = {
            name: values.take(rows) if isinstance(values, Text) else values[rows]
            for name, values in self.columns.items()
        }
        return Frame(chosen, len(rows))

    def select(self, names: Iterable[str]) -> Frame:
        """Choose columns, in the order given."""
        return replace(self, columns={name: self.columns[name] for name in names})

    def with_columns(self, columns: Mapping[str, Values]) -> Frame:
        """Add columns, or put others in their place."""
        return replace(self, columns={**self.columns, **columns})

    def to_plain(self) -> dict[str, Any]:
        """Return the frame as data that the codec knows."""
        return {
            "rows": self.rows,
            "names": list(self.columns),
            "kinds": [kind_of(values) for values in self.columns.values()],
            "data": [_to_plain(values) for values in self.columns.values()],
        }

    @classmethod
    def from_plain(cls, plain: object, *, max_columns: int = MOST_COLUMNS) -> Frame:
        """Read what `to_plain` made, or refuse it.

        Args:
            plain: Decoded data that nobody vouches for.
            max_columns: Most columns allowed.

        Raises:
            FrameError: it is something else, or breaks a limit; says what is wrong with it.
        """
        if not isinstance(plain, dict) or plain.keys() != {"rows", "names", "kinds", "data"}:
            raise FrameError("expected a table")
        rows, names, kinds, data = (plain[key] for key in ("rows", "names", "kinds", "data"))
        if type(rows) is not int or not 0 <= rows <= MOST_ROWS:
            raise FrameError("the number of rows is none")
        if not all(isinstance(part, list) for part in (names, kinds, data)):
            raise FrameError("expected a table's columns as lists")
        if not len(names) == len(kinds) == len(data):
            raise FrameError("names, kinds and data of a table must be equally many")
        if len(names) > max_columns:
            raise FrameError(f"{len(names):,} columns; at most {max_columns:,} are allowed")
        columns: dict[str, Values] = {}
        for name, kind, values in zip(names, kinds, data, strict=True):
            if type(name) is not str or name in columns:
                raise FrameError(f"column names must be distinct text, got {_quoted(name)}")
            columns[name] = _from_plain(name, kind, values, rows)
        return cls(columns, rows)


def kind_of(values: Values) -> str | None:
    """Name what a column holds: "float", "int", "bool", "date" or "text"; None: nothing that is known."""
    if isinstance(values, Text):
        return "text"
    return _KINDS.get(str(values.dtype)) if values.ndim == 1 else None


def is_missing(values: Values) -> NDArray[np.bool_]:
    """Tell for every row whether its cell is missing."""
    if isinstance(values, Text):
        return values.codes < 0
    if values.dtype.kind == "M":
        return np.isnat(values)
    if values.dtype.kind == "f":
        return np.isnan(values)
    return np.zeros(len(values), dtype=bool)


_KINDS = {"float64": "float", "int64": "int", "bool": "bool", "datetime64[us]": "date"}
_DTYPES = {"float": np.float64, "int": np.int64, "bool": np.bool_, "date": np.int64}


def _to_plain(values: Values) -> Any:
    if isinstance(values, Text):
        texts = [text.encode("utf-8", "surrogatepass") for text in values.categories]
        ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
        return {"codes": values.codes, "bytes": b"".join(texts), "ends": ends}
    return values.view(np.int64) if values.dtype.kind == "M" else values


def _from_plain(name: str, kind: object, values: object, rows: int) -> Values:
    where = f"column {_quoted(name)}"
    if kind == "text":
        return _text_from_plain(where, values, rows)
    dtype = _DTYPES.get(kind) if isinstance(kind, str) else None
    if dtype is None:
        raise FrameError(f"{where} is of an unknown kind")
    array = _vector(where, values, dtype)
    if len(array) != rows:
        raise FrameError(f"{where} has {len(array):,} rows; the table has {rows:,}")
    return array.view("datetime64[us]") if kind == "date" else array


def _text_from_plain(where: str, values: object, rows: int) -> Text:
    if not isinstance(values, dict) or values.keys() != {"codes", "bytes", "ends"}:
        raise FrameError(f"{where}: expected text")
    codes = _vector(where, values["codes"], np.int32)
    ends = _vector(where, values["ends"], np.int64)
    raw = values["bytes"]
    if type(raw) is not bytes:
        raise FrameError(f"{where}: expected text")
    starts = np.concatenate(([0], ends))
    if np.any(np.diff(starts) < 0) or starts[-1] != len(raw):
        raise FrameError(f"{where}: its categories do not lie one after the other")
    if len(codes) != rows:
        raise FrameError(f"{where} has {len(codes):,} rows; the table has {rows:,}")
    if rows and not (codes.min() >= -1 and codes.max() < len(ends)):
        raise FrameError(f"{where}: a cell names a category that does not exist")
    try:
        places = starts.tolist()
        categories = tuple(raw[a:b].decode("utf-8", "surrogatepass") for a, b in pairwise(places))
    except UnicodeDecodeError as error:
        raise FrameError(f"{where}: text that is not UTF-8: {error.reason}") from None
    if any(a >= b for a, b in pairwise(categories)):
        raise FrameError(f"{where}: its categories must be distinct and in ascending order")
    return Text(codes, categories)


def _vector(where: str, values: object, dtype: Any) -> Array:
    if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype != dtype:
        raise FrameError(f"{where}: expected a one-dimensional array of {np.dtype(dtype).name}")
    return values


def _quoted(value: object) -> str:
    return repr(value[:_QUOTED_CHARS]) if type(value) is str else type(value).__name__
