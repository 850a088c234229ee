"""What fit learned goes through the codec and comes back as what it was."""

from __future__ import annotations

import datetime
from collections import Counter, OrderedDict
from typing import Any

import numpy as np
import pytest

from evolve.sandbox import decode, encode

pd = pytest.importorskip("pandas")

from evolve.tabular.inside._state import pack, unpack  # noqa: E402 - needs pandas


def there_and_back(value: Any) -> Any:
    return unpack(decode(encode(pack(value))))


PLAIN: dict[str, Any] = {
    "nothing": None,
    "scalars": [True, 3, -(10**30), 0.5, "ä", b"x", float("inf")],
    "tuples": (1, (2, [3, ()])),
    "sets": {"a", "b", (1, 2)},
    "frozen": frozenset([1.5]),
    "keys of all kinds": {1: "a", "1": "b", None: 0, (1, "x"): [1], 0.5: 2, False: 3, 10**20: 4},
    "counter": Counter("abca"),
    "dates": [pd.Timestamp("2024-05-31T12:00", tz="UTC"), pd.Timedelta(3, "h")],
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_values(name: str) -> None:
    value = PLAIN[name]
    found = there_and_back(value)
    assert found == value
    assert type(found) is type(value)


def test_missing_values() -> None:
    nat, na, nan = there_and_back([pd.NaT, pd.NA, float("nan")])
    assert nat is pd.NaT
    assert na is pd.NA
    assert nan != nan


def test_a_day_becomes_a_time_stamp() -> None:
    assert there_and_back([datetime.date(2024, 5, 31)]) == [pd.Timestamp("2024-05-31")]


def test_an_ordered_dict_becomes_a_dict_in_its_order() -> None:
    found = there_and_back(OrderedDict([("b", 1), ("a", 2)]))
    assert (type(found), list(found)) == (dict, ["b", "a"])


def test_numpy_scalars_become_numbers() -> None:
    assert there_and_back([np.float32(0.5), np.int8(3), np.bool_(True), np.str_("x")]) == [0.5, 3, True, "x"]


ARRAYS = {
    "floats": np.arange(6.0).reshape(2, 3),
    "small": np.arange(3, dtype=np.int8),
    "days": np.array(["2024-05-31", "NaT"], dtype="datetime64[D]"),
    "hours": np.array([1, 2], dtype="timedelta64[h]"),
    "objects": np.array([["a", None], [1, (2,)]], dtype=object),
    "words": np.array(["a", "bb"]),
}


@pytest.mark.parametrize("name", ARRAYS)
def test_arrays(name: str) -> None:
    found = there_and_back(ARRAYS[name])
    assert found.shape == ARRAYS[name].shape
    assert found.tolist() == ARRAYS[name].tolist()
    if name != "words":
        assert found.dtype == ARRAYS[name].dtype


SERIES = {
    "floats": pd.Series([1.0, np.nan], name="x"),
    "words": pd.Series(["a", None], index=["p", "q"]),
    "group means": pd.DataFrame({"g": list("aab"), "v": [1.0, 2, 3]}).groupby("g")["v"].mean(),
    "two keys": pd.DataFrame({"g": list("aab"), "h": [1, 2, 1], "v": [1.0, 2, 3]})
    .groupby(["g", "h"])["v"]
    .sum(),
    "counts": pd.Series(list("aab")).value_counts(),
    "days": pd.Series(pd.date_range("2024-01-01", periods=2)),
    "categories": pd.Series(pd.Categorical(["a", None, "b"], ["b", "a"], ordered=True)),
    "bins": pd.Series([1, 2], index=pd.Index([0.5, 1.5], name="edge")),
}


@pytest.mark.parametrize("name", SERIES)
def test_series(name: str) -> None:
    pd.testing.assert_series_equal(
        there_and_back(SERIES[name]), SERIES[name], check_dtype=name not in ("words",), check_index_type=False
    )


def test_frames() -> None:
    frame = pd.DataFrame(
        {"a": [1, 2], "b": [0.5, np.nan], 3: ["x", "y"]}, index=pd.Index(["p", "q"], name="i")
    )
    pd.testing.assert_frame_equal(
        there_and_back(frame), frame, check_dtype=False, check_index_type=False, check_column_type=False
    )
    assert there_and_back(pd.DataFrame(index=range(3))).shape == (3, 0)


class _Model:
    pass


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (_Model(), r"^state is of type tests\.tabular.*_Model; what fit returns must be data"),
        ({"model": [1, _Model()]}, r"^state\['model'\]\[1\] is of type"),
        ({_Model(): 1}, r"^a key of state is of type"),
        (lambda: 0, r"^state is of type builtins.function"),
        (np.array([1j]), r"^state is an array of dtype complex128"),
        (pd.Series([_Model()]), r"^state\[0\]|^state is of type"),
    ],
)
def test_what_is_no_data_is_refused(value: Any, message: str) -> None:
    with pytest.raises(TypeError, match=message):
        pack(value)


def test_what_contains_itself_is_refused() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="nested deeper than 40 levels"):
        pack(loop)


def test_a_set_is_packed_in_one_order() -> None:
    assert pack({"b", "a", 3}) == pack({3, "a", "b"})
