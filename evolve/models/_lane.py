"""All that belongs to one model during a session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evolve.models._budget import Reservation
from evolve.models._health import Health, OnEvent, Sending
from evolve.models._limits import Entry, RateLimit
from evolve.models._prices import FREE, Price
from evolve.models._request import Question
from evolve.models._settings import CommandSpec, ModelSpec


@dataclass(slots=True, eq=False)
class Lane:
    """One model: how it is asked, what it costs, how it is.

    Attributes:
        spec: How it is called.
        health: Whether it can be used.
        limit: Its requests and tokens a minute.
        price: What its tokens cost; free when nobody knows.
        in_flight: Its calls in flight.
    """

    spec: ModelSpec | CommandSpec
    health: Health
    limit: RateLimit
    price: Price = FREE
    in_flight: int = 0

    @property
    def stands_in(self) -> bool:
        """Whether it may be asked in another one's place."""
        return isinstance(self.spec, ModelSpec)

    def full(self) -> bool:
        """Tell whether no more calls may be in flight."""
        return self.in_flight >= self.health.width(self.spec.concurrency)

    def most(self, question: Question) -> tuple[int, int]:
        """Return the tokens and the billionths of a dollar that a call cannot exceed."""
        if isinstance(self.spec, CommandSpec):
            return 0, 0  # a program of the user's own says nothing about tokens
        reply = self.spec.max_tokens if question.answered else 0
        return question.most_tokens + reply, self.price.nano_usd(question.most_tokens, reply)

    def likely_tokens(self, question: Question) -> int:
        """Return the tokens that the limit per minute counts until the call has ended."""
        if isinstance(self.spec, CommandSpec):
            return 0
        return question.likely_tokens + (self.spec.max_tokens if question.answered else 0)


@dataclass(frozen=True, slots=True, eq=False)
class Grant:
    """The right to send one call; has to be given back, whatever becomes of it."""

    lane: Lane
    reservation: Reservation
    sending: Sending
    entry: Entry


def lane_of(spec: ModelSpec | CommandSpec, *, clock: Callable[[], float], on_event: OnEvent) -> Lane:
    """Return a lane for a model that nothing is known of yet."""
    rpm, tpm = (spec.rpm, spec.tpm) if isinstance(spec, ModelSpec) else (None, None)
    return Lane(spec, Health(spec.name, clock=clock, on_event=on_event), RateLimit(rpm, tpm, clock=clock))
