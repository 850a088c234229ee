"""Whether a model can be used at this moment, learned from how its calls end."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from evolve.models._failure import Failure

OnEvent = Callable[[str, dict[str, object]], None]
"""Told of every change: "model_paused", "model_given_up", "model_recovered"; with the model and why."""

FAILURES_TO_PAUSE = 5
FIRST_PAUSE_S = 1.0
LONGEST_PAUSE_S = 60.0
PROBES_UNPROVEN = 4
"""Probes that may fail before a model that has not answered in this session is given up."""
PROBES_PROVEN = 12
"""The same for a model that has answered: together about eight minutes."""
FAILURES_UNPROVEN = 12
"""Failures of whatever kind, after which a model that has not answered in this session is given up."""
REFUSALS_PROVEN = 40
"""Refusals in a row after which a model that has answered is given up: it refuses everything by now."""
SLOW_START = 8
"""Calls in flight until a model has answered: with the limit above, a useless one costs at most 19 calls."""


@dataclass(frozen=True, slots=True)
class Sending:
    """One call, as its model's health knows it.

    Attributes:
        era: Number of the pauses that had begun when it was sent.
        probe: Whether it is the one call that finds out if a pause is over.
    """

    era: int
    probe: bool


class Health:
    """The circuit breaker of one model.

    A pause is followed by one probe; the probe's answer ends it. Failures count towards a pause only when
    their call was sent after the last pause began: those in flight at that moment say nothing new. Used by
    one event loop; no method waits.

    Attributes:
        name: The model.
        answered: Whether it has answered in this session.
        given_up: Whether it is asked no more in this session.
        row: Failures of whatever kind since the last answer.
        last: The last failure, or None.
    """

    def __init__(self, name: str, *, clock: Callable[[], float], on_event: OnEvent) -> None:
        self.name = name
        self.answered = False
        self.given_up = False
        self.row = 0
        self.last: Failure | None = None
        self._clock = clock
        self._on_event = on_event
        self._era = 0
        self._until = -math.inf
        self._paused = False
        self._probing = False
        self._broken = False
        self._unavailable = 0
        self._failed_probes = 0
        self._refusals = 0

    def wait_s(self) -> float:
        """Return the seconds until a call may be sent: 0.0 now, inf when the probe in flight decides."""
        if self.given_up or self._probing:
            return math.inf
        return max(0.0, self._until - self._clock())

    def width(self, concurrency: int) -> int:
        """Return how many calls may be in flight."""
        return concurrency if self.answered else min(concurrency, SLOW_START)

    def sent(self) -> Sending:
        """Take note that a call is sent; its end must be told to `succeeded`, `failed` or `abandoned`."""
        self._probing = self._paused
        return Sending(self._era, self._paused)

    def abandoned(self, sending: Sending) -> None:
        """Take note that a call was cancelled: nothing is learned of the model."""
        if self._is_probe(sending):
            self._probing = False

    def succeeded(self, sending: Sending) -> None:
        """Take note of an answer."""
        self.answered = True
        self.row = self._refusals = 0
        self._alive(sending)

    def failed(self, sending: Sending, failure: Failure) -> None:
        """Take note of a failure."""
        probe = self._is_probe(sending)
        if probe:
            self._probing = False
        if self.given_up:
            return
        self.last = failure
        self.row += 1
        if failure.kind == "refused":
            self._refusals += 1
            self._alive(sending)  # whatever refuses is there
        elif failure.kind != "model" and sending.era == self._era:
            self._missed(probe, failure)
        if failure.kind == "model" or self._hopeless():
            self.given_up = True
            self._tell("model_given_up", failures=self.row, error=failure.text)

    def _alive(self, sending: Sending) -> None:
        self._unavailable = self._failed_probes = 0
        # An answer to a call from before a pause that the server asked for does not cut it short.
        if self._paused and not self.given_up and (self._broken or sending.era == self._era):
            self._paused = self._broken = self._probing = False
            self._until = -math.inf
            self._tell("model_recovered")

    def _missed(self, probe: bool, failure: Failure) -> None:
        self._unavailable += 1
        self._failed_probes += self._broken and probe
        if self._broken or self._unavailable >= FAILURES_TO_PAUSE:
            self._broken = True
            pause = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**self._failed_probes)
            self._pause(max(pause, failure.retry_after_s or 0.0), failure)
        elif probe or failure.retry_after_s is not None:
            self._pause(failure.retry_after_s or FIRST_PAUSE_S, failure)

    def _pause(self, seconds: float, failure: Failure) -> None:
        self._era += 1
        self._paused = True
        self._until = self._clock() + seconds
        self._tell("model_paused", seconds=round(seconds, 3), failures=self.row, error=failure.text)

    def _hopeless(self) -> bool:
        if self.answered:
            return self._failed_probes >= PROBES_PROVEN or self._refusals >= REFUSALS_PROVEN
        return self._failed_probes >= PROBES_UNPROVEN or self.row >= FAILURES_UNPROVEN

    def _is_probe(self, sending: Sending) -> bool:
        return sending.probe and sending.era == self._era

    def _tell(self, kind: str, **data: object) -> None:
        self._on_event(kind, {"model": self.name, **data})
