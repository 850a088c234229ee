from __future__ import annotations

import struct
import time
import tracemalloc
from collections import OrderedDict
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from evolve.sandbox import CodecError, Table, _codec, decode, encode
from evolve.sandbox._codec import DTYPES, MAX_DEPTH, MAX_INT_BYTES, MAX_NDIM

MAGIC = b"EV1"
BIGGEST_INT = 2 ** (8 * MAX_INT_BYTES - 1) - 1
SMALLEST_INT = -BIGGEST_INT - 1


def numpy_dtypes() -> st.SearchStrategy[np.dtype[Any]]:
    """Every numeric dtype in both byte orders."""
    return st.builds(
        lambda name, order: np.dtype(name).newbyteorder(order), st.sampled_from(DTYPES), st.sampled_from("<>")
    )


arrays = hnp.arrays(
    numpy_dtypes(), hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4), elements=None
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**100), 2**100),
    st.sampled_from([SMALLEST_INT, -(2**63) - 1, -128, 2**64, BIGGEST_INT]),
    st.floats(),
    st.text(st.characters(exclude_categories=["Cs"])),
    st.binary(max_size=20),
)
keys = st.one_of(st.text(max_size=5), st.integers(-(2**60) + 1, 2**60 - 1))


def containers(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    lists = st.lists(inner, max_size=4)
    return st.one_of(lists, lists.map(tuple), st.dictionaries(keys, inner, max_size=4))


plain = st.recursive(st.one_of(scalars, arrays), containers, max_leaves=15)


def same(a: Any, b: Any) -> bool:
    """Equality that tells types, array dtypes and NaN payloads apart."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        native = a.astype(a.dtype.newbyteorder("<"))
        return bool(a.shape == b.shape and native.dtype == b.dtype and native.tobytes() == b.tobytes())
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return len(a) == len(b) and all(map(same, a.items(), b.items()))
    if isinstance(a, float):
        return struct.pack("<d", a) == struct.pack("<d", b)
    return bool(a == b)


def survives(data: bytes) -> None:
    """Decode hostile bytes: only a value or CodecError may come of it."""
    try:
        value = decode(data)
    except CodecError:
        return
    if not isinstance(value, Table):
        encode(value)


@given(plain)
@settings(max_examples=150, deadline=None)
def test_what_goes_in_comes_out(value: Any) -> None:
    assert same(value, decode(encode(value)))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (0,), (3,), (0, 5), (2, 3, 4), (1,) * MAX_NDIM])
def test_arrays_of_every_kind(dtype: str, shape: tuple[int, ...]) -> None:
    values = np.arange(np.prod(shape, dtype=int)).reshape(shape).astype(dtype)
    for array in (
        values,
        values.T,
        values[..., ::-1] if shape else values,
        values.astype(values.dtype.newbyteorder(">")),
    ):
        result = decode(encode(array))
        assert result.dtype == np.dtype(dtype)
        assert np.array_equal(result, array)
        assert result.shape == array.shape
        assert result.flags.writeable
        assert result.flags.owndata


@pytest.mark.parametrize(
    ("value", "plain_value"),
    [
        (np.float64(0.5), 0.5),
        (np.float16(0.5), 0.5),
        (np.int8(-3), -3),
        (np.uint64(2**64 - 1), 2**64 - 1),
        (np.bool_(True), True),
    ],
)
def test_numpy_scalars_become_python_numbers(value: Any, plain_value: Any) -> None:
    assert same(decode(encode(value)), plain_value)


def test_a_complex_numpy_scalar_becomes_an_array_without_dimensions() -> None:
    assert same(decode(encode(np.complex64(1 + 2j))), np.array(1 + 2j, dtype="<c8"))


class Int(int): ...


class Float(float): ...


class Text(str): ...


class Array(np.ndarray): ...


REFUSED: list[tuple[Any, str]] = [
    (object(), r"^result is of type builtins\.object; expected None, bool"),
    ([1, {2}], r"^result\[1\] is of type builtins\.set"),
    ({"a": (0, Int(3))}, r"^result\['a'\]\[1\] is of type .*\.Int"),
    (Float(1.0), r"\.Float"),
    (Text("x"), r"\.Text"),
    (OrderedDict(a=1), r"OrderedDict"),
    (1j, r"builtins\.complex"),
    (bytearray(b"x"), r"bytearray"),
    (np.zeros(2).view(Array), r"\.Array.*convert it with numpy\.asarray"),
    (np.ma.masked_array([1.0], [True]), r"MaskedArray"),
    (np.array([1, None]), r"dtype object"),
    (np.array(["x"]), r"dtype <U1"),
    (np.zeros(2, dtype=[("a", "f8")]), r"dtype \[\('a'"),
    (np.array(["2020-01-01"], dtype="M8[D]"), r"dtype datetime64"),
    (np.array([1], dtype="m8[s]"), r"dtype timedelta64"),
    (np.zeros((1,) * (MAX_NDIM + 1)), r"9 dimensions; .* at most 8 dimensions"),
    (np.timedelta64(3, "ns"), r"numpy\.timedelta64"),
    (np.datetime64("2020-01-01"), r"numpy\.datetime64"),
    (np.longdouble(1), r"numpy\.longdouble"),
    ({1.5: 0}, r"result: dict keys must be str or int below 2\*\*60, got float"),
    ({True: 0}, r"dict keys .* got bool"),
    ({2**60: 0}, r"dict keys .* got int"),
    ({"a": {None: 0}}, r"result\['a'\]: dict keys .* got NoneType"),
    (["a", "\ud800"], r"^result\[1\]: text that cannot be written as UTF-8: surrogates not allowed"),
    ([BIGGEST_INT + 1], r"^result\[0\]: an integer of 8,192 bits; at most 8,191"),
    ([SMALLEST_INT - 1], r"^result\[0\]: an integer of 8,192 bits; at most 8,191"),
]


@pytest.mark.parametrize(("value", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_other_values_are_refused_with_their_place(value: Any, message: str) -> None:
    with pytest.raises(CodecError, match=message):
        encode(value)


@pytest.mark.parametrize("size", [1, 2, 8, MAX_INT_BYTES])
def test_the_extreme_integers_of_a_length_need_no_further_byte(size: int) -> None:
    """Else one would decode and not encode again, and the scorer be blamed that passes it on."""
    for value in (-(2 ** (8 * size - 1)), 2 ** (8 * size - 1) - 1):
        data = MAGIC + b"i" + struct.pack("<H", size) + value.to_bytes(size, "little", signed=True)
        assert decode(data) == value
        assert encode(value) == data


def test_the_depth_is_capped_on_both_sides() -> None:
    deepest: Any = []
    for _ in range(MAX_DEPTH):
        deepest = [deepest]
    assert decode(encode(deepest)) == deepest
    with pytest.raises(CodecError, match=r"nested deeper than 64 levels \(does it contain itself\?\)"):
        encode([deepest])
    deepest.append(deepest)
    with pytest.raises(CodecError, match="does it contain itself"):
        encode(deepest)
    for tag in (b"l", b"t"):
        with pytest.raises(CodecError, match="nested deeper than 64"):
            decode(MAGIC + (tag + struct.pack("<I", 1)) * 10_000 + b"N")


def test_the_number_of_items_is_capped_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_codec, "MAX_NODES", 1000)
    assert decode(encode([None] * 999)) == [None] * 999
    with pytest.raises(CodecError, match="more than 1,000 items; return arrays instead of long lists"):
        encode([None] * 1000)
    with pytest.raises(CodecError, match="more than 1,000 items"):
        decode(MAGIC + b"l" + struct.pack("<I", 1000) + b"N" * 1000)


@pytest.mark.parametrize("value", ["x" * 1000, b"x" * 1000, [0] * 1000, np.zeros(1000), {"k" * 1000: 1}])
def test_the_encoding_is_capped(value: Any) -> None:
    size = len(encode(value))
    assert len(encode(value, max_bytes=size)) == size
    with pytest.raises(CodecError, match=r"larger than the problem allows \(candidate.output_mb\)"):
        encode(value, max_bytes=size - 1)


def test_a_long_key_is_not_copied_for_every_item_behind_it() -> None:
    started = time.process_time()
    encode({"k" * 2_000_000: [None] * 50_000})
    assert time.process_time() - started < 2
    with pytest.raises(CodecError, match=r"^result\['k'\]\[1\]\[0\] is of type"):
        encode({"k": [None, ({1},)]})


def test_a_view_larger_than_its_memory_is_refused_before_it_is_copied() -> None:
    view = np.broadcast_to(np.zeros(1), (2**31, 1000))
    with pytest.raises(CodecError, match="larger than the problem allows"):
        encode(view)


def test_bytes_after_the_value_are_refused() -> None:
    with pytest.raises(CodecError, match="2 bytes follow the value; expected none"):
        decode(encode([1, 2]) + b"NN")


def array_header(code: int, *shape: int) -> bytes:
    return MAGIC + b"a" + struct.pack("<BB", code, len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)


BROKEN: list[tuple[bytes, str]] = [
    (b"", r"must begin with b'EV1', got b''"),
    (b"\x80\x04N.", r"must begin with b'EV1', got b'\\x80\\x04N'"),
    (MAGIC, "1 bytes announced at byte 3, only 0 left"),
    (MAGIC + b"x", r"unknown tag b'x' at byte 3"),
    (MAGIC + b"s" + struct.pack("<I", 2**32 - 1), "4,294,967,295 bytes announced at byte 8, only 0 left"),
    (
        MAGIC + b"l" + struct.pack("<I", 2**32 - 1) + b"N",
        "4,294,967,295 items announced .* too few bytes left",
    ),
    (MAGIC + b"d" + struct.pack("<I", 2) + b"NNN", "2 items announced"),
    (MAGIC + b"s" + struct.pack("<I", 1) + b"\xff", "text that is not UTF-8"),
    (MAGIC + b"s" + struct.pack("<I", 3) + b"\xed\xa0\x80", "text that is not UTF-8"),
    (MAGIC + b"i" + struct.pack("<H", 1025) + b"\1" * 1025, "an integer of 1025 bytes; at most 1024"),
    (MAGIC + b"d" + struct.pack("<I", 1) + b"TN", "dict keys must be str or int .* got bool"),
    (MAGIC + b"d" + struct.pack("<I", 1) + b"i\x08\0" + b"\x7f" * 8 + b"N", "dict keys must be str or int"),
    (array_header(14, 1), "dtype code 14"),
    (array_header(0, *[1] * 9), "9 dimensions"),
    (array_header(11, 2**31 + 1, 0), "an array dimension of 2,147,483,649; at most 2,147,483,648"),
    (array_header(11, 2**31, 2**31, 0), "which no machine can hold"),
    (array_header(11, *[2**31] * 8), "which no machine can hold"),
    (array_header(11, 2**31), "17,179,869,184 bytes announced"),
    (array_header(0, 2) + b"\1\2", "a bool array holds bytes other than 0 and 1"),
    (MAGIC + b"D" + struct.pack("<I", 1) + b"NN", "column names must be distinct text, got NoneType"),
    (MAGIC + b"D" + struct.pack("<I", 1) + b"s\0\0\0\0f" + b"\0" * 8, "must be a list of scalars or a one"),
    (
        MAGIC + b"D" + struct.pack("<I", 1) + b"s\0\0\0\0l\1\0\0\0l\0\0\0\0",
        "must be a list of scalars or a one",
    ),
    (MAGIC + b"D" + struct.pack("<I", 2) + b"s\0\0\0\0l\0\0\0\0" * 2, "column names must be distinct text"),
    (
        MAGIC + b"D" + struct.pack("<I", 2) + b"s\0\0\0\0l\0\0\0\0" + b"s\1\0\0\0xl\1\0\0\0N",
        "columns of a table must be of one length",
    ),
]


@pytest.mark.parametrize(("data", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_broken_encodings_are_refused_with_a_reason(data: bytes, message: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(CodecError, match=message):
            decode(data)
        assert tracemalloc.get_traced_memory()[1] < 10**6
    finally:
        tracemalloc.stop()


def test_a_caller_can_allow_fewer_values() -> None:
    data = encode({"a": [1, 2]})
    assert decode(data, max_nodes=5) == {"a": [1, 2]}
    with pytest.raises(CodecError, match="more than 4 items"):
        decode(data, max_nodes=4)
    with pytest.raises(CodecError, match="more than 3 items"):
        decode(MAGIC + b"l" + struct.pack("<I", 2**20) + b"N" * 2**20, max_nodes=3)


def table(*parts: Any) -> bytes:
    """Encode a table of the given names and columns by turns, whatever they are."""
    return MAGIC + b"D" + struct.pack("<I", len(parts) // 2) + b"".join(encode(p)[3:] for p in parts)


@pytest.mark.parametrize(
    "data",
    [
        table([np.zeros(())] * 10_000, None),
        table("x" * 10_000, None),
        table("x" * 10_000, [], "x" * 10_000, []),
        table({"x" * 10_000: 1}, None),
    ],
    ids=["list for a name", "long name", "long name twice", "dict for a name"],
)
def test_a_refusal_is_short_whatever_was_sent(data: bytes) -> None:
    """It goes into feedback; and to render a value can take a hundred times as long as to read it."""
    with pytest.raises(CodecError) as refused:
        decode(data)
    assert len(str(refused.value)) < 200


@given(st.binary(max_size=60))
@settings(max_examples=300, deadline=None)
def test_arbitrary_bytes_never_do_harm(data: bytes) -> None:
    survives(data)
    survives(MAGIC + data)


# Bytes that mean something, so that more than the first one is read.
_words = st.one_of(
    st.sampled_from([bytes([tag]) for tag in b"NTFifsbltdaD"]),
    st.integers(0, 9).map(lambda n: struct.pack("<I", n)),
    st.sampled_from([struct.pack("<Q", 2**n) for n in (0, 1, 31, 32, 63)] + [b"\0", b"\1\0", b"\x0b\2"]),
    st.binary(max_size=3),
)


@given(st.lists(_words, max_size=40).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_almost_valid_bytes_never_do_harm(data: bytes) -> None:
    survives(MAGIC + data)


@given(plain, st.data())
@settings(max_examples=150, deadline=None)
def test_damaged_encodings_never_do_harm(value: Any, data: st.DataObject) -> None:
    good = encode(value)
    cut = data.draw(st.integers(0, len(good) - 1))
    with pytest.raises(CodecError):
        decode(good[:cut])
    damaged = bytearray(good)
    for place in data.draw(st.lists(st.integers(0, len(good) - 1), min_size=1, max_size=4)):
        damaged[place] = data.draw(st.integers(0, 255))
    survives(bytes(damaged))


class Column:
    """As much of a pandas column as the codec reads."""

    def __init__(self, values: list[Any] | np.ndarray[Any, Any]) -> None:
        self._values = values
        self.dtype = values.dtype if isinstance(values, np.ndarray) else np.dtype(object)

    def to_numpy(self) -> np.ndarray[Any, Any]:
        return np.asarray(self._values)

    def tolist(self) -> list[Any]:
        return list(self._values)


class DataFrame:
    """As much of a pandas data frame as the codec reads, told by its name and module."""

    __module__ = "pandas.core.frame"

    def __init__(self, *columns: tuple[Any, list[Any] | np.ndarray[Any, Any]]) -> None:
        self.columns = [name for name, _ in columns]
        self._values = [Column(values) for _, values in columns]

    @property
    def iloc(self) -> DataFrame:
        return self

    def __getitem__(self, place: tuple[slice, int]) -> Column:
        return self._values[place[1]]


class NAType: ...


class Stamp:
    def __str__(self) -> str:
        return "2020-01-02"


def test_a_frame_becomes_a_table_of_columns() -> None:
    mixed = ["a", None, NAType(), np.float64(0.5), Stamp()]
    table = decode(encode(DataFrame(("x", np.arange(5, dtype=">i2")), ("y", mixed))))
    assert isinstance(table, Table)
    assert table.rows == 5
    assert same(table.columns["x"], np.arange(5, dtype="<i2"))
    assert table.columns["y"] == ["a", None, None, 0.5, "2020-01-02"]
    assert decode(encode(DataFrame())).rows == 0


def test_frames_with_unusable_columns_are_refused() -> None:
    with pytest.raises(CodecError, match=r"result\[0\]: column names must be str, got int \(3\)"):
        encode([DataFrame((3, [1]))])
    with pytest.raises(CodecError, match="two columns are named 'x'"):
        encode(DataFrame(("x", [1]), ("x", [2])))
    with pytest.raises(CodecError, match=r"result\['x'\]\[0\] is of type .*longdouble"):
        encode(DataFrame(("x", [np.longdouble(1)])))


def test_pandas_frames() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"x": [1.5, 2.5], "y": [True, False], "z": ["a", None]}, index=[7, 8])
    frame["when"] = pandas.to_datetime(["2020-01-02", None])
    frame["whole"] = pandas.array([1, None], dtype="Int64")
    frame["kind"] = pandas.Categorical(["p", "q"])
    columns = decode(encode(frame)).columns
    assert same(columns["x"], np.array([1.5, 2.5]))
    assert same(columns["y"], np.array([True, False]))
    assert columns["z"][0] == "a"
    assert columns["when"] == ["2020-01-02 00:00:00", None]
    assert columns["whole"] == [1, None]
    assert columns["kind"] == ["p", "q"]
