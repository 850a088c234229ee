"""The `[models]` table of a run: which models answer, how they are asked, and what they may use."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from evolve.errors import UsageError

_PRICES = ("usd_per_million_prompt", "usd_per_million_reply")

_SECRET_KEY = re.compile(
    r"api_?key|access_?key|private_?key|secret|passw|credential|authorization|bearer|(^|_)auth$|(^|_)token$"
)
_SECRET_QUERY = re.compile(r"key$|(^|_)(code|jwt|pass|pat|pwd|session|sid|sig|signature)$")
"""Further names that hold secrets in addresses; as parameters of a model they may mean other things."""
_SECRET_VALUE = re.compile(r"^(sk-|Bearer )")

_ADDRESSED = "hosted_vllm/"
"""Names of models that are served at an address of the user's own."""
_OWN_KEYS = frozenset(
    {
        *("model", "messages", "input", "n", "stream", "timeout", "api_base", "base_url", "mock_response"),
        *("temperature", "top_p", "max_tokens", "max_completion_tokens", "num_retries", "max_retries"),
        *("fallbacks", "context_window_fallback_dict", "callbacks", "success_callback", "failure_callback"),
        *("logger_fn", "caching", "cache", "max_output_tokens", "model_list", "custom_llm_provider"),
    }
)
"""Parameters that the model layer sets itself; set otherwise, budgets and records would no longer be true."""


class Settings(BaseModel):
    """A table of the configuration: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CallSettings(Settings):
    """How a model is called; in `[models]` itself these are the defaults of all entries."""

    temperature: float | None = Field(default=None, ge=0, le=2)
    """None: the provider's default."""
    top_p: float | None = Field(default=None, gt=0, le=1)
    """None: the provider's default."""
    max_tokens: int = Field(default=8192, ge=1)
    """Longest answer in tokens, hidden reasoning included."""
    api_base: str | None = None
    """Address of a server that speaks the provider's protocol; None: the provider's own."""
    rpm: int | None = Field(default=None, ge=1)
    """Requests in any minute."""
    tpm: int | None = Field(default=None, ge=1)
    """Tokens in any minute, prompt and answer together."""
    concurrency: int = Field(default=8, ge=1, le=1024)
    """Calls in flight."""
    timeout_s: float = Field(default=120.0, gt=0)
    """Seconds from sending to the whole answer."""
    attempts: int = Field(default=4, ge=1, le=20)
    """How often one request of one ticket is sent."""
    usd_per_million_prompt: float | None = Field(default=None, ge=0)
    """US dollars per million prompt tokens, where the price map is wrong or silent."""
    usd_per_million_reply: float | None = Field(default=None, ge=0)
    """US dollars per million answer tokens."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """Further parameters, passed on to the provider as they are."""

    @field_validator("api_base")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            parts = urlsplit(value)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise ValueError(f"is no address ({error})") from None
        if parts.scheme not in ("http", "https") or not host:
            raise ValueError("must be an address like http://localhost:8000/v1")
        return value

    @field_validator("extra")
    @classmethod
    def _no_secrets(cls, value: dict[str, Any]) -> dict[str, Any]:
        secret = _secret_in(value)
        if secret is not None:
            raise ValueError(f"must not hold {secret!r}: keys are read from the environment")
        inner = [
            part for name in ("extra_body", "extra_query") if isinstance(part := value.get(name), Mapping)
        ]
        own = sorted(_OWN_KEYS & {str(key) for part in (value, *inner) for key in part})
        if own:
            raise ValueError(f"must not hold {own[0]!r}: the engine sets it itself")
        return value

    @model_validator(mode="before")
    @classmethod
    def _no_keys(cls, data: Any) -> Any:
        # A check of the whole table, unlike one of a field, does not show the value in its error.
        keys = data if isinstance(data, Mapping) else ()
        secret = next((key for key in keys if _looks_secret(str(key))), None)
        if secret is not None:
            raise ValueError(f"{secret!r} must not be here: keys are read from the environment")
        return data

    @model_validator(mode="after")
    def _no_credentials(self) -> CallSettings:
        if _has_credentials(self.api_base or ""):
            raise ValueError(
                "api_base must hold no credentials: keys are read from the environment. Give the address "
                "alone, and the key in the variable of the provider, such as OPENAI_API_KEY"
            )
        return self

    @model_validator(mode="after")
    def _both_prices(self) -> CallSettings:
        if (self.usd_per_million_prompt is None) != (self.usd_per_million_reply is None):
            raise ValueError(f"{_PRICES[0]} and {_PRICES[1]} must be set both or not at all")
        return self


class ModelSpec(CallSettings):
    """A model that is asked over the network."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^\S+$")
    """As litellm names it: "provider/model"."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the calls, relative to the others."""

    @model_validator(mode="after")
    def _has_address(self) -> ModelSpec:
        if (
            self.name.startswith(_ADDRESSED)
            and self.api_base is None
            and "HOSTED_VLLM_API_BASE" not in os.environ
        ):
            # litellm would ask OpenAI instead, and send it what was meant for a server of the user's own
            raise ValueError("needs the address of your server: --api-base http://HOST:PORT/v1")
        return self


