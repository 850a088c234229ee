"""What runs with models need."""

from __future__ import annotations

import asyncio
import warnings

import pytest

from evolve.models import CallBudget, MemoryJournal, Models, ModelsConfig


@pytest.fixture(scope="session")
def litellm_loaded() -> None:
    """Import litellm once: it takes seconds, and some of its own imports warn."""

    async def load() -> None:
        config = ModelsConfig.model_validate({"use": [{"name": "lm_studio/any"}]})  # needs no key
        async with Models(config, CallBudget(), MemoryJournal()):
            pass

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        asyncio.run(load())


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    """Put a key into the environment that must be found nowhere else."""
    canary = "sk-canary-4f9d1e77aa20b6c3"
    monkeypatch.setenv("OPENAI_API_KEY", canary)
    return canary


@pytest.fixture(autouse=True)
def _some_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs begin that ask a model of the name of OpenAI: without a key they would be refused."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
