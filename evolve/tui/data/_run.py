"""A run as the app knows it, and the news that keep it up to date."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from evolve.errors import EvolveError
from evolve.store import PAGE, REQUEST, Happening, LedgerRow, Mailbox, Pulse, Request, Viewer
from evolve.tui.data._about import About
from evolve.tui.data._ledger import Ledger

EVENTS_KEPT = 500
_RATE_WINDOW_S = 60.0
MARKS = ("started", "resumed", "stopped", "failed")
"""Events that begin and end sessions."""


@dataclass(frozen=True, slots=True)
class News:
    """What came since the last look.

    Attributes:
        rows: Commits.
        events: Events, but for the bandits' frequent ones.
        running: An engine is at work.
        bandits: What the bandits have learned, when there are new rows.
        pulse: What the engine is doing.
        requests: What was asked of it since the first that waits, and what it answered.
        trouble: Why requests cannot be read; empty when all is well.
        more: There is more already.
    """

    rows: Sequence[LedgerRow] = ()
    events: Sequence[Happening] = ()
    running: bool = False
    bandits: dict[str, Any] | None = None
    pulse: Pulse | None = None
    requests: Sequence[Request] = ()
    trouble: str = ""
    more: bool = False


class Feed:
    """Asks the store for what is new; owned by the thread that polls.

    Args:
        viewer: The store.
        mailbox: Requests to the engine.
        running: Tells whether an engine is at work.
    """

    def __init__(self, viewer: Viewer, mailbox: Mailbox, running: Callable[[], bool]) -> None:
        self._viewer = viewer
        self._mailbox = mailbox
        self._running = running
        self._seq = self._event = self._request = 0

    def poll(self) -> News:
        """Return at most a page of what is new."""
        running = self._running()  # before the rest: nothing comes after the end that was not seen
        rows = self._viewer.ledger(self._seq)
        events = self._viewer.happened(self._event)
        if rows:
            self._seq = rows[-1].seq
        if events:
            self._event = events[-1].id
        more = len(rows) == PAGE or len(events) == PAGE
        last = self._viewer.latest("bandits") if rows and not more else None
        pulse = self._mailbox.pulse() if running else None
        requests, trouble = self._requests()
        return News(rows, events, running, last.data if last else None, pulse, requests, trouble, more)

    def _requests(self) -> tuple[list[Request], str]:
        """Return the requests from the first on that may still get an answer.

        The mailbox is a file apart: trouble with it hides nothing of the run.
        """
        try:
            found = self._mailbox.latest(self._request)
        except EvolveError as error:
            return [], str(error)
        first = next((index for index, one in enumerate(found) if one.status == "waiting"), len(found))
        if first:
            self._request = found[first - 1].id
        return found, ""


@dataclass(slots=True)
class RunState:
    """All that is known of a run; changed by `take` alone, on the app's own thread.

    Attributes:
        about: What does not change.
        ledger: The programs.
        clock: Monotonic seconds.
        running: An engine is at work.
        state: In a word or two: running, the limit that ended it, or how else it stands.
        error: What the engine said when it failed; empty otherwise.
        events: The latest events, oldest first.
        bests: (program, objective, run time) of every improvement.
        archives: What `archives` events say: commits and, for each island, best, QD score, coverage, elites.
        ranges: Ranges of the islands' measures that have moved.
        bandits: What the bandits have learned.
        pulse: What the engine is doing; None when there is none, or it has not said.
        asked: What was asked of the engine, by number.
        trouble: Why requests cannot be read; empty when all is well.
        banned: Programs that a user took out of the archives.
        pinned: Programs that a user keeps as possible parents.
        loaded: The whole past has been read.
        revision: Grows with every change.
    """

    about: About
    ledger: Ledger
    clock: Callable[[], float]
    running: bool = False
    state: str = ""
    error: str = ""
    events: deque[Happening] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    bests: list[tuple[int, float, float]] = field(default_factory=list)
    archives: list[dict[str, Any]] = field(default_factory=list)
    ranges: dict[int, dict[str, Any]] = field(default_factory=dict)
    bandits: dict[str, Any] | None = None
    pulse: Pulse | None = None
    asked: dict[int, Request] = field(default_factory=dict)
    trouble: str = ""
    banned: set[int] = field(default_factory=set)
    pinned: set[int] = field(default_factory=set)
    loaded: bool = False
    revision: int = 0
    _last: tuple[float, float] = (0.0, 0.0)
    _mark: str = ""

    @classmethod
    def begin(cls, about: About, clock: Callable[[], float]) -> RunState:
        """Return the state of a run of which nothing has been read."""
        return cls(about, Ledger(maximize=about.maximize), clock)

    def take(self, news: News) -> bool:
        """Take in news; tell whether anything changed."""
        was = (self.running, self.state, self.loaded, self.pulse, self.trouble)
        answered = [one for one in news.requests if self.asked.get(one.id) != one]
        self.asked.update((one.id, one) for one in answered)
        self.pulse, self.trouble = news.pulse, news.trouble
        self.ledger.extend(news.rows)
        for event in news.events:
            self._note(event)
        self.running, self.loaded = news.running, self.loaded or not news.more
        self.bandits = news.bandits or self.bandits
        doing = self.pulse.state if self.pulse else "running"
        self.state = doing if self.running else self._mark or "broken off"
        if news.rows or news.events:
            at_s = max(self.ledger["at_s"][-1] if self.ledger.size else 0.0, self._event_s(news.events))
            self._last = (float(at_s), self.clock())
        now = (self.running, self.state, self.loaded, self.pulse, self.trouble)
        changed = bool(news.rows or news.events or answered) or was != now
        self.revision += changed
        return changed

    def _event_s(self, events: Sequence[Happening]) -> float:
        return max((event.at_s for event in events), default=0.0)

    def _note(self, event: Happening) -> None:
        data = event.data
        if event.kind == "best" and event.ticket is not None:
            self.bests.append((event.ticket, float(data["objective"]), event.at_s))
        elif event.kind == "archives":
            self.archives.append(data)
            return  # too many to list
        elif event.kind == "ranges":
            self.ranges[int(data["island"])] = data["ranges"]
        elif event.kind in MARKS:
            self._mark = {"stopped": str(data.get("reason", "stopped")), "failed": "failed"}.get(
                event.kind, ""
            )
            self.error = str(data.get("error", "")) if event.kind == "failed" else ""
        elif event.kind == REQUEST:
            event = event._replace(data=_without_text(data))
            self._obey(data)
        self.events.append(event)

    def _obey(self, data: dict[str, Any]) -> None:
        """Remember what a user's request did to the archives."""
        program = data["arguments"].get("program")
        if data["status"] != "done" or program is None:
            return
        if data["kind"] in ("pin", "unpin"):
            (self.pinned.add if data["kind"] == "pin" else self.pinned.discard)(program)
        elif data["kind"] == "ban":
            self.banned.add(program)
            self.pinned.discard(program)
        elif data["kind"] == "unban":
            self.banned.discard(program)
        self.ledger.ban(frozenset(self.banned))

    @property
    def requests(self) -> list[Request]:
        """What was asked of the engine, the earliest first."""
        return [self.asked[number] for number in sorted(self.asked)]

    @property
    def elapsed_s(self) -> float:
        """Run time in seconds; goes on between the commits of a running run."""
        at_s, seen = self._last
        return at_s + (self.clock() - seen if self.running and self.loaded else 0.0)

    @property
    def rate(self) -> float | None:
        """Evaluations per second over the last minute of run time; None before there are two."""
        ledger = self.ledger
        if ledger.size < 2:
            return None
        times = ledger["at_s"]
        first = int(np.searchsorted(times, times[-1] - _RATE_WINDOW_S))
        first = min(first, ledger.size - 2)
        done = ledger.evaluations
        span = float(times[-1] - times[first])
        return float(done[-1] - done[first]) / span if span > 0 else None

    @property
    def best(self) -> tuple[int, float] | None:
        """(program, objective) of the best program."""
        row = self.ledger.best_row()
        return None if row is None else (int(self.ledger["id"][row]), float(self.ledger["objective"][row]))


