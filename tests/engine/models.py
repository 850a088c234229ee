"""Runs that ask a scripted model through real litellm over real HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from evolve.engine import Budget, RunResult, arun
from evolve.models import ModelsConfig
from evolve.testing.model_server import MODES, ModelServer, Script
from tests.engine.helpers import write_problem

MODEL = "openai/scripted"


def serve(script: Script | None = None, *, latency_s: float | None = None) -> ModelServer:
    """Return a server in a process of its own: Python 3.11 cannot parse in two threads at once."""
    return ModelServer(script, latency_s=latency_s, process=True)


def flaky(share: float) -> Script:
    """Return a script that fails in every way that a working model and its server have."""
    modes = [mode for mode in MODES if mode not in ("ok", "unauthorized", "not_found")]
    return Script(shares=dict.fromkeys(modes, share / len(modes)), retry_after_s=0.1, stall_s=30.0)


def models_for(server: ModelServer, **settings: Any) -> ModelsConfig:
    """Return a configuration that asks the server."""
    quick = {"attempts": 3, "timeout_s": 2.0, "max_tokens": 4096, "reflect_every": 10}
    return ModelsConfig.model_validate(
        {**quick, **settings, "api_base": server.url, "use": [{"name": MODEL}]}
    )


def evolve_with(server: ModelServer, folder: Path, name: str = "run", **options: Any) -> RunResult:
    """Run the problem of `helpers` with the server as its model."""
    settings = options.pop("settings", {})
    given = {"budget": Budget(max_calls=30), "workers": 2, "window": 8, "sandbox": "process", **options}
    return asyncio.run(
        arun(
            write_problem(folder / "sums"),
            models=models_for(server, **settings),
            runs=folder / "runs",
            run_id=name,
            **given,
        )
    )
