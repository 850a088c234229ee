"""What a call costs, and how many tokens a text may be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from evolve.models._base import Message
from evolve.models._settings import ModelSpec

NANO = 1_000_000_000
"""Billionths of a US dollar in one: sums of integers cannot drift."""


@dataclass(frozen=True, slots=True)
class Price:
    """Price of a token in US dollars, exactly as it is written in decimals.

    Attributes:
        prompt_usd: Per prompt token.
        reply_usd: Per answer token.
    """

    prompt_usd: Fraction
    reply_usd: Fraction

    def nano_usd(self, prompt_tokens: int, reply_tokens: int) -> int:
        """Return the price of a call in billionths of a dollar, rounded up."""
        return math.ceil((self.prompt_usd * prompt_tokens + self.reply_usd * reply_tokens) * NANO)


FREE = Price(Fraction(0), Fraction(0))
"""The price of what nobody has named a price for; possible only where dollars are not limited."""

_OTHER_COSTS = ("input_cost_per_request", "citation_cost_per_token")
"""What some models charge besides tokens: with it, tokens do not tell what a call costs."""
_SEARCHES = ("perplexity/", "search")
"""Signs in a name of a model that searches, at a price, whenever it is asked; others do so on demand only."""

CostMap = Callable[[str], Mapping[str, Any] | None]
"""Looks up a model's entry of the price map by its name."""


def price(spec: ModelSpec, cost_map: CostMap) -> Price | None:
    """Return the price of a model's tokens, or None when nobody knows it.

    The prices of the configuration go first. A server at an address of the user's own may serve
    anything under a known name, so the price map says nothing about it.
    """
    if spec.usd_per_million_prompt is not None and spec.usd_per_million_reply is not None:
        return Price(
            _exactly(spec.usd_per_million_prompt) / 10**6, _exactly(spec.usd_per_million_reply) / 10**6
        )
    if spec.api_base is not None:
        return None
    entry = cost_map(spec.name) or {}
    prompt, reply = entry.get("input_cost_per_token"), entry.get("output_cost_per_token")
    if entry.get("mode") == "embedding":
        reply = reply or 0
    if prompt is None or reply is None or any(entry.get(name) for name in _OTHER_COSTS):
        return None
    if entry.get("search_context_cost_per_query") and any(sign in spec.name for sign in _SEARCHES):
        return None
    if not prompt and not reply and not spec.name.startswith("ollama"):
        return None  # of a hosted model, a price of nothing means that nobody has looked it up
    reasoning = entry.get("output_cost_per_reasoning_token") or 0
    return Price(_exactly(prompt), max(_exactly(reply), _exactly(reasoning)))


def count_tokens(messages: Sequence[Message]) -> int:
    """Return a number of tokens that these messages cannot exceed, for reservations."""
    # A byte-level tokenizer starts from single bytes and only ever merges them: it never makes more tokens
    # than there are UTF-8 bytes. Chat templates add a few tokens a message and a few in all: 16 and 64 are
    # generous.
    return sum(_bytes(message.content) + 16 for message in messages) + 64


def count_text_tokens(texts: Sequence[str]) -> int:
    """Return a number of tokens that texts to be embedded cannot exceed."""
    return sum(_bytes(text) + 16 for text in texts)


def estimate_tokens(text: str) -> int:
    """Guess the number of tokens of a text, for planning."""
    return math.ceil(_bytes(text) / 3.6)


def _exactly(value: float) -> Fraction:
    """Take the decimal digits as they are written: 0.1 is one tenth."""
    return Fraction(str(value))


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "replace"))
