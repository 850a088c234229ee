"""Bodies of the OpenAI protocol."""

from __future__ import annotations

import json
import time
from typing import Any, NamedTuple

from evolve.testing.model_server._http import Answer
from evolve.testing.model_server._reply import Said
from evolve.testing.model_server._script import Mode


class _Failure(NamedTuple):
    status: int
    message: str
    kind: str
    code: str | None


_FAILURES: dict[Mode, _Failure] = {
    "rate_limit": _Failure(429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    "rate_limit_bare": _Failure(429, "Rate limit reached for requests.", "requests", "rate_limit_exceeded"),
    "server_error": _Failure(500, "The server had an error while processing it.", "server_error", None),
    "unavailable": _Failure(503, "The engine is overloaded, please try again.", "server_error", None),
    # Some servers do repeat what they were sent: a client must not pass that on.
    "unauthorized": _Failure(
        401, "Incorrect API key provided: {key}.", "invalid_request_error", "invalid_api_key"
    ),
    "not_found": _Failure(
        404, "The model `{model}` does not exist.", "invalid_request_error", "model_not_found"
    ),
    "context_length": _Failure(
        400,
        "This model's maximum context length is {limit} tokens. However, your messages resulted in {tokens} "
        "tokens. Please reduce the length of the messages.",
        "invalid_request_error",
        "context_length_exceeded",
    ),
}


def failure(mode: Mode, *, model: str, key: str, tokens: int) -> Answer | None:
    """Return the error that a mode stands for; None when it stands for none.

    Args:
        mode: How the request is answered.
        model: The model that was asked.
        key: The Authorization header.
        tokens: Length of the prompt.
    """
    found = _FAILURES.get(mode)
    if found is None:
        return None
    message = found.message.format(model=model, key=key, tokens=tokens, limit=max(1, tokens - 1))
    return error(found.status, message, found.kind, found.code)


def error(status: int, message: str, kind: str = "invalid_request_error", code: str | None = None) -> Answer:
    """Return an error as OpenAI words it."""
    return body(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})


def body(status: int, payload: dict[str, Any]) -> Answer:
    """Return an answer with a body of JSON."""
    return Answer(status, json.dumps(payload).encode())


def completion(model: str, name: str, said: Said, prompt_tokens: int, reply_tokens: int) -> Answer:
    """Return a chat completion."""
    message = {"role": "assistant", "content": said.content, "refusal": said.refusal}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
    return body(
        200,
        {
            "id": f"chatcmpl-{name}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": model,
            "choices": [choice],
            "usage": {
                "prompt_tokens": prompt_tokens,
                "completion_tokens": reply_tokens,
                "total_tokens": prompt_tokens + reply_tokens,
            },
        },
    )


def embeddings(model: str, vectors: list[Any], tokens: int) -> Answer:
    """Return embeddings; each vector is a list of numbers or base64 text."""
    data = [
        {"object": "embedding", "index": index, "embedding": vector} for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return body(200, {"object": "list", "data": data, "model": model, "usage": usage})


def models(names: list[str]) -> Answer:
    """Return the list of models."""
    data = [{"id": name, "object": "model", "created": 0, "owned_by": "evolve"} for name in names]
    return body(200, {"object": "list", "data": data})
