"""What results of other runs are recalled for, and what is told apart."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evolve.pipeline import Evaluation, Pipeline, StageResult
from evolve.pipeline._recall import Recall
from evolve.problem import Problem, load_problem
from evolve.sandbox import LocalExecutor
from tests.conftest import toy_problem


class Shelf:
    """Keeps rows in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}

    def get(self, keys: list[str]) -> dict[str, dict[str, Any]]:
        return {key: self.rows[key] for key in keys if key in self.rows}

    def put(self, rows: Mapping[str, Mapping[str, Any]]) -> None:
        self.rows |= {key: dict(row) for key, row in rows.items() if key not in self.rows}


def evaluated(problem: Problem, shelf: Shelf, *texts: str) -> list[Evaluation]:
    async def run() -> list[Evaluation]:
        async with LocalExecutor(problem, 1, policy="process") as executor:
            pipeline = Pipeline(problem, executor, recall=Recall(shelf, problem, "process"))
            return [await pipeline.evaluate(text, recall=True) for text in texts]

    return asyncio.run(run())


def recalled(evaluation: Evaluation) -> set[str]:
    return {name for name, result in evaluation.stages.items() if result.recalled}


PLAIN = "def solve(n):\n    return n / 2\n"
TELLS = "import sys\n{}def solve(n):\n    return 9.0 if sys._getframe().f_lineno > 5 else 1.0\n"


def test_the_same_text_is_recalled(tmp_path: Path) -> None:
    first, second = evaluated(load_problem(toy_problem(tmp_path)), Shelf(), PLAIN, PLAIN)
    assert (recalled(first), first.objective, second.objective) == (set(), 1.5, 1.5)
    assert {"parse", "run", "score"} <= recalled(second)


def test_a_program_cannot_pass_its_result_on_to_another_layout(tmp_path: Path) -> None:
    """Layout does not count for what is new, but programs see it and measures of texts depend on it."""
    folder = toy_problem(
        tmp_path,
        candidate={"max_chars": 200},
        measures=[{"metric": "chars", "range": [0.0, 200.0], "bins": 8}],
    )
    problem, shelf = load_problem(folder), Shelf()
    long, tells = PLAIN + "#" * 300, TELLS.format("\n" * 8)
    texts = (long, PLAIN, PLAIN + "# short", tells, TELLS.format(""))
    refused, plain, commented, lucky, honest = evaluated(problem, shelf, *texts)
    assert (refused.status, plain.status, commented.status) == ("refused", "valid", "valid")
    assert (plain.measures, commented.measures) == ((len(PLAIN),), (len(PLAIN) + 7,))
    assert (lucky.objective, honest.objective) == (9.0, 1.0)


BROKEN = {
    "a number beyond all": {"metrics": {"value": 10**400}},
    "no number": {"metrics": {"value": float("nan")}},
    "an infinite case": {"cases": {"value": [1.0, float("inf")]}},
    "a status of no stage": {"status": "splendid"},
    "a status that is not kept": {"status": "timeout"},
    "a list of metrics": {"metrics": [1.0]},
    "a metric that is a text": {"metrics": {"value": "high"}},
}


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN.keys())
def test_rows_that_no_run_has_written_are_not_there(change: dict[str, Any], tmp_path: Path) -> None:
    problem, shelf = load_problem(toy_problem(tmp_path)), Shelf()
    recall = Recall(shelf, problem, "strict")
    recall.put({"key": StageResult("ok", {"value": 1.0}, cases={"value": (1.0,)})})
    assert recall.get({"run": "key"})["run"].metrics == {"value": 1.0}
    (row,) = shelf.rows.values()
    row |= change
    assert recall.get({"run": "key"}) == {}


def test_files_of_the_problem_count_also_behind_a_link(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path)
    (tmp_path / "shared").mkdir()
    data = tmp_path / "shared" / "data.txt"
    data.write_text("1")
    (folder / "data").symlink_to(tmp_path / "shared")
    (folder / "circle").symlink_to(".")
    problem, shelf = load_problem(folder), Shelf()
    Recall(shelf, problem, "strict").put({"key": StageResult("ok")})
    assert Recall(shelf, problem, "strict").get({"run": "key"})
    assert not Recall(shelf, problem, "process").get({"run": "key"})
    data.write_text("2")
    assert not Recall(shelf, problem, "strict").get({"run": "key"})


def test_compilers_count(tmp_path: Path) -> None:
    tool = tmp_path / "chain" / "bin" / "mycc"
    tool.parent.mkdir(parents=True)
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    stages = [
        {"name": "parse", "kind": "parse"},
        {
            "name": "run",
            "kind": "command",
            "needs": ["parse"],
            "options": {"compile": ["mycc"], "run": ["./x"]},
        },
        {"name": "score", "kind": "score", "needs": ["run"]},
    ]
    candidate = {"language": "c", "entry": None, "toolchains": [str(tmp_path / "chain")]}
    problem = load_problem(toy_problem(tmp_path, candidate=candidate, stages=stages, seed="int main;"))
    shelf = Shelf()
    Recall(shelf, problem, "strict").put({"key": StageResult("ok")})
    assert Recall(shelf, problem, "strict").get({"run": "key"})
    tool.write_text("#!/bin/sh\n# newer\n")
    assert not Recall(shelf, problem, "strict").get({"run": "key"})
    os.remove(tool)
    assert not Recall(shelf, problem, "strict").get({"run": "key"})


def test_installed_packages_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    problem, shelf = load_problem(toy_problem(tmp_path)), Shelf()
    monkeypatch.syspath_prepend(tmp_path)
    Recall(shelf, problem, "strict").put({"key": StageResult("ok")})
    assert Recall(shelf, problem, "strict").get({"run": "key"})
    (tmp_path / "solver-2.0.dist-info").mkdir()
    assert not Recall(shelf, problem, "strict").get({"run": "key"})


def test_any_file_of_the_problem_counts_wherever_runs_are_kept(tmp_path: Path) -> None:
    folder, shelf = toy_problem(tmp_path), Shelf()
    (folder / "helper.py").write_text("LEVEL = 1\n")
    (folder / "data" / ".hidden").mkdir(parents=True)

    def known() -> bool:
        return bool(Recall(shelf, load_problem(folder), "strict").get({"score": "key"}))

    Recall(shelf, load_problem(folder), "strict").put({"key": StageResult(metrics={"value": 1.0})})
    assert known()
    (folder / "cache.db").write_text("")
    (folder / "cache.db-wal").write_text("")
    (folder / "a_run").mkdir()
    (folder / "a_run" / "run.db").write_text("")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "score.pyc").write_text("")
    assert known(), "what runs and tools write changes no result"
    (folder / "helper.py").write_text("LEVEL = 2\n")
    assert not known()
    (folder / "helper.py").write_text("LEVEL = 1\n")
    assert known()
    (folder / "data" / ".hidden" / "points.csv").write_text("1,2\n")
    assert not known(), "a program may read it"
