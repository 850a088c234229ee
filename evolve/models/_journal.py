"""What is recorded of every call, and the contract of whatever keeps the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

Status = Literal["ok", "failed", "no_reply", "cancelled"]
"""How a call ended.

"ok": it was answered. "failed": its turn goes on, in this session or a later one. "no_reply": it failed, and
its turn ends without an answer. "cancelled": the run ended before the answer came.
"""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request, recorded before it is sent.

    Attributes:
        ticket: The ticket that asks.
        saw: The last commit that the ticket has seen.
        turn: Number of the question within its ticket: 0, 1, 2 ...
        attempt: Number of this sending within its turn and session: 0, 1, 2 ...
        model: The model that is asked.
        purpose: What it is for: "propose", "reflect", "embed" ...
        request: Canonical JSON of the question and its parameters; holds no key.
        question: Hash of the question alone; equal for equal questions to whatever model.
        reserved_tokens: Tokens that the call may use at most.
        reserved_nano_usd: Price that the call may have at most, in billionths of a US dollar.
    """

    ticket: int
    saw: int
    turn: int
    attempt: int
    model: str
    purpose: str
    request: str
    question: str
    reserved_tokens: int
    reserved_nano_usd: int


@dataclass(frozen=True, slots=True)
class Ended:
    """The end of a call, recorded before anybody learns of it.

    Attributes:
        status: How it ended.
        text: The answer, or "" when there is none; an embedding is a JSON list of vectors.
        finish: Why the model stopped: "stop", "length" ...; "" when there is no answer.
        kind: "rate_limit", "transient", "refused", "model" or "cancelled"; "" for an answer.
        error: What went wrong, one line, "" for an answer.
        prompt_tokens: Tokens of the prompt, as the model counts them; 0 when unknown.
        reply_tokens: Tokens of the answer.
        tokens: What the budget was charged. Equals prompt_tokens + reply_tokens for an answer.
        nano_usd: What the budget was charged, in billionths of a US dollar.
        latency_s: Seconds from sending to the end.
    """

    status: Status
    text: str = ""
    finish: str = ""
    kind: str = ""
    error: str = ""
    prompt_tokens: int = 0
    reply_tokens: int = 0
    tokens: int = 0
    nano_usd: int = 0
    latency_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """How a turn ended, in whatever session.

    Attributes:
        question: `Sent.question` of the call that ended it.
        model: The model that was asked.
        ended: The end of that call; its status is "ok" or "no_reply".
    """

    question: str
    model: str
    ended: Ended


@dataclass(frozen=True, slots=True)
class Usage:
    """Sums over calls.

    Attributes:
        calls: Calls that were sent.
        failures: Those of them that got no answer, whatever the reason.
        tokens: Tokens charged.
        nano_usd: Billionths of a US dollar charged.
        latency_s: Seconds that the answered calls took, summed.
    """

    calls: int = 0
    failures: int = 0
    tokens: int = 0
    nano_usd: int = 0
    latency_s: float = 0.0

    @property
    def usd(self) -> float:
        """US dollars charged."""
        return self.nano_usd / 1e9

    @property
    def mean_latency_s(self) -> float:
        """Mean seconds of an answered call; 0.0 before the first."""
        answered = self.calls - self.failures
        return self.latency_s / answered if answered else 0.0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.calls + other.calls,
            self.failures + other.failures,
            self.tokens + other.tokens,
            self.nano_usd + other.nano_usd,
            self.latency_s + other.latency_s,
        )


def usage_of(sent: Sent, ended: Ended | None) -> Usage:
    """Return what one call counts; without a recorded end, its whole reservation.

    Such a call was cut off by the death of its session: nobody knows whether it was billed.
    """
    if ended is None:
        return Usage(1, 1, sent.reserved_tokens, sent.reserved_nano_usd)
    if ended.status == "ok":
        return Usage(1, 0, ended.tokens, ended.nano_usd, ended.latency_s)
    return Usage(1, 1, ended.tokens, ended.nano_usd)


class Journal(Protocol):
    """Keeps the record of all calls of a run, over all sessions.

    Called by one event loop; every method returns when the record is kept. What `sent` and `ended` have
    returned from survives the death of the process.
    """

    def recorded(self, ticket: int, turn: int) -> Recorded | None:
        """Return the newest call of this turn whose status is "ok" or "no_reply", or None."""
        ...

    def sent(self, call: Sent) -> int:
        """Record a request and return a number that tells it from all others."""
        ...

    def ended(self, call: int, ended: Ended) -> None:
        """Record the end of the call that `sent` has given this number."""
        ...

    def usage(self) -> Mapping[str, Usage]:
        """Sum up `usage_of` over all calls so far, by model."""
        ...


@dataclass(slots=True)
class MemoryJournal:
    """A journal that lives as long as its process.

    Attributes:
        calls: Every request with its end, in the order of sending.
    """

    calls: list[tuple[Sent, Ended | None]] = field(default_factory=list)

    def recorded(self, ticket: int, turn: int) -> Recorded | None:
        """See `Journal.recorded`."""
        for sent, ended in reversed(self.calls):
            if (sent.ticket, sent.turn) == (ticket, turn) and ended and ended.status in ("ok", "no_reply"):
                return Recorded(sent.question, sent.model, ended)
        return None

    def sent(self, call: Sent) -> int:
        """See `Journal.sent`."""
        self.calls.append((call, None))
        return len(self.calls) - 1

    def ended(self, call: int, ended: Ended) -> None:
        """See `Journal.ended`."""
        self.calls[call] = (self.calls[call][0], ended)

    def usage(self) -> Mapping[str, Usage]:
        """See `Journal.usage`."""
        sums: dict[str, Usage] = {}
        for sent, ended in self.calls:
            sums[sent.model] = sums.get(sent.model, Usage()) + usage_of(sent, ended)
        return sums

    def copy(self) -> MemoryJournal:
        """Return a journal that begins with what this one holds."""
        return replace(self, calls=list(self.calls))
