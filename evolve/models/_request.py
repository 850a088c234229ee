"""Questions in the form in which they are hashed, recorded and sent."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from evolve.models._base import Message
from evolve.models._prices import count_text_tokens, count_tokens, estimate_tokens
from evolve.models._settings import CommandSpec, ModelSpec

Spec = ModelSpec | CommandSpec


def sound(text: str) -> str:
    """Replace what is no Unicode text: lone surrogates, which neither UTF-8 nor SQLite can hold."""
    return text.encode("utf-8", "replace").decode()


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked, whatever model will answer.

    Attributes:
        payload: Its JSON value: messages, or texts to be embedded.
        hash: SHA-256 in hex of what it is known by; equal for equal questions.
        most_tokens: Tokens that it cannot exceed.
        likely_tokens: An estimate of its tokens.
        answered: Whether an answer uses tokens of its own; an embedding does not.
    """

    payload: Mapping[str, Any]
    hash: str
    most_tokens: int
    likely_tokens: int
    answered: bool = True

    def request(self, spec: Spec) -> str:
        """Return what is recorded as the request: canonical JSON; holds no key."""
        return canonical({**self.payload, **parameters(spec, answered=self.answered)})


def question(messages: Sequence[Message], known_by: Sequence[Message] | None = None) -> Question:
    """Return the question that a conversation asks; it is known by `known_by`, or by all of it."""
    payload = _conversation(messages)
    known = payload if known_by is None else _conversation(known_by)
    likely = sum(estimate_tokens(message.content) for message in messages)
    return Question(payload, _hash(known), count_tokens(messages), likely)


def _conversation(messages: Sequence[Message]) -> dict[str, Any]:
    return {"messages": [{"role": message.role, "content": message.content} for message in messages]}


def embedding_question(texts: Sequence[str], model: str) -> Question:
    """Return the question for the vectors of texts; those of another model are of no use."""
    payload = {"input": list(texts)}
    likely = sum(map(estimate_tokens, texts))
    return Question(
        payload, _hash({**payload, "model": model}), count_text_tokens(texts), likely, answered=False
    )


def parameters(spec: Spec, *, answered: bool = True) -> dict[str, Any]:
    """Return what goes along with a question."""
    if isinstance(spec, CommandSpec):
        return {"model": spec.name, "argv": list(spec.argv)}
    given: dict[str, Any] = {"model": spec.name, "api_base": spec.api_base}
    if answered:
        given |= {
            "max_tokens": spec.max_tokens,
            "temperature": spec.temperature,
            "top_p": spec.top_p,
            **spec.extra,
        }
    return {key: value for key, value in given.items() if value is not None}


def canonical(value: Any) -> str:
    """Render a JSON value in one way only."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _hash(value: Any) -> str:
    return hashlib.sha256(canonical(value).encode()).hexdigest()
