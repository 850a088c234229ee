"""Data frames as programs see them, and columns from what programs return."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from evolve.tabular import Frame, Text
from evolve.tabular._frame import kind_of

pd = pytest.importorskip("pandas")

from evolve.tabular.inside._pandas import from_pandas, to_pandas  # noqa: E402 - needs pandas


def frame() -> Frame:
    return Frame.of(
        {
            "f": np.array([0.5, np.nan]),
            "i": np.array([1, 2]),
            "b": np.array([True, False]),
            "d": np.array(["2024-05-31", "NaT"], dtype="datetime64[us]"),
            "t": Text.of(["x", None]),
        }
    )


def test_a_program_sees_common_types() -> None:
    seen = to_pandas(frame())
    assert [str(dtype) for dtype in seen.dtypes] == ["float64", "int64", "bool", "datetime64[us]", "object"]
    assert seen["t"].isna().tolist() == [False, True]
    assert seen.index.equals(pd.RangeIndex(2))


def test_every_frame_is_a_program_s_own() -> None:
    given = frame()
    seen = to_pandas(given)
    seen.loc[:, "f"] *= 0
    seen.loc[:, "i"] = 7
    assert given.columns["f"][0] == 0.5  # type: ignore[index]
    assert given.columns["i"].tolist() == [1, 2]  # type: ignore[union-attr]
    assert to_pandas(given)["i"].tolist() == [1, 2]


def test_what_is_returned_unchanged_comes_back_equal() -> None:
    found = from_pandas(to_pandas(frame()), 2, "transform")
    assert [kind_of(values) for values in found.columns.values()] == ["float", "int", "bool", "date", "text"]
    assert found.columns["t"].texts() == ["x", None]  # type: ignore[union-attr]
    assert np.isnat(found.columns["d"][1])  # type: ignore[index]


NAN = float("nan")
RETURNED: dict[str, tuple[Any, str, list[Any]]] = {
    "float32": (pd.Series([0.5, 1], dtype="float32"), "float", [0.5, 1]),
    "int8": (pd.Series([1, 2], dtype="int8"), "int", [1, 2]),
    "large unsigned": (pd.Series([1, 2**64 - 1], dtype="uint64"), "float", [1, 2.0**64]),
    "nullable int": (pd.Series([1, None], dtype="Int64"), "float", [1, NAN]),
    "whole nullable int": (pd.Series([1, 2], dtype="Int64"), "int", [1, 2]),
    "nullable float": (pd.Series([1.5, None], dtype="Float64"), "float", [1.5, NAN]),
    "nullable bool": (pd.Series([True, None], dtype="boolean"), "float", [1, NAN]),
    "bools and None": (pd.Series([True, None], dtype=object), "float", [1, NAN]),
    "numbers as objects": (pd.Series([1, Decimal("0.5")], dtype=object), "float", [1, 0.5]),
    "only None": (pd.Series([None, None], dtype=object), "float", [NAN, NAN]),
    "text": (pd.Series(["b", "a"], dtype="string"), "text", ["b", "a"]),
    "mixed": (pd.Series(["b", 1], dtype=object), "text", ["b", "1"]),
    "categories": (pd.Series(["b", None], dtype="category"), "text", ["b", None]),
    "numeric categories": (pd.Series([2, 1], dtype="category"), "float", [2, 1]),
    "bins": (pd.cut(pd.Series([1, 9]), [0, 5, 10]), "float", [0, 1]),
    "bins without order": (pd.Series([pd.Interval(0, 5), None], dtype=object), "text", ["(0, 5]", None]),
    "days": (pd.to_datetime(pd.Series(["2024-05-31", None])), "date", [1717113600000000, None]),
    "zoned": (pd.Series(pd.to_datetime(["2024-05-31T02:00+02:00"] * 2)), "date", [1717113600000000] * 2),
    "spans": (pd.to_timedelta(pd.Series(["1h", None])), "float", [3600, NAN]),
    "sparse": (pd.Series(pd.arrays.SparseArray([0.0, 1.0])), "float", [0, 1]),
}


@pytest.mark.parametrize("name", RETURNED)
def test_columns_that_programs_return(name: str) -> None:
    series, kind, expected = RETURNED[name]
    found = from_pandas(pd.DataFrame({"x": series}), 2, "transform").columns["x"]
    assert kind_of(found) == kind
    if isinstance(found, Text):
        assert found.texts() == expected
    elif kind == "date":
        ticks = [None if np.isnat(cell) else int(cell.astype(np.int64)) for cell in found]
        assert ticks == expected
    else:
        assert np.array_equal(found.astype(float), np.array(expected, dtype=float), equal_nan=True)


FAULTS: dict[str, tuple[Any, type[Exception], str]] = {
    "no frame": (np.zeros(2), TypeError, "^transform must return a pandas DataFrame, got ndarray"),
    "a series": (pd.Series([1, 2]), TypeError, "got Series"),
    "fewer rows": (pd.DataFrame({"x": [1]}), ValueError, "was given 2 rows and returned 1"),
    "other order": (
        pd.DataFrame({"x": [1, 2]}, index=[1, 0]),
        ValueError,
        "in the order in which they were given",
    ),
    "number as name": (pd.DataFrame({0: [1, 2]}), TypeError, "column named 0; column names must be text"),
    "levels": (pd.DataFrame({("a", "b"): [1, 2]}), TypeError, "column names must be text"),
    "names twice": (pd.DataFrame([[1, 2]] * 2, columns=["x", "x"]), ValueError, "two columns named 'x'"),
    "lists": (pd.DataFrame({"x": [[1], [2]]}), TypeError, "column 'x' with a cell of type list"),
    "complex": (pd.DataFrame({"x": [1j, 2j]}), TypeError, "column 'x' with a cell of type complex"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_no_learner_can_use_is_refused(name: str) -> None:
    returned, kind, message = FAULTS[name]
    with pytest.raises(kind, match=message):
        from_pandas(returned, 2, "transform")
