"""A run that was killed at any commit, or in between, ends like one that was not."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evolve.engine import Budget, aresume
from evolve.errors import RunError
from evolve.store import Reader
from tests.engine.helpers import TWO_ISLANDS, digest, evolve_sums, write_problem

EVALS = 60


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nobody disturbed; its parent folder holds the problem too."""
    return evolve_sums(tmp_path_factory.mktemp("undisturbed"), name="whole", evals=EVALS).folder


def truncated(run: Path, to: Path, commits: int, stashed: int) -> Path:
    """Copy a run as a kill would leave it: the first commits, and results of some tickets after them."""
    to.mkdir(parents=True)
    (to / "config.toml").write_bytes((run / "config.toml").read_bytes())
    with sqlite3.connect(run / "run.db") as source, sqlite3.connect(to / "run.db") as copy:
        source.backup(copy)
        for table, column in [
            ("program", "id"),
            ("evaluation", "program"),
            ("parentage", "child"),
            ("archive_event", "seq"),
            ("migration", "seq"),
        ]:
            copy.execute(f"DELETE FROM {table} WHERE {column} > ?", (commits,))
        copy.execute("DELETE FROM stage_result WHERE ticket > ?", (commits + stashed,))
        copy.execute("DELETE FROM event WHERE ticket > ? OR kind = 'stopped'", (commits,))
    source.close()
    copy.close()
    return to


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(commits=st.integers(0, EVALS), stashed=st.integers(0, 8), workers=st.integers(1, 3))
def test_resume_ends_like_the_undisturbed_run(
    finished: Path, tmp_path_factory: pytest.TempPathFactory, commits: int, stashed: int, workers: int
) -> None:
    folder = truncated(finished, tmp_path_factory.mktemp("killed") / "run", commits, stashed)
    result = asyncio.run(aresume(folder, workers=workers))
    assert result.reason == "max_evals"
    assert digest(folder) == digest(finished)
    with Reader(folder) as reader:
        counts = Counter((row.ticket, row.stage) for row in reader.stage_results())
    assert set(counts.values()) == {1}, "no stored result is computed again"


_RUN = """
import asyncio, sys
from evolve.engine import Budget, arun, aresume
from pathlib import Path
from tests.engine.helpers import TWO_ISLANDS
runs, problem = Path(sys.argv[1]), sys.argv[2]
if (runs / "killed" / "run.db").exists():
    try:
        asyncio.run(aresume(runs / "killed"))
    except Exception:
        sys.exit(9)
else:
    budget = Budget(max_evals=int(sys.argv[3]))
    asyncio.run(arun(problem, islands=TWO_ISLANDS, budget=budget, runs=runs, run_id="killed"))
"""


def test_kill_minus_nine_loses_nothing(tmp_path: Path, finished: Path) -> None:
    problem = finished.parents[1] / "sums"
    command = [sys.executable, "-c", _RUN, str(tmp_path), str(problem), str(EVALS)]
    chance = random.Random(1)
    root = Path(__file__).parents[2]
    for kill_at in sorted(chance.sample(range(2, EVALS), 3)):
        process = subprocess.Popen(command, cwd=root)
        while process.poll() is None and _commits(tmp_path / "killed") < kill_at:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert subprocess.run(command, cwd=root, check=True).returncode == 0
    assert digest(tmp_path / "killed") == digest(finished)
    with Reader(tmp_path / "killed") as reader:
        counts = Counter((row.ticket, row.stage) for row in reader.stage_results())
    assert set(counts.values()) == {1}


def _commits(folder: Path) -> int:
    try:
        with Reader(folder) as reader:
            return reader.last_id()
    except RunError:
        return 0


def test_a_larger_budget_goes_on(tmp_path: Path) -> None:
    short = evolve_sums(tmp_path, name="short", evals=20)
    longer = asyncio.run(aresume(short.folder, budget=Budget(max_evals=30)))
    assert (longer.reason, longer.evaluations) == ("max_evals", 30)
    again = asyncio.run(aresume(short.folder))
    assert again.evaluations == 30, "the new limit was kept, and it is reached"


def test_a_changed_problem_is_refused(tmp_path: Path) -> None:
    result = evolve_sums(tmp_path, name="run", evals=10)
    write_problem(tmp_path / "sums", extra="\n[[stages]]\nname = 'parse'\nkind = 'parse'\n")
    with pytest.raises(RunError, match="begun with another state of the problem"):
        asyncio.run(aresume(result.folder))


def test_a_run_in_progress_is_refused(tmp_path: Path) -> None:
    import fcntl

    result = evolve_sums(tmp_path, name="run", evals=10)
    lock = os.open(result.folder / "run.lock", os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        with pytest.raises(RunError, match="in progress in another process"):
            asyncio.run(aresume(result.folder))
    finally:
        os.close(lock)


def test_resume_needs_a_run(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not a run"):
        asyncio.run(aresume(tmp_path))


assert TWO_ISLANDS  # the killed runs import it
