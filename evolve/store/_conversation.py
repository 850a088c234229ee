"""What was asked about a program and what came back, as it is on record; all of it untrusted text."""

from __future__ import annotations

import json
from typing import Any

from evolve.store._reader import Reader
from evolve.store._schema import ModelReply, ModelRequest


def conversation(reader: Reader, program: int) -> list[dict[str, Any]]:
    """Return the calls of a program's ticket as plain data, in the order of sending.

    Returns:
        One mapping for each call, failed ones included: "call", "turn", "attempt", "model", "purpose",
        "status", "error", "finish", "prompt_tokens", "reply_tokens", "tokens", "usd", "latency_s", "messages"
        (role and content) and "reply". "tokens" is what the budget was charged. What is not on record, such
        as the end of a call that a kill cut off, is None.
    """
    return [_call(reader, request, reply) for request, reply in reader.calls(ticket=program)]


def _call(reader: Reader, request: ModelRequest, reply: ModelReply | None) -> dict[str, Any]:
    found = {
        "call": request.id,
        "turn": request.turn,
        "attempt": request.attempt,
        "model": request.model,
        "purpose": request.purpose,
        "messages": _messages(json.loads(reader.payload(request.request))),
    }
    if reply is None:
        ends = ("status", "error", "finish", "prompt_tokens", "reply_tokens", "latency_s", "reply")
        charged = {"tokens": request.reserved_tokens, "usd": request.reserved_nano_usd / 1e9}
        return {**found, **dict.fromkeys(ends), **charged}
    vectors = request.purpose == "embed" and reply.status == "ok"
    return {
        **found,
        "status": reply.status,
        "error": reply.error,
        "finish": reply.finish,
        "prompt_tokens": reply.prompt_tokens,
        "reply_tokens": reply.reply_tokens,
        "tokens": reply.tokens,
        "usd": reply.nano_usd / 1e9,
        "latency_s": reply.latency_s,
        "reply": "(vectors)" if vectors else reader.payload(reply.text),
    }


def _messages(question: dict[str, Any]) -> list[dict[str, str]]:
    texts = question.get("input", ())  # of an embedding
    return question.get("messages") or [{"role": "text", "content": text} for text in texts]
