"""A typed, size-capped, non-executing encoding of plain data between processes.

Programs are hostile: what arrives is decoded here without running anything, without trusting a
length, and without allocating more than a small multiple of what was received. Known values:
None, bool, int, float, str, bytes, list, tuple, dict (keys str or int), numeric numpy arrays, and
tables (data frames as columns).

Layout: the magic, then one value. A value is a tag byte and its payload; integers are
little-endian. Arrays are C-ordered raw bytes behind a dtype code and the shape.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

MAGIC = b"EV1"
MAX_DEPTH = 64
MAX_NODES = 1_000_000
MAX_INT_BYTES = 1024
MAX_NDIM = 8
MAX_DIM = 2**31
DTYPES = ("?", "<i1", "<i2", "<i4", "<i8", "<u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8", "<c16")
_DTYPE_CODES = {name: code for code, name in enumerate(DTYPES)}
_SCALARS = (bool, int, float, str)
_QUOTED_CHARS = 60

_Place = tuple[Any, ...]
"""Where a value lies: empty, or the place of what contains it and the index or key there. Put into words
only when something is wrong: a long key would be copied for every item behind it."""


class CodecError(ValueError):
    """The value is not plain data, breaks a cap, or the bytes are not a valid encoding."""


@dataclass(frozen=True, slots=True)
class Table:
    """A data frame's columns: numeric arrays, or lists of plain scalars, all of one length."""

    columns: dict[str, Any]

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values()), ()))


def encode(value: Any, max_bytes: int = 2**30) -> bytes:
    """Encode plain data.

    Args:
        value: Exactly the types named above; numpy scalars become Python numbers, complex ones
            arrays without dimensions. Subclasses are refused, since their behaviour would be lost.
        max_bytes: Largest encoding allowed.

    Raises:
        CodecError: a value of another type (the text says where it is and which type it has),
            nesting deeper than 64, more than 1,000,000 items, or too many bytes.
    """
    writer = _Writer(max_bytes)
    writer.value(value, (), 0)
    return b"".join(writer.parts)


def decode(data: bytes, max_nodes: int | None = None) -> Any:
    """Decode what `encode` made, or refuse it.

    Arrays are fresh and writable. Tables come back as `Table`.

    Args:
        data: An encoding, or anything at all.
        max_nodes: Most values allowed, containers, keys and items alike: for those who cannot wait until
            a million has been decoded. None: as many as `encode` allows.

    Raises:
        CodecError: the bytes are no valid encoding, or break a cap; the text is short, whatever they hold.
    """
    reader = _Reader(data, MAX_NODES if max_nodes is None else max_nodes)
    value = reader.value(0)
    if reader.position != len(data):
        raise CodecError(f"{len(data) - reader.position} bytes follow the value; expected none")
    return value