class CommandSpec(Settings):
    """A program of the user's own that reads a prompt on its input and writes the answer."""

    name: str = Field(min_length=1, max_length=200, pattern=r"^\S+$")
    argv: tuple[str, ...] = Field(min_length=1)
    """The program and its arguments; no shell."""
    timeout_s: float = Field(default=600.0, gt=0)
    """Seconds until it is killed, with all that it has started."""
    concurrency: int = Field(default=1, ge=1, le=1024)
    """Copies that run at once."""
    weight: float = Field(default=1.0, gt=0)
    """Share of the calls, relative to the others."""
    attempts: int = Field(default=2, ge=1, le=20)
    """How often it is started for one request of one ticket."""


class ModelsConfig(CallSettings):
    """Everything about models: the entries of `use` take what they do not say from the table itself."""

    use: tuple[ModelSpec, ...] = ()
    """The models."""
    command: tuple[CommandSpec, ...] = ()
    """Programs that answer; asked by name only, never as a stand-in for a model."""
    embedding: str | None = Field(default=None, min_length=1)
    """The model that turns programs into vectors; None: programs are not compared by meaning."""
    similarity: float = Field(default=0.97, gt=0, le=1)
    """Cosine similarity from which on a program counts as known."""
    prompt_tokens: int = Field(default=16_000, ge=1000)
    """Size that a prompt is kept within, by estimate."""
    reflect_every: int = Field(default=25, ge=0)
    """Commits between two reflections; 0: never."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, data: Any) -> Any:
        if not isinstance(data, Mapping) or not isinstance(data.get("use"), list | tuple):
            return data
        defaults = {key: data[key] for key in CallSettings.model_fields if data.get(key) is not None}
        return {**data, "use": [_with_defaults(entry, defaults) for entry in data["use"]]}

    @model_validator(mode="after")
    def _unique_names(self) -> ModelsConfig:
        names = self.names
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ValueError(f"names must be unique: {double!r} is there twice")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all that can be asked, models first."""
        return (*(spec.name for spec in self.use), *(spec.name for spec in self.command))

    @property
    def embedding_spec(self) -> ModelSpec | None:
        """How the embedding model is called: with the defaults of the table."""
        if self.embedding is None:
            return None
        settings = {key: getattr(self, key) for key in CallSettings.model_fields}
        return ModelSpec(name=self.embedding, **settings)


def parse_model_option(text: str) -> tuple[str, float]:
    """Split "provider/model=2.5" into the name and the weight; the weight is 1 when there is none.

    Raises:
        UsageError: the name is empty or the weight is no positive number.
    """
    name, equals, number = text.strip().rpartition("=")
    if not equals:
        name, number = number, "1"
    try:
        weight = float(number)
    except ValueError:
        weight = math.nan
    if not name or re.search(r"\s", name) or not 0 < weight < math.inf:
        raise UsageError(
            f"--model must be provider/model or provider/model=weight with a weight above 0, got {text!r}. "
            f"For example: --model openai/gpt-5-mini=2.5"
        )
    return name, weight


def _with_defaults(entry: Any, defaults: dict[str, Any]) -> Any:
    if isinstance(entry, ModelSpec):
        entry = entry.model_dump(exclude_unset=True)
    if not isinstance(entry, Mapping):
        return entry
    own = {key: value for key, value in entry.items() if value is not None}
    priced = any(key in own for key in _PRICES)  # a pair is taken whole or not at all
    merged = {key: value for key, value in defaults.items() if not (priced and key in _PRICES)} | own
    if isinstance(defaults.get("extra"), dict) and isinstance(own.get("extra"), dict):
        merged["extra"] = defaults["extra"] | own["extra"]
    return merged


def _secret_in(value: Any) -> str | None:
    """Name the first key, at any depth, that looks as if it held a secret."""
    return next((key for key, item in _items(value) if _looks_secret(key, item)), None)


def _has_credentials(address: str) -> bool:
    """Tell whether an address names a user, or has a parameter, anywhere behind the host, like a secret."""
    parts = urlsplit(address)
    given = parse_qsl(re.sub("[/;?#]", "&", f"{parts.path}&{parts.query}&{parts.fragment}"))
    return "@" in parts.netloc or any(
        _looks_secret(key, value) or _SECRET_QUERY.search(key.lower().replace("-", "_"))
        for key, value in given
    )


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield str(key), item
            yield from _items(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _items(item)


def _looks_secret(key: str, value: Any = None) -> bool:
    if _SECRET_KEY.search(key.lower().replace("-", "_")):
        return True
    return isinstance(value, str) and bool(_SECRET_VALUE.match(value))
