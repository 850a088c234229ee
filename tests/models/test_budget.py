from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from evolve.models import CallBudget
from evolve.models._budget import Reservation

AMOUNT = st.integers(0, 40)


class Books(RuleBasedStateMachine):
    """The budget against a plain list of everything that happened."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = CallBudget(max_calls=12, max_tokens=100, max_usd=0.000_000_1)  # 100 billionths
        self.open: list[tuple[Reservation, int, int]] = []
        self.done: list[tuple[int, int]] = []

    def sums(self) -> tuple[int, int, int]:
        open_ = [(tokens, nano) for _, tokens, nano in self.open]
        everything = open_ + self.done
        return len(everything), sum(t for t, _ in everything), sum(n for _, n in everything)

    @rule(tokens=AMOUNT, nano=AMOUNT)
    def reserve(self, tokens: int, nano: int) -> None:
        calls, all_tokens, all_nano = self.sums()
        fits = calls + 1 <= 12 and all_tokens + tokens <= 100 and all_nano + nano <= 100
        reservation = self.budget.reserve(tokens, nano)
        assert (reservation is not None) == fits
        if reservation is not None:
            self.open.append((reservation, tokens, nano))

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def settle(self, data: Any) -> None:
        index = data.draw(st.integers(0, len(self.open) - 1))
        reservation, tokens, nano = self.open.pop(index)
        used = data.draw(st.integers(0, tokens)), data.draw(st.integers(0, nano))
        assert self.budget.settle(reservation, *used)
        self.done.append(used)

    @precondition(lambda self: self.open)
    @rule()
    def release(self) -> None:
        self.budget.release(self.open.pop()[0])

    @invariant()
    def counts_and_keeps_the_limits(self) -> None:
        assert self.budget.calls == len(self.done) <= 12
        assert self.budget.tokens == sum(t for t, _ in self.done) <= 100
        assert self.budget.nano_usd == sum(n for _, n in self.done) <= 100
        assert self.budget.in_flight == len(self.open)


TestBooks = Books.TestCase


def test_a_limit_is_named() -> None:
    assert CallBudget(max_calls=0).lacks(0, 0) == "max_calls"
    assert CallBudget(max_tokens=9).lacks(10, 0) == "max_tokens"
    assert CallBudget(max_usd=0.1).lacks(0, 100_000_001) == "max_usd"
    assert CallBudget(max_usd=0.1).lacks(0, 100_000_000) is None
    assert CallBudget().lacks(10**12, 10**18) is None


def test_what_a_server_charges_above_the_reservation_is_counted() -> None:
    budget = CallBudget(max_tokens=100)
    reservation = budget.reserve(60, 0)
    assert reservation is not None
    assert not budget.settle(reservation, 500, 0)
    assert budget.tokens == 500
    assert budget.reserve(1, 0) is None


@given(st.integers(0, 5), st.integers(0, 50), st.integers(0, 50))
def test_what_was_spent_before_counts(calls: int, tokens: int, nano: int) -> None:
    budget = CallBudget(max_calls=3, max_tokens=30, max_usd=30e-9)
    budget.restore(calls, tokens, nano)
    assert (budget.reserve(1, 1) is not None) == (calls < 3 and tokens < 30 and nano < 30)
