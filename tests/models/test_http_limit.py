from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import subprocess
import sys
import tracemalloc
import zlib
from typing import Any

import httpx
import pytest

from evolve.models import Failure, RawReply
from evolve.models import _http_limit as http_limit
from evolve.models._http_limit import MOST_BYTES, BodyRefused, Limit, limited
from evolve.models._litellm_backend import _LEFT_BEHIND
from tests.models.server import Answer, chat
from tests.models.test_litellm_backend import send

PACKED = {"Content-Encoding": "gzip"}
BOMB = gzip.compress(json.dumps(chat("a" * (MOST_BYTES + 1)).body).encode(), 1)


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI", "HOSTED_VLLM", "ANTHROPIC"):
        monkeypatch.setenv(f"{name}_API_KEY", "sk-canary-0123456789")


def outcome_of(answer: Answer, provider: str) -> tuple[RawReply | Failure, str]:
    outcomes, server = asyncio.run(send([answer], provider))
    return outcomes[0], server.requests[0][0].lower()


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm", "anthropic"])
@pytest.mark.parametrize(
    "answer",
    [
        Answer(body=BOMB, headers=PACKED),
        Answer(body=BOMB, headers=PACKED, status=400),
        Answer(body=chat("a" * (MOST_BYTES + 1)).body),
    ],
)
def test_an_answer_is_read_up_to_the_limit(provider: str, answer: Answer) -> None:
    failure, head = outcome_of(answer, provider)
    assert isinstance(failure, Failure)
    assert (failure.kind, failure.used) == ("transient", None)
    assert failure.text == f"{provider}/toy: the answer is longer than {MOST_BYTES} bytes"
    assert "accept-encoding: identity" in head


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_a_redirect_is_limited_too(provider: str) -> None:
    failure, _ = outcome_of(Answer(307, BOMB, {**PACKED, "Location": "/v1/elsewhere"}), provider)
    assert isinstance(failure, Failure)
    assert "longer than" in failure.text


@pytest.mark.parametrize("provider", ["openai", "hosted_vllm"])
def test_packed_answers_are_unpacked_unless_they_cannot_be_limited(provider: str) -> None:
    body = json.dumps(chat("packed " * 9000).body).encode()
    for encoding, data in {"gzip": gzip.compress(body), "deflate": zlib.compress(body)}.items():
        reply, _ = outcome_of(Answer(body=data, headers={"Content-Encoding": encoding}), provider)
        assert isinstance(reply, RawReply)
        assert reply.text == "packed " * 9000
    refusal, _ = outcome_of(Answer(body=body, headers={"Content-Encoding": "gzip, br"}), provider)
    assert isinstance(refusal, Failure)
    assert "packed as 'gzip, br'" in refusal.text


def test_memory_is_bounded_whatever_a_body_unpacks_to() -> None:
    bomb = gzip.compress(bytes(100 * 2**20), 1)
    pieces = Limit(1000).unpacked("gzip")
    tracemalloc.start()
    try:
        with pytest.raises(BodyRefused, match="longer than 1000 bytes"):
            list(pieces(bomb))
        assert tracemalloc.get_traced_memory()[1] < 4 * 2**20
    finally:
        tracemalloc.stop()


def test_what_is_no_packed_data_is_refused() -> None:
    limit = Limit()
    with pytest.raises(BodyRefused, match="cannot be unpacked"):
        list(limit.unpacked("gzip")(b"hello"))
    assert limit.refused == "the answer cannot be unpacked"


def test_clients_of_others_are_left_alone() -> None:
    http_limit.install()
    http_limit.install()
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["accept-encoding"])
        return httpx.Response(200, headers=PACKED, stream=httpx.ByteStream(BOMB))

    with httpx.Client(transport=httpx.MockTransport(answer)) as client:
        with limited() as limit, pytest.raises(BodyRefused):
            client.get("http://toy/")
        assert len(client.get("http://toy/").content) > MOST_BYTES
    assert limit.refused
    assert seen[0] == "identity"
    assert "gzip" in seen[1]


def test_no_library_logs_a_call_even_when_told_to() -> None:
    program = (
        "import asyncio, logging\n"
        "from tests.models.server import chat\n"
        "from tests.models.test_litellm_backend import send\n"
        "for provider in ('openai', 'hosted_vllm'):\n"
        "    print(asyncio.run(send([chat('fine')], provider))[0][0].text)\n"
        "logging.getLogger('openai._base_client').debug('of somebody else')\n"
    )
    told = {"OPENAI_LOG": "debug", "LITELLM_LOG": "DEBUG"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **told},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "fine\nfine\n"
    assert "of somebody else" in done.stderr
    assert not re.search("Grüße|Be brief|canary|127.0.0.1", done.stderr)


def test_the_warning_of_a_cancelled_call_is_known() -> None:
    for name in ("OpenAIChatCompletion.acompletion", "BaseLLMHTTPHandler.async_completion"):
        assert re.match(_LEFT_BEHIND, f"coroutine '{name}' was never awaited")
    assert not re.match(_LEFT_BEHIND, "coroutine 'Models.ask' was never awaited")
