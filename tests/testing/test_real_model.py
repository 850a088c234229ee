from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from evolve.testing.model_server import missing_for_real_model, real_model_server
from tests.testing.test_model_server import Client

pytestmark = pytest.mark.skipif(bool(missing_for_real_model()), reason=missing_for_real_model())


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with real_model_server() as url:
        yield url


def test_the_model_answers(url: str) -> None:
    with contextlib.closing(Client()) as client:
        reply = client.ask(url, "Say hello.", model="smollm2", max_tokens=24, temperature=0, timeout=300)
    assert reply.choices[0].message.content.strip()
    assert 0 < reply.usage.completion_tokens <= 24
    assert reply.usage.prompt_tokens > 0
