"""What the cells of a column are: numbers, dates, categories, ids."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from evolve.tabular._frame import Array, Text, Values, is_missing

Kind = Literal["numeric", "integer", "boolean", "categorical", "text", "date", "constant", "id"]

MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "1.#IND", "1.#QNAN", "-1.#IND", "-1.#QNAN", "<NA>", "?")
).union(("N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"))
"""Cells that stand for a missing value: what pandas takes for it, and the question mark of old files."""
_PAIRS = ({"true", "false"}, {"yes", "no"}, {"t", "f"}, {"y", "n"})
_WHOLE = re.compile(r"[+-]?(0|[1-9]\d{0,18})")
_NUMBER = re.compile(r"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|infinity)", re.IGNORECASE)
_ISO = re.compile(r"\d{4}[-/]\d{1,2}[-/]\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?)?(Z|[+-]\d{2}:?\d{2})?")
_DAY_OR_MONTH = re.compile(r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})")
_ID_NAME = re.compile(r"(^|[ _-])(id|uuid|guid|index|rowid)$|^unnamed: 0$|^$", re.IGNORECASE)
_UNCLEAR = (
    "looks like dates, but not whether the day or the month comes first: taken as text. Write 2024-05-31."
)
_FEWEST_FOR_ID = 20
_CATEGORIES_ALWAYS = 20
_WORDS_OF_TEXT = 3.0


def values_of(cells: Sequence[str]) -> tuple[Values, str]:
    """Turn the cells of a file into values; say what was done about some of them, if anything.

    Numbers become numbers unless one begins with a needless zero, as postal codes and keys do. Infinite ones
    are missing. Dates are dates when every cell is one in the same order of day and month.

    Args:
        cells: Texts, without the white space around them.
    """
    known = [cell for cell in cells if cell not in MISSING]
    distinct = set(known)
    if not distinct:
        return np.full(len(cells), np.nan), ""
    if {cell.lower() for cell in distinct} == _PAIRS[0]:
        return _booleans(cells), ""
    if all(map(_NUMBER.fullmatch, distinct)):
        return _numbers(cells, distinct)
    dates, note = _dates(cells, distinct)
    if dates is not None:
        return dates, ""
    return Text.of([None if cell in MISSING else cell for cell in cells]), note


def kind_of_column(name: str, values: Values) -> Kind:
    """Tell what a column seems to hold; see `Kind`."""
    missing = is_missing(values)
    known = values.codes[~missing] if isinstance(values, Text) else values[~missing]
    distinct = np.unique(known)
    if len(distinct) == 0 or (len(distinct) == 1 and not missing.any()):
        return "constant"
    if not missing.any() and _looks_like_id(name, values, distinct):
        return "id"
    if isinstance(values, Text):
        return _kind_of_text(values, distinct, len(known))
    if values.dtype.kind == "M":
        return "date"
    if values.dtype.kind == "b" or (len(distinct) == 2 and set(distinct.tolist()) == {0, 1}):
        return "boolean"
    whole = values.dtype.kind == "i" or bool(np.all(np.floor(known) == known))
    return "integer" if whole else "numeric"


def _booleans(cells: Sequence[str]) -> Array:
    if any(cell in MISSING for cell in cells):
        values = {"true": 1.0, "false": 0.0}
        return np.array([values.get(cell.lower(), np.nan) for cell in cells])
    return np.array([cell.lower() == "true" for cell in cells])


def _numbers(cells: Sequence[str], distinct: set[str]) -> tuple[Array, str]:
    place = {cell: float(cell) for cell in distinct}
    if all(map(_WHOLE.fullmatch, distinct)) and not any(cell in MISSING for cell in cells):
        whole = {cell: int(cell) for cell in distinct}
        if all(abs(value) < 2**63 for value in whole.values()):
            return np.array([whole[cell] for cell in cells], dtype=np.int64), ""
    found = np.array([place.get(cell, np.nan) for cell in cells])
    infinite = np.isinf(found)
    found[infinite] = np.nan
    count = int(infinite.sum())
    return found, f"{count:,} infinite values were taken for missing." if count else ""


def _dates(cells: Sequence[str], distinct: set[str]) -> tuple[Array | None, str]:
    """Return dates, in UTC where they have a zone; None when not every cell is one, perhaps with a reason."""
    options: dict[str, Any]
    if all(map(_ISO.fullmatch, distinct)):
        options = {"format": "ISO8601"} if not any("/" in cell for cell in distinct) else {"format": "mixed"}
    else:
        parts = [_DAY_OR_MONTH.fullmatch(cell) for cell in distinct]
        if not all(parts):
            return None, ""
        order = _order([(int(p[1]), int(p[3])) for p in parts if p])
        if order is None:
            return None, _UNCLEAR
        options = {"format": "mixed", "dayfirst": order == "day first"}
    import pandas as pd

    texts = sorted(distinct)
    try:
        stamps = pd.to_datetime(pd.Series(texts, dtype=object), utc=True, **options)
    except (ValueError, OverflowError):
        return None, ""
    ticks = stamps.dt.tz_localize(None).to_numpy("datetime64[us]")
    place = dict(zip(texts, ticks.view(np.int64).tolist(), strict=True))
    never = int(np.iinfo(np.int64).min)
    found = np.array([place.get(cell, never) for cell in cells], dtype=np.int64)
    return found.view("datetime64[us]"), ""


def _order(pairs: list[tuple[int, int]]) -> str | None:
    """Tell whether the day comes first; None when nothing shows it, or some cells contradict."""
    first = any(a > 12 for a, _ in pairs)
    second = any(b > 12 for _, b in pairs)
    if first == second:
        return None
    return "day first" if first else "month first"


def _looks_like_id(name: str, values: Values, distinct: Array) -> bool:
    """Tell whether a column does no more than to number or name the rows."""
    rows = len(values)
    if len(distinct) < rows or rows < _FEWEST_FOR_ID:
        return False
    if isinstance(values, Text):
        return bool(_ID_NAME.search(name)) or not any(" " in text for text in values.categories)
    if values.dtype.kind != "i":
        return False
    return bool(_ID_NAME.search(name)) or int(distinct[-1]) - int(distinct[0]) == rows - 1


def _kind_of_text(values: Text, distinct: Array, known: int) -> Kind:
    texts = [values.categories[code] for code in distinct]
    if {text.lower() for text in texts} in _PAIRS:
        return "boolean"
    if len(texts) <= max(_CATEGORIES_ALWAYS, known // 20):
        return "categorical"
    words = sum(len(text.split()) for text in texts) / len(texts)
    return "text" if words >= _WORDS_OF_TEXT or len(texts) > known // 2 else "categorical"
