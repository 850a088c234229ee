from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from evolve.models import Message, ModelSpec, estimate_tokens
from evolve.models._prices import Price, count_tokens, price

MAP: dict[str, dict[str, Any]] = {
    "openai/m": {"input_cost_per_token": 1e-06, "output_cost_per_token": 2e-06},
    "ollama/m": {"input_cost_per_token": 0, "output_cost_per_token": 0},
    "openai/e": {"mode": "embedding", "input_cost_per_token": 2e-08},
    "half": {"input_cost_per_token": 1e-06},
}


def of(name: str, **settings: float | str) -> Price | None:
    return price(ModelSpec.model_validate({"name": name, **settings}), MAP.get)


def test_the_map_prices_what_it_knows() -> None:
    assert of("openai/m") == Price(Fraction(1, 10**6), Fraction(2, 10**6))
    assert of("ollama/m") == Price(Fraction(0), Fraction(0))
    assert of("openai/e") == Price(Fraction(2, 10**8), Fraction(0))
    assert of("half") is None
    assert of("who/knows") is None


def test_a_server_of_the_users_own_has_the_price_that_the_user_names() -> None:
    assert of("openai/m", api_base="http://localhost/v1") is None
    own = of("openai/m", api_base="http://localhost/v1", usd_per_million_prompt=0.1, usd_per_million_reply=0)
    assert own == Price(Fraction(1, 10**7), Fraction(0))


def test_sums_are_exact_and_rounded_up() -> None:
    tenth = Price(Fraction("0.0000001"), Fraction("0.0000003"))
    assert tenth.nano_usd(1, 1) == 400
    assert Price(Fraction("0.00000000015"), Fraction(0)).nano_usd(1, 0) == 1


@pytest.mark.parametrize("text", ["", "abc", "ünïcödé", "🎈" * 10, "\ud800"])
def test_the_bound_is_above_every_byte(text: str) -> None:
    assert count_tokens([Message("user", text)]) >= len(text.encode("utf-8", "replace")) + 80
    assert estimate_tokens(text) >= len(text) / 3.6


@pytest.mark.parametrize(
    "more",
    [
        {"input_cost_per_request": 0.005},
        {"search_context_cost_per_query": {"search_context_size_low": 0.005}},
        {"input_cost_per_token": 0.0, "output_cost_per_token": 0.0, "litellm_provider": "hosted"},
    ],
)
def test_a_price_that_tokens_do_not_tell_is_not_known(more: dict[str, object]) -> None:
    entry = {"input_cost_per_token": 1e-6, "output_cost_per_token": 2e-6, **more}
    assert price(ModelSpec(name="hosted/model-search"), lambda _name: entry) is None


def test_reasoning_is_paid_for_at_its_own_price() -> None:
    entry = {
        "input_cost_per_token": 1e-6,
        "output_cost_per_token": 2e-6,
        "output_cost_per_reasoning_token": 4e-6,
    }
    found = price(ModelSpec(name="hosted/model"), lambda _name: entry)
    assert found is not None
    assert found.nano_usd(0, 1000) == 4_000_000
