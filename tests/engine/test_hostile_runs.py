"""Nothing that a program returns, and no doubt about a run's folder, may end or lose a run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolve.engine import Budget, RunResult, aresume, arun
from evolve.engine._folder import remove_if_empty
from evolve.errors import SandboxError, UsageError
from evolve.islands import Preset
from evolve.sandbox import LocalExecutor
from evolve.store import Reader
from tests.engine.helpers import evolve_sums, write_problem

JITTER = Preset.model_validate(
    {
        "archipelago": {"title": "constants only"},
        "island": [{"selection": {"kind": "uniform"}, "operators": {"jitter_coarse": 1.0}}],
    }
)
# the seed is harmless; a jittered constant makes the program hostile
SEED = "def value(n):\n    knob = 1.5\n    if knob != 1.5:\n        return {hostile}\n    return knob * n\n"


def run(tmp_path: Path, hostile: str, scorer: str) -> RunResult:
    problem = write_problem(tmp_path / "p", seed=SEED.replace("{hostile}", hostile), scorer=scorer)
    budget = Budget(max_evals=6)
    return asyncio.run(arun(problem, islands=JITTER, budget=budget, runs=tmp_path / "runs"))


OBVIOUS = "from evolve.problem import Score\ndef score(output, params, case):\n"


@pytest.mark.parametrize(
    ("hostile", "scorer"),
    [
        ("'x' * 7_000_000", OBVIOUS + "    return Score({'value': float(output), 'size': 0.5})\n"),
        (
            "'x' * 7_000_000",
            "from evolve.problem import Invalid, Score\ndef score(output, params, case):\n"
            "    if type(output) is str: raise Invalid(f'got {output!r}')\n"
            "    return Score({'value': float(output), 'size': 0.5})\n",
        ),
        (
            "1.0",
            OBVIOUS + "    if output == 1.0: return Score({'value': 1.0, 'size': 0.5}, feedback='\\ud800')\n"
            "    return Score({'value': 0.5, 'size': 0.5})\n",
        ),
        (
            "2.0",
            OBVIOUS
            + "    if output == 2.0: raise SystemExit(3)\n    return Score({'value': 0.5, 'size': 0.5})\n",
        ),
        (
            "3.0",
            "import os\n" + OBVIOUS + "    if output == 3.0: os._exit(1)\n"
            "    return Score({'value': 0.5, 'size': 0.5})\n",
        ),
    ],
    ids=["long traceback", "long verdict", "surrogate", "exit", "crash"],
)
def test_no_output_ends_the_run(tmp_path: Path, hostile: str, scorer: str) -> None:
    result = run(tmp_path, hostile, scorer)
    assert result.reason in ("max_evals", "exhausted")
    with Reader(result.folder) as reader:
        assert all(len(commit.evaluation.feedback) < 20_000 for commit in reader.commits())


def test_a_run_with_commits_survives_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answered = 0

    async def breaks_down(*_arguments: object) -> None:
        nonlocal answered
        answered += 1
        raise SandboxError("no more processes")

    working = LocalExecutor.run

    async def twenty(self: LocalExecutor, *arguments: object) -> object:
        nonlocal answered
        answered += 1
        return await (working(self, *arguments) if answered <= 20 else breaks_down())  # type: ignore[arg-type]

    monkeypatch.setattr(LocalExecutor, "run", twenty)
    with pytest.raises(SandboxError, match="no more processes"):
        evolve_sums(tmp_path, name="run")
    monkeypatch.undo()
    with Reader(tmp_path / "runs" / "run") as reader:
        assert 0 < reader.last_id() < 40
    assert asyncio.run(aresume(tmp_path / "runs" / "run")).evaluations == 60


def test_only_a_run_that_is_known_to_be_empty_is_removed(tmp_path: Path) -> None:
    done = evolve_sums(tmp_path, name="run", evals=10)
    remove_if_empty(done.folder)
    assert (done.folder / "run.db").exists()
    (done.folder / "run.db").write_bytes(b"garbage" * 1000)
    remove_if_empty(done.folder)
    assert (done.folder / "run.db").exists(), "what cannot be read is not known to be empty"
    (done.folder / "run.db").unlink()
    remove_if_empty(done.folder)
    assert not done.folder.exists()


@pytest.mark.parametrize("workers", [0, -1, 5000])
def test_a_wrong_number_of_workers_changes_nothing(tmp_path: Path, workers: int) -> None:
    done = evolve_sums(tmp_path, name="run", evals=10)
    before = (done.folder / "config.toml").read_bytes()
    with pytest.raises(UsageError, match="workers"):
        asyncio.run(aresume(done.folder, workers=workers))
    assert (done.folder / "config.toml").read_bytes() == before


def test_time_counts_over_all_sessions(tmp_path: Path) -> None:
    slow = "def value(n):\n    import time\n    time.sleep(0.7)\n    return 1.5 * n\n"
    problem = write_problem(tmp_path / "slow", seed=slow)
    first = asyncio.run(arun(problem, budget=Budget(max_seconds=1.0), runs=tmp_path / "runs"))
    again = asyncio.run(aresume(first.folder))
    assert again.reason == "max_seconds"
    assert again.tickets == first.tickets
    assert again.elapsed_s < first.elapsed_s + 0.5


def test_islands_without_blocks_use_no_block_operators(tmp_path: Path) -> None:
    result = asyncio.run(
        arun(write_problem(tmp_path / "p"), budget=Budget(max_evals=60), runs=tmp_path / "runs")
    )
    with Reader(result.folder) as reader:
        names = {name for name, *_ in reader.arms()}
    assert names
    assert not names & {"insert_block", "remove_block"}
