from __future__ import annotations

import asyncio
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.authoring import new_problem
from evolve.authoring.checks import Finding, Report, check_problem
from evolve.authoring.checks._declaration import last_line
from evolve.authoring.checks._tampering import _CHOSEN
from evolve.authoring.checks._wrong import Wrong, wrong_outputs
from evolve.errors import UsageError
from evolve.interop import import_folder
from evolve.problem import list_problems
from evolve.testing.hostile import ATTACKS
from tests.authoring.templates import loadable
from tests.conftest import toy_problem
from tests.interop.folders import OPENEVOLVE, lay_out

STRICT = """
from evolve.problem import Invalid, Score

def score(output, params, case):
    if type(output) is not list or len(output) != params["n"]:
        raise Invalid("must be a list of n numbers")
    for x in output:
        if type(x) not in (int, float) or not abs(x) <= 1:
            raise Invalid("must be numbers from -1 to 1")
    return Score({"value": float(sum(output)), "size": abs(sum(output)) / 10})
"""
LAX = """
from evolve.problem import Invalid, Score

def score(output, params, case):
    total = sum(x for x in output if not x < 0)
    if total > 1e9:
        raise Invalid("too much")
    total = 5.0 if total != total else float(total)
    return Score({"value": total, "size": min(1.0, total / 10)})
"""
SEED = "def solve(n):\n    return [0.25] * n\n"
STATEMENT = {"statement": "Write solve(n); it returns a list of n numbers from -1 to 1, of large sum."}


def check(folder: Path, *groups: str) -> dict[str, Finding]:
    """Return the findings of some groups by name."""
    return by_name(asyncio.run(check_problem(folder, repeats=2, groups=groups)))


def by_name(report: Report) -> dict[str, Finding]:
    return {f"{group}: {name}": finding for group, name, finding in report.findings}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Report:
    folder = toy_problem(tmp_path_factory.mktemp("strict"), seed=SEED, score=STRICT, problem=STATEMENT)
    return asyncio.run(check_problem(folder, repeats=2))


@pytest.fixture(scope="module")
def lax(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Finding]:
    folder = toy_problem(tmp_path_factory.mktemp("lax"), seed=SEED, score=LAX, problem=STATEMENT)
    return check(folder, "outputs", "behaviour")


def test_a_sound_problem_is_ready(strict: Report) -> None:
    assert [(name, f) for _, name, f in strict.findings if f.outcome != "ok"] == []
    assert (strict.problem, strict.verdict) == ("toy", "ready")
    groups = {group for group, _, _ in strict.findings}
    assert groups == {"declaration", "seeds", "outputs", "behaviour", "tampering"}
    names = [(group, name) for group, name, _ in strict.findings]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("name", "outcome"),
    [
        ("outputs: every number NaN", "failed"),
        ("outputs: the first number NaN", "failed"),
        ("outputs: the last number NaN", "failed"),
        ("outputs: every number infinite", "ok"),
        ("outputs: nothing", "failed"),
        ("outputs: empty list", "ok"),
        ("outputs: one item fewer", "ok"),
        ("outputs: one item more", "warning"),
        ("outputs: all items twice", "warning"),
        ("outputs: every number as text", "failed"),
        ("behaviour: never ends", "ok"),
        ("behaviour: raises", "ok"),
    ],
)
def test_what_a_lax_scorer_lets_through(lax: dict[str, Finding], name: str, outcome: str) -> None:
    assert lax[name].outcome == outcome, lax[name]
    assert bool(lax[name].advice) == (outcome != "ok")


def test_a_scorer_that_fails_is_told_from_one_that_refuses(lax: dict[str, Finding]) -> None:
    assert "the scorer failed: TypeError" in lax["outputs: nothing"].found
    assert "Raise Invalid" in lax["outputs: nothing"].advice


def test_a_scorer_that_lets_nonsense_through_is_not_ready(lax: dict[str, Finding]) -> None:
    report = Report("lax", tuple(("outputs", name, finding) for name, finding in lax.items()))
    assert report.verdict == "not ready"


@pytest.mark.parametrize("template", loadable())
def test_every_template_is_ready(tmp_path: Path, template: str) -> None:
    folder = new_problem("mine", template=template, into=tmp_path).folder
    findings = check(folder, "declaration", "seeds", "outputs", "behaviour")
    findings = {name: f for name, f in findings.items() if not (template == "command" and "noise" in name)}
    assert {name: f for name, f in findings.items() if f.outcome != "ok"} == {}  # a busy machine is noisy


@pytest.mark.parametrize("name", [problem.name for problem in list_problems()])
def test_every_shipped_problem_catches_what_is_wrong(name: str) -> None:
    report = asyncio.run(check_problem(name, repeats=2, groups=("declaration", "outputs")))
    assert [(name, f) for _, name, f in report.findings if f.outcome != "ok"] == []


