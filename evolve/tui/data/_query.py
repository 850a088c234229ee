"""Which programs a table shows, in what order: filters as people type them, sorting by a column."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from evolve.errors import UsageError
from evolve.store import PAGE, Viewer
from evolve.tui.data._ledger import NAMED, Ledger

SYNTAX = "island:2  status:valid  op:jitter  model:gpt  score>2.6  cost>0.01  age<600  id<100  kept:yes"
"""What a filter may say; shown as help."""

_SOURCES = 200
"""Programs whose text is searched in one go."""
_WORD = re.compile(r'(?P<name>[a-z]+)(?P<sign>:|>=|<=|>|<|=)(?P<value>"[^"]*"|\S+)|(?P<word>"[^"]*"|\S+)')
_TEXTS = {"status": "status", "op": "operator", "operator": "operator", "model": "model"}
_NUMBERS = {
    "id": "id",
    "island": "island",
    "score": "objective",
    "objective": "objective",
    "cost": "usd",
    "usd": "usd",
    "tokens": "tokens",
    "time": "wall_s",
    "age": "age",
    "gain": "gain",
    "parent": "parent",
}
_COMPARE: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    ":": np.equal,
    "=": np.equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}


@dataclass(frozen=True, slots=True)
class Query:
    """What is wanted of a table.

    Attributes:
        terms: (column, sign, value) that must all hold.
        words: Searched for in what the operators said they changed, by the store.
        source: Searched for in the programs' text, by the store.
    """

    terms: tuple[tuple[str, str, str], ...] = ()
    words: tuple[str, ...] = ()
    source: str = ""

    @property
    def searches(self) -> bool:
        """Whether the store has to be asked."""
        return bool(self.words or self.source)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table.

    Attributes:
        key: Of the ledger, or a computed one.
        title: Its heading.
        width: In characters; the last column takes what is left.
        best_first: The first order that one wants is from high to low.
        about: What it says, with its unit.
    """

    key: str
    title: str
    width: int
    best_first: bool = False
    about: str = ""


COLUMNS = (
    Column("id", "program", 8, True, "number of the program's ticket"),
    Column("objective", "score", 15, True, "objective; blank unless valid"),
    Column("delta", "vs parent", 10, True, "difference to the main parent's score"),
    Column("status", "status", 9, False, "of the evaluation"),
    Column("island", "island", 6, False, "index; * for seeds, which enter all islands"),
    Column("kept", "archive", 8, True, "answer of the archive: new cell, improved, or rejected"),
    Column("operator", "operator", 24, False, "what made it, with @model when one was asked"),
    Column("wall_s", "eval", 9, True, "wall-clock time of its evaluation"),
    Column("usd", "cost", 9, True, "price of its model calls in US dollars"),
    Column("at_s", "at", 8, True, "run time at its commit"),
)


def parse_query(text: str) -> Query:
    """Read a filter.

    Raises:
        UsageError: a field is not known or a value does not fit; says what would.
    """
    terms: list[tuple[str, str, str]] = []
    words: list[str] = []
    source = ""
    for match in _WORD.finditer(text):
        name, sign = match["name"], match["sign"]
        value = (match["value"] or match["word"]).strip('"')
        if name is None:
            words.append(value)
        elif name in ("source", "text") and sign in ":=":
            source = value
        elif name == "kept" and sign in ":=":
            terms.append(("kept", sign, _choice(value)))
        elif name in _TEXTS and sign in ":=":
            terms.append((_TEXTS[name], sign, value))
        elif name in _NUMBERS:
            terms.append((_NUMBERS[name], sign, _number(name, value)))
        else:
            fields = ", ".join(sorted({*_TEXTS, *_NUMBERS, "kept", "source"}))
            raise UsageError(f"{name}{sign}: no such filter. Known: {fields}; other words are searched for.")
    return Query(tuple(terms), tuple(words), source)


