"""The order of a run: which outcome is committed next, and when a ticket selects its parents.

In every order a ticket selects its parents from the archives as they stand after a whole number of commits,
and that number is stored with it. So a run is repeated by repeating two things: the order of the
commits, and for each ticket the commit that it saw.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Literal, Protocol

from evolve.engine._tickets import STARVED, Outcome
from evolve.store import Commit

OrderName = Literal["ticket", "arrival"]


class Order(Protocol):
    """Which outcome comes next."""

    def take(self, arrived: dict[int, Outcome], committed: int) -> Outcome | None:
        """Remove and return the outcome to commit after `committed` commits; None: it has not come yet."""
        ...


class TicketOrder:
    """Commits come in the order of the tickets: neither timing nor workers can change a run."""

    def __init__(self, committed: Container[int] = ()) -> None:
        """Begin after the tickets in `committed`; what was forked from a run of arrival order has gaps."""
        self._committed = committed
        self._next = 1

    def take(self, arrived: dict[int, Outcome], committed: int) -> Outcome | None:  # noqa: ARG002
        """See `Order.take`."""
        while self._next in self._committed:
            self._next += 1
        outcome = arrived.pop(self._next, None)
        if outcome is not None:
            self._next += 1
        return outcome


class ArrivalOrder:
    """Commits come as they are ready: a slow model holds back nobody."""

    def take(self, arrived: dict[int, Outcome], committed: int) -> Outcome | None:  # noqa: ARG002
        """See `Order.take`."""
        return arrived.pop(next(iter(arrived))) if arrived else None


class Script:
    """The order of a recorded run, to be repeated."""

    def __init__(self, commits: Iterable[Commit]) -> None:
        """Read the order of a run's commits."""
        self.starved: set[int] = set()
        """Tickets that could not ask all they wanted: the budget was used up."""
        self._told: dict[int, tuple[str, str]] = {}
        self._order: list[int] = []
        self._due: dict[int, list[int]] = {}
        for commit in commits:
            self._order.append(commit.program.id)
            self._due.setdefault(commit.program.saw, []).append(commit.program.id)
            if commit.evaluation.feedback:
                self._told[commit.program.id] = (commit.evaluation.status, commit.evaluation.feedback)
            if commit.evaluation.feedback == STARVED:
                self.starved.add(commit.program.id)

    def __len__(self) -> int:
        """Return the number of commits."""
        return len(self._order)

    def due(self, committed: int) -> list[int]:
        """Return the tickets that selected their parents after `committed` commits."""
        return self._due.get(committed, [])

    def take(self, arrived: dict[int, Outcome], committed: int) -> Outcome | None:
        """See `Order.take`."""
        outcome = arrived.pop(self._order[committed], None) if committed < len(self._order) else None
        return None if outcome is None else self._as_told(outcome)

    def _as_told(self, outcome: Outcome) -> Outcome:
        """Take the feedback from the record, for later prompts showed it: it may hold times or addresses.

        Not when the program fares otherwise now: then it is another feedback.
        """
        found, (status, feedback) = outcome.evaluation, self._told.pop(outcome.ticket.id, ("", ""))
        if found is None or found.status != status:
            return outcome
        return replace(outcome, evaluation=replace(found, feedback=feedback))


def resolve_order(name: OrderName, committed: Container[int]) -> Order:
    """Return the order of this name, for a run in which these tickets are committed."""
    return TicketOrder(committed) if name == "ticket" else ArrivalOrder()
