"""One question of one ticket, from its record to its answer."""

from __future__ import annotations

import itertools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import numpy as np

from evolve.errors import ModelError
from evolve.models._backend import RawReply
from evolve.models._budget import CallBudget
from evolve.models._dispatch import Dispatcher
from evolve.models._failure import Failure
from evolve.models._health import OnEvent
from evolve.models._journal import Ended, Journal, Recorded, Sent, Usage, usage_of
from evolve.models._lane import Grant, Lane
from evolve.models._request import Question

Deliver = Callable[[Lane], Awaitable[RawReply]]
"""Sends the question to a model once and brings the answer, scrubbed; raises Failure."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """A question of a ticket.

    Attributes:
        ticket: The ticket that asks.
        saw: The last commit that it has seen.
        number: Number of the question within its ticket.
        purpose: What it is for.
        question: What is asked.
        candidates: Who may answer, in order of preference.
        deliver: Sends it.
    """

    ticket: int
    saw: int
    number: int
    purpose: str
    question: Question
    candidates: tuple[Lane, ...]
    deliver: Deliver


class Turns:
    """Plays turns: recalls what is recorded, else sends until there is an answer or no hope of one.

    Attributes:
        usage: What all sessions have used so far, by model.
    """

    def __init__(
        self,
        journal: Journal,
        dispatcher: Dispatcher,
        budget: CallBudget,
        *,
        clock: Callable[[], float],
        on_event: OnEvent,
    ) -> None:
        self._journal = journal
        self._dispatcher = dispatcher
        self._budget = budget
        self._clock = clock
        self._on_event = on_event
        self.usage: dict[str, Usage] = dict(journal.usage())
        for usage in self.usage.values():
            budget.restore(usage.calls, usage.tokens, usage.nano_usd)

    def recall(self, turn: Turn) -> Recorded | None:
        """Return how the turn ended in an earlier session, when it asked the same then."""
        found = self._journal.recorded(turn.ticket, turn.number)
        return found if found is not None and found.question == turn.question.hash else None

    async def play(self, turn: Turn, rng: np.random.Generator) -> Recorded:
        """Send the question until the turn has ended.

        Raises:
            Stopped: no call is begun any more; the turn has not ended.
            ModelError: no candidate can be used; the turn has not ended.
        """
        for attempt in itertools.count():
            grant = await self._dispatcher.grant(turn.candidates, turn.question)
            ended, failure = await self._send(turn, grant, attempt)
            if failure is None or ended.status == "no_reply":
                break
            await self._back_off(failure, attempt, rng)
        return Recorded(turn.question.hash, grant.lane.spec.name, ended)

    async def _send(self, turn: Turn, grant: Grant, attempt: int) -> tuple[Ended, Failure | None]:
        sent = _sent(turn, grant, attempt)
        try:
            call = self._journal.sent(sent)
        except BaseException:
            self._dispatcher.give_back(grant)
            raise
        began = self._clock()
        failure = None
        try:
            raw = await turn.deliver(grant.lane)
            ended = _answered(grant.lane, raw)
            grant.lane.health.succeeded(grant.sending)
        except Failure as caught:
            failure = caught
            grant.lane.health.failed(grant.sending, failure)
            ended = _failed(grant, failure, final=self._is_final(turn, grant.lane, failure, attempt))
        except BaseException:
            grant.lane.health.abandoned(grant.sending)
            self._close(call, sent, grant, replace(_cancelled(grant), latency_s=self._clock() - began))
            raise
        ended = replace(ended, latency_s=self._clock() - began)
        self._close(call, sent, grant, ended)
        return ended, failure

    def _is_final(self, turn: Turn, lane: Lane, failure: Failure, attempt: int) -> bool:
        """Tell whether this failure ends the turn; not when the run ends by it: then it is asked again."""
        if all(candidate.health.given_up for candidate in turn.candidates):
            return False
        return failure.kind == "refused" or attempt + 1 >= lane.spec.attempts

    def _close(self, call: int, sent: Sent, grant: Grant, ended: Ended) -> None:
        try:
            self._journal.ended(call, ended)
        finally:
            within = self._budget.settle(grant.reservation, ended.tokens, ended.nano_usd)
            name = grant.lane.spec.name
            self.usage[name] = self.usage.get(name, Usage()) + usage_of(sent, ended)
            if not within:
                self._on_event(
                    "model_overcharged",
                    {"model": name, "tokens": ended.tokens, "reserved_tokens": sent.reserved_tokens},
                )
            grant.lane.limit.correct(grant.entry, ended.tokens)
            self._dispatcher.ended(grant.lane)

    async def _back_off(self, failure: Failure, attempt: int, rng: np.random.Generator) -> None:
        """Wait before the next attempt, unless the model's pause says how long already."""
        if failure.kind == "model" or failure.retry_after_s is not None:
            return
        base = 1.0 if failure.kind == "rate_limit" else 0.5
        await self._dispatcher.nap(base * 2**attempt * rng.uniform(0.5, 1.5))


def no_record(turn: Turn) -> ModelError:
    """Return the error of a replay that asks what was never asked."""
    return ModelError(
        f"ticket {turn.ticket}, question {turn.number} ({turn.purpose}) has no record, and a replay sends "
        f"nothing. The prompts or the code differ from the recorded run's: replay with its own version."
    )


def _sent(turn: Turn, grant: Grant, attempt: int) -> Sent:
    spec = grant.lane.spec
    return Sent(
        ticket=turn.ticket,
        saw=turn.saw,
        turn=turn.number,
        attempt=attempt,
        model=spec.name,
        purpose=turn.purpose,
        request=turn.question.request(spec),
        question=turn.question.hash,
        reserved_tokens=grant.reservation.tokens,
        reserved_nano_usd=grant.reservation.nano_usd,
    )


def _answered(lane: Lane, raw: RawReply) -> Ended:
    return Ended(
        status="ok",
        text=raw.text,
        finish=raw.finish,
        prompt_tokens=raw.prompt_tokens,
        reply_tokens=raw.reply_tokens,
        tokens=raw.prompt_tokens + raw.reply_tokens,
        nano_usd=lane.price.nano_usd(raw.prompt_tokens, raw.reply_tokens),
    )


def _failed(grant: Grant, failure: Failure, *, final: bool) -> Ended:
    prompt, reply = failure.used or (0, 0)
    known = failure.used is not None
    return Ended(
        status="no_reply" if final else "failed",
        kind=failure.kind,
        error=failure.text,
        prompt_tokens=prompt,
        reply_tokens=reply,
        tokens=prompt + reply if known else grant.reservation.tokens,
        nano_usd=grant.lane.price.nano_usd(prompt, reply) if known else grant.reservation.nano_usd,
    )


def _cancelled(grant: Grant) -> Ended:
    return Ended(
        status="cancelled",
        kind="cancelled",
        error="the run ended before the answer came",
        tokens=grant.reservation.tokens,
        nano_usd=grant.reservation.nano_usd,
    )
