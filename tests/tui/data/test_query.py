from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.store import LedgerRow, Viewer
from evolve.tui.data._ledger import Ledger
from evolve.tui.data._query import COLUMNS, Listing, page_of, parse_query
from tests.tui.runs import Made


@pytest.fixture(scope="module")
def ledger(made: Made) -> Ledger:
    ledger = Ledger(maximize=True)
    with Viewer(made.folder) as viewer:
        ledger.extend(viewer.ledger())
    return ledger


def listed(ledger: Ledger, text: str, **order: object) -> list[int]:
    listing = Listing(parse_query(text), **order)  # type: ignore[arg-type]
    listing.arrange(ledger, now_s=80.0)
    return [int(program) for program in ledger["id"][listing.rows]]


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("island:2", lambda ledger, row: ledger["island"][row] == 2),
        ("island:seed", lambda ledger, row: ledger["island"][row] == -1),
        ("status:valid", lambda ledger, row: ledger.text("status", row) == "valid"),
        ("status:valid score>5", lambda ledger, row: ledger["objective"][row] > 5),
        ("status:DUPL", lambda ledger, row: ledger.text("status", row) == "duplicate"),
        ("op:jitter", lambda ledger, row: "jitter" in ledger.text("operator", row)),
        ("model:large", lambda ledger, row: ledger.text("model", row) == "example/large"),
        ("kept:yes id<=100", lambda ledger, row: ledger["kept"][row] > 0 and ledger["id"][row] <= 100),
        ("kept:no", lambda ledger, row: ledger["kept"][row] <= 0),
        ("cost>0.001", lambda ledger, row: ledger["usd"][row] > 0.001),
        ("age<10", lambda ledger, row: 80.0 - ledger["at_s"][row] < 10),
        ("parent:1", lambda ledger, row: ledger["parent"][row] == 1),
    ],
)
def test_filters(ledger: Ledger, text: str, fits: object) -> None:
    expected = [int(ledger["id"][row]) for row in range(ledger.size) if fits(ledger, row)]  # type: ignore[operator]
    assert 0 < len(expected) < ledger.size
    assert sorted(listed(ledger, text)) == expected


@pytest.mark.parametrize("column", [column.key for column in COLUMNS])
@pytest.mark.parametrize("descending", [True, False])
def test_every_column_orders(ledger: Ledger, column: str, descending: bool) -> None:
    programs = listed(ledger, "", sort=column, descending=descending)
    assert sorted(programs) == ledger["id"].tolist()
    rows = [program - 1 for program in programs]
    if column in ("operator", "status"):
        texts = [ledger.text(column, row) for row in rows]
        assert texts == sorted(texts, reverse=descending)
        return
    values = (ledger.deltas if column == "delta" else ledger[column])[rows].astype(float)
    known = values[~np.isnan(values)]
    assert (np.diff(known) <= 0).all() if descending else (np.diff(known) >= 0).all()
    assert np.isnan(values[len(known) :]).all(), "those without a value come last"


def test_the_newest_come_first_among_equals(ledger: Ledger) -> None:
    programs = listed(ledger, "status:duplicate", sort="island", descending=False)
    islands = ledger["island"][[program - 1 for program in programs]]
    for island in range(4):
        same = [program for program, home in zip(programs, islands, strict=True) if home == island]
        assert same == sorted(same, reverse=True)


def test_the_best_first_of_a_problem_that_minimizes() -> None:
    ledger = Ledger(maximize=False)
    ledger.extend(
        [
            LedgerRow(seq, seq, 0, "jitter", None, "valid", value, 0, 0, 0.0, 1.0, 0.1, 0, 2, 0.0)
            for seq, value in ((1, 3.0), (2, 1.0), (3, 2.0))
        ]
    )
    listing = Listing(sort="objective", descending=True)
    listing.arrange(ledger)
    assert ledger["id"][listing.rows].tolist() == [2, 3, 1]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("colour:red", "no such filter"),
        ("score>high", "must be a number, got 'high'"),
        ("kept:perhaps", "must be yes or no"),
        ("status>valid", "no such filter"),
    ],
)
def test_what_cannot_be_understood_is_said(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_query(text)


def test_words_and_texts_are_searched_in_the_store(made: Made) -> None:
    query = parse_query('"line 3:" source:"value_1 = 1 * 2"')
    assert query.searches
    with Viewer(made.folder) as viewer:
        found, after = page_of(query, 0)(viewer)
        while after < 400:
            more, after = page_of(query, after)(viewer)
            found += more
        assert found == [
            n for n in range(2, 401) if n % 13 == 3 and "value_1 = 1 * 2\n" in viewer.reader.text(n)
        ]
        assert found


@pytest.mark.parametrize("text", ["%", "_", "\\", "'; DROP TABLE program; --"])
def test_a_search_takes_every_character_literally(made: Made, text: str) -> None:
    with Viewer(made.folder) as viewer:
        assert viewer.matching(text, 0)[0] == []


def test_where_a_program_stands() -> None:
    listing = Listing()
    listing.rows = np.array([4, 2, 9])
    assert listing.place_of(2) == 1
    assert listing.place_of(3) is None