def test_what_is_near_a_limit_or_outside_of_a_range_is_a_warning(tmp_path: Path) -> None:
    folder = toy_problem(
        tmp_path,
        seed="import time\n\ndef solve(n):\n    time.sleep(0.6)\n    return [0.25] * 4000\n",
        score=STRICT,
        problem=STATEMENT | {"statement": " short "},
        params={"n": 4000},
        candidate={"timeout_s": 1.0, "output_mb": 0.05},
        objective={"records": [{"value": 900.0, "source": "a book", "as_of": "2025", "exactness": "exact"}]},
        measures=[{"metric": "size", "range": [0.0, 1.0], "bins": 8}],
    )
    findings = check(folder, "declaration", "seeds")
    for name in (
        "declaration: statement",
        "seeds: seed.py time",
        "seeds: seed.py output",
        "seeds: seed.py in the range of size",
        "seeds: room for progress",
    ):
        assert findings[name].outcome == "warning", (name, findings[name])
    assert "900.0" in findings["seeds: room for progress"].found


def test_a_seed_that_needs_most_of_the_memory_is_a_warning(tmp_path: Path) -> None:
    seed = "def solve(n):\n    kept = b'x' * (90 * 2**20)\n    return [len(kept) / 2**27] * n\n"
    findings = check(toy_problem(tmp_path, seed=seed, score=STRICT, problem=STATEMENT), "seeds")
    assert findings["seeds: seed.py memory"].outcome == "warning"


def test_a_random_scorer_is_found_and_its_noise_measured(tmp_path: Path) -> None:
    noisy = STRICT.replace("float(sum(output))", "float(sum(output)) + random.random()").replace(
        "from evolve", "import random\nfrom evolve"
    )
    findings = check(toy_problem(tmp_path, seed=SEED, score=noisy, problem=STATEMENT), "seeds")
    assert findings["seeds: seed.py repeats"].outcome == "warning"
    assert "the scorer is random: value" in findings["seeds: seed.py repeats"].found
    assert "standard deviation" in findings["seeds: seed.py noise"].found


@pytest.mark.parametrize(("width", "outcome"), [(4.0, "warning"), (0.0001, "ok")])
def test_declared_noise_is_set_beside_what_matters(tmp_path: Path, width: float, outcome: str) -> None:
    luck = f"{width} * ((time.perf_counter_ns() // 1000) % 97) / 97 + 5.0"
    score = "import time\n" + STRICT.replace("float(sum(output)),", f"{luck},")
    stages = [
        {"name": "parse", "kind": "parse"},
        {"name": "run", "kind": "run", "needs": ["parse"]},
        {"name": "score", "kind": "score", "needs": ["run"], "deterministic": False},
    ]
    folder = toy_problem(tmp_path, seed=SEED, score=score, stages=stages, problem=STATEMENT)
    report = asyncio.run(check_problem(folder, repeats=8, groups=("seeds",)))
    found = by_name(report)["seeds: seed.py noise"]
    assert found.outcome == outcome, found
    assert re.search(r"gains below \S+, \d+% of the seed's value, are luck", found.found)
    assert ("docs/how-to/noisy-scores.md" in found.advice) == (outcome == "warning")
    assert by_name(report)["seeds: seed.py repeats"].expected == "declared to vary"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Traceback ...\n  File x\nValueError: why\n", "ValueError: why"),
        ("compiling failed\na.c:3:9: error: no x\n    3 | x = 1\n      | ^~~~\n", "a.c:3:9: error: no x"),
        ("error[E0425]: no `x`\n --> a.rs:1:5\n", "error[E0425]: no `x`"),
        ("", ""),
    ],
)
def test_the_line_that_says_most_is_shown(text: str, line: str) -> None:
    assert last_line(text) == line


def test_a_seed_out_of_time_names_the_limit(tmp_path: Path) -> None:
    seed = "def solve(n):\n    while True:\n        pass\n"
    folder = toy_problem(tmp_path, seed=seed, score=STRICT, candidate={"timeout_s": 0.2}, problem=STATEMENT)
    found = check(folder, "seeds")["seeds: seed.py is valid"]
    assert found.outcome == "failed"
    assert found.advice.startswith("Raise candidate.timeout_s, or make the seed faster.")


def test_a_random_program_is_found(tmp_path: Path) -> None:
    seed = "import os\n\ndef solve(n):\n    return [os.urandom(1)[0] / 256, os.urandom(1)[0] / 256, 0.5]\n"
    folder = toy_problem(tmp_path, seed=seed, score=STRICT, problem=STATEMENT)
    finding = check(folder, "seeds")["seeds: seed.py repeats"]
    assert finding.outcome == "warning"
    assert "the program is random" in finding.found


