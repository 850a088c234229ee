from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from evolve._toml import validate
from evolve.errors import UsageError
from evolve.models import ModelsConfig, ModelSpec, parse_model_option


def load(**data: Any) -> ModelsConfig:
    return validate(data, ModelsConfig, UsageError, where="[models]")


def test_entries_take_what_they_do_not_say_from_the_table() -> None:
    config = load(
        temperature=0.5,
        max_tokens=100,
        extra={"seed": 1, "a": 2},
        use=[{"name": "a"}, {"name": "b", "max_tokens": 7}],
    )
    assert [(spec.temperature, spec.max_tokens) for spec in config.use] == [(0.5, 100), (0.5, 7)]
    own = load(extra={"seed": 1, "a": 2}, use=[{"name": "a", "extra": {"a": 3}}])
    assert own.use[0].extra == {"seed": 1, "a": 3}


def test_entries_that_are_built_in_code_take_the_defaults_too() -> None:
    config = ModelsConfig.model_validate(
        {"timeout_s": 3, "use": (ModelSpec(name="a"), ModelSpec(name="b", timeout_s=9))}
    )
    assert [spec.timeout_s for spec in config.use] == [3, 9]


def test_what_is_saved_loads_as_the_same() -> None:
    config = load(
        temperature=0.5,
        usd_per_million_prompt=1,
        usd_per_million_reply=2,
        use=[{"name": "a", "usd_per_million_prompt": 3, "usd_per_million_reply": 4}, {"name": "b", "rpm": 3}],
        command=[{"name": "c", "argv": ["cat"]}],
        embedding="openai/e",
    )
    assert load(**config.model_dump(mode="json", exclude_none=True)) == config
    assert config.names == ("a", "b", "c")
    assert config.embedding_spec is not None
    assert config.embedding_spec.usd_per_million_prompt == 1


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ({"use": [{"name": "a"}], "command": [{"name": "a", "argv": ["x"]}]}, "'a' is there twice"),
        ({"use": [{"name": ""}]}, r"use\[0\].name"),
        ({"use": [{"name": "a", "weight": 0}]}, "weight"),
        ({"use": [{"name": "a", "nonsense": 1}]}, "unknown key"),
        ({"api_base": "localhost:8000"}, "must be an address like"),
        ({"usd_per_million_prompt": 1}, "both or not at all"),
        ({"use": [{"name": "a", "usd_per_million_reply": 1}]}, "both or not at all"),
        ({"extra": {"max_completion_tokens": 9}}, "the engine sets it itself"),
        ({"extra": {"n": 3}}, "the engine sets it itself"),
        ({"command": [{"name": "a", "argv": []}]}, "argv"),
    ],
)
def test_what_cannot_be_meant_is_refused(data: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        load(**data)


@pytest.mark.parametrize(
    "data",
    [
        {"extra": {"api_key": "canary-1234"}},
        {"extra": {"extra_headers": {"X-Api-Key": "canary-1234"}}},
        {"extra": {"extra_headers": [{"Authorization": "canary-1234"}]}},
        {"extra": {"extra_body": {"note": "Bearer canary-1234"}}},
        {"extra": {"aws_session_token": "canary-1234"}},
        {"api_key": "canary-1234"},
        {"use": [{"name": "a", "api_key": "canary-1234"}]},
        {"api_base": "http://me:canary-1234@localhost/v1"},
        {"api_base": "http://localhost/v1?api_key=canary-1234"},
        {"api_base": "http://localhost/v1?key=canary-1234"},
        {"api_base": "http://localhost/v1?a=1&a=2&Subscription-Key=canary-1234"},
        {"api_base": "http://localhost/v1?%6bey=canary-1234&key="},
        {"api_base": "http://localhost/v1?sv=1&sig=canary-1234"},
        {"api_base": "http://localhost/v1;key=canary-1234"},
        {"api_base": "http://localhost/v1#token=canary-1234"},
        {"api_base": "http://canary-1234@localhost/v1"},
    ],
)
def test_secrets_are_refused_and_not_shown(data: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match="read from the environment") as caught:
        load(**data)
    assert "canary-1234" not in str(caught.value)


def test_an_address_may_have_parameters_that_hold_no_secret() -> None:
    address = "https://localhost/keys/v1;x=1?api-version=2024-10-21&max_tokens=5&codec=a"
    assert load(api_base=address).api_base == address


def test_parameters_that_only_sound_secret_are_passed_on() -> None:
    extra = {"prompt_cache_key": "x", "reasoning_effort": "low", "logit_bias": {"50256": -100}}
    assert load(extra=extra).extra == extra


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("openai/gpt-5-mini", ("openai/gpt-5-mini", 1.0)),
        ("openai/gpt-5-mini=2.5", ("openai/gpt-5-mini", 2.5)),
        ("ollama/x:tag=7b=0.5", ("ollama/x:tag=7b", 0.5)),
    ],
)
def test_a_model_option_is_a_name_and_a_weight(text: str, parsed: tuple[str, float]) -> None:
    assert parse_model_option(text) == parsed


@pytest.mark.parametrize("text", ["", "=2", "a=", "a=b", "a=0", "a=-1", "a=nan", "a=inf", "a b", "a=1 b"])
def test_a_wrong_model_option_is_told_the_form(text: str) -> None:
    with pytest.raises(UsageError, match="provider/model=weight"):
        parse_model_option(text)


def test_a_server_of_ones_own_needs_its_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOSTED_VLLM_API_BASE", raising=False)
    with pytest.raises(ValidationError, match="needs the address of your server"):
        ModelsConfig.model_validate({"use": [{"name": "hosted_vllm/any"}]})
    found = ModelsConfig.model_validate({"api_base": "http://h:1/v1", "use": [{"name": "hosted_vllm/any"}]})
    assert found.use[0].api_base == "http://h:1/v1"
