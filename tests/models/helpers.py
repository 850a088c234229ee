"""Time that passes only when everybody waits, and models that answer as they are told."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, TypeVar

import numpy as np

from evolve.models import (
    CallBudget,
    CommandSpec,
    Failure,
    MemoryJournal,
    Message,
    Models,
    ModelsConfig,
    ModelSpec,
    RawReply,
    RawVectors,
    TicketCalls,
)

T = TypeVar("T")
QUESTION = [Message("user", "What is new?")]


class FakeTime:
    """A clock that jumps to the next sleeper's time when nothing else can run."""

    def __init__(self) -> None:
        self.now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + max(0.0, seconds), next(self._order), woken))
        await woken

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(self._drive(coroutine))

    async def _drive(self, coroutine: Coroutine[Any, Any, T]) -> T:
        main = asyncio.create_task(coroutine)
        for _ in range(20_000):
            for _ in range(40):  # more steps than any chain of callbacks between two sleeps has
                await asyncio.sleep(0)
            if main.done():
                return await main
            self._wake_next()
        main.cancel()
        raise AssertionError("stuck")

    def _wake_next(self) -> None:
        while self._sleepers:
            due, _, woken = heapq.heappop(self._sleepers)
            if not woken.done():
                self.now = max(self.now, due)
                woken.set_result(None)
                return


Act = Callable[[int], RawReply | Failure]
"""What the n-th call brings."""


class Toy:
    """A backend that obeys `act` after `latency_s`.

    Attributes:
        sent: (model, messages) of every call.
        at: When each was sent.
        in_flight: Calls going on now.
        most: The most that ever went on at once.
    """

    def __init__(self, act: Act, time: FakeTime, latency_s: float = 1.0) -> None:
        self.act = act
        self.time = time
        self.latency_s = latency_s
        self.sent: list[tuple[str, tuple[Message, ...]]] = []
        self.at: list[float] = []
        self.in_flight = 0
        self.most = 0

    async def send(self, messages: Sequence[Message], spec: ModelSpec | CommandSpec) -> RawReply:
        number = len(self.sent)
        self.sent.append((spec.name, tuple(messages)))
        self.at.append(self.time.now)
        self.in_flight += 1
        self.most = max(self.most, self.in_flight)
        try:
            await self.time.sleep(self.latency_s)
        finally:
            self.in_flight -= 1
        outcome = self.act(number)
        if isinstance(outcome, Failure):
            raise outcome
        return outcome


class ToyEmbedder:
    """Turns a text into (its length, 1)."""

    def __init__(self) -> None:
        self.calls = 0

    async def embed(self, texts: Sequence[str], spec: ModelSpec) -> RawVectors:
        assert spec.name == "toy/e"
        self.calls += 1
        return RawVectors(tuple((float(len(text)), 1.0) for text in texts), 3 * len(texts))


def answer(text: str = "fine", prompt: int = 10, reply: int = 5) -> RawReply:
    return RawReply(text, prompt, reply)


def always(outcome: RawReply | Failure) -> Act:
    return lambda _: outcome


def failing(kind: Any = "transient", **more: Any) -> Act:
    return lambda _: Failure(kind, f"toy/a: {kind}", **more)


def first(count: int, outcome: Failure, then: RawReply | None = None) -> Act:
    """Fail `count` times, then answer."""
    return lambda number: outcome if number < count else then or answer()


def config(*names: str, **settings: Any) -> ModelsConfig:
    return ModelsConfig.model_validate({"use": [{"name": name} for name in names or ("toy/a",)], **settings})


class Bench:
    """All that a test of `Models` needs; every model is the same toy unless `backends` says otherwise."""

    def __init__(
        self,
        act: Act,
        settings: ModelsConfig | None = None,
        *,
        budget: CallBudget | None = None,
        journal: MemoryJournal | None = None,
        latency_s: float = 1.0,
        **more: Any,
    ) -> None:
        self.time = FakeTime()
        self.toy = Toy(act, self.time, latency_s)
        self.settings = settings or config()
        self.budget = budget or CallBudget()
        self.journal = journal if journal is not None else MemoryJournal()
        self.events: list[tuple[str, dict[str, object]]] = []
        backends = dict.fromkeys(self.settings.names, self.toy)
        self.models = Models(
            self.settings,
            self.budget,
            self.journal,
            clock=self.time.clock,
            sleep=self.time.sleep,
            on_event=lambda kind, data: self.events.append((kind, data)),
            backends=backends,
            **{"embedder": ToyEmbedder(), "cost_map": dict[str, Any]().get, **more},
        )

    def ticket(self, number: int, prefer: str = "") -> TicketCalls:
        return self.models.for_ticket(number, 0, prefer, np.random.default_rng(number))

    async def ask(self, number: int, prefer: str = "") -> Any:
        """Ask once on behalf of a new ticket and return the reply, or the exception."""
        try:
            return await self.ticket(number, prefer)(QUESTION)
        except Exception as error:  # noqa: BLE001 - what came is the test's business
            return error

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def go() -> T:
            async with self.models:
                return await work()

        return self.time.run(go())

    def ask_all(self, count: int, prefer: str = "") -> list[Any]:
        async def go() -> list[Any]:
            return await asyncio.gather(*(self.ask(number, prefer) for number in range(count)))

        return self.run(go)