def test_without_a_valid_seed_nothing_else_is_tried(tmp_path: Path) -> None:
    report = asyncio.run(
        check_problem(toy_problem(tmp_path, seed="def solve(n):\n    return 1\n", score=STRICT), repeats=2)
    )
    findings = by_name(report)
    assert report.verdict == "not ready"
    assert findings["seeds: seed.py is valid"].outcome == "failed"
    assert "must be a list" in findings["seeds: seed.py is valid"].found
    assert findings["tampering: all"].outcome == "skipped"


def test_a_declaration_that_does_not_load_is_a_finding(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, measures=[])
    report = asyncio.run(check_problem(folder))
    assert report.verdict == "not ready"
    ((_, _, finding),) = report.findings
    assert "measures: needs at least one entry" in finding.found


def test_a_scorer_that_cannot_be_imported_is_a_finding(tmp_path: Path) -> None:
    report = asyncio.run(
        check_problem(toy_problem(tmp_path, score="import nowhere\ndef score(o, p, c): ...\n"))
    )
    assert report.verdict == "not ready"


def test_a_problem_that_is_not_there_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no shipped problem"):
        asyncio.run(check_problem(tmp_path / "nowhere"))


def test_a_block_that_breaks_programs_is_found(tmp_path: Path) -> None:
    folder = toy_problem(tmp_path, seed=SEED, score=STRICT, blocks=[{"file": "b.py", "call": "x = grow(n)"}])
    (folder / "b.py").write_text("import nowhere\n\ndef grow(n):\n    return n\n")
    assert check(folder, "declaration")["declaration: block b"].outcome == "failed"


def test_progress_is_told(tmp_path: Path) -> None:
    told: list[tuple[int, int, str]] = []
    folder = toy_problem(tmp_path, seed="def solve(n):\n    return 1\n", score=STRICT)
    asyncio.run(check_problem(folder, repeats=2, progress=lambda *what: told.append(what)))
    assert told[0] == (0, 1, "loading")
    assert [done for done, _, _ in told[1:]] == list(range(len(told) - 1))


def test_the_chosen_attacks_exist() -> None:
    assert set(_CHOSEN) <= {attack.name for attack in ATTACKS}


# -- wrong outputs ----------------------------------------------------------------------------------


def made(way: Wrong, output: Any) -> Any:
    """Return what the program of a wrong candidate returns."""
    space: dict[str, Any] = {"GIVEN": output}
    exec(way.program("def solve():\n    return GIVEN\n", "solve"), space)
    return space["solve"]()


def ways(output: Any) -> dict[str, Wrong]:
    return {way.name: way for way in wrong_outputs(output)}


def test_only_what_differs_from_a_right_result_is_tried() -> None:
    assert {"one item fewer", "every number NaN", "the last number NaN"} <= ways([1, 2]).keys()
    assert "one item fewer" not in ways(1.5)
    assert "the first number NaN" not in ways(1.5)
    assert "every number NaN" not in ways("text")
    assert "text" not in ways("text")
    assert not ways("text")["empty text"].strict
    assert ways([1])["empty text"].strict


def test_numbers_are_changed_wherever_they_are() -> None:
    output = ([1, 2.0, {"a": 3, "b": "x"}], (4,), True, None)
    changed = made(ways(output)["the last number NaN"], output)
    assert changed[0] == [1, 2.0, {"a": 3, "b": "x"}]
    assert math.isnan(changed[1][0])
    every = made(ways(output)["every number as text"], output)
    assert every == (["1", "2.0", {"a": "3", "b": "x"}], ("4",), True, None)


def test_arrays_are_changed_too() -> None:
    output = (np.arange(6.0).reshape(3, 2), np.arange(3))
    centers, radii = made(ways(output)["one item fewer"], output)
    assert (centers.tolist(), radii.tolist()) == ([[0.0, 1.0], [2.0, 3.0]], [0, 1])
    centers, radii = made(ways(output)["the first number NaN"], output)
    assert np.isnan(centers[0, 0])
    assert np.isfinite(centers.ravel()[1:]).all()
    assert radii.tolist() == [0, 1, 2]
    assert made(ways(output)["all items twice"], output)[0].shape == (6, 2)


def test_attacks_that_would_show_nothing_are_not_reported_as_held(tmp_path: Path) -> None:
    shared = import_folder("openevolve", lay_out(OPENEVOLVE, tmp_path / "s"), tmp_path / "shared").folder
    text = new_problem("prose", template="text", into=tmp_path).folder
    trusted, untried = check(shared, "tampering"), check(text, "tampering")
    found = trusted.pop("tampering: Write a score of its own")
    assert (found.outcome, "it can" in found.found) == ("warning", True)
    assert [name for name in trusted if name.startswith("tampering")] == []
    assert untried["tampering: all"].outcome == "skipped"
    assert "not tried" in untried["tampering: all"].found
