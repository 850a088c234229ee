"""The real litellm against a server on the loopback."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from evolve.errors import ModelError
from evolve.models import (
    CallBudget,
    Failure,
    MemoryJournal,
    Message,
    Models,
    ModelsConfig,
    ModelSpec,
    RawReply,
    RawVectors,
)
from evolve.models._litellm_backend import LitellmBackend
from tests.models.server import Answer, Server, chat, error, serving

KEY = "sk-canary-0123456789"
QUESTION = [Message("system", "Be brief."), Message("user", "Grüße 🎈?")]
PROVIDERS = ["openai", "hosted_vllm"]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("HOSTED_VLLM_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


async def send(
    answers: Sequence[Answer], provider: str = "openai", **settings: Any
) -> tuple[list[RawReply | Failure], Server]:
    """Send the question once for each answer and return what came."""
    outcomes: list[RawReply | Failure] = []
    backend = LitellmBackend()
    try:
        await backend.start()
        async with serving(answers) as server:
            base = server.url if provider != "anthropic" else server.url.removesuffix("/v1")
            spec = ModelSpec.model_validate(
                {"name": f"{provider}/toy", "api_base": base, "timeout_s": 20, **settings}
            )
            for _ in answers:
                try:
                    outcomes.append(await backend.send(QUESTION, spec))
                except Failure as failure:
                    outcomes.append(failure)
    finally:
        await backend.aclose()
    return outcomes, server


def failure_of(answer: Answer, provider: str = "openai", **settings: Any) -> Failure:
    outcomes, server = asyncio.run(send([answer], provider, **settings))
    assert isinstance(outcomes[0], Failure)
    assert len(server.requests) == 1  # neither litellm nor the client under it tries again
    return outcomes[0]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_answer_and_its_usage_come_through(provider: str) -> None:
    settings = {"temperature": 0.3, "max_tokens": 99, "extra": {"seed": 5}}
    answers = [chat("Grüße 🎈"), chat("cut", finish="length"), chat("no usage " * 10, usage=None)]
    outcomes, server = asyncio.run(send(answers, provider, **settings))
    assert outcomes[:2] == [RawReply("Grüße 🎈", 11, 7, "stop"), RawReply("cut", 11, 7, "length")]
    assert outcomes[2] == RawReply("no usage " * 10, 7, 25, "stop")
    head, body = server.requests[0]
    assert body["messages"] == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Grüße 🎈?"},
    ]
    assert (body["model"], body["temperature"], body["seed"]) == ("toy", 0.3, 5)
    assert 99 in (body.get("max_tokens"), body.get("max_completion_tokens"))
    assert f"Bearer {KEY}" in head


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (error(429, "slow down"), "rate_limit", "HTTP 429: slow down"),
        (error(500, "oops"), "transient", "HTTP 500: oops"),
        (error(503, "busy"), "transient", "HTTP 503: busy"),
        (Answer(502, "<html>bad gateway</html>"), "transient", "HTTP 502"),
        (error(529, "overloaded"), "transient", "HTTP 529"),
        (error(408, "late"), "transient", "HTTP 408"),
        (error(401, "Incorrect API key"), "model", "HTTP 401: Incorrect API key"),
        (error(402, "pay"), "model", "HTTP 402"),
        (error(403, "forbidden"), "model", "HTTP 403"),
        (error(404, "The model `toy` does not exist"), "model", "HTTP 404: The model `toy`"),
        (error(429, "You exceeded your current quota", code="insufficient_quota"), "model", "quota"),
        (
            error(400, "This model's maximum context length is 8192 tokens.", code="context_length_exceeded"),
            "refused",
            "maximum context length",
        ),
        (
            error(400, "filtered by our content management policy", code="content_filter"),
            "refused",
            "filtered",
        ),
        (error(400, "Your request was rejected by our safety system."), "refused", "rejected"),
        (error(413, "payload too large"), "refused", "HTTP 413"),
        (error(400, "Unsupported value: 'temperature' does not support 0.2"), "model", "temperature"),
        (error(400, "strange"), "refused", "strange"),
    ],
)
def test_an_error_status_is_told_by_who_must_act(provider: str, answer: Answer, kind: str, said: str) -> None:
    failure = failure_of(answer, provider)
    assert (failure.kind, failure.used) == (kind, (0, 0))
    assert failure.text.startswith(f"{provider}/toy: ")
    assert said in failure.text
    assert "litellm" not in failure.text


@pytest.mark.parametrize("provider", [*PROVIDERS, "anthropic"])
def test_the_server_says_how_long_to_wait(provider: str) -> None:
    assert failure_of(error(429, "slow", {"retry-after": "7"}), provider).retry_after_s == 7
    assert failure_of(error(503, "busy", {"Retry-After": "100000"}), provider).retry_after_s == 300
    date = "Thu, 01 Jan 2099 12:00:00 GMT"
    assert failure_of(error(429, "slow", {"retry-after": date}), provider).retry_after_s == 300
    assert failure_of(error(429, "slow"), provider).retry_after_s is None


@pytest.mark.parametrize("provider", [*PROVIDERS, "anthropic"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(then="drop"),
        Answer(body=chat().body, then="cut"),
        Answer(body='{"id": "1", "choices": [{"mess'),
        Answer(body="hello"),
        Answer(body=""),
        Answer(body="null"),
        Answer(body=[]),
        chat(choices=[]),
    ],
)
def test_what_is_no_answer_is_transient_and_may_have_been_billed(provider: str, answer: Answer) -> None:
    failure = failure_of(answer, provider)
    assert (failure.kind, failure.used) == ("transient", None)
    assert "Traceback" not in failure.text


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_body_that_stalls_ends_with_the_timeout(provider: str) -> None:
    began = time.monotonic()
    failure = failure_of(Answer(body=chat().body, then="stall"), provider, timeout_s=0.5)
    assert (failure.kind, failure.used) == ("transient", None)
    assert time.monotonic() - began < 10


def test_nobody_at_the_address_costs_nothing() -> None:
    async def go() -> Failure:
        backend = LitellmBackend()
        async with serving([chat()]) as server:
            pass  # the port is free again
        spec = ModelSpec(name="openai/toy", api_base=server.url, timeout_s=5)
        try:
            await backend.send(QUESTION, spec)
        except Failure as failure:
            return failure
        finally:
            await backend.aclose()
        raise AssertionError

    failure = asyncio.run(go())
    assert (failure.kind, failure.used) == ("transient", (0, 0))
    assert "cannot connect at http://127.0.0.1" in failure.text


@pytest.mark.parametrize(
    ("name", "variable", "advice"),
    [
        ("openai/toy", "OPENAI_API_KEY", "Set the environment variable OPENAI_API_KEY"),
        ("anthropic/toy", "ANTHROPIC_API_KEY", "Set the environment variable ANTHROPIC_API_KEY"),
        ("nobody/toy", "", "provider/model"),
        ("toy", "", "provider/model"),
    ],
)
def test_a_missing_key_or_provider_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, variable: str, advice: str
) -> None:
    monkeypatch.delenv(variable, raising=False)

    async def go() -> Failure:
        backend = LitellmBackend()
        try:
            await backend.send(QUESTION, ModelSpec(name=name, timeout_s=5))
        except Failure as failure:
            return failure
        finally:
            await backend.aclose()
        raise AssertionError

    failure = asyncio.run(go())
    assert failure.kind == "model"
    assert advice in failure.advice


def test_vectors_come_in_the_order_of_the_texts() -> None:
    rows = [
        {"object": "embedding", "index": 1, "embedding": [0.5]},
        {"object": "embedding", "index": 0, "embedding": [1]},
    ]
    body = {"object": "list", "data": rows, "model": "toy", "usage": {"prompt_tokens": 4, "total_tokens": 4}}

    async def go() -> tuple[RawVectors, list[Any]]:
        backend = LitellmBackend()
        try:
            async with serving([Answer(body=body)]) as server:
                spec = ModelSpec(name="openai/e", api_base=server.url)
                return await backend.embed(["a", "b"], spec), server.requests
        finally:
            await backend.aclose()

    vectors, requests = asyncio.run(go())
    assert vectors == RawVectors(((1.0,), (0.5,)), 4)
    assert requests[0][1]["input"] == ["a", "b"]


def test_the_price_map_knows_providers_apart() -> None:
    async def go() -> LitellmBackend:
        backend = LitellmBackend()
        assert backend.cost_entry("openai/gpt-4o-mini") is None
        await backend.start()
        return backend

    backend = asyncio.run(go())
    known = backend.cost_entry("openai/gpt-4o-mini")
    assert known is not None
    assert known["input_cost_per_token"] > 0
    assert backend.cost_entry("gpt-4o-mini") == known
    assert backend.cost_entry("hosted_vllm/gpt-4o-mini") is None
    assert backend.cost_entry("openai/no-such-model") is None
    assert backend.cost_entry("no-such-model") is None


def models_at(server: Server, journal: MemoryJournal, events: list[Any], **settings: Any) -> Models:
    config = ModelsConfig.model_validate(
        {"use": [{"name": "openai/toy"}], "api_base": server.url, "timeout_s": 20, **settings}
    )
    return Models(config, CallBudget(), journal, on_event=lambda kind, data: events.append((kind, data)))


def test_a_key_that_a_server_echoes_is_nowhere() -> None:
    journal, events = MemoryJournal(), list[Any]()
    answers = [
        error(500, f"bad header: Authorization: Bearer {KEY}", {"x-echo": KEY}),
        chat(f"the key is {KEY}", finish=KEY),
        error(401, f"Incorrect API key provided: {KEY}"),
    ]

    async def go() -> list[str]:
        shown = []
        async with serving(answers) as server, models_at(server, journal, events) as models:
            ticket = models.for_ticket(1, 0, "", np.random.default_rng(0))
            shown.append(repr(await ticket(QUESTION)))
            with pytest.raises(ModelError) as caught:
                await ticket([Message("user", "again")])
            shown.append(str(caught.value))
            chain: BaseException | None = caught.value
            while chain is not None:
                shown.append(repr(chain))
                chain = chain.__cause__ or chain.__context__
            assert any(KEY in head for head, _ in server.requests)
        return shown

    shown = asyncio.run(go())
    everything = json.dumps([shown, repr(journal.calls), repr(events)])
    assert KEY not in everything
    assert "***" in shown[0]
    assert "Set OPENAI_API_KEY" in shown[1]
