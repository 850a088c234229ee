"""Read a CSV or Parquet file: every fault of a file is told apart from every other."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array, Text, Values
from evolve.tabular._infer import values_of
from evolve.tabular._table import Table, make_table

MOST_BYTES = 2**29
MOST_CELLS = 20_000_000
_DELIMITERS = (",", ";", "\t", "|")
_PARQUET = (".parquet", ".pq")
_NAMED = 5


def read_table(
    path: str | Path,
    target: str,
    *,
    describe: str | Path | None = None,
    groups: str | None = None,
    time: str | None = None,
    task: str | None = None,
    keep: Iterable[str] = (),
    most_cells: int = MOST_CELLS,
) -> Table:
    """Read a table and find out what is in it.

    Args:
        path: A Parquet file (.parquet, .pq), or text with a delimiter: comma, semicolon, tab or bar.
        target: The column to predict.
        describe: JSON file of one object: what columns mean, by name.
        groups: Column that names rows which belong together.
        time: Column that orders the rows.
        task: "binary", "multiclass" or "regression"; None: by the look of the target.
        keep: Columns to use although they look like ids.
        most_cells: Largest table that is taken.

    Raises:
        UsageError: the file cannot be used; says where, why and what to do.
    """
    path = Path(path)
    notes: list[str] = []
    columns = read_columns(path, most_cells=most_cells, notes=notes)
    meanings = {} if describe is None else _read_meanings(Path(describe), list(columns), notes)
    return make_table(
        path.name,
        columns,
        target,
        meanings=meanings,
        groups=groups,
        time=time,
        task=task,
        keep=keep,
        notes=notes,
    )


def read_columns(
    path: Path, *, most_cells: int = MOST_CELLS, notes: list[str] | None = None
) -> dict[str, Values]:
    """Read all columns of a file, whatever they are for; see `read_table`.

    Args:
        path: The file.
        most_cells: Largest table that is taken.
        notes: Gets what was decided while reading, in sentences.

    Raises:
        UsageError: the file cannot be read.
    """
    _check_file(path)
    said: list[str] = [] if notes is None else notes
    read = _read_parquet if path.suffix.lower() in _PARQUET else _read_text
    return read(path, most_cells, said)


def _check_file(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}. Correct the path.") from None
    if not path.is_file():
        raise UsageError(f"{path}: is no file. Expected a CSV or Parquet file.")
    if size == 0:
        raise UsageError(f"{path}: is empty. Expected a line of column names and rows below it.")
    if size > MOST_BYTES:
        raise UsageError(
            f"{path}: has {size / 2**20:,.0f} MiB; at most {MOST_BYTES / 2**20:,.0f} are read. "
            "Take a sample of its rows."
        )


def _check_cells(path: Path, rows: int, columns: int, most: int) -> None:
    if rows * columns > most:
        raise UsageError(
            f"{path}: has {rows:,} rows × {columns:,} columns, more than {most:,} cells. "
            "Take a sample of its rows, or leave columns out."
        )


def _check_names(path: Path, names: list[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:_NAMED]))
        raise UsageError(f"{path}: several columns are named {shown}. Give every column a name of its own.")


# -- text with a delimiter ----------------------------------------------------------------------------


def _read_text(path: Path, most_cells: int, notes: list[str]) -> dict[str, Values]:
    text = _decoded(path, path.read_bytes(), notes)
    delimiter = _delimiter(text)
    rows = _rows(path, text, delimiter)
    names = [name.strip() for name in rows.pop(0)]
    if not rows:
        raise UsageError(f"{path}: has a line of column names and no rows.")
    _check_names(path, names)
    _check_cells(path, len(rows), len(names), most_cells)
    columns: dict[str, Values] = {}
    for name, cells in zip(names, zip(*rows, strict=True), strict=True):
        columns[name], note = values_of([cell.strip() for cell in cells])
        if note:
            notes.append(f"column {name!r}: {note}")
    return columns


def _decoded(path: Path, raw: bytes, notes: list[str]) -> str:
    """Decode a file that says nothing about its encoding; refuse one that mixes two."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if raw.startswith(mark):
            try:
                return raw.decode(encoding)
            except UnicodeDecodeError as error:
                raise UsageError(f"{path}: begins as {encoding} but is not: {error.reason}.") from None
    if b"\0" in raw:
        line = raw[: raw.index(b"\0")].count(b"\n") + 1
        raise UsageError(
            f"{path}: line {line} holds a NUL byte: it is not a text file. Export it as CSV in UTF-8."
        )
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return _decoded_otherwise(path, raw, notes)