class _Writer:
    def __init__(self, max_bytes: int) -> None:
        self.parts: list[bytes] = [MAGIC]
        self._left = max_bytes - len(MAGIC)
        self._nodes = 0
        self._numpy = sys.modules.get("numpy")

    def value(self, value: Any, where: _Place, depth: int) -> None:
        self._nodes += 1
        if self._nodes > MAX_NODES:
            raise _wrong(where, f"more than {MAX_NODES:,} items; return arrays instead of long lists")
        if depth > MAX_DEPTH:
            raise CodecError(f"nested deeper than {MAX_DEPTH} levels (does it contain itself?)")
        kind = type(value)
        if value is None:
            self._put(b"N")
        elif kind is bool:
            self._put(b"T" if value else b"F")
        elif kind is int:
            self._int(value, where)
        elif kind is float:
            self._put(b"f" + struct.pack("<d", value))
        elif kind is str:
            self._sized(b"s", _utf8(value, where))
        elif kind is bytes:
            self._sized(b"b", value)
        elif kind is list or kind is tuple:
            self._put((b"l" if kind is list else b"t") + struct.pack("<I", len(value)))
            for index, item in enumerate(value):
                self.value(item, (where, index), depth + 1)
        elif kind is dict:
            self._dict(value, where, depth)
        elif self._numpy is not None and isinstance(value, (self._numpy.ndarray, self._numpy.generic)):
            self._numeric(value, where, depth)
        elif kind.__name__ == "DataFrame" and kind.__module__.startswith("pandas"):
            self._frame(value, where, depth)
        else:
            raise CodecError(_unknown(where, kind))

    def _put(self, data: bytes) -> None:
        self._check_room(len(data))
        self._left -= len(data)
        self.parts.append(data)

    def _check_room(self, size: int) -> None:
        if size > self._left:
            raise CodecError("the result is larger than the problem allows (candidate.output_mb)")

    def _sized(self, tag: bytes, data: bytes) -> None:
        self._check_room(len(data))
        self._put(tag + struct.pack("<I", len(data)))
        self._put(data)

    def _int(self, value: int, where: _Place) -> None:
        size = ((value if value >= 0 else ~value).bit_length() + 8) // 8  # the sign's bit included
        if size > MAX_INT_BYTES:
            raise _wrong(
                where, f"an integer of {value.bit_length():,} bits; at most {8 * MAX_INT_BYTES - 1:,}"
            )
        self._put(b"i" + struct.pack("<H", size) + value.to_bytes(size, "little", signed=True))

    def _dict(self, value: dict[Any, Any], where: _Place, depth: int) -> None:
        self._put(b"d" + struct.pack("<I", len(value)))
        for key, item in value.items():
            if not _is_key(key):
                raise _wrong(where, f"dict keys must be str or int below 2**60, got {type(key).__name__}")
            self.value(key, where, depth + 1)
            self.value(item, (where, key), depth + 1)

    def _numeric(self, value: Any, where: _Place, depth: int) -> None:
        np: Any = self._numpy
        if isinstance(value, np.generic):
            refused = (np.longdouble, np.clongdouble, np.timedelta64)  # the last would lose its unit
            if not isinstance(value, (np.bool_, np.number)) or isinstance(value, refused):
                raise CodecError(_unknown(where, type(value)))
            if isinstance(value, np.complexfloating):
                value = np.asarray(value)
            else:
                self.value(value.item(), where, depth + 1)
                return
        if type(value) is not np.ndarray:
            raise CodecError(f"{_unknown(where, type(value))}; convert it with numpy.asarray")
        code = _dtype_code(value.dtype)
        if code is None or value.ndim > MAX_NDIM:
            raise _wrong(
                where,
                f"an array of dtype {value.dtype} with {value.ndim} dimensions; "
                f"expected a bool, integer, float or complex array of at most {MAX_NDIM} dimensions",
            )
        self._check_room(value.nbytes)  # before the copy: a view can be far larger than its memory
        self._put(b"a" + struct.pack("<BB", code, value.ndim) + struct.pack(f"<{value.ndim}Q", *value.shape))
        self._put(np.ascontiguousarray(value, dtype=DTYPES[code]).tobytes())

    def _frame(self, frame: Any, where: _Place, depth: int) -> None:
        names = list(frame.columns)
        self._put(b"D" + struct.pack("<I", len(names)))
        for position, name in enumerate(names):
            if type(name) is not str:
                raise _wrong(where, f"column names must be str, got {type(name).__name__} ({name!r})")
            if name in names[:position]:
                raise _wrong(where, f"two columns are named {name!r}; column names must be distinct")
            column = frame.iloc[:, position]
            numeric = _dtype_code(column.dtype) is not None
            values = column.to_numpy() if numeric else [self._cell(cell) for cell in column.tolist()]
            self.value(name, where, depth + 1)
            self.value(values, (where, name), depth + 1)

    def _cell(self, value: Any) -> Any:
        """Turn a cell of a non-numeric column into a plain scalar: missing is None, dates are text."""
        if value is None or type(value) in _SCALARS:
            return value
        if self._numpy is not None and isinstance(value, self._numpy.generic):
            return value.item()
        return None if type(value).__name__ in ("NAType", "NaTType") else str(value)


