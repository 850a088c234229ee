"""All models of a run: what the engine holds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from types import TracebackType
from typing import Self

import numpy as np

from evolve.errors import ModelError
from evolve.models._backend import Backend, Embedder, RawReply, checked
from evolve.models._base import Message, NoReply
from evolve.models._budget import CallBudget, Limit
from evolve.models._command_backend import CommandBackend, command_fault
from evolve.models._dispatch import Dispatcher
from evolve.models._failure import one_line
from evolve.models._health import OnEvent
from evolve.models._journal import Journal, MemoryJournal, Recorded, Usage
from evolve.models._lane import Lane, lane_of
from evolve.models._litellm_backend import LitellmBackend
from evolve.models._prices import CostMap, Price, price
from evolve.models._request import Spec, canonical, embedding_question, question, sound
from evolve.models._secrets import scrub
from evolve.models._settings import CommandSpec, ModelsConfig, ModelSpec
from evolve.models._ticket import TicketCalls
from evolve.models._turns import Turn, Turns, no_record

_PROPOSING = ("propose", "retry", "resample")
"""Purposes of questions whose answer is a program."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What all sessions of a run have used so far.

    Attributes:
        total: The sum over all models.
        by_model: The parts, by the model's name.
    """

    total: Usage
    by_model: Mapping[str, Usage]


class Models:
    """All models of a run, for all of its tickets.

    Used by one event loop. Every request is recorded before it is sent, and every end before the ticket
    learns of it. A ticket's task may be cancelled at any moment: its call is recorded as cancelled and
    charged with its whole reservation. What earlier sessions have spent is taken from the journal.

    Use it as an async context manager, or call `start` and `aclose`.
    """

    def __init__(
        self,
        config: ModelsConfig,
        budget: CallBudget,
        journal: Journal,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        on_event: OnEvent | None = None,
        backends: Mapping[str, Backend] | None = None,
        embedder: Embedder | None = None,
        cost_map: CostMap | None = None,
        offline: bool = False,
    ) -> None:
        """Prepare; nothing heavy is imported and nothing is sent.

        Args:
            config: The `[models]` table.
            budget: The limit of all calls; what the journal holds already is added to it.
            journal: Where calls are recorded.
            clock: Seconds, for pauses, limits and latencies.
            sleep: Sleeps that many seconds of the clock.
            on_event: Told when a model is paused, recovers, is given up, or charges more than it may.
            backends: Who sends, by the model's name; litellm or a process for all that are not in it.
            embedder: Who embeds; None: litellm.
            cost_map: Looks up prices that the configuration does not name; None: litellm's local map.
            offline: Answer from the journal alone; whatever it does not hold is a ModelError.
        """
        on_event = on_event or _ignore
        self._config = config
        self._budget = budget
        self._offline = offline
        self._started = offline
        self._starting = asyncio.Lock()
        self._litellm = LitellmBackend()
        self._backends: dict[str, Backend] = {
            **{spec.name: self._litellm for spec in config.use},
            **{spec.name: CommandBackend() for spec in config.command},
            **(backends or {}),
        }
        self._embedder = embedder or self._litellm
        self._cost_map = cost_map or self._litellm.cost_entry
        specs: tuple[Spec, ...] = (*config.use, *config.command)
        self._prices: dict[str, Price | None] = {}
        self._lanes = {spec.name: lane_of(spec, clock=clock, on_event=on_event) for spec in specs}
        embedding = config.embedding_spec
        self._embedding = lane_of(embedding, clock=clock, on_event=on_event) if embedding else None
        self._dispatcher = Dispatcher(self._lanes, budget, clock=clock, sleep=sleep)
        self._turns = Turns(journal, self._dispatcher, budget, clock=clock, on_event=on_event)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def start(self) -> None:
        """Import what is needed, in a thread, and check names, keys and prices; else the first call does.

        Raises:
            ModelError: a model's provider is not known or its key is not set; or dollars are limited and the
                price of a model is not known.
        """
        async with self._starting:
            if not self._started:
                if self._needs_litellm():
                    await self._litellm.start()
                self._check_names_and_keys()
                self._look_up_prices()
                self._started = True

    async def aclose(self) -> None:
        """Begin no call any more and close all connections. End the tickets' tasks before."""
        await self._dispatcher.aclose()
        await self._litellm.aclose()

    def for_ticket(self, ticket: int, saw: int, prefer: str, rng: np.random.Generator) -> TicketCalls:
        """Return what asks on behalf of a ticket.

        Args:
            ticket: The ticket's number.
            saw: The last commit that it has seen.
            prefer: The model to ask for programs, as long as it can be used; "" for that of most weight,
                which is asked for everything else in any case.
            rng: For the jitter of waiting times only. Not the ticket's own generator: a replay never waits.
        """

        async def chat(
            number: int, messages: Sequence[Message], purpose: str, known_by: Sequence[Message]
        ) -> Recorded:
            async def deliver(lane: Lane) -> RawReply:
                return _clean(await self._backends[lane.spec.name].send(messages, lane.spec), lane.spec.name)

            # what an operator was paired with may be a command: that is asked for programs only
            candidates = self._dispatcher.candidates(prefer if purpose in _PROPOSING else "")
            if not candidates:
                raise NoReply(
                    f"there are commands only, and they write programs; nobody to ask for: {purpose}"
                )
            asked = question(messages, known_by)
            return await self._play(Turn(ticket, saw, number, purpose, asked, candidates, deliver), rng)

        async def embed(number: int, texts: Sequence[str]) -> Recorded:
            lane = self._embedding
            if lane is None:
                raise ModelError("no embedding model is configured; set `embedding` in [models].")
            asked = embedding_question(texts, lane.spec.name)
            turn = Turn(ticket, saw, number, "embed", asked, (lane,), self._vectors(texts))
            return await self._play(turn, rng)

        return TicketCalls(ticket, chat, embed)

    def stop(self) -> None:
        """Begin no call any more: whoever asks gets Stopped. Calls in flight may end."""
        self._dispatcher.stop()

    @property
    def exhausted(self) -> Limit | None:
        """The limit of the budget that stopped the calls, or None."""
        return self._dispatcher.exhausted

    @property
    def usable(self) -> tuple[str, ...]:
        """Names of all models and commands that are not given up."""
        return tuple(name for name, lane in self._lanes.items() if not lane.health.given_up)

    @property
    def in_flight(self) -> int:
        """Calls that have been sent and have not ended."""
        return self._budget.in_flight

    @property
    def prices(self) -> Mapping[str, Price | None]:
        """What the tokens of each model cost, as looked up by `start`; None: nobody knows."""
        free = {spec.name: Price(Fraction(0), Fraction(0)) for spec in self._config.command}
        return {**dict.fromkeys(spec.name for spec in self._config.use), **self._prices, **free}

    @property
    def reasoning(self) -> tuple[str, ...]:
        """Names of the models that are known to reason before they answer, as looked up by `start`."""
        known = {spec.name: self._cost_map(spec.name) or {} for spec in self._config.use}
        return tuple(name for name, entry in known.items() if entry.get("supports_reasoning"))

    @property
    def spent(self) -> Spent:
        """What has been used so far, over all sessions."""
        return Spent(sum(self._turns.usage.values(), Usage()), dict(self._turns.usage))

    async def _play(self, turn: Turn, rng: np.random.Generator) -> Recorded:
        found = self._turns.recall(turn)
        if found is not None:
            return found
        if self._offline:
            raise no_record(turn)
        if not self._started:
            await self.start()
        return await self._turns.play(turn, rng)

    def _vectors(self, texts: Sequence[str]) -> Callable[[Lane], Awaitable[RawReply]]:
        async def deliver(lane: Lane) -> RawReply:
            assert isinstance(lane.spec, ModelSpec)
            raw = await self._embedder.embed(texts, lane.spec)
            return RawReply(canonical(raw.vectors), raw.prompt_tokens, 0)

        return deliver

    def _needs_litellm(self) -> bool:
        senders = [self._backends[spec.name] for spec in self._config.use]
        return self._litellm in senders or (self._embedding is not None and self._embedder is self._litellm)

    def _check_names_and_keys(self) -> None:
        specs = [spec for spec in self._config.use if self._backends[spec.name] is self._litellm]
        if self._embedding is not None and self._embedder is self._litellm:
            assert isinstance(self._embedding.spec, ModelSpec)
            specs.append(self._embedding.spec)
        faults = [fault for spec in specs if (fault := self._litellm.fault(spec))]
        own = [spec for spec in self._config.command if isinstance(self._backends[spec.name], CommandBackend)]
        faults += [fault for spec in own if (fault := command_fault(spec))]
        if faults:
            raise ModelError("\n".join(dict.fromkeys(faults)))

    def _look_up_prices(self) -> None:
        lanes = [*self._lanes.values(), *([self._embedding] if self._embedding else [])]
        unknown = []
        for lane in lanes:
            if isinstance(lane.spec, CommandSpec):
                continue
            self._prices[lane.spec.name] = known = price(lane.spec, self._cost_map)
            if known is None:
                unknown.append(lane.spec.name)
            else:
                lane.price = known
        if unknown and self._budget.max_usd is not None:
            raise ModelError(
                f"the price of {', '.join(unknown)} is not known: --max-usd {self._budget.max_usd:g} cannot "
                f"be kept. Set usd_per_million_prompt and usd_per_million_reply for it in [models] (0 if it "
                f"is free), or drop --max-usd and limit calls or tokens."
            )


def _clean(raw: RawReply, name: str) -> RawReply:
    raw = replace(
        raw,
        text=scrub(sound(raw.text)),
        finish=one_line(raw.finish)[:40],
        prompt_tokens=max(0, raw.prompt_tokens),
        reply_tokens=max(0, raw.reply_tokens),
    )
    return checked(raw, name)


def _ignore(kind: str, data: dict[str, object]) -> None:
    """Take no note of an event."""


async def preflight(config: ModelsConfig, max_usd: float | None = None) -> None:
    """Check names, keys and prices of all models as `Models.start` does, before anything else is done.

    Args:
        config: The `[models]` table.
        max_usd: The limit of dollars, for which every price has to be known; None: without one.

    Raises:
        ModelError: see `Models.start`.
    """
    async with Models(config, CallBudget(max_usd=max_usd), MemoryJournal()):
        pass
