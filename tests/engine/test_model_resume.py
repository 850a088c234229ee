"""Kill −9 while models are asked: nothing that was recorded is asked again, and all of it is repeated."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from evolve.engine import areplay, aresume
from evolve.errors import EvolveError
from evolve.store import Reader
from evolve.testing.model_server import ModelServer, prompt_hash
from tests.engine.helpers import write_problem
from tests.engine.models import MODEL, flaky, serve
from tests.engine.simulated import paid_twice

pytestmark = pytest.mark.usefixtures("litellm_loaded", "key")

CALLS, KILL_AT = 40, (10, 20)
_SESSION = """
import asyncio, json, sys
from pathlib import Path
from evolve.engine import Budget, aresume, arun
from evolve.models import ModelsConfig
problem, runs, order, models = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.loads(sys.argv[4])
if (runs / "run" / "run.db").exists():
    asyncio.run(aresume(runs / "run"))
else:
    asyncio.run(arun(
        problem, models=ModelsConfig.model_validate(models), budget=Budget(max_calls=int(sys.argv[5])),
        order=order, window=24, runs=runs, run_id="run", sandbox="process",
    ))
"""


def killed_at(commits: int, folder: Path, order: str, server: ModelServer) -> None:
    """Go on with the run in a process of its own until it has so many commits; then kill it."""
    models = {
        "use": [{"name": MODEL, "api_base": server.url}],
        "concurrency": 16,
        "timeout_s": 1.0,
        "reflect_every": 10,
    }
    command = [sys.executable, "-c", _SESSION, str(folder / "sums"), str(folder / "runs"), order]
    process = subprocess.Popen([*command, json.dumps(models), str(CALLS)], cwd=Path(__file__).parents[2])
    while process.poll() is None and committed(folder / "runs" / "run") < commits:
        time.sleep(0.01)
    assert process.poll() is None, "it ended before it was killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


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
def test_kills_cost_no_more_than_the_calls_they_cut_off(tmp_path: Path, order: str) -> None:
    write_problem(tmp_path / "sums")
    run = tmp_path / "runs" / "run"
    with serve(flaky(0.3), latency_s=0.05) as server:
        for commits in KILL_AT:
            killed_at(commits, tmp_path, order, server)
        result = asyncio.run(aresume(run))
        calls = server.calls
        replayed = asyncio.run(areplay(run))
        assert server.calls == calls, "a replay asks nothing"
        seen = Counter(call.prompt for call in server.requests)
    assert (result.reason, result.calls) == ("max_calls", CALLS)
    assert calls <= CALLS
    assert server.tokens <= result.tokens
    assert paid_twice(run) == []
    assert not seen - prompts_of(run), "whatever was sent is in the store"
    assert (replayed.same, replayed.difference) == (True, "")
    with contextlib.closing(sqlite3.connect(run / "run.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
