"""When a run ends, and how it stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from evolve.engine import Budget, Progress, Quiet, RunResult, Source, aresume, arun
from evolve.errors import ProblemError, StoreError
from evolve.store import Batch, Reader, Writer
from tests.engine.helpers import TWO_ISLANDS, digest, evolve_sums, write_problem


def run(
    tmp_path: Path, budget: Budget, *, problem: Path | None = None, display: Quiet | None = None
) -> RunResult:
    return asyncio.run(
        arun(
            problem or write_problem(tmp_path / "sums"),
            islands=TWO_ISLANDS,
            budget=budget,
            runs=tmp_path / "runs",
            display=display,
        )
    )


def test_max_evals_is_exact_and_duplicates_cost_none(tmp_path: Path) -> None:
    result = run(tmp_path, Budget(max_evals=45))
    counted = sum(n for status, n in result.statuses.items() if status not in ("duplicate", "refused"))
    assert (result.reason, result.evaluations, counted) == ("max_evals", 45, 45)
    assert result.tickets == sum(result.statuses.values())


def test_target_stops_at_the_program_that_reaches_it(tmp_path: Path) -> None:
    result = run(tmp_path, Budget(target=0.9, max_evals=2000))
    assert result.reason == "target"
    assert result.best_objective is not None
    assert result.best_objective >= 0.9
    assert result.best_id == result.tickets, "nothing is committed after it"


def test_stagnation_counts_evaluations_since_the_best(tmp_path: Path) -> None:
    result = run(tmp_path, Budget(stagnation=25, max_evals=5000))
    assert result.reason == "stagnation"
    with Reader(result.folder) as reader:
        after = list(reader.commits(after=result.best_id or 0))
    assert sum(c.evaluation.status not in ("duplicate", "refused") for c in after) == 25


def test_no_budget_means_the_default_one() -> None:
    assert Budget().or_default() == Budget(max_evals=500)
    assert Budget(max_seconds=1).or_default() == Budget(max_seconds=1)


def test_time_budget_stops_and_the_run_goes_on_later(tmp_path: Path) -> None:
    result = run(tmp_path, Budget(max_seconds=1.0))
    assert result.reason == "max_seconds"
    assert result.elapsed_s >= 1.0
    more = asyncio.run(
        aresume(result.folder, budget=Budget(max_seconds=1000, max_evals=result.evaluations + 10))
    )
    assert more.evaluations == result.evaluations + 10
    straight = evolve_sums(tmp_path, name="straight", evals=more.evaluations)
    assert digest(more.folder) == digest(straight.folder), "where it was interrupted leaves no trace"


class _StopAt(Quiet):
    """Asks the engine to stop at a number of commits."""

    def __init__(self, commits: int, *, hard: bool) -> None:
        self._commits = commits
        self._hard = hard
        self.seen: list[Progress] = []
        self._task: asyncio.Task[None] | None = None

    def started(self, source: Source) -> None:
        self._task = asyncio.get_running_loop().create_task(self._watch(source))

    async def _watch(self, engine: Source) -> None:
        while engine.progress().tickets < self._commits:
            self.seen.append(engine.progress())
            await asyncio.sleep(0)
        (engine.abort if self._hard else engine.request_stop)("interrupted")  # type: ignore[attr-defined]


@pytest.mark.parametrize("hard", [False, True])
def test_a_stop_is_clean_and_resumable(tmp_path: Path, hard: bool) -> None:
    result = run(tmp_path, Budget(max_evals=60), display=_StopAt(15, hard=hard))
    assert result.reason == "interrupted"
    assert 15 <= result.tickets < 60
    done = asyncio.run(aresume(result.folder))
    assert (done.reason, done.evaluations) == ("max_evals", 60)
    assert digest(done.folder) == digest(evolve_sums(tmp_path, name="straight", evals=60).folder)


def test_progress_tells_what_a_display_needs(tmp_path: Path) -> None:
    display = _StopAt(30, hard=False)
    run(tmp_path, Budget(max_evals=60, max_seconds=600), display=display)
    last = display.seen[-1]
    assert last.tickets == sum(last.statuses.values())
    assert last.best is not None
    assert len(last.coverage) == 2
    assert 0 < last.evaluations <= last.tickets
    assert last.done is not None
    assert last.evaluations / 60 <= last.done <= 1
    assert last.left_s is not None
    assert last.left_s <= 600
    assert 0 <= last.in_flight <= 8


@pytest.mark.parametrize(
    ("seed", "said"),
    [
        ("def value(n):\n    return 1 / 0\n", "failed: ZeroDivisionError"),
        ("def value(n):\n    return 'text'\n", "invalid: must be a finite number"),
        ("def value():\n    return 1\n", "keyword arguments n"),
    ],
)
def test_a_seed_that_is_not_valid_ends_the_run_with_its_reason(tmp_path: Path, seed: str, said: str) -> None:
    problem = write_problem(tmp_path / "bad", seed=seed)
    with pytest.raises(ProblemError, match=said):
        run(tmp_path, Budget(max_evals=5), problem=problem)
    assert not list((tmp_path / "runs").iterdir()), "no empty run is left behind"


def test_a_failing_scorer_is_told_to_the_problems_author(tmp_path: Path) -> None:
    problem = write_problem(
        tmp_path / "bad", scorer="def score(output, params, case):\n    return {}['missing']\n"
    )
    with pytest.raises(ProblemError, match=r"(?s)is error: .*KeyError: 'missing'"):
        run(tmp_path, Budget(max_evals=5), problem=problem)


def test_a_scorer_that_fails_on_some_outputs_is_never_the_programs_fault(tmp_path: Path) -> None:
    scorer = (
        "from evolve.problem import Score\n"
        "def score(output, params, case):\n"
        "    if output > 2.5: raise KeyError('hole')\n"
        "    return Score({'value': output % 1.0, 'size': 0.5})\n"
    )
    result = run(tmp_path, Budget(max_evals=40), problem=write_problem(tmp_path / "holes", scorer=scorer))
    assert result.statuses["error"] > 0
    with Reader(result.folder) as reader:
        errors = [c for c in reader.commits() if c.evaluation.status == "error"]
    assert all("hole" in c.evaluation.feedback and c.evaluation.objective is None for c in errors)


def test_a_store_that_fails_ends_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Writer.write

    def fails_after_twenty(self: Writer, batch: Batch) -> None:
        if any(row["id"] > 20 for row in batch.programs):
            raise StoreError("run.db: the disk is full")
        write(self, batch)

    monkeypatch.setattr(Writer, "write", fails_after_twenty)
    with pytest.raises(StoreError, match="disk is full"):
        run(tmp_path, Budget(max_evals=60))
    monkeypatch.undo()
    (folder,) = (path for path in (tmp_path / "runs").iterdir() if path.is_dir())
    done = asyncio.run(aresume(folder))
    assert done.evaluations == 60
    assert digest(folder) == digest(evolve_sums(tmp_path, name="straight", evals=60).folder)
