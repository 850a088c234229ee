"""Files are read and understood, and every fault of a file is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import Table, Text, read_table
from evolve.tabular._frame import kind_of

pd = pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

ROWS = 30


def write(tmp_path: Path, text: str | bytes, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def csv_of(columns: dict[str, list[Any]], delimiter: str = ",") -> str:
    lines = [delimiter.join(columns)]
    lines += [delimiter.join(str(cell) for cell in row) for row in zip(*columns.values(), strict=True)]
    return "\n".join(lines) + "\n"


def table(tmp_path: Path, columns: dict[str, list[Any]], target: str = "y", **options: Any) -> Table:
    return read_table(write(tmp_path, csv_of(columns)), target, **options)


def numbers(count: int = ROWS) -> list[float]:
    return [round(0.5 * i + 0.25, 3) for i in range(count)]


def labels(count: int = ROWS) -> list[str]:
    return ["a" if i % 3 else "b" for i in range(count)]


KINDS: dict[str, tuple[list[Any], str, str]] = {
    "numeric": ([*numbers(), "1e-3"], "numeric", "float"),
    "integer": ([*[i % 9 for i in range(ROWS)], "-3"], "integer", "int"),
    "integer with holes": ([*[i % 9 for i in range(ROWS)], ""], "integer", "float"),
    "zero and one": ([*[i % 2 for i in range(ROWS)], 0], "boolean", "int"),
    "true and false": ([*["True" if i % 2 else "false" for i in range(ROWS)], "true"], "boolean", "bool"),
    "true, false, missing": (
        [*["True" if i % 2 else "false" for i in range(ROWS)], "NA"],
        "boolean",
        "float",
    ),
    "yes and no": ([*["Yes" if i % 2 else "no" for i in range(ROWS)], "no"], "boolean", "text"),
    "categories": ([*labels(), "none"], "categorical", "text"),
    "postal codes": ([*[f"0{i % 5}120" for i in range(ROWS)], "01120"], "categorical", "text"),
    "dates": ([*[f"2024-0{1 + i % 9}-11" for i in range(ROWS)], ""], "date", "date"),
    "times with zones": (
        [*[f"2024-01-{10 + i % 9}T10:00:00+02:00" for i in range(ROWS)], "2024-01-01T00:00:00Z"],
        "date",
        "date",
    ),
    "day first": ([*[f"{i % 28 + 1}.03.2024" for i in range(ROWS)], "5.11.1999"], "date", "date"),
    "month first": ([*[f"03/{i % 28 + 1}/2024" for i in range(ROWS)], "11/5/1999"], "date", "date"),
    "sentences": ([*[f"it was number {i} of them" for i in range(ROWS)], "and another one"], "text", "text"),
    "one value": (["same"] * (ROWS + 1), "constant", "text"),
    "all missing": (["", "NA", "?"] * 10 + ["null"], "constant", "float"),
    "running number": ([*range(7, 7 + ROWS + 1)], "id", "int"),
    "names of rows": ([f"u{i}x" for i in range(ROWS + 1)], "id", "text"),
}


@pytest.mark.parametrize("name", KINDS)
def test_kinds_of_columns(tmp_path: Path, name: str) -> None:
    cells, kind, storage = KINDS[name]
    found = table(tmp_path, {"x": cells, "z": numbers(ROWS + 1), "y": labels(ROWS + 1)}, keep=["x"])
    column = found.columns[0]
    assert column.kind == kind
    assert kind_of(found.frame.columns["x"]) == storage
    assert column.missing == sum(str(cell) in ("", "NA", "?", "null") for cell in cells)


def test_dates_are_what_they_say(tmp_path: Path) -> None:
    cells, _, _ = KINDS["day first"]
    found = table(tmp_path, {"x": cells, "y": labels(ROWS + 1)}).frame.columns["x"]
    assert isinstance(found, np.ndarray)
    assert found[[0, 1, -1]].astype("datetime64[D]").astype(str).tolist() == [
        "2024-03-01",
        "2024-03-02",
        "1999-11-05",
    ]
    cells, _, _ = KINDS["times with zones"]
    found = table(tmp_path, {"x": cells, "y": labels(ROWS + 1)}).frame.columns["x"]
    assert str(found[0])[:16] == "2024-01-10T08:00"  # type: ignore[index]


def test_an_unclear_order_of_day_and_month_stays_text_and_is_noted(tmp_path: Path) -> None:
    cells = [f"0{i % 9 + 1}/05/2024" for i in range(ROWS)]
    found = table(tmp_path, {"x": cells, "y": labels()})
    assert isinstance(found.frame.columns["x"], Text)
    assert any("column 'x': looks like dates" in note for note in found.notes)


def test_infinite_cells_are_missing_and_noted(tmp_path: Path) -> None:
    found = table(tmp_path, {"x": [*numbers(ROWS - 2), "inf", "-Infinity"], "y": labels()})
    assert found.columns[0].missing == 2
    assert "column 'x': 2 infinite values were taken for missing." in found.notes


TARGETS: dict[str, tuple[list[Any], str, tuple[str, ...]]] = {
    "two labels": (labels(), "binary", ("a", "b")),
    "three labels": (["a", "b", "c"] * 10, "multiclass", ("a", "b", "c")),
    "few integers": ([1, 2, 10] * 10, "multiclass", ("1", "2", "10")),
    "booleans": (["true", "false"] * 15, "binary", ("False", "True")),
    "many integers": ([*range(0, 3 * ROWS, 3)], "regression", ()),
    "fractions": (numbers(), "regression", ()),
}


@pytest.mark.parametrize("name", TARGETS)
def test_tasks_are_inferred(tmp_path: Path, name: str) -> None:
    cells, task, classes = TARGETS[name]
    found = table(tmp_path, {"x": numbers(), "y": cells})
    assert (found.task, found.classes) == (task, classes)
    if classes:
        assert [found.classes[code] for code in found.target[:3]] == [
            str(cell).title() if name == "booleans" else str(cell) for cell in cells[:3]
        ]


def test_a_task_can_be_said(tmp_path: Path) -> None:
    assert table(tmp_path, {"x": numbers(), "y": [1, 2, 3] * 10}, task="regression").task == "regression"


def test_rows_without_a_target_are_left_out_and_noted(tmp_path: Path) -> None:
    found = table(tmp_path, {"x": numbers(), "y": ["", "NA", *labels(ROWS - 2)]})
    assert found.rows == ROWS - 2
    assert found.notes == ("2 rows without a target were left out.",)


def test_ids_constants_and_groups_are_no_features(tmp_path: Path) -> None:
    columns = {"id": [*range(ROWS)], "c": [1] * ROWS, "g": labels(), "x": numbers(), "y": numbers()}
    found = table(tmp_path, columns, groups="g", time="id")
    assert found.frame.names == ("x",)
    assert [column.name for column in found.columns if not column.used] == ["id", "c", "g"]
    assert isinstance(found.groups, Text)
    assert found.times is not None
    assert "--keep id" in " ".join(found.notes)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters_quotes_and_line_ends(tmp_path: Path, delimiter: str) -> None:
    quoted = [f'"one{delimiter} ""two""\nthree"', *labels(ROWS - 1)]
    text = csv_of({"x": quoted, "z": numbers(), "y": labels()}, delimiter).replace("\n", "\r\n")
    found = read_table(write(tmp_path, text + "\r\n"), "y").frame.columns["x"]
    assert isinstance(found, Text)
    assert found.texts()[0] == f'one{delimiter} "two"\r\nthree'


ENCODINGS = {
    "utf-8-sig": (),
    "utf-16": (),
    "cp1252": ("The file is not UTF-8 (line 2); it was read as cp1252.",),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = csv_of({"größe": ["für", *labels(ROWS - 1)], "y": labels()})
    if encoding == "cp1252":
        text = text.replace("größe", "x")
    found = read_table(write(tmp_path, text.encode(encoding)), "y")
    column = next(iter(found.frame.columns.values()))
    assert isinstance(column, Text)
    assert column.texts()[0] == "für"
    assert found.notes == ENCODINGS[encoding]


GOOD = csv_of({"x": numbers(), "y": labels()})
FAULTS: dict[str, tuple[str | bytes, dict[str, Any], str]] = {
    "empty": ("", {}, r"t\.csv: is empty"),
    "blank": ("\n\n  \n", {}, "no column 'y'|empty lines|no rows"),
    "names only": ("x,y\n", {}, "column names and no rows"),
    "no such target": (GOOD, {"target": "Y"}, r"no column 'Y' \(target\)\. Columns: 'x', 'y'"),
    "no such group": (GOOD, {"groups": "g"}, r"no column 'g' \(groups\)"),
    "no such time": (GOOD, {"time": "t"}, r"no column 't' \(time\)"),
    "target as group": (GOOD, {"groups": "y"}, "the target 'y' cannot name the groups"),
    "keep unknown": (GOOD, {"keep": ["k"]}, r"no column 'k' \(keep\)"),
    "one class": (csv_of({"x": numbers(), "y": ["a"] * ROWS}), {}, "one value only"),
    "constant number": (csv_of({"x": numbers(), "y": [0.5] * ROWS}), {}, "one value only"),
    "target missing": (csv_of({"x": numbers(), "y": [""] * ROWS}), {}, "missing in all of 30 rows"),
    "one row": ("x,y\n1,a\n", {}, "1 row with a target; at least 10"),
    "nine rows": (csv_of({"x": numbers(9), "y": labels(9)}), {}, "9 rows with a target; at least 10"),
    "target only": (csv_of({"y": labels()}), {}, "only column"),
    "names twice": ("x,x,y\n" + "1,2,a\n" * 12, {}, "several columns are named 'x'"),
    "too many cells": (GOOD + "1,2,3\n", {}, "line 32 has 3 cells; the line of column names has 2"),
    "too few cells": ("x,z,y\n" + "1,2,a\n" * 12 + "1,2\n", {}, "line 14 has 2 cells"),
    "open quote": ('x,y\n"1,a\n' + "1,b\n" * 12, {}, "is no CSV"),
    "NUL": (b"x,y\n1,a\n\x00,b\n", {}, "line 3 holds a NUL byte"),
    "mixed encodings": (
        GOOD.encode() + "1,für\n".encode() + "1,für\n".encode("latin-1"),
        {},
        "mixes encodings: line 33 is not UTF-8 but line 32 is",
    ),
    "false utf-16": (b"\xff\xfex", {}, "begins as utf-16"),
    "too large": (GOOD, {"most_cells": 59}, "30 rows × 2 columns, more than 59 cells"),
    "too many classes": (
        csv_of({"x": numbers(), "y": [f"c{i}" for i in range(ROWS)]}),
        {},
        "30 different values",
    ),
    "words for a number": (GOOD, {"task": "regression"}, "holds text; a regression needs numbers"),
    "not two classes": (csv_of({"x": numbers(), "y": ["a", "b", "c"] * 10}), {"task": "binary"}, "3 classes"),
    "unknown task": (GOOD, {"task": "ranking"}, "task must be one of binary, multiclass, regression"),
    "no features": (csv_of({"x": [1] * ROWS, "y": labels()}), {}, "no column is left.*'x' has one value"),
    "text as time": (csv_of({"x": numbers(), "t": labels(), "y": labels()}), {"time": "t"}, "'t' holds text"),
    "missing time": (
        csv_of({"x": numbers(), "t": ["", *range(29)], "y": labels()}),
        {"time": "t"},
        "'t' is missing in 1 rows",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_of_files_are_named(tmp_path: Path, name: str) -> None:
    text, options, message = FAULTS[name]
    with pytest.raises(UsageError, match=message):
        read_table(write(tmp_path, text), **{"target": "y", **options})


def test_a_path_without_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_table(tmp_path / "none.csv", "y")
    with pytest.raises(UsageError, match="is no file"):
        read_table(tmp_path, "y")


# -- descriptions --------------------------------------------------------------------------------


def describe(tmp_path: Path, said: Any) -> Table:
    path = write(tmp_path, said if isinstance(said, bytes) else json.dumps(said), "d.json")
    return table(tmp_path, {"living-index": numbers(), "y": labels()}, describe=path)


def test_meanings_are_found_by_name(tmp_path: Path) -> None:
    found = describe(tmp_path, {"Living_Index": "how one\n lives", "y": "what is told"})
    assert (found.columns[0].meaning, found.target_meaning) == ("how one lives", "what is told")


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"z": "?"}, "describes 'z', which the table does not have. Its columns: 'living-index', 'y'"),
        ({"y": 3}, "expected one object of texts"),
        (["y"], "expected one object of texts"),
        (b"{", "is not JSON"),
        (b'{"y": "\xff"}', "is not JSON"),
    ],
)
def test_faults_of_descriptions_are_named(tmp_path: Path, said: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        describe(tmp_path, said)


# -- Parquet -------------------------------------------------------------------------------------


def parquet(tmp_path: Path, frame: Any, **options: Any) -> Table:
    path = tmp_path / "t.parquet"
    frame.to_parquet(path)
    return read_table(path, "y", **options)


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    day = pd.Series(pd.date_range("2024-01-01", periods=ROWS, tz="Europe/Berlin"))
    frame = pd.DataFrame(
        {
            "i8": pd.Series([i % 7 for i in range(ROWS)], dtype="int8"),
            "holes": pd.Series([None, *range(ROWS - 1)], dtype="Int64"),
            "f4": pd.Series(numbers(), dtype="float32"),
            "b": [i % 2 == 0 for i in range(ROWS)],
            "d": day.where(day.index > 0),
            "c": pd.Categorical([None, *labels(ROWS - 1)]),
            "y": labels(),
        }
    )
    found = parquet(tmp_path, frame)
    kinds = {column.name: (column.kind, column.missing) for column in found.columns}
    assert kinds == {
        "i8": ("integer", 0),
        "holes": ("integer", 1),
        "f4": ("numeric", 0),
        "b": ("boolean", 0),
        "d": ("date", 1),
        "c": ("categorical", 1),
    }
    assert str(found.frame.columns["d"][1])[:16] == "2024-01-01T23:00"  # type: ignore[index]


def test_faults_of_parquet_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no readable Parquet file"):
        read_table(write(tmp_path, "x,y\n", "t.parquet"), "y")
    nested = pd.DataFrame({"x": [[1, 2]] * ROWS, "y": labels()})
    with pytest.raises(UsageError, match=r"column 'x' is of type list.*expected numbers, text"):
        parquet(tmp_path, nested)
    with pytest.raises(UsageError, match="has columns and no rows"):
        parquet(tmp_path, pd.DataFrame({"x": [1.0], "y": ["a"]}).iloc[:0])
    with pytest.raises(UsageError, match="more than 10 cells"):
        parquet(tmp_path, pd.DataFrame({"x": numbers(), "y": labels()}), most_cells=10)
    infinite = parquet(tmp_path, pd.DataFrame({"x": [np.inf, *numbers(ROWS - 1)], "y": labels()}))
    assert infinite.notes == ("column 'x': 1 infinite values were taken for missing.",)
