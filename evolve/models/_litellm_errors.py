"""What litellm raises, as failures; told apart without importing it.

litellm names the same mishap differently for every provider, and calls most of them error 500. What really
happened is in the chain of causes: whether a server answered with an error status, and which.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping
from typing import Any

from evolve.models._failure import Failure, retry_after
from evolve.models._settings import ModelSpec

_NOT_CONNECTED = frozenset(
    {"ConnectError", "ConnectTimeout", "ClientConnectorError", "ConnectionRefusedError"}
)
_UNUSABLE = frozenset(
    {
        "AuthenticationError",
        "ImportError",
        "LiteLLMUnknownProvider",
        "NotFoundError",
        "PaymentRequiredError",
        "PermissionDeniedError",
        "UnsupportedParamsError",
    }
)
_REFUSED = frozenset({"ContentPolicyViolationError", "ContextWindowExceededError"})

_LONGEST_SAID = 4000
"""Characters that are read of what a server says about a failure."""
_NO_KEY = re.compile(
    r"missing credentials|missing .{0,80}api.?key|api.?key.{0,80}(not valid|invalid|missing|not set)", re.I
)
_NO_PROVIDER = re.compile(r"LLM Provider NOT provided")
_NO_QUOTA = re.compile(r"insufficient_quota|exceeded your current quota|credit balance", re.I)
_TOO_LONG = re.compile(
    r"context.?(length|window|size|limit)|too many (input )?tokens|string too long|maximum input"
    r"|(prompt|input|request)s? (is |are )?too (long|large)|number of tokens allowed",
    re.I,
)
_POLICY = re.compile(
    r"content.?(policy|filter|management)|safety system|flagged|moderation|responsibleai|usage polic", re.I
)
_PARAMETERS = re.compile(
    r"param|unsupported|not support|unknown|unrecognized|extra (input|field)|not permitted|invalid value"
    r"|temperature|top_p|max_tokens|max_completion_tokens|\bmodel\b",
    re.I,
)
_RAW = re.compile(r" ?\bssl:(<[^<>]*>|default|True|False|None)(?=[ \]]|$)| object at 0x[0-9a-f]+")
"""How aiohttp and Python print their objects within a message: says nothing to a person."""
_PREFIX = re.compile(r"^(litellm\.)?(\w*(Error|Timeout|Exception)( Error)?\s*[:-]\s*(litellm\.)?)+")


def failure_of(error: Exception, spec: ModelSpec) -> Failure:
    """Return the failure that an exception of litellm means."""
    chain = _chain(error)
    response = next((r for e in chain if (r := _error_response(e)) is not None), None)
    if response is not None:
        return _answered(spec, int(response.status_code), _header(response), _said(error))
    return _unanswered(spec, chain, _said(error))


def _answered(spec: ModelSpec, status: int, wait: float | None, said: str) -> Failure:
    """The server answered with an error status: nothing is billed."""
    text = f"{spec.name}: HTTP {status}: {said}"
    if status == 429 and not _NO_QUOTA.search(said):
        return Failure("rate_limit", text, retry_after_s=wait)
    if status >= 500 or status in (408, 409, 425):
        return Failure("transient", text, retry_after_s=wait)
    if status == 401 or (status == 400 and _NO_KEY.search(said)):
        return Failure("model", text, advice=_key_advice(spec))
    if status in (402, 429):
        return Failure("model", text, advice="Check the account's credit, then `evolve resume`.")
    if status == 404:
        return Failure(
            "model",
            text,
            advice=f"Check the model's name{_at(spec)} and begin anew, or `evolve fork` with another model.",
        )
    if status == 413 or _TOO_LONG.search(said) or _POLICY.search(said):
        return Failure("refused", text)
    if status in (400, 422) and not _PARAMETERS.search(said):
        return Failure("refused", text)  # says nothing against the model: another question may do
    return Failure("model", text)


def _unanswered(spec: ModelSpec, chain: list[BaseException], said: str) -> Failure:
    """No error status is at hand: not sent at all, or answered with something that cannot be used."""
    text = f"{spec.name}: {said}"
    names = {cls.__name__ for error in chain for cls in type(error).__mro__}
    if _NO_KEY.search(said) or "AuthenticationError" in names:
        return Failure("model", text, advice=_key_advice(spec))
    if _NO_PROVIDER.search(said):
        text = f"{spec.name}: no provider is known for this name"
        return Failure("model", text, advice="Write the name as provider/model, like openai/gpt-5-mini.")
    if names & _UNUSABLE:
        return Failure("model", text)
    if names & _REFUSED:
        return Failure("refused", text)
    if names & _NOT_CONNECTED:
        return Failure("transient", f"{spec.name}: cannot connect{_at(spec)}: {said}")
    if "RateLimitError" in names:
        return Failure("rate_limit", text)
    return Failure("transient", text, used=None)


def _chain(error: BaseException) -> list[BaseException]:
    """List the exception and its causes, outermost first."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain and len(chain) < 20:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain


def _error_response(error: BaseException) -> Any:
    """Return the response that came over the network; litellm's own exceptions carry made-up ones."""
    real = any(cls.__name__ == "HTTPStatusError" for cls in type(error).__mro__)
    return getattr(error, "response", None) if real else None


def _header(response: Any) -> float | None:
    headers = getattr(response, "headers", None)
    return retry_after(headers.get("retry-after")) if isinstance(headers, Mapping) else None


def _said(error: Exception) -> str:
    """Return what the server or litellm said, without litellm's wrapping and tracebacks."""
    # cut first: a server may say megabytes, and patterns are slow on what they do not fit
    text = str(error)[:_LONGEST_SAID].split("Traceback (most recent call last)")[0]
    text = text.split(". Handle with `litellm")[0].strip()
    text = _RAW.sub("", text)
    text = _PREFIX.sub("", text).strip()
    if text.startswith("{"):
        with contextlib.suppress(ValueError, RecursionError):  # cut off, no JSON, or far too deep
            text = _message(json.loads(text)) or text
    return text or type(error).__name__


def _message(body: Any) -> str | None:
    inner = body.get("error", body) if isinstance(body, dict) else None
    message = inner.get("message") if isinstance(inner, dict) else inner
    return message if isinstance(message, str) else None


def _key_advice(spec: ModelSpec) -> str:
    provider = spec.name.split("/")[0] if "/" in spec.name else "provider"
    variable = re.sub(r"\W", "_", provider).upper() + "_API_KEY"
    if spec.api_base is not None:
        return (
            f"Set {variable} to the key of {spec.api_base} (any text if it wants none), then `evolve resume`."
        )
    return f"Set the environment variable {variable} to a valid key, then `evolve resume`."


def _at(spec: ModelSpec) -> str:
    return f" at {spec.api_base}" if spec.api_base else ""
