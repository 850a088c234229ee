"""What a proposer is told about a table: the task, the contract, and the columns."""

from __future__ import annotations

from evolve.tabular._metrics import Metric
from evolve.tabular._table import Column, Table
from evolve.tabular._tree import shown

_MOST_COLUMNS = 60
_MEANING_CHARS = 200
_CONTRACT = """Write `fit(X)` and `transform(state, X)`. `fit` gets the training rows of one fold as a pandas
DataFrame, never the target, and returns what it learned as plain data: numbers, text, lists, dicts, arrays,
Series. `transform` gets that and any rows, and returns a DataFrame with one row for each, in their order, the
index unchanged. What it returns is all that the learner sees: keep the columns that help, add new ones, drop
what misleads.

The rules:

* a value of a row depends on that row and the state alone, never on the other rows of the batch; statistics
  of several rows are learned in `fit`;
* no infinite values; missing ones (NaN) are allowed;
* the same columns for all rows, of one type each: numbers, booleans, dates or text;
* deterministic; numpy and pandas are at hand, no network and no files.

`fit` and `transform` run in processes of their own: nothing but the state gets from one to the other. Few
features that say what the learner cannot find by itself are worth more than many."""


def statement_of(table: Table, metric: Metric, learner: str) -> str:
    """Return the statement; everything in it is of the rows of the search alone, or of the table's author."""
    better = "larger" if metric.maximize else "smaller"
    what = (
        f"one of {len(table.classes)} classes ({', '.join(shown(label) for label in table.classes[:12])}"
        f"{', ...' if len(table.classes) > 12 else ''})"
        if table.classes
        else "a number"
    )
    meaning = f": {_meaning(table.target_meaning)}" if table.target_meaning else ""
    lines = [_column(column) for column in table.columns if column.used]
    more = f"\n- and {len(lines) - _MOST_COLUMNS} more" if len(lines) > _MOST_COLUMNS else ""
    columns = "\n".join(lines[:_MOST_COLUMNS]) + more
    return (
        f"Find features of a table with {table.rows:,} rows that help a learner ({learner}) to predict "
        f"{shown(table.target_name)}{meaning}, {what}. The {metric.name} of cross-validation counts; "
        f"{better} is better.\n\n{_CONTRACT}\n\nColumns:\n\n{columns}\n"
    )


def _column(column: Column) -> str:
    missing = f", {column.missing:,} missing" if column.missing else ""
    meaning = f": {_meaning(column.meaning)}" if column.meaning else ""
    return f"- {shown(column.name)} ({column.kind}, {column.distinct:,} different{missing}){meaning}"


def _meaning(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() or c.isspace() else " " for c in text).split())
    return line if len(line) <= _MEANING_CHARS else line[: _MEANING_CHARS - 3] + "..."
