"""The one place that knows litellm: everything that is asked over the network goes through here."""

from __future__ import annotations

import asyncio
import importlib
import logging
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from evolve.models._backend import RawReply, RawVectors
from evolve.models._base import Message
from evolve.models._failure import Failure
from evolve.models._litellm_check import fault_of
from evolve.models._litellm_errors import failure_of
from evolve.models._prices import estimate_tokens
from evolve.models._request import parameters
from evolve.models._settings import CommandSpec, ModelSpec

_ENVIRONMENT = {
    # Prices come with the package; without this, importing litellm fetches them from the network.
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    # Otherwise litellm loads a .env file from wherever it finds one.
    "LITELLM_MODE": "PRODUCTION",
    # Otherwise it appends links for bug reports to the texts of errors.
    "LITELLM_DISABLE_BUG_REPORT_LINK": "true",
}

_LEFT_BEHIND = r"coroutine '\w+\.(a|async_)(completion|embedding)' was never awaited"
"""How Python reports what litellm leaves behind when a call is cancelled between two of its steps."""

# Retries are the business of turns; logging would copy every prompt.
_MOST_TOKENS = 10**9
"""What a server says that a call used is believed up to here."""
_QUIET = {"num_retries": 0, "max_retries": 0, "no-log": True}


class LitellmBackend:
    """Asks the providers that litellm knows: a `Backend` and an `Embedder`, one for all models of a run."""

    def __init__(self) -> None:
        self._litellm: Any = None
        self._internal: ContextVar[bool] | None = None

    async def start(self) -> None:
        """Import litellm in a thread: it takes three to five seconds."""
        if self._litellm is None:
            self._litellm, self._internal = await asyncio.to_thread(_load)

    async def aclose(self) -> None:
        """Close the connections that litellm keeps open between calls."""
        if self._litellm is not None:
            await self._litellm.close_litellm_async_clients()
            self._litellm.in_memory_llm_clients_cache.flush_cache()

    async def send(self, messages: Sequence[Message], spec: ModelSpec | CommandSpec) -> RawReply:
        """See `Backend.send`."""
        assert isinstance(spec, ModelSpec)
        sent = [{"role": message.role, "content": message.content} for message in messages]
        response = await self._call("acompletion", spec, messages=sent, **parameters(spec))
        return _reply(response, messages, spec.name)

    async def embed(self, texts: Sequence[str], spec: ModelSpec) -> RawVectors:
        """See `Embedder.embed`."""
        arguments = parameters(spec, answered=False)
        response = await self._call("aembedding", spec, input=list(texts), **arguments)
        return _vectors(response, texts, spec.name)

    def cost_entry(self, name: str) -> Mapping[str, Any] | None:
        """Return the entry of litellm's price map; None when there is none, or before the start.

        litellm's own look-up is not used: it asks local servers and guesses by similar names.
        """
        if self._litellm is None:
            return None
        try:
            model, provider, _, _ = self._litellm.get_llm_provider(name)
        except self._litellm.exceptions.BadRequestError:
            return None
        for key in (name, f"{provider}/{model}", model):
            entry: Mapping[str, Any] | None = self._litellm.model_cost.get(key)
            # The same model may have another price at another provider.
            if entry is not None and str(entry.get("litellm_provider", "")).startswith(provider):
                return entry
        return None

    def fault(self, spec: ModelSpec) -> str:
        """Say why a model cannot be asked (its name, its key); "" when nothing speaks against it.

        Nothing is sent. Before the start nothing is known, and nothing speaks against any model.
        """
        return "" if self._litellm is None else fault_of(self._litellm, spec, os.environ)

    async def _call(self, function: str, spec: ModelSpec, **arguments: Any) -> Any:
        await self.start()
        from evolve.models._http_limit import limited  # imports httpx, as litellm has done

        # Such calls are not handed to loggers, which would be a quarter of their price.
        token = self._internal.set(True) if self._internal is not None else None
        try:
            # litellm's own timeout is for each read: a body that trickles in would never end.
            with limited() as limit:
                async with asyncio.timeout(spec.timeout_s):
                    return await getattr(self._litellm, function)(
                        timeout=spec.timeout_s, **arguments, **_QUIET
                    )
        except TimeoutError:
            failure = Failure("transient", f"{spec.name}: no whole answer in {spec.timeout_s:g} s", used=None)
        except Exception as error:  # noqa: BLE001 - litellm raises its own, the providers' and Python's alike
            failure = _meant(error, spec)
            if limit.refused:
                failure = Failure("transient", f"{spec.name}: {limit.refused}", used=None)
        finally:
            if self._internal is not None and token is not None:
                self._internal.reset(token)
        raise failure  # outside of the handler: the original may hold a key, and goes no further


