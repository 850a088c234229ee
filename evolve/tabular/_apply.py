"""Transform a file with an exported program, in the sandbox."""

from __future__ import annotations

import csv
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from evolve.errors import RunError, StoreError, UsageError
from evolve.problem import Problem, load_problem
from evolve.sandbox import CodecError, LocalExecutor, decode
from evolve.tabular._frame import Array, Frame, FrameError, Text, Values, is_missing, kind_of
from evolve.tabular._protocol import PRELOAD, apply_state
from evolve.tabular._read import read_columns
from evolve.tabular._take_home import FACTS, STATE, limits_for

PROGRAM = "program.py"
_DECLARATION = """
[problem]
name = "apply"
title = "Transform a file"
statement = "Transform a file."
[candidate]
entry = "transform"
seeds = ["seed.py"]
preload = {preload}
memory_mb = {memory_mb}
timeout_s = 600.0
output_mb = 512.0
[objective]
metric = "value"
direction = "maximize"
[[measures]]
metric = "lines"
range = [0, 10]
bins = 2
"""
_SCORER = "def score(output, params, case):\n    raise NotImplementedError\n"
_PLACEHOLDER = "def transform(state, X):\n    return X\n"


async def apply_export(folder: Path, data: Path, out: Path, policy: str | None = None) -> Frame:
    """Transform the rows of a file with what the export learned, and write them.

    Args:
        folder: Of an export of a program that makes features of a table.
        data: CSV or Parquet file with the table's columns; others are ignored.
        out: Parquet file (.parquet, .pq) or CSV to write.
        policy: Of the sandbox.

    Returns:
        What was written.

    Raises:
        UsageError: the folder is no such export, or the file lacks a column or has one of another type.
        RunError: the program fails on these rows.
        StoreError: the result cannot be written.
    """
    facts, state, text = _read_export(folder)
    frame = _frame_of(data, out, facts["columns"])
    with tempfile.TemporaryDirectory(prefix="evolve-apply-") as place:
        problem = _sandboxed(Path(place), int(facts["memory_mb"]))
        async with LocalExecutor(problem, 1, policy=policy) as executor:
            ran = await apply_state(executor, text, state, frame, limits_for(problem))
    if ran.status != "ok":
        raise RunError(f"{folder}: the program {ran.status} on {data}: {ran.feedback}")
    try:
        [part] = decode(ran.output, max_nodes=3)
        made = Frame.from_plain(decode(part))
    except (CodecError, FrameError, TypeError, ValueError) as error:
        raise RunError(f"{folder}: the program did not answer with a table: {error}") from None
    if made.rows != frame.rows:
        raise RunError(f"{folder}: {frame.rows:,} rows were given and {made.rows:,} came back.")
    _write(out, made)
    return made


def _read_export(folder: Path) -> tuple[dict[str, Any], bytes, str]:
    try:
        facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        state = (folder / STATE).read_bytes()
        text = (folder / PROGRAM).read_text(encoding="utf-8")
        columns = facts["columns"]
        if not isinstance(columns, dict) or type(facts["memory_mb"]) is not int:
            raise TypeError("columns must be a table, memory_mb a whole number")
    except OSError as error:
        raise UsageError(
            f"{folder}: is no export of features: {Path(str(error.filename)).name} cannot be read "
            f"({error.strerror}). Write one with: evolve export RUN -o {folder}"
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / FACTS}: is damaged ({error}). Export again.") from None
    return facts, state, text


def _sandboxed(place: Path, memory_mb: int) -> Problem:
    """Declare what the executor has to know about a program."""
    declaration = _DECLARATION.format(preload=json.dumps(list(PRELOAD)), memory_mb=max(16, memory_mb))
    (place / "problem.toml").write_text(declaration)
    (place / "score.py").write_text(_SCORER)
    (place / "seed.py").write_text(_PLACEHOLDER)
    return load_problem(place)


def _frame_of(data: Path, out: Path, kinds: dict[str, str]) -> Frame:
    if os.path.realpath(out) == os.path.realpath(data):
        raise UsageError(f"{out}: is the file that is read. Choose another with --out.")
    return _conformed(data, read_columns(data), kinds)


def _conformed(data: Path, columns: dict[str, Values], kinds: dict[str, str]) -> Frame:
    """Return the columns that the program knows, of the types that it knows them in."""
    missing = [name for name in kinds if name not in columns]
    if missing:
        raise UsageError(
            f"{data}: lacks {len(missing)} of the {len(kinds)} columns that the features are made of: "
            f"{', '.join(map(repr, missing[:5]))}. Give a file with the columns of the table."
        )
    return Frame.of({name: _as_kind(data, name, columns[name], kind) for name, kind in kinds.items()})


def _as_kind(data: Path, name: str, values: Values, kind: str) -> Values:
    found = kind_of(values)
    if found == kind:
        return values
    if bool(is_missing(values).all()):
        return _nothing(len(values), kind)
    if kind == "text" and not isinstance(values, Text) and values.dtype.kind in "biuf":
        return Text.of([None if np.isnan(float(v)) else _number_as_text(v) for v in values])
    if (
        kind in ("float", "int", "bool")
        and found in ("float", "int", "bool")
        and not isinstance(values, Text)
    ):
        return values.astype(np.float64)
    raise UsageError(
        f"{data}: column {name!r} holds {found}, where the table that was searched held {kind}. Correct it."
    )


def _number_as_text(value: Any) -> str:
    return str(int(value)) if float(value).is_integer() else str(value)


def _nothing(rows: int, kind: str) -> Values:
    if kind == "text":
        return Text.of([None] * rows)
    if kind == "date":
        return np.full(rows, np.datetime64("NaT"), dtype="datetime64[us]")
    return np.full(rows, np.nan)


def _write(out: Path, frame: Frame) -> None:
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.suffix.lower() in (".parquet", ".pq"):
            _write_parquet(out, frame)
            return
        with out.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(frame.names)
            writer.writerows(zip(*map(_cells, frame.columns.values()), strict=True))
    except OSError as error:
        raise StoreError(f"{out}: cannot be written ({error.strerror}). Choose another with --out.") from None


def _cells(values: Values) -> list[Any]:
    if isinstance(values, Text):
        return ["" if text is None else text for text in values.texts()]
    missing = is_missing(values)
    return ["" if gone else _cell(value) for value, gone in zip(values, missing, strict=True)]


def _cell(value: Any) -> Any:
    return str(value) if isinstance(value, np.datetime64) else value.item()


def _write_parquet(out: Path, frame: Frame) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            f"{out}: writing Parquet needs pyarrow: {error}. Install it with: pip install "
            "'evolve-engine[tabular]', or write a .csv."
        ) from None
    arrays = {
        name: pa.array(values.texts()) if isinstance(values, Text) else _arrow(pa, values)
        for name, values in frame.columns.items()
    }
    pq.write_table(pa.table(arrays), out)


def _arrow(pa: Any, values: Array) -> Any:
    return pa.array(values, mask=is_missing(values))