def _without_text(data: dict[str, Any]) -> dict[str, Any]:
    """Return a request's data without the program that it may carry, which is in the table anyway."""
    return {**data, "arguments": {key: value for key, value in data["arguments"].items() if key != "text"}}


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a limit is used.

    Attributes:
        name: Of the limit.
        used: So far.
        limit: What ends the run; None: not limited.
        left_s: Estimate of the seconds until then; None when it cannot be told.
    """

    name: str
    used: float
    limit: float | None
    left_s: float | None = None


def uses(run: RunState) -> list[Use]:
    """Return what is used of every limit; evaluations and time always, the others where models were asked."""
    ledger, budget = run.ledger, run.about.budget
    evaluations = int(ledger.evaluations[-1]) if ledger.size else 0
    found = [("evaluations", float(evaluations), "max_evals"), ("time", run.elapsed_s, "max_seconds")]
    asked = bool(ledger["calls"].any()) or any(
        name in budget for name in ("max_calls", "max_tokens", "max_usd")
    )
    if asked:
        found += [
            ("calls", float(ledger["calls"].sum()), "max_calls"),
            ("tokens", float(ledger["tokens"].sum()), "max_tokens"),
            ("dollars", float(ledger["usd"].sum()), "max_usd"),
        ]
    return [_use(run, name, used, budget.get(limit)) for name, used, limit in found]


def _use(run: RunState, name: str, used: float, limit: float | None) -> Use:
    if limit is None or not run.running or not used:
        return Use(name, used, limit)
    if name == "time":
        return Use(name, used, limit, max(0.0, limit - used))
    speed = run.rate if name == "evaluations" else used / run.elapsed_s if run.elapsed_s else None
    return Use(name, used, limit, max(0.0, limit - used) / speed if speed else None)


@dataclass(frozen=True, slots=True)
class ArmRow:
    """What came of an operator, with the model it asked.

    Attributes:
        name: The operator, with "@model" when one was asked.
        proposals: Programs that it made.
        valid: Of these, valid ones.
        kept: Of these, those that an archive took.
        improved: Of these, those that were the best of the run when they came.
        gain: Sum of their gains, in units of the objective.
        seconds: Sum of their evaluations' times.
        usd: Price of its calls.
        tokens: Tokens of its calls.
    """

    name: str
    proposals: int
    valid: int
    kept: int
    improved: int
    gain: float
    seconds: float
    usd: float
    tokens: int


def arms(run: RunState, column: str = "operator") -> list[ArmRow]:
    """Return what came of every operator (or of every `model`), the most used first."""
    ledger = run.ledger
    numbers, texts = ledger[column], ledger.names[column].texts
    if not ledger.size:
        return []
    bests = np.isin(ledger["id"], [program for program, _, _ in run.bests])
    sums = {
        "proposals": np.ones(ledger.size),
        "valid": ledger.is_valid,
        "kept": ledger["kept"] > 0,
        "improved": bests,
        "gain": np.where(ledger["kept"] > 0, ledger["gain"], 0.0),
        "seconds": ledger["wall_s"],
        "usd": ledger["usd"],
        "tokens": ledger["tokens"],
    }
    totals = {
        name: np.bincount(numbers, weights=values, minlength=len(texts)) for name, values in sums.items()
    }
    rows = [
        _arm(text, {key: total[number] for key, total in totals.items()}) for number, text in enumerate(texts)
    ]
    return sorted(rows, key=lambda row: (-row.proposals, row.name))


def _arm(name: str, totals: dict[str, float]) -> ArmRow:
    counts = {key: int(totals[key]) for key in ("proposals", "valid", "kept", "improved", "tokens")}
    return ArmRow(
        name or "none",
        **counts,
        gain=float(totals["gain"]),
        seconds=float(totals["seconds"]),
        usd=float(totals["usd"]),
    )
