"""What an operator asks through: the questions of one ticket, numbered."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence

from evolve.models._base import Message, NoReply, Reply
from evolve.models._journal import Ended, Recorded
from evolve.models._request import sound

Vector = tuple[float, ...]
Chat = Callable[[int, Sequence[Message], str, Sequence[Message]], Awaitable[Recorded]]
"""Plays a turn: (number, messages, purpose, what the question is known by) → how it ended."""
Embed = Callable[[int, Sequence[str]], Awaitable[Recorded]]


class TicketCalls:
    """Asks on behalf of one ticket; is an `Ask`. One question at a time.

    What it counts depends on the record alone: a turn counts once, with the call that ended it, whether that
    was sent now or in an earlier session. So a resumed or replayed ticket counts the same.

    Attributes:
        ticket: The ticket.
        calls: Turns that have ended, with an answer or without.
        tokens: Tokens charged for them.
        nano_usd: Their price in billionths of a US dollar.
        model: Who was asked last, whether it answered or not; None before the first turn has ended.
            Embeddings do not count.
    """

    def __init__(self, ticket: int, chat: Chat, embed: Embed) -> None:
        self.ticket = ticket
        self.calls = 0
        self.tokens = 0
        self.nano_usd = 0
        self.model: str | None = None
        self._turns = 0
        self._chat = chat
        self._embed = embed

    @property
    def usd(self) -> float:
        """Price of the turns in US dollars."""
        return self.nano_usd / 1e9

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        purpose: str = "propose",
        known_by: Sequence[Message] | None = None,
    ) -> Reply:
        """See `Ask`."""
        clean, known = _sound(messages), _sound(messages if known_by is None else known_by)
        found = await self._chat(self._next_turn(), clean, purpose, known)
        self.model = found.model
        ended = self._count(found)
        return Reply(
            text=ended.text,
            model=found.model,
            prompt_tokens=ended.prompt_tokens,
            reply_tokens=ended.reply_tokens,
            usd=ended.nano_usd / 1e9,
            latency_s=ended.latency_s,
            finish=ended.finish,
        )

    async def embed(self, texts: Sequence[str]) -> tuple[Vector, ...]:
        """Return the vectors of texts, one each; a turn like any other, recorded likewise.

        Raises:
            NoReply: the vectors could not be had.
            Stopped: no call is begun any more.
            ModelError: no embedding model is configured, or it cannot be used.
        """
        found = await self._embed(self._next_turn(), [sound(text) for text in texts])
        return tuple(tuple(map(float, vector)) for vector in json.loads(self._count(found).text))

    def _next_turn(self) -> int:
        self._turns += 1
        return self._turns - 1

    def _count(self, found: Recorded) -> Ended:
        """Add up the turn.

        Raises:
            NoReply: it ended without an answer.
        """
        self.calls += 1
        self.tokens += found.ended.tokens
        self.nano_usd += found.ended.nano_usd
        if found.ended.status == "no_reply":
            raise NoReply(found.ended.error)
        return found.ended


def _sound(messages: Sequence[Message]) -> list[Message]:
    return [Message(message.role, sound(message.content)) for message in messages]