def _choice(value: str) -> str:
    if value not in ("yes", "no"):
        raise UsageError(f"kept: must be yes or no, got {value!r}.")
    return value


def _number(name: str, value: str) -> str:
    if name == "island" and value in ("*", "seed"):
        return "-1"
    try:
        float(value)
    except ValueError:
        raise UsageError(f"{name}: must be a number, got {value!r}.") from None
    return value


def matches(ledger: Ledger, query: Query, now_s: float = 0.0, found: np.ndarray | None = None) -> np.ndarray:
    """Return which rows fit, as (size,) bool.

    Args:
        ledger: The programs.
        query: What must hold.
        now_s: Run time in seconds; ages count back from it.
        found: Ids that the store's search found; None: nothing was searched for.
    """
    fits = np.ones(ledger.size, dtype=bool)
    for column, sign, value in query.terms:
        if column in NAMED:
            texts = [text.lower() for text in ledger.names[column].texts]
            fits &= np.isin(
                ledger[column], [i for i, text in enumerate(texts) if _names(column, value, text)]
            )
        elif column == "kept":
            fits &= (ledger["kept"] > 0) == (value == "yes")
        else:
            values = now_s - ledger["at_s"] if column == "age" else ledger[column]
            with np.errstate(invalid="ignore"):
                fits &= _COMPARE[sign](values, float(value))
    if found is not None:
        fits &= np.isin(ledger["id"], found)
    return fits


def _names(column: str, value: str, text: str) -> bool:
    """Tell whether a filter means a name: a part of it will do, but "valid" does not mean "invalid"."""
    wanted = value.lower()
    return text.startswith(wanted) if column == "status" else wanted in text


@dataclass(slots=True)
class Listing:
    """The rows of a table under a query and an order; computed anew when the ledger has grown.

    Attributes:
        query: What is wanted.
        sort: Key of the column that orders.
        descending: From high to low.
        rows: (n,) rows of the ledger, in the order shown.
    """

    query: Query = field(default_factory=Query)
    sort: str = "id"
    descending: bool = True
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def arrange(self, ledger: Ledger, now_s: float = 0.0, found: np.ndarray | None = None) -> None:
        """Compute the rows; those without a value of the column come last."""
        rows = np.flatnonzero(matches(ledger, self.query, now_s, found))[::-1]  # newest first among equals
        values = self._values(ledger)[rows]
        if values.dtype.kind != "f":
            values = values.astype(np.int64)
        order = np.argsort(-values if self.descending else values, kind="stable")  # NaN last
        self.rows = rows[order]

    def place_of(self, row: int) -> int | None:
        """Return where a row of the ledger stands; None when it is not shown."""
        found = np.flatnonzero(self.rows == row)
        return int(found[0]) if len(found) else None

    def _values(self, ledger: Ledger) -> np.ndarray:
        if self.sort == "delta":
            return ledger.deltas if ledger.maximize else -ledger.deltas
        if self.sort in NAMED:
            texts = ledger.names[self.sort].texts
            ranks = np.empty(max(1, len(texts)), dtype=np.int64)
            for rank, number in enumerate(sorted(range(len(texts)), key=texts.__getitem__)):
                ranks[number] = rank
            return ranks[ledger[self.sort]] if texts else np.zeros(ledger.size)
        if self.sort == "objective" and not ledger.maximize:
            return -ledger["objective"]
        return ledger[self.sort]


def page_of(query: Query, after: int) -> Callable[[Viewer], tuple[list[int], int]]:
    """Return the question for a page of programs that hold all that a query searches for.

    Args:
        query: Words, and a text of the source.
        after: Cursor on the commits.
    """
    step = _SOURCES if query.source else PAGE

    def ask(viewer: Viewer) -> tuple[list[int], int]:
        pages = [set(viewer.matching(word, after, step)[0]) for word in query.words]
        if query.source:
            pages.append(set(viewer.containing(query.source, after, step)[0]))
        return sorted(set.intersection(*pages)), after + step

    return ask