def _meant(error: Exception, spec: ModelSpec) -> Failure:
    """Return the failure that an exception means; no answer of a server, however odd, may raise another."""
    try:
        return failure_of(error, spec)
    except Exception:  # noqa: BLE001 - what it says is the server's to choose
        return Failure("transient", f"{spec.name}: an error that cannot be read", used=None)


def _load() -> tuple[ModuleType, ContextVar[bool] | None]:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logging.getLogger(name).disabled = True  # they write to the terminal, over whatever is shown there
    # Raised while litellm builds its models at the first call; nothing that a user could act upon.
    warnings.filterwarnings("ignore", message=r"Item .* on TypedDict class .* is using the `ReadOnly`")
    warnings.filterwarnings("ignore", message=_LEFT_BEHIND)
    litellm: Any = importlib.import_module("litellm")
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    importlib.import_module("evolve.models._http_limit").install()
    # The first call would import this on the event loop: half a second during which nothing else moves.
    importlib.import_module("openai.resources.chat.completions")
    try:
        internal = importlib.import_module("litellm._internal_context").is_internal_call
    except (ImportError, AttributeError):
        internal = None  # not part of litellm's API: without it calls only cost more
    else:
        _spare_metadata(litellm.utils, internal)
    return litellm, internal


def _spare_metadata(utils: Any, internal: ContextVar[bool]) -> None:
    """Keep litellm from pricing and timing our own replies: two milliseconds each that nothing reads.

    Prices are the budget's business. All other callers of litellm in this process get what they did.
    """
    update = getattr(utils, "update_response_metadata", None)
    if update is None or getattr(update, "spares_internal", False):
        return

    def sparing(*args: Any, **kwargs: Any) -> Any:
        return None if internal.get() else update(*args, **kwargs)

    sparing.spares_internal = True  # type: ignore[attr-defined]
    utils.update_response_metadata = sparing


def _reply(response: Any, messages: Sequence[Message], name: str) -> RawReply:
    try:
        choice = response.choices[0]
        text, finish = choice.message.content, choice.finish_reason
    except (AttributeError, IndexError, TypeError):
        raise Failure("transient", f"{name}: the answer holds no choices", used=None) from None
    text = text if isinstance(text, str) else ""
    usage = getattr(response, "usage", None)
    prompt = _count(usage, "prompt_tokens") or sum(estimate_tokens(message.content) for message in messages)
    reply = _count(usage, "completion_tokens") or estimate_tokens(text)
    return RawReply(text, prompt, reply, str(finish or "stop"))


def _vectors(response: Any, texts: Sequence[str], name: str) -> RawVectors:
    try:
        rows = sorted(response.data, key=lambda row: int(row["index"]))
        vectors = tuple(tuple(float(value) for value in row["embedding"]) for row in rows)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError):
        raise Failure("transient", f"{name}: the answer holds no vectors", used=None) from None
    if not all(math.isfinite(value) for vector in vectors for value in vector):
        raise Failure("transient", f"{name}: the answer holds numbers that are not finite", used=None)
    if len(vectors) != len(texts) or not all(vectors):
        raise Failure("transient", f"{name}: {len(vectors)} vectors for {len(texts)} texts", used=None)
    prompt = _count(getattr(response, "usage", None), "prompt_tokens")
    return RawVectors(vectors, prompt or sum(map(estimate_tokens, texts)))


def _count(usage: Any, key: str) -> int:
    value = getattr(usage, key, None)
    return min(value, _MOST_TOKENS) if type(value) is int and value > 0 else 0
