"""What an export writes, and what its verification notices."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, run
from evolve.errors import RunError, UsageError
from evolve.export import export, verify
from evolve.store import Reader
from tests.cli.toy import write_toy
from tests.conftest import toy_problem

SEED = '''"""Half of it."""

from __future__ import annotations


def solve(n: int) -> float:
    first = 0.25
    return first * n
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the problem `toy`, a run of it and an export of that; never changed."""
    place = tmp_path_factory.mktemp("export")
    write_toy(place, seed=SEED, problem={"title": "A toy\nin two lines"})
    run(place / "toy", seed=3, budget=Budget(max_evals=20), runs=place / "runs", run_id="one")
    asyncio.run(export(place / "runs/one", place / "best"))
    return place


@pytest.fixture
def copy(folder: Path, tmp_path: Path) -> Path:
    """Return a copy of the export, free to be changed."""
    return Path(shutil.copytree(folder / "best", tmp_path / "copy"))


def result(folder: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return loaded


def rewrite(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    data = result(folder)
    change(data)
    (folder / "result.json").write_text(json.dumps(data))


def test_the_module_runs_alone(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "best/program.py", tmp_path)
    command = [sys.executable, "-I", "program.py"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    solution = json.loads((folder / "best/solution.json").read_text())
    assert float(ran.stdout) == solution["output"]
    use = "import program; print(repr(program.solve(n=3)))"
    ran = subprocess.run(
        [sys.executable, "-c", use], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert ran.stdout.strip() == repr(solution["output"])


def test_the_result_says_all_that_is_known(folder: Path) -> None:
    found = result(folder / "best")
    with Reader(folder / "runs/one") as reader:
        best = reader.best(maximize=True)
        assert best is not None
        source = reader.text(best.program.id)
        began = reader.run().created_at
    module = (folder / "best/program.py").read_text()
    assert source.rstrip() in module
    assert found["program"]["sha256"] == hashlib.sha256(module.encode()).hexdigest()
    assert found["program"]["id"] == best.program.id
    assert found["metrics"] == best.evaluation.metrics
    assert found["objective"] == {
        "metric": "value",
        "direction": "maximize",
        "value": best.evaluation.objective,
        "in_run": best.evaluation.objective,
    }
    assert found["measured"] == {"evaluations": 1, "varying": {}}
    assert (found["run"]["id"], found["run"]["seed"], found["run"]["began"]) == ("one", 3, began)
    assert found["problem"]["params"] == {"n": 3}
    assert found["references"][0]["value"] == 2.634
    assert found["lineage"][0]["operator"] == "seed"
    assert found["lineage"][-1]["id"] == best.program.id


def test_a_true_export_holds(folder: Path) -> None:
    found = asyncio.run(verify(folder / "best"))
    assert found.differences == []
    assert found.found == found.claimed


def test_a_problem_that_moved_is_found_by_its_new_place(copy: Path, tmp_path: Path) -> None:
    problem = Path(result(copy)["problem"]["path"])
    shutil.copytree(problem, tmp_path / "moved")
    rewrite(copy, lambda data: data["problem"].update(path=str(tmp_path / "nowhere")))
    with pytest.raises(UsageError, match="If the problem has moved, say where it is with --problem"):
        asyncio.run(verify(copy))
    assert asyncio.run(verify(copy, str(tmp_path / "moved"))).differences == []


def test_a_better_score_than_the_program_has_is_noticed(copy: Path) -> None:
    claimed = result(copy)["objective"]["value"]
    rewrite(copy, lambda data: data["objective"].update(value=claimed + 1))
    found = asyncio.run(verify(copy))
    assert found.differences == [f"objective: claimed {claimed + 1!r}, found {claimed!r}"]


def test_every_metric_is_compared(copy: Path) -> None:
    rewrite(copy, lambda data: data["metrics"].update(size=0.123, other=1.0))
    differences = asyncio.run(verify(copy)).differences
    assert len(differences) == 2
    assert differences[0].startswith("size: claimed 0.123, found 0.")
    assert differences[1] == "other: claimed 1.0, found None"


@pytest.mark.parametrize("text", ["raise SystemExit", "def solve(n):\n    return 'text'"])
def test_a_changed_program_is_noticed(copy: Path, text: str) -> None:
    path = copy / "program.py"
    head, main, rest = path.read_text().partition("\n\n\nif __name__")
    path.write_text(f"{head}\n{text}\n{main}{rest}")
    found = asyncio.run(verify(copy))
    assert found.found is None
    assert found.differences[0] == "program.py was changed since its export"
    assert found.differences[1].startswith("the program is ")


def test_a_changed_problem_is_noticed(copy: Path, tmp_path: Path) -> None:
    shutil.copytree(result(copy)["problem"]["path"], tmp_path / "toy")
    (tmp_path / "toy/seed.py").write_text("def solve(n):\n    return 0.5\n")
    differences = asyncio.run(verify(copy, str(tmp_path / "toy"))).differences
    assert len(differences) == 1
    assert "was changed since the export" in differences[0]


BROKEN: dict[str, Callable[[dict[str, Any]], object]] = {
    "is not the result of an export": lambda data: data.pop("format"),
    "has format 99, this version knows 1": lambda data: data.update(format=99),
    "program.sha256: is missing": lambda data: data["program"].pop("sha256"),
    "problem.params: ": lambda data: data["problem"].update(params=3),
    "program.file: ": lambda data: data["program"].update(file="../other.py"),
    "cannot be read .* The export is incomplete": lambda data: data["program"].update(file="other.py"),
}


@pytest.mark.parametrize(("message", "change"), BROKEN.items(), ids=list(BROKEN))
def test_a_result_that_does_not_fit(
    copy: Path, message: str, change: Callable[[dict[str, Any]], object]
) -> None:
    rewrite(copy, change)
    with pytest.raises(UsageError, match=message):
        asyncio.run(verify(copy))


@pytest.mark.parametrize(
    ("text", "message"), [("[", "is not JSON"), ("[]", "is not the result of an export")]
)
def test_a_result_that_is_none(copy: Path, text: str, message: str) -> None:
    (copy / "result.json").write_text(text)
    with pytest.raises(UsageError, match=message):
        asyncio.run(verify(copy))


def test_the_main_part_does_not_count_as_code_of_the_program(tmp_path: Path) -> None:
    write_toy(tmp_path, objective={"metric": "ast_nodes", "direction": "minimize"})
    made = run(tmp_path / "toy", budget=Budget(max_evals=4), runs=tmp_path / "runs")
    done = asyncio.run(export(made.folder))
    assert done.objective == made.best_objective
    assert asyncio.run(verify(done.folder)).differences == []


def test_a_program_that_scores_differently_each_time_is_not_exported(tmp_path: Path) -> None:
    toy_problem(tmp_path, seed="import time\n\ndef solve(n):\n    return time.time_ns() % 10**9 / 10**9\n")
    made = run(tmp_path / "toy", budget=Budget(max_evals=1), runs=tmp_path / "runs")
    with pytest.raises(RunError, match=r"during the run and .* when evaluated again, so it is not exported"):
        asyncio.run(export(made.folder))
    assert not (made.folder / "best").exists()


def test_a_drawing_module_that_fails_costs_only_the_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    write_toy(tmp_path, draw="draw.py")
    (tmp_path / "toy/draw.py").write_text("def draw(axes, artifact, params):\n    raise KeyError('boo')\n")
    made = run(tmp_path / "toy", budget=Budget(max_evals=1), runs=tmp_path / "runs")
    done = asyncio.run(export(made.folder))
    assert done.pictures == []
    assert "drawing the solution failed: KeyError: 'boo'" in done.note
    assert asyncio.run(verify(done.folder)).differences == []


def test_circle_packing_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    made = run("circle_packing", params={"n": 5}, budget=Budget(max_evals=1), runs=tmp_path)
    done = asyncio.run(export(made.folder))
    assert [path.name for path in done.pictures] == ["picture.svg", "picture.png"]
    assert done.pictures[0].read_text().startswith("<?xml")
    assert done.pictures[1].read_bytes().startswith(b"\x89PNG")
    assert result(done.folder)["pictures"] == ["picture.svg", "picture.png"]


# -- values that do not repeat ---------------------------------------------------------------------

NOISY = """
from pathlib import Path
from evolve.problem import Invalid, Score
def score(output, params, case):
    if type(output) not in (int, float):
        raise Invalid("must be a number")
    count = Path(__file__).with_name("count.txt")
    turn = int(count.read_text() or 0) if count.exists() else 0
    count.write_text(str(turn + 1))
    luck = turn % 5 / 4  # any five in a row have the same range
    return Score({"value": 100.0 + luck, "size": 0.5}, "fine", {"output": output})
"""
STAGES: list[dict[str, Any]] = [
    {"name": "parse", "kind": "parse"},
    {"name": "run", "kind": "run", "needs": ["parse"]},
    {"name": "score", "kind": "score", "needs": ["run"], "deterministic": False},
]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an export of a problem whose values do not repeat; never changed."""
    place = tmp_path_factory.mktemp("noisy")
    write_toy(place, seed=SEED, score=NOISY, stages=STAGES)
    run(place / "toy", seed=3, budget=Budget(max_evals=2), runs=place / "runs", run_id="one")
    asyncio.run(export(place / "runs/one", place / "best"))
    return place / "best"


def test_what_does_not_repeat_is_exported_as_a_median_beside_the_run_s_value(noisy: Path) -> None:
    found = result(noisy)
    varying = found["measured"]["varying"]
    assert found["measured"]["evaluations"] == 5
    assert list(varying) == ["value"]
    assert len(varying["value"]["values"]) == 5
    assert found["objective"]["value"] == found["metrics"]["value"] == varying["value"]["median"]
    assert 100.0 <= found["objective"]["in_run"] <= 101.0
    assert f"value = {found['objective']['value']!r}" in (noisy / "program.py").read_text()


def test_what_does_not_repeat_holds_within_its_spread(noisy: Path) -> None:
    found = asyncio.run(verify(noisy))
    assert found.differences == []
    assert found.varying == ("value",)
    assert found.measured is not None
    assert len(found.measured.values) == 5


def test_a_forged_value_does_not_hold_although_values_vary(noisy: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(noisy, tmp_path / "copy"))
    rewrite(copy, lambda data: data["objective"].update(value=0.5))
    rewrite(copy, lambda data: data["metrics"].update(value=0.5))
    wide = {"low": 0.0, "high": 200.0, "median": 0.5, "deviation": 100.0, "values": [0.5]}
    rewrite(copy, lambda data: data["measured"]["varying"].update(value=wide))
    found = asyncio.run(verify(copy))
    assert found.claimed == 0.5
    assert len(found.differences) == 2
    for line, name in zip(found.differences, ("value", "objective"), strict=True):
        assert line.startswith(f"{name}: claimed 0.5, measured 100")
        assert line.endswith("in 5 evaluations")


def test_what_repeats_is_compared_exactly_beside_what_does_not(noisy: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(noisy, tmp_path / "copy"))
    rewrite(copy, lambda data: data["metrics"].update(size=0.5000001))
    assert asyncio.run(verify(copy)).differences == ["size: claimed 0.5000001, found 0.5"]
    (copy / "solution.json").write_text("7.0\n")
    assert "solution.json is not what" in asyncio.run(verify(copy)).differences[-1]
