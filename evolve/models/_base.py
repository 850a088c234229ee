"""The contract between the engine, the operators and whatever answers a prompt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol


class Message(NamedTuple):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model answered.

    Attributes:
        text: The answer; untrusted.
        model: Name of the model that answered: not always the one that was asked first.
        prompt_tokens: Tokens of the prompt, as the model counts them.
        reply_tokens: Tokens of the answer, those of hidden reasoning included.
        usd: Price of the call in US dollars; 0.0 when no price is known.
        latency_s: Seconds from sending to the whole answer.
        finish: Why the model stopped: "stop", "length", ...
    """

    text: str
    model: str
    prompt_tokens: int
    reply_tokens: int
    usd: float
    latency_s: float
    finish: str


class NoReply(Exception):  # noqa: N818 - an outcome, not an error
    """This ticket gets no answer: refused by the model, or every attempt failed; the text says why."""


class Stopped(Exception):  # noqa: N818 - an outcome, not an error
    """No call is begun any more: the budget is used up or the run is stopping."""


class Ask(Protocol):
    """Asks a model on behalf of one ticket.

    The calls of a ticket are numbered in the order in which they are made (its turns): a resumed or replayed
    ticket that asks the same again gets the recorded answers, in the same order, without a call.
    """

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        purpose: str = "propose",
        known_by: Sequence[Message] | None = None,
    ) -> Reply:
        """Return the answer to a conversation.

        Everything is stored before it is used: the request before it is sent, the answer before it
        is returned.

        Args:
            messages: The conversation; the last message is the user's.
            purpose: What it is for, for the record: "propose", "retry", "reflect", ...
            known_by: The conversation without what is not the same when it is asked again, such as a
                measured time: by this a recorded answer is found. Omitted: all of it is the same.

        Raises:
            NoReply: this ticket gets no answer.
            Stopped: no call is begun any more; the ticket is repeated when the run is resumed.
            ModelError: the run cannot go on with any model.
        """
        ...
