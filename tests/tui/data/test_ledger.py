from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from evolve.store import LedgerRow
from evolve.tui.data._ledger import NOT_EVALUATED, Ledger

STATUSES = ("valid", "invalid", "failed", *NOT_EVALUATED)


@st.composite
def commits(draw: st.DrawFn) -> list[LedgerRow]:
    rows = []
    for seq in range(1, draw(st.integers(1, 40)) + 1):
        status = draw(st.sampled_from(STATUSES))
        objective = draw(st.floats(-5, 5)) if status == "valid" else None
        island, parent = draw(st.integers(-1, 2)), draw(st.integers(0, seq - 1))
        operator = draw(st.sampled_from(("jitter", "diff@m")))
        rows.append(
            LedgerRow(
                seq,
                seq,
                island,
                operator,
                None,
                status,
                objective,
                0,
                0,
                0.0,
                float(seq),
                0.1,
                parent,
                -1,
                0.0,
            )
        )
    return rows


def filled(rows: list[LedgerRow], *, maximize: bool, page: int) -> Ledger:
    ledger = Ledger(maximize=maximize)
    for start in range(0, len(rows), page):
        ledger.extend(rows[start : start + page])
    return ledger


@given(commits(), st.booleans(), st.integers(1, 50))
def test_columns_follow_from_the_rows_however_they_came(rows: list[LedgerRow], up: bool, page: int) -> None:
    ledger = filled(rows, maximize=up, page=page)
    assert ledger["id"].tolist() == [row.id for row in rows]
    better = max if up else min
    found: list[float] = []
    evaluations = 0
    for index, row in enumerate(rows):
        evaluations += row.status not in NOT_EVALUATED
        assert ledger.evaluations[index] == evaluations
        if row.objective is not None:
            found.append(row.objective)
        value = ledger.bests[index]
        assert value == better(found) if found else np.isnan(value)
        parent = rows[row.parent - 1].objective if row.parent else None
        delta = ledger.deltas[index]
        known = parent is not None and row.objective is not None
        assert delta == row.objective - parent if known else np.isnan(delta)  # type: ignore[operator]
    for island in (None, -1, 0, 1, 2):
        mine = [row for row in rows if row.objective is not None and island in (None, row.island)]
        expected = better(mine, key=lambda row: row.objective or 0.0).seq - 1 if mine else None
        assert ledger.best_row(island) == expected


@given(commits())
def test_counts(rows: list[LedgerRow]) -> None:
    ledger = filled(rows, maximize=True, page=7)
    expected = {status: sum(row.status == status for row in rows) for status in STATUSES}
    assert ledger.counts("status") == {status: count for status, count in expected.items() if count}


def test_a_banned_program_is_not_the_best() -> None:
    rows = [
        LedgerRow(seq, seq, 0, "jitter", None, "valid", value, 0, 0, 0.0, 1.0, 0.1, 0, 2, 0.0)
        for seq, value in ((1, 1.0), (2, 3.0), (3, 2.0))
    ]
    ledger = filled(rows, maximize=True, page=3)
    assert ledger.best_row() == 1
    ledger.ban(frozenset({2}))
    assert ledger.best_row() == 2
    assert ledger.bests.tolist() == [1.0, 1.0, 2.0]
    ledger.ban(frozenset())
    assert ledger.best_row() == 1


def test_rows_are_found_by_program_in_any_order_of_commits() -> None:
    rows = [
        LedgerRow(seq, program, 0, "jitter", None, "failed", None, 0, 0, 0.0, 1.0, 0.1, 0, -1, 0.0)
        for seq, program in ((1, 2), (2, 1), (3, 5))
    ]
    ledger = filled(rows, maximize=True, page=2)
    assert [ledger.row_of(program) for program in (1, 2, 3, 5, 9)] == [1, 0, None, 2, None]


def test_an_empty_ledger_has_no_best() -> None:
    ledger = Ledger()
    assert ledger.best_row() is None
    assert len(ledger.bests) == len(ledger.deltas) == 0
    assert ledger.counts("status") == {}
