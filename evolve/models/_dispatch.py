"""Who may send next: one queue for all tickets, in front of health, limits and the budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from evolve.errors import ModelError
from evolve.models._advice import all_given_up
from evolve.models._base import Stopped
from evolve.models._budget import CallBudget, Limit
from evolve.models._lane import Grant, Lane
from evolve.models._request import Question


@dataclass(slots=True, eq=False)
class _Waiter:
    candidates: tuple[Lane, ...]
    question: Question
    grant: asyncio.Future[Grant]


class Dispatcher:
    """Grants calls in the order in which they are asked for, to each model and from the budget.

    A grant takes everything at once: the place in flight, the share of the minute, the reservation and the
    right to probe. So nobody holds one thing while waiting for another, and a ticket that is cancelled
    leaves nothing behind. Used by one event loop.

    Attributes:
        exhausted: The limit of the budget that is used up, or None.
    """

    def __init__(
        self,
        lanes: Mapping[str, Lane],
        budget: CallBudget,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self.exhausted: Limit | None = None
        self._lanes = lanes
        self._budget = budget
        self._clock = clock
        self._sleep = sleep
        self._queue: list[_Waiter] = []
        self._stopped = False
        self._alarm: asyncio.Task[None] | None = None
        self._due = math.inf
        self._naps: set[asyncio.Future[None]] = set()

    def candidates(self, prefer: str) -> tuple[Lane, ...]:
        """Return the models that may answer: the preferred one first, then the others by falling weight."""
        first = self._lanes.get(prefer)
        others = [lane for lane in self._lanes.values() if lane.stands_in and lane is not first]
        others.sort(key=lambda lane: -lane.spec.weight)
        return (first, *others) if first else tuple(others)

    async def grant(self, candidates: tuple[Lane, ...], question: Question) -> Grant:
        """Wait until a call may be sent.

        Raises:
            Stopped: no call is begun any more.
            ModelError: none of the candidates can be used.
        """
        if self._stopped:
            raise Stopped(self.why_stopped())
        waiter = _Waiter(candidates, question, asyncio.get_running_loop().create_future())
        self._queue.append(waiter)
        self.serve()
        try:
            return await waiter.grant
        except asyncio.CancelledError:
            if waiter.grant.done() and not waiter.grant.cancelled() and waiter.grant.exception() is None:
                self.give_back(waiter.grant.result())
            self.serve()
            raise

    def give_back(self, grant: Grant) -> None:
        """Undo a grant whose call was never sent."""
        self._budget.release(grant.reservation)
        grant.lane.limit.correct(grant.entry, 0)
        grant.lane.health.abandoned(grant.sending)
        self.ended(grant.lane)

    def ended(self, lane: Lane) -> None:
        """Take note that a call has ended and is settled."""
        lane.in_flight -= 1
        self.serve()

    async def nap(self, seconds: float) -> None:
        """Sleep, but no longer than until the stop.

        Raises:
            Stopped: no call is begun any more.
        """
        if self._stopped:  # a call that was in flight then and has failed since
            raise Stopped(self.why_stopped())
        nap: asyncio.Future[None] = asyncio.ensure_future(self._sleep(seconds))
        self._naps.add(nap)
        try:
            await nap
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if self._stopped and task is not None and not task.cancelling():
                raise Stopped(self.why_stopped()) from None
            raise
        finally:
            self._naps.discard(nap)
            nap.cancel()

    def stop(self) -> None:
        """Begin no call any more; whoever waits gets Stopped."""
        self._stopped = True
        self._end_naps()
        self.serve()

    async def aclose(self) -> None:
        """Stop, and end the alarm."""
        self.stop()
        if self._alarm is not None:
            self._alarm.cancel()
            await asyncio.gather(self._alarm, return_exceptions=True)

    def why_stopped(self) -> str:
        """Say why no call is begun any more."""
        if self.exhausted is None:
            return "no call is begun any more: the run is stopping"
        return f"no call is begun any more: the next one might exceed {self.exhausted}"

    def serve(self) -> None:
        """Grant all that can be granted now, and set the alarm for what can be granted later."""
        taken: set[Lane] = set()  # whoever comes later must not overtake those who wait for the same model
        delay = math.inf
        waiting: list[_Waiter] = []
        for waiter in self._queue:
            if waiter.grant.done():
                continue
            if self._stopped:
                waiter.grant.set_exception(Stopped(self.why_stopped()))
                continue
            wait = self._try(waiter, taken)
            if not waiter.grant.done():
                waiting.append(waiter)
                delay = min(delay, wait)
        self._queue = waiting
        if self._stopped and waiting:
            self.stop()  # the budget ran out in this very pass: whoever was passed before learns of it too
        elif waiting and delay < math.inf:
            self._ring_in(delay)

    def _try(self, waiter: _Waiter, taken: set[Lane]) -> float:
        """Grant the call, or return the seconds until another try is worth it; inf: until a call ends."""
        usable = [lane for lane in waiter.candidates if not lane.health.given_up]
        if not usable:
            waiter.grant.set_exception(ModelError(all_given_up(waiter.candidates)))
            return math.inf
        lane = next((lane for lane in usable if lane.health.wait_s() == 0), None)
        if lane is None:
            return min(lane.health.wait_s() for lane in usable)
        if lane in taken:
            return math.inf
        taken.add(lane)
        wait = math.inf if lane.full() else lane.limit.wait_s(lane.likely_tokens(waiter.question))
        if wait == 0 and self._reserve(lane, waiter, taken):
            taken.discard(lane)
        return wait or math.inf

    def _reserve(self, lane: Lane, waiter: _Waiter, taken: set[Lane]) -> bool:
        tokens, nano_usd = lane.most(waiter.question)
        reservation = self._budget.reserve(tokens, nano_usd)
        if reservation is not None:
            lane.in_flight += 1
            entry = lane.limit.take(lane.likely_tokens(waiter.question))
            waiter.grant.set_result(Grant(lane, reservation, lane.health.sent(), entry))
            return True
        taken.update(self._lanes.values())  # a smaller call must not take what this one waits for
        if not self._budget.in_flight:
            self.exhausted = self._budget.lacks(tokens, nano_usd)
            self._stopped = True
            self._end_naps()
            waiter.grant.set_exception(Stopped(self.why_stopped()))
        return False

    def _end_naps(self) -> None:
        for nap in self._naps:
            nap.cancel()

    def _ring_in(self, seconds: float) -> None:
        due = self._clock() + seconds
        if self._alarm is not None and self._due <= due:
            return  # rings earlier, which does no harm
        if self._alarm is not None:
            self._alarm.cancel()
        self._due = due
        self._alarm = asyncio.create_task(self._ring(seconds))

    async def _ring(self, seconds: float) -> None:
        await self._sleep(seconds)
        self._alarm = None
        self.serve()