class _Reader:
    def __init__(self, data: bytes, max_nodes: int) -> None:
        if data[: len(MAGIC)] != MAGIC:
            raise CodecError(f"must begin with {MAGIC!r}, got {data[: len(MAGIC)]!r}")
        self._data = data
        self.position = len(MAGIC)
        self._nodes = 0
        self._max_nodes = max_nodes

    def value(self, depth: int) -> Any:
        self._nodes += 1
        if depth > MAX_DEPTH or self._nodes > self._max_nodes:
            raise CodecError(f"nested deeper than {MAX_DEPTH} levels or more than {self._max_nodes:,} items")
        tag = self._take(1)
        read = _READERS.get(tag)
        if read is None:
            raise CodecError(f"unknown tag {tag!r} at byte {self.position - 1}")
        return read(self, depth)

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._data):
            left = len(self._data) - self.position
            raise CodecError(f"{size:,} bytes announced at byte {self.position}, only {left:,} left")
        part = self._data[self.position : end]
        self.position = end
        return part

    def _unpack(self, form: str) -> tuple[Any, ...]:
        return struct.unpack("<" + form, self._take(struct.calcsize("<" + form)))

    def _count(self, least_bytes: int) -> int:
        """Read a number of items, refused unless that many can still follow."""
        (count,) = self._unpack("I")
        if count * least_bytes > len(self._data) - self.position:
            raise CodecError(
                f"{count:,} items announced at byte {self.position}, too few bytes left for them"
            )
        return int(count)

    def integer(self, _depth: int) -> int:
        (size,) = self._unpack("H")
        if size > MAX_INT_BYTES:
            raise CodecError(f"an integer of {size} bytes; at most {MAX_INT_BYTES}")
        return int.from_bytes(self._take(size), "little", signed=True)

    def real(self, _depth: int) -> float:
        return float(self._unpack("d")[0])

    def text(self, _depth: int) -> str:
        try:
            return self.raw(0).decode("utf-8")
        except UnicodeDecodeError as error:
            raise CodecError(f"text that is not UTF-8: {error.reason}") from None

    def raw(self, _depth: int) -> bytes:
        return self._take(self._unpack("I")[0])

    def sequence(self, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(self._count(1))]

    def fixed(self, depth: int) -> tuple[Any, ...]:
        return tuple(self.sequence(depth))

    def mapping(self, depth: int) -> dict[Any, Any]:
        result = {}
        for _ in range(self._count(2)):
            key = self.value(depth + 1)
            if not _is_key(key):
                raise CodecError(f"dict keys must be str or int below 2**60, got {type(key).__name__}")
            result[key] = self.value(depth + 1)
        return result

    def array(self, _depth: int) -> np.ndarray[Any, Any]:
        import numpy as np  # lazily: encoders of plain numbers need none of it

        code, ndim = self._unpack("BB")
        if code >= len(DTYPES) or ndim > MAX_NDIM:
            raise CodecError(
                f"an array of dtype code {code} and {ndim} dimensions; "
                f"expected < {len(DTYPES)} and <= {MAX_NDIM}"
            )
        shape = self._unpack(f"{ndim}Q")
        dtype = np.dtype(DTYPES[code])
        for dim in shape:
            if dim > MAX_DIM:
                raise CodecError(f"an array dimension of {dim:,}; at most {MAX_DIM:,}")
        if dtype.itemsize * math.prod(max(dim, 1) for dim in shape) > sys.maxsize:
            raise CodecError(f"an array of shape {shape}, which no machine can hold")
        raw = self._take(dtype.itemsize * math.prod(shape))
        if code == 0 and raw.strip(b"\0\1"):
            raise CodecError("a bool array holds bytes other than 0 and 1")
        return np.frombuffer(raw, dtype=dtype).reshape(shape).copy()

    def table(self, depth: int) -> Table:
        columns: dict[str, Any] = {}
        for _ in range(self._count(2)):
            name = self.value(depth + 1)
            column = self.value(depth + 1)
            if type(name) is not str or name in columns:
                raise CodecError(f"a table's column names must be distinct text, got {_quoted(name)}")
            plain = type(column) is list and all(cell is None or type(cell) in _SCALARS for cell in column)
            if not plain and getattr(column, "ndim", 0) != 1:
                raise CodecError(
                    f"table column {_quoted(name)} must be a list of scalars or a one-dimensional array"
                )
            columns[name] = column
        if len({len(column) for column in columns.values()}) > 1:
            raise CodecError("the columns of a table must be of one length")
        return Table(columns)


_READERS: dict[bytes, Callable[[_Reader, int], Any]] = {
    b"N": lambda _reader, _depth: None,
    b"T": lambda _reader, _depth: True,
    b"F": lambda _reader, _depth: False,
    b"i": _Reader.integer,
    b"f": _Reader.real,
    b"s": _Reader.text,
    b"b": _Reader.raw,
    b"l": _Reader.sequence,
    b"t": _Reader.fixed,
    b"d": _Reader.mapping,
    b"a": _Reader.array,
    b"D": _Reader.table,
}


def _is_key(key: Any) -> bool:
    """Allow text and small integers; large ones can be chosen to share one hash and stall the reader."""
    return type(key) is str or (type(key) is int and abs(key) < 2**60)


def _dtype_code(dtype: Any) -> int | None:
    """Return the code of a dtype in either byte order; None for one that is not known here."""
    name = str(getattr(dtype, "str", ""))
    return _DTYPE_CODES.get("?" if name == "|b1" else f"<{name[1:]}")


def _utf8(text: str, where: _Place) -> bytes:
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _wrong(where, f"text that cannot be written as UTF-8: {error.reason}") from None


def _words(where: _Place) -> str:
    steps = []
    while where:
        where, step = where
        steps.append(f"[{step!r}]")
    return "result" + "".join(reversed(steps))


def _wrong(where: _Place, what: str) -> CodecError:
    return CodecError(f"{_words(where)}: {what}")


def _quoted(value: Any) -> str:
    """Show what was received, in few characters and without looking into what may be huge."""
    return repr(value[:_QUOTED_CHARS]) if type(value) is str else type(value).__name__


def _unknown(where: _Place, kind: type) -> str:
    return (
        f"{_words(where)} is of type {kind.__module__}.{kind.__qualname__}; expected None, bool, int, float, "
        "str, bytes, list, tuple, dict, numeric arrays or data frames"
    )
