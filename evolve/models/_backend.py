"""The contract of whatever sends a request and brings the answer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from evolve.models._base import Message
from evolve.models._failure import Failure
from evolve.models._settings import CommandSpec, ModelSpec

LONGEST_REPLY = 400_000
"""Characters; ten times the longest program that a pipeline accepts."""


@dataclass(frozen=True, slots=True)
class RawReply:
    """An answer as it came; nothing in it is scrubbed.

    Attributes:
        text: The answer.
        prompt_tokens: Tokens of the prompt that are billed.
        reply_tokens: Tokens of the answer that are billed.
        finish: Why the model stopped.
    """

    text: str
    prompt_tokens: int
    reply_tokens: int
    finish: str = "stop"


@dataclass(frozen=True, slots=True)
class RawVectors:
    """Embeddings as they came.

    Attributes:
        vectors: One for each text, in order.
        prompt_tokens: Tokens that are billed.
    """

    vectors: tuple[tuple[float, ...], ...]
    prompt_tokens: int


class Backend(Protocol):
    """Sends a request once; used by one event loop, any number of calls at the same time.

    Cancelling a call ends it. Whatever goes wrong is a `Failure`.
    """

    async def send(self, messages: Sequence[Message], spec: ModelSpec | CommandSpec) -> RawReply:
        """Return the answer to a conversation.

        Raises:
            Failure: there is no usable answer.
        """
        ...


class Embedder(Protocol):
    """Turns texts into vectors; otherwise like `Backend`."""

    async def embed(self, texts: Sequence[str], spec: ModelSpec) -> RawVectors:
        """Return a vector for each text.

        Raises:
            Failure: there are no usable vectors.
        """
        ...


def checked(reply: RawReply, name: str) -> RawReply:
    """Return the reply when it is of use.

    Raises:
        Failure: it is empty or far too long.
    """
    used = (reply.prompt_tokens, reply.reply_tokens)
    if not reply.text.strip():
        if reply.finish == "content_filter":
            raise Failure("refused", f"{name}: the answer was withheld by the content filter", used=used)
        hint = " before it said anything: raise max_tokens" if reply.finish == "length" else ""
        raise Failure("transient", f"{name}: empty content (finish: {reply.finish}{hint})", used=used)
    if len(reply.text) > LONGEST_REPLY:
        size = f"{len(reply.text)} characters, over {LONGEST_REPLY}"
        raise Failure("transient", f"{name}: huge reply of {size}", used=used)
    return reply
