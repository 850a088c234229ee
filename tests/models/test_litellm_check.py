"""What is said of names and keys before anything is sent."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from evolve.models import ModelSpec
from evolve.models._litellm_check import fault_of


class BadRequestError(Exception):
    """As litellm raises it."""


def unlisted(name: str) -> tuple[str, str, None, None]:
    if name == "gpt-5-mini":
        return name, "openai", None, None
    raise BadRequestError(name)


def library(*missing: str) -> Any:
    """Return as much of litellm as is asked, with the keys that it misses."""
    return SimpleNamespace(
        provider_list=["openai", "anthropic", "gemini", "cohere", "lm_studio", "bedrock", "together_ai"],
        model_cost={"gpt-5-mini": {}, "claude-haiku-4-5": {}},
        get_llm_provider=unlisted,
        exceptions=SimpleNamespace(BadRequestError=BadRequestError),
        validate_environment=lambda _name: {"missing_keys": list(missing)},
    )


def fault(name: str, *missing: str, api_base: str | None = None, **environment: str) -> str:
    return fault_of(library(*missing), ModelSpec(name=name, api_base=api_base), environment)


def test_a_missing_key_names_the_model_the_variable_and_what_to_do() -> None:
    assert fault("openai/gpt-5-mini", "OPENAI_API_KEY") == (
        "openai/gpt-5-mini: its key is not set: expected it in the environment variable OPENAI_API_KEY. "
        "Do: export OPENAI_API_KEY=YOUR_KEY"
    )


def test_a_server_of_ones_own_may_take_any_text() -> None:
    said = fault("openai/qwen", "OPENAI_API_KEY", api_base="http://127.0.0.1:8000/v1")
    assert "at http://127.0.0.1:8000/v1 in the environment variable OPENAI_API_KEY" in said
    assert "any text if the server wants none" in said


def test_the_usual_variable_is_named_first() -> None:
    said = fault("gemini/gemini-2.5-flash", "GOOGLE_API_KEY", "GEMINI_API_KEY")
    assert "variable GEMINI_API_KEY or GOOGLE_API_KEY. Do: export GEMINI_API_KEY=" in said


def test_a_blank_key_is_none() -> None:
    assert "variable OPENAI_API_KEY" in fault("openai/gpt-5-mini", OPENAI_API_KEY="  ")
    assert "variable OPENAI_API_KEY" in fault("gpt-5-mini", "OPENAI_API_KEY", OPENAI_API_KEY="")


@pytest.mark.parametrize(
    ("name", "missing", "environment"),
    [
        ("openai/gpt-5-mini", (), {"OPENAI_API_KEY": "x"}),
        ("gpt-5-mini", (), {}),
        ("lm_studio/any", (), {}),
        ("together_ai/any", ("TOGETHERAI_API_KEY",), {"TOGETHER_AI_TOKEN": "x"}),
        ("cohere/command", ("COHERE_API_KEY",), {"CO_API_KEY": "x"}),
        ("bedrock/claude", ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), {}),
    ],
)
def test_nothing_is_said_where_a_key_is_there_not_needed_or_may_be_elsewhere(
    name: str, missing: tuple[str, ...], environment: dict[str, str]
) -> None:
    assert fault(name, *missing, **environment) == ""


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("opanai/gpt-5-mini", "Did you mean 'openai/gpt-5-mini'?"),
        ("gpt5-mini", "Did you mean 'gpt-5-mini'?"),
        ("zzz/yyy", "Write it as PROVIDER/NAME, like openai/gpt-5-mini."),
    ],
)
def test_an_unknown_provider_is_named_with_the_nearest_known(name: str, hint: str) -> None:
    said = fault(name)
    assert said.startswith(f"{name}: no provider is known for this name. ")
    assert said.endswith(hint)
