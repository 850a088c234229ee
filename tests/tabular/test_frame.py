"""Frames travel as plain data, and anything else is refused on arrival."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.sandbox import decode, encode
from evolve.tabular import Frame, FrameError, Text
from evolve.tabular._frame import is_missing


def frame() -> Frame:
    return Frame.of(
        {
            "f": np.array([0.5, np.nan, -np.inf]),
            "i": np.array([1, 2, 3]),
            "b": np.array([True, False, True]),
            "d": np.array(["2024-05-31", "NaT", "1960-01-01T12:00"], dtype="datetime64[us]"),
            "t": Text.of(["ä", None, "a"]),
        }
    )


def same(a: Frame, b: Frame) -> bool:
    return a.names == b.names and all(
        x.texts() == b.columns[n].texts()  # type: ignore[union-attr]
        if isinstance(x, Text)
        else x.dtype == b.columns[n].dtype and np.array_equal(x, b.columns[n], equal_nan=x.dtype.kind in "fM")  # type: ignore[union-attr,arg-type]
        for n, x in a.columns.items()
    )


def test_a_frame_comes_back_as_it_was_sent() -> None:
    sent = frame()
    assert same(Frame.from_plain(decode(encode(sent.to_plain()))), sent)


@settings(deadline=None)
@given(
    st.lists(st.none() | st.text(), max_size=40),
    st.data(),
)
def test_texts_survive_choosing_rows_and_travelling(cells: list[str | None], data: st.DataObject) -> None:
    rows = data.draw(st.lists(st.integers(0, len(cells) - 1), max_size=60) if cells else st.just([]))
    part = Frame({"t": Text.of(cells)}, len(cells)).take(np.array(rows, dtype=np.int64))
    column = Frame.from_plain(decode(encode(part.to_plain()))).columns["t"]
    assert isinstance(column, Text)
    assert column.texts() == [cells[row] for row in rows]
    assert set(column.categories) == {cells[row] for row in rows} - {None}  # nothing of the other rows


def test_many_texts_take_few_values_of_the_codec() -> None:
    cells: list[str | None] = [f"cell {i}" for i in range(50_000)]
    plain = Frame.of({"t": Text.of(cells)}).to_plain()
    assert decode(encode(plain), max_nodes=30)["rows"] == 50_000


def test_missing_cells_are_told() -> None:
    found = {name: is_missing(values).tolist() for name, values in frame().columns.items()}
    assert found == {
        "f": [False, True, False],
        "i": [False] * 3,
        "b": [False] * 3,
        "d": [False, True, False],
        "t": [False, True, False],
    }


def test_columns_of_other_types_and_lengths_are_refused() -> None:
    with pytest.raises(FrameError, match="column 'x' must be float64"):
        Frame.of({"x": np.zeros(3, dtype=np.float32)})
    with pytest.raises(FrameError, match="column 'y' has 2 rows; the table has 3"):
        Frame.of({"x": np.zeros(3), "y": np.zeros(2)})


def _with(**changes: Any) -> Any:
    return frame().to_plain() | changes


def _text(**changes: Any) -> Any:
    text = {"codes": np.zeros(3, dtype=np.int32), "bytes": b"ab", "ends": np.array([1, 2])}
    return {"rows": 3, "names": ["t"], "kinds": ["text"], "data": [text | changes]}


HOSTILE = {
    "no dict": ([1, 2], "expected a table"),
    "a key too many": (_with(more=1), "expected a table"),
    "rows as text": (_with(rows="3"), "number of rows"),
    "bool rows": (_with(rows=True), "number of rows"),
    "negative rows": (_with(rows=-1), "number of rows"),
    "names no list": (_with(names="fibdt"), "as lists"),
    "too few kinds": (_with(kinds=["float"]), "equally many"),
    "a name twice": (_with(names=["f", "f", "b", "d", "t"]), "distinct text, got 'f'"),
    "a name no text": (_with(names=["f", 2, "b", "d", "t"]), "distinct text, got int"),
    "a long name": (_with(names=["x" * 5000] * 5), r"got 'x{60}'$"),
    "unknown kind": (_with(kinds=["object", "int", "bool", "date", "text"]), "unknown kind"),
    "unhashable kind": (_with(kinds=[[], "int", "bool", "date", "text"]), "unknown kind"),
    "wrong dtype": (_with(kinds=["int", "int", "bool", "date", "text"]), "array of int64"),
    "other length": (_with(rows=4), "has 3 rows; the table has 4"),
    "text no dict": ({"rows": 1, "names": ["t"], "kinds": ["text"], "data": [b""]}, "expected text"),
    "code beyond": (_text(codes=np.array([0, 1, 2], dtype=np.int32)), "does not exist"),
    "code below": (_text(codes=np.array([0, 1, -2], dtype=np.int32)), "does not exist"),
    "ends descend": (_text(ends=np.array([2, 1])), "one after the other"),
    "ends negative": (_text(ends=np.array([-1, 2])), "one after the other"),
    "ends beyond": (_text(ends=np.array([1, 9])), "one after the other"),
    "bytes no bytes": (_text(bytes="ab"), "expected text"),
    "no UTF-8": (_text(bytes=b"a\xff"), "not UTF-8"),
    "categories equal": (_text(bytes=b"aa"), "distinct and in ascending order"),
    "two dimensions": (_text(codes=np.zeros((3, 1), dtype=np.int32)), "one-dimensional"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_frame_is_refused(name: str) -> None:
    plain, message = HOSTILE[name]
    with pytest.raises(FrameError, match=message):
        Frame.from_plain(plain)


def test_a_width_beyond_the_cap_is_refused() -> None:
    with pytest.raises(FrameError, match="5 columns; at most 4"):
        Frame.from_plain(frame().to_plain(), max_columns=4)
