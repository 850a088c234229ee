"""A hard limit on what model calls use: reserved before a call is sent, settled when it has ended."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from evolve.models._prices import NANO

Limit = Literal["max_calls", "max_tokens", "max_usd"]


@dataclass(frozen=True, slots=True, eq=False)
class Reservation:
    """What a call in flight may use at most.

    Attributes:
        tokens: Tokens of prompt and answer.
        nano_usd: Price in billionths of a US dollar.
    """

    tokens: int
    nano_usd: int


class CallBudget:
    """Counts what is spent and reserved: the sum exceeds no limit, with any number of calls in flight.

    Used by one event loop; no method waits. A limit of None is none.

    Attributes:
        calls: Calls that have ended.
        tokens: Tokens that they were charged.
        nano_usd: Billionths of a US dollar that they were charged.
    """

    def __init__(
        self, *, max_calls: int | None = None, max_tokens: int | None = None, max_usd: float | None = None
    ) -> None:
        self.max_calls = max_calls
        self.max_tokens = max_tokens
        self.max_usd = max_usd
        # Rounded down, and prices are rounded up: the sum of what is charged is never above the limit.
        self._max_nano = None if max_usd is None else math.floor(Fraction(str(max_usd)) * NANO)
        self.calls = 0
        self.tokens = 0
        self.nano_usd = 0
        self._open: set[Reservation] = set()
        self._reserved_tokens = 0
        self._reserved_nano = 0

    @property
    def in_flight(self) -> int:
        """Reservations that are not settled yet."""
        return len(self._open)

    def lacks(self, tokens: int, nano_usd: int) -> Limit | None:
        """Name the limit that one more call of this size would exceed at this moment, or None."""
        if _above(self.calls + len(self._open) + 1, self.max_calls):
            return "max_calls"
        if _above(self.tokens + self._reserved_tokens + tokens, self.max_tokens):
            return "max_tokens"
        if _above(self.nano_usd + self._reserved_nano + nano_usd, self._max_nano):
            return "max_usd"
        return None

    def reserve(self, tokens: int, nano_usd: int) -> Reservation | None:
        """Reserve one call of at most this size; None when it does not fit at this moment.

        When it does not fit while others are in flight, it may fit once they are settled: they mostly
        use less than they reserve. When nothing is in flight, it never fits any more.
        """
        if self.lacks(tokens, nano_usd) is not None:
            return None
        reservation = Reservation(tokens, nano_usd)
        self._open.add(reservation)
        self._reserved_tokens += tokens
        self._reserved_nano += nano_usd
        return reservation

    def settle(self, reservation: Reservation, tokens: int, nano_usd: int) -> bool:
        """Replace a reservation by what the call was charged.

        Returns:
            Whether the charge was within the reservation. A server that ignores its limits can
            charge more: that is counted as it is.
        """
        self.release(reservation)
        self.calls += 1
        self.tokens += tokens
        self.nano_usd += nano_usd
        return tokens <= reservation.tokens and nano_usd <= reservation.nano_usd

    def release(self, reservation: Reservation) -> None:
        """Give back a reservation whose call was never sent."""
        self._open.remove(reservation)
        self._reserved_tokens -= reservation.tokens
        self._reserved_nano -= reservation.nano_usd

    def restore(self, calls: int, tokens: int, nano_usd: int) -> None:
        """Take in what earlier sessions have spent."""
        self.calls += calls
        self.tokens += tokens
        self.nano_usd += nano_usd


def _above(value: int, limit: int | None) -> bool:
    return limit is not None and value > limit
