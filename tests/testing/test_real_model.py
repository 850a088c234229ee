from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.engine import Budget, areplay, arun
from evolve.models import ModelsConfig
from evolve.store import Reader
from evolve.testing.model_server import missing_for_real_model, real_model_server
from tests.engine.helpers import write_problem
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


def test_a_run_of_ten_tickets_ends_well(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    folder = write_problem(tmp_path / "sums")
    short = folder / "prompts"
    short.mkdir()
    # One core and 135 million parameters: what the prompt says takes longer to read than the reply to write.
    (short / "system.j2").write_text("You improve Python programs.\n")
    (short / "rewrite.j2").write_text(
        "## Program to change\n\n{{ parent.text | fenced('python') }}\n\n"
        "Return {{ problem.entry }} with a better {{ problem.metric }}, in one ```python block.\n"
    )
    models = ModelsConfig.model_validate(
        {
            "api_base": url,
            "max_tokens": 64,
            "timeout_s": 300,
            "concurrency": 1,
            "attempts": 1,
            "reflect_every": 0,
            "use": [{"name": "openai/smollm2"}],
        }
    )
    result = asyncio.run(
        arun(
            folder,
            models=models,
            operators={"rewrite": 1.0},
            order="ticket",
            window=2,
            budget=Budget(max_calls=20, max_evals=11),
            runs=tmp_path / "runs",
            sandbox="process",
        )
    )
    assert result.reason in ("max_calls", "max_evals")
    with Reader(result.folder) as reader:
        calls, commits = reader.calls(), list(reader.commits())
        texts = [reader.payload(reply.text) for _, reply in calls if reply is not None]
    asked = [commit for commit in commits if commit.program.operator == "rewrite"]
    assert len(asked) >= 10
    assert len(calls) == result.calls
    assert all(reply is not None and reply.status == "ok" for _, reply in calls)
    assert all(texts)
    assert {commit.evaluation.status for commit in asked} <= {
        "valid", "duplicate", "refused", "failed", "invalid", "timeout", "memory",
    }  # fmt: skip
    assert asyncio.run(areplay(result.folder)).same
