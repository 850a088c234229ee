"""Kill −9 while models are asked: nothing that was recorded is asked again, and all of it is repeated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import multiprocessing
import os
import sqlite3
import time
from collections import Counter
from pathlib import Path

import pytest

from evolve.engine import Budget, OrderName, areplay, aresume, arun
from evolve.errors import EvolveError
from evolve.models import ModelsConfig
from evolve.store import Reader
from evolve.testing.model_server import ModelServer, mixed, prompt_hash
from tests.engine.helpers import write_problem
from tests.engine.models import MODEL, serve
from tests.engine.simulated import paid_twice

pytestmark = pytest.mark.usefixtures("litellm_loaded", "key")

CALLS, TICKETS, KILL_AT = 40, 25, (10, 20)
# Nothing here waits for a clock to run out: however slow the machine is, it is the server that fails.
FLAKY = mixed(
    0.3,
    without=("unauthorized", "not_found"),
    latency_s=0.05,
    retry_after_s=0.1,
    stall_s=0.2,
    huge_bytes=500_000,
)


def session(folder: Path, order: OrderName, url: str) -> None:
    """Begin the run, or go on with it."""
    os.environ["OPENAI_API_KEY"] = "none"
    run = folder / "runs" / "run"
    if (run / "run.db").exists():
        asyncio.run(aresume(run))
        return
    settings = {"concurrency": 16, "timeout_s": 60.0, "reflect_every": 10}
    models = ModelsConfig.model_validate({"use": [{"name": MODEL, "api_base": url}], **settings})
    asyncio.run(
        arun(
            folder / "sums",
            models=models,
            budget=Budget(max_calls=CALLS),
            order=order,
            window=24,
            runs=run.parent,
            run_id=run.name,
            sandbox="process",
        )
    )


def killed_at(commits: int, folder: Path, order: OrderName, server: ModelServer) -> None:
    """Go on with the run in a process of its own until it has so many commits; then kill it."""
    context = multiprocessing.get_context("forkserver")  # imports litellm once, for all of them
    context.set_forkserver_preload(["evolve.engine", "litellm"])
    process = context.Process(target=session, args=(folder, order, server.url))
    process.start()
    while process.is_alive() and committed(folder / "runs" / "run") < commits:
        time.sleep(0.01)
    assert process.is_alive(), "it ended before it was killed"
    process.kill()
    process.join()


def committed(run: Path) -> int:
    try:
        with Reader(run) as reader:
            return reader.committed()
    except EvolveError:
        return 0


def prompts_of(run: Path) -> Counter[str]:
    """Count the requests in the store by the names that the server has for their prompts."""
    names: Counter[str] = Counter()
    with Reader(run) as reader:
        for request, _ in reader.calls():
            messages = json.loads(reader.payload(request.request))["messages"]
            names[prompt_hash([(message["role"], message["content"]) for message in messages])] += 1
    return names


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_kills_cost_no_more_than_the_calls_they_cut_off(tmp_path: Path, order: OrderName) -> None:
    write_problem(tmp_path / "sums")
    run = tmp_path / "runs" / "run"
    with serve(FLAKY) as server:
        for commits in KILL_AT:
            killed_at(commits, tmp_path, order, server)
        result = asyncio.run(aresume(run))
        calls = server.calls
        replayed = asyncio.run(areplay(run))
        assert server.calls == calls, "a replay asks nothing"
        seen = Counter(call.prompt for call in server.requests)
    assert (result.reason, result.calls) == ("max_calls", CALLS)
    assert result.tickets >= TICKETS, result.statuses
    assert calls <= CALLS
    assert server.tokens <= result.tokens
    assert paid_twice(run) == []
    assert not seen - prompts_of(run), "whatever was sent is in the store"
    assert (replayed.same, replayed.difference) == (True, "")
    with contextlib.closing(sqlite3.connect(run / "run.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
