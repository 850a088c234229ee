"""Whether a model can be asked at all, told before anything is sent: its name and its key."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from evolve._toml import suggest
from evolve.models._settings import ModelSpec

_SECRET = re.compile(r"KEY|TOKEN")
_OTHER_STEMS = {"cohere": "CO", "huggingface": "HF"}
"""What else the variables of a provider begin with; litellm reads those too, but does not name them."""


def fault_of(litellm: Any, spec: ModelSpec, environment: Mapping[str, str]) -> str:
    """Say why a model cannot be asked, and what to do; "" when nothing speaks against it.

    Judged without the network. A name that a known provider may or may not serve is left to the provider, and
    so are ways to log in without a key (files of a cloud's own tools).

    Args:
        litellm: The library, imported.
        spec: The model.
        environment: The environment of this process.
    """
    provider = _provider(litellm, spec.name)
    if provider is None:
        return _unknown(litellm, spec.name)
    missing = _missing_keys(litellm, spec, provider, environment)
    if not missing:
        return ""
    where = f" at {spec.api_base}" if spec.api_base else ""
    variables = " or ".join(missing)
    text = f"{spec.name}: its key is not set: expected it{where} in the environment variable {variables}."
    if spec.api_base is None:
        return f"{text} Do: export {missing[0]}=YOUR_KEY"
    return (
        f"{text} Do: export {missing[0]}=YOUR_KEY, or any text if the server wants none "
        f"(a model named hosted_vllm/NAME needs no key)"
    )


def _provider(litellm: Any, name: str) -> str | None:
    """Return the provider that a name is for, or None."""
    prefix = name.split("/", 1)[0]
    if "/" in name and prefix in _providers(litellm):
        return prefix  # not asked of litellm: for some providers it would begin to log in
    try:
        return str(litellm.get_llm_provider(name)[1])
    except litellm.exceptions.BadRequestError:
        return None


def _providers(litellm: Any) -> list[str]:
    return [str(getattr(provider, "value", provider)) for provider in litellm.provider_list]


def _unknown(litellm: Any, name: str) -> str:
    prefix, slash, rest = name.partition("/")
    text = f"{name}: no provider is known for this name. Write it as PROVIDER/NAME, like openai/gpt-5-mini."
    if slash:
        near = suggest(prefix, _providers(litellm))
        return text + near.replace("'?", f"/{rest}'?")
    found = suggest(name, litellm.model_cost)
    return text + found


def _missing_keys(litellm: Any, spec: ModelSpec, provider: str, environment: Mapping[str, str]) -> list[str]:
    """Name the variables one of which has to hold the key; none when there is one, or nobody knows."""
    plain = {f"{provider.upper()}_API_KEY"}
    blank = [name for name in plain if name in environment and not environment[name].strip()]
    named = [str(key) for key in litellm.validate_environment(spec.name)["missing_keys"]] or blank
    if not named or not all(key.endswith("_API_KEY") for key in named):
        return []  # nothing is missing, or it is no key: clouds have other ways to log in
    stems = {key.split("_")[0] for key in named} | {provider.upper().split("_")[0]}
    stems |= {_OTHER_STEMS[provider]} if provider in _OTHER_STEMS else set()
    return [] if _has_key(environment, stems) else _usual_first(named, plain)


def _has_key(environment: Mapping[str, str], stems: Iterable[str]) -> bool:
    """Tell whether any variable looks like the key of one of these providers; they have several names."""
    return any(
        value.strip() and _SECRET.search(name) and name.split("_")[0] in stems
        for name, value in environment.items()
    )


def _usual_first(names: list[str], usual: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: name not in usual)