def _decoded_otherwise(path: Path, raw: bytes, notes: list[str]) -> str:
    good: list[int] = []
    bad: list[int] = []
    for number, line in enumerate(raw.split(b"\n"), 1):
        if not line.isascii():
            try:
                line.decode("utf-8")
            except UnicodeDecodeError:
                bad.append(number)
            else:
                good.append(number)
    if good:
        raise UsageError(
            f"{path}: mixes encodings: line {bad[0]} is not UTF-8 but line {good[0]} is ({len(bad):,} and "
            f"{len(good):,} such lines). Convert the whole file to UTF-8."
        )
    for encoding in ("cp1252", "latin-1"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        notes.append(f"The file is not UTF-8 (line {bad[0]}); it was read as {encoding}.")
        return text
    raise AssertionError("latin-1 decodes everything")


def _delimiter(text: str) -> str:
    """Choose the delimiter by which the most of the first lines have as many cells as the line of names."""
    lines = [line for line in text[:65_536].splitlines()[:20] if line.strip()]

    def rank(delimiter: str) -> tuple[int, int]:
        widths = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        return (widths.count(widths[0]), widths[0]) if widths and widths[0] > 1 else (0, 0)

    return max(_DELIMITERS, key=rank)


def _rows(path: Path, text: str, delimiter: str) -> list[list[str]]:
    """Return the rows, the names first; every row has as many cells."""
    csv.field_size_limit(max(csv.field_size_limit(), 2**24))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[list[str]] = []
    try:
        for row in reader:
            if not row or (len(row) == 1 and not row[0].strip() and rows and len(rows[0]) > 1):
                continue  # an empty line
            if rows and len(row) != len(rows[0]):
                raise UsageError(
                    f"{path}: line {reader.line_num} has {len(row)} cells; the line of column names has "
                    f"{len(rows[0])}. Quote cells that hold the delimiter."
                )
            rows.append(row)
    except csv.Error as error:
        raise UsageError(f"{path}: line {reader.line_num} is no CSV: {error}.") from None
    if not rows:
        raise UsageError(f"{path}: holds nothing but empty lines. Expected column names and rows.")
    return rows


# -- Parquet ------------------------------------------------------------------------------------------


def _read_parquet(path: Path, most_cells: int, notes: list[str]) -> dict[str, Values]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise UsageError(
            f"{path}: reading Parquet needs pyarrow: {error}. "
            "Install it with: pip install 'evolve-engine[tabular]'."
        ) from None
    try:
        file = pyarrow.parquet.ParquetFile(path)
        names = [str(name) for name in file.schema_arrow.names]
        _check_names(path, names)
        _check_cells(path, file.metadata.num_rows, len(names), most_cells)
        table = file.read(use_threads=False)
    except (pyarrow.ArrowException, OSError) as error:
        raise UsageError(f"{path}: is no readable Parquet file: {error}.") from None
    if not table.num_rows:
        raise UsageError(f"{path}: has columns and no rows.")
    return {
        name: _from_arrow(path, name, column, notes)
        for name, column in zip(names, table.columns, strict=True)
        if not name.startswith("__index_level_")
    }


def _from_arrow(path: Path, name: str, column: Any, notes: list[str]) -> Values:
    import pyarrow as pa

    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind = column.type
    if pa.types.is_null(kind):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind):
        return _numbers_from_arrow(name, column, notes)
    if pa.types.is_decimal(kind):
        return _numbers_from_arrow(name, column.cast(pa.float64()), notes)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        ticks = column.cast(pa.timestamp("us"), safe=False).cast(pa.int64())
        never = int(np.iinfo(np.int64).min)
        return np.asarray(ticks.fill_null(never).to_numpy()).astype(np.int64).view("datetime64[us]")
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return Text.of(column.to_pylist())
    raise UsageError(
        f"{path}: column {name!r} is of type {kind}; expected numbers, text, booleans or dates. "
        "Leave it out, or convert it."
    )


def _numbers_from_arrow(name: str, column: Any, notes: list[str]) -> Array:
    import pyarrow as pa

    if not column.null_count and not pa.types.is_floating(column.type):
        if pa.types.is_boolean(column.type):
            return np.asarray(column.to_numpy()).astype(np.bool_)
        if column.type != pa.uint64():
            return np.asarray(column.to_numpy()).astype(np.int64)
    found = np.array(column.cast(pa.float64(), safe=False).fill_null(float("nan")).to_numpy())
    infinite = np.isinf(found)
    if infinite.any():
        notes.append(f"column {name!r}: {int(infinite.sum()):,} infinite values were taken for missing.")
        found[infinite] = np.nan
    return found


# -- descriptions -------------------------------------------------------------------------------------


def _read_meanings(path: Path, names: list[str], notes: list[str]) -> dict[str, str]:
    """Read what columns mean; names may differ in case and in what separates words."""
    try:
        said = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}. Correct the path.") from None
    except ValueError as error:  # not JSON, or not UTF-8
        raise UsageError(f"{path}: is not JSON: {error}.") from None
    if not isinstance(said, dict) or not all(isinstance(text, str) for text in said.values()):
        raise UsageError(f'{path}: expected one object of texts by column, such as {{"age": "in years"}}.')
    alike = {_plain_name(name): name for name in names}
    meanings = {}
    unknown = []
    for name, text in said.items():
        column = name if name in names else alike.get(_plain_name(name))
        if column is None:
            unknown.append(name)
        else:
            meanings[column] = " ".join(text.split())
    if unknown:
        raise UsageError(
            f"{path}: describes {', '.join(map(repr, unknown[:_NAMED]))}, which the table does not have. "
            f"Its columns: {', '.join(map(repr, names[:20]))}."
        )
    if not meanings:
        notes.append(f"{path.name} describes no column.")
    return meanings


def _plain_name(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
