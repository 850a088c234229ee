"""An imported problem scores as the evaluator does when it is called without any engine."""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import evolve
from evolve.export import evaluate_fresh
from evolve.interop import import_folder
from evolve.pipeline import SHARED_TRUST, Evaluation
from evolve.problem import load_problem
from tests.interop.folders import GIGAEVO, OPENEVOLVE, SHINKA, lay_out

STANDINS = Path(evolve.__file__).parent / "pipeline" / "inside" / "standins"


def imported(layout: str, source: Path) -> Path:
    return import_folder(layout, source, source.parent / "imported").folder


def scored(folder: Path, text: str | None = None) -> Evaluation:
    """Evaluate the first seed, or a text."""
    problem = load_problem(folder)
    return asyncio.run(evaluate_fresh(problem, problem.seeds[0][1] if text is None else text))


def plain(script: str, folder: Path) -> Any:
    """Run a script in the folder by plain Python; it prints JSON."""
    environment = {**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{STANDINS}"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=folder,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_openevolve(tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    found = scored(imported("openevolve", source))
    direct = plain(
        "import evaluator, json; print(json.dumps(evaluator.evaluate('initial_program.py').metrics))", source
    )
    assert found.status == "valid", found.feedback
    stage = found.stages["evaluate"]
    assert found.objective == direct["combined_score"]
    assert found.metrics["spread"] == direct["spread"]
    assert "eval_time" not in found.metrics
    assert "values: 0.296, 0.305, 0.315" in found.feedback
    assert stage.printed.startswith("judging ")
    assert SHARED_TRUST in stage.layers


def test_openevolve_below_a_threshold(tmp_path: Path) -> None:
    config = "database: {feature_dimensions: [complexity]}\nevaluator: {cascade_thresholds: [0.9]}\n"
    source = lay_out(OPENEVOLVE, tmp_path / "s", config__yaml=config)
    found = scored(imported("openevolve", source))
    direct = plain(
        "import evaluator, json; print(json.dumps(evaluator.evaluate_stage1('initial_program.py')))", source
    )
    assert found.status == "valid"
    assert found.objective == direct["combined_score"] < 0.9
    assert "stopped after stage 1: 0.600" in found.feedback
    assert "below the threshold 0.9" in found.feedback


def test_openevolve_without_the_features_that_a_later_stage_measures(tmp_path: Path) -> None:
    config = OPENEVOLVE["config.yaml"].replace("[0.5, 0.8]", "[0.9, 0.95]")
    found = scored(imported("openevolve", lay_out(OPENEVOLVE, tmp_path / "s", config__yaml=config)))
    assert found.status == "invalid"
    assert "spread was not measured by then" in found.feedback


EVALUATORS = {
    "mean of what is no feature": (
        "def evaluate(path):\n    'choose'\n    return {'a': 1.0, 'b': 2, 'spread': 40.0, 'flag': True, 'text': 'x'}\n",
        ("valid", 1.5, "text: x"),
    ),
    "an error told": (
        "def evaluate(path):\n    'choose'\n    return {'combined_score': 0.0, 'error': 'it overlaps'}\n",
        ("invalid", None, "error: it overlaps"),
    ),
    "an error told of a good program": (
        "def evaluate(path):\n    'choose'\n    return {'combined_score': 2.0, 'spread': 1.0, 'error': 'one case'}\n",
        ("valid", 2.0, "error: one case"),
    ),
    "an error without a score": (
        "def evaluate(path):\n    'choose'\n    return {'error': 0.0}\n",
        ("failed", None, "gave no score"),
    ),
    "not a number": (
        "def evaluate(path):\n    'choose'\n    return {'combined_score': float('nan'), 'spread': 1.0}\n",
        ("invalid", None, "combined_score is nan, which is no finite number"),
    ),
    "no metrics": (
        "def evaluate(path):\n    'choose'\n    return 3\n",
        ("error", None, "must return a dict or an EvaluationResult, got int"),
    ),
    "cannot be imported": (
        "import nothing_of_this_name\ndef evaluate(path): return choose\n",
        ("error", None, "nothing_of_"),
    ),
    "raises": (
        "def evaluate(path):\n    'choose'\n    raise ValueError('what a program')\n",
        ("failed", None, "ValueError: what a program"),
    ),
    "exits": (
        "import sys\ndef evaluate(path):\n    'choose'\n    sys.exit(3)\n",
        ("failed", None, "SystemExit: 3"),
    ),
    "takes too long": (
        "def evaluate(path):\n    'choose'\n    while True: pass\n",
        ("timeout", None, "stopped after 1 s"),
    ),
    "takes all memory": (
        "def evaluate(path):\n    'choose'\n    return {'combined_score': len(bytearray(10**12))}\n",
        ("memory", None, "MemoryError"),
    ),
    "numpy's numbers": (
        "import numpy as np\ndef evaluate(path):\n    'choose'\n"
        "    return {'combined_score': np.float32(0.5), 'spread': np.int64(3)}\n",
        ("valid", 0.5, ""),
    ),
    "starts programs": (
        "import os, subprocess, sys\ndef evaluate(path):\n"
        "    code = f'import runpy; print(sum(runpy.run_path({path!r})[\"choose\"](2)))'\n"
        "    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, timeout=20)\n"
        "    shell = subprocess.run('echo from a shell', shell=True, capture_output=True, text=True).stdout\n"
        "    return {'combined_score': float(done.stdout), 'spread': 1.0, 'shell': shell + done.stderr}\n",
        ("valid", math.sin(0.3) + math.sin(0.31), "from a shell"),
    ),
    "starts a program that takes too long": (
        "import subprocess, sys\ndef evaluate(path):\n    'choose'\n    try:\n"
        "        subprocess.run([sys.executable, '-c', 'while True: pass'], timeout=0.2)\n"
        "    except subprocess.TimeoutExpired:\n        return {'combined_score': 0.0, 'error': 'timed out'}\n",
        ("invalid", None, "error: timed out"),
    ),
    "uses a pool": (
        "import multiprocessing, concurrent.futures\ndef evaluate(path):\n    'choose'\n"
        "    with multiprocessing.Pool(2) as pool: total = sum(pool.map(abs, [-1, -2]))\n"
        "    with concurrent.futures.ProcessPoolExecutor(2) as pool: total += sum(pool.map(abs, [-4, 8]))\n"
        "    return {'combined_score': total, 'spread': 1.0}\n",
        ("valid", 15.0, ""),
    ),
    "writes files": (
        "import os, tempfile\ndef evaluate(path):\n    'choose'\n    os.makedirs('out/deep')\n"
        "    open('out/deep/x', 'w').write('0.25')\n    handle = tempfile.NamedTemporaryFile('w')\n    handle.write('x')\n"
        "    return {'combined_score': float(open('out/deep/x').read()), 'spread': float(len(open('data/offsets.txt').read()))}\n",
        ("valid", 0.25, ""),
    ),
}


@pytest.mark.parametrize(("evaluator", "expected"), EVALUATORS.values(), ids=EVALUATORS.keys())
def test_what_an_evaluator_may_do(
    evaluator: str, expected: tuple[str, float | None, str], tmp_path: Path
) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s", evaluator__py=evaluator)
    folder = imported("openevolve", source)
    if expected[0] == "timeout":
        file = folder / "problem.toml"
        file.write_text(file.read_text().replace("timeout_s = 30.0", "timeout_s = 1.0"))
    found = scored(folder)
    status, objective, feedback = expected
    assert (found.status, found.objective) == (status, objective), found.feedback
    assert feedback in found.feedback
    assert "harness" not in found.feedback


def test_shinkaevolve(tmp_path: Path) -> None:
    source = lay_out(SHINKA, tmp_path / "s")
    found = scored(imported("shinka", source))
    totals = []
    for seed in (10, 11, 12):
        rng = random.Random(seed)
        totals.append(2.0 * sum([rng.random() for _ in range(5)]))
    assert found.status == "valid", found.feedback
    assert found.objective == sum(totals) / 3
    assert found.metrics["best"] == max(totals)
    assert found.metrics["num_valid_runs"] == 3.0
    assert not {"secret", "execution_time_mean"} & found.metrics.keys()
    assert "spread them" in found.feedback
    assert "shape: flat" in found.feedback
    assert "correct yes" in found.stages["evaluate"].printed


def test_shinkaevolve_as_a_command(tmp_path: Path) -> None:
    source = lay_out(SHINKA, tmp_path / "s")
    found = scored(imported("shinka", source))
    words = [
        sys.executable,
        "evaluate.py",
        "--program_path",
        "initial.py",
        "--results_dir",
        str(tmp_path / "r"),
    ]
    subprocess.run(words, cwd=source, env={**os.environ, "PYTHONPATH": str(STANDINS)}, check=True)
    metrics = json.loads((tmp_path / "r" / "metrics.json").read_text())
    verdict = json.loads((tmp_path / "r" / "correct.json").read_text())
    assert verdict == {"correct": True, "error": None}
    assert found.objective == metrics["combined_score"]
    assert {"execution_time_mean", "execution_time_std", "num_invalid_runs"} <= metrics.keys()
    assert metrics["private"] == {"secret": min(metrics["private"].values())}
    assert "extra_data" not in metrics
    assert (tmp_path / "r" / "extra.pkl").is_file()


def test_shinkaevolve_in_parallel_gives_the_same(tmp_path: Path) -> None:
    text = SHINKA["evaluate.py"].replace("num_runs=3,", "num_runs=3,\n        run_workers=2,")
    one = scored(imported("shinka", lay_out(SHINKA, tmp_path / "a" / "s")))
    two = scored(imported("shinka", lay_out(SHINKA, tmp_path / "b" / "s", evaluate__py=text)))
    assert two.status == "valid", two.feedback
    assert one.objective == two.objective


SHINKA_PROGRAMS = {
    "invalid": ("    return [1.0], 1.0\n", "Validation failed: expected 5 values, got 1"),
    "raises": ("    raise KeyError('lost')\n", "'lost'"),
    "not finite": ("    return [1.0] * 5, float('inf')\n", "combined_score is inf"),
}


@pytest.mark.parametrize(("body", "feedback"), SHINKA_PROGRAMS.values(), ids=SHINKA_PROGRAMS.keys())
def test_shinkaevolve_calls_a_program_incorrect(body: str, feedback: str, tmp_path: Path) -> None:
    folder = imported("shinka", lay_out(SHINKA, tmp_path / "s"))
    found = scored(folder, f"def run_experiment(seed, bound):\n{body}")
    assert found.status == "invalid"
    assert feedback in found.feedback


def test_gigaevo(tmp_path: Path) -> None:
    source = lay_out(GIGAEVO, tmp_path / "s")
    problem = load_problem(imported("gigaevo", source))
    for name, text in problem.seeds:
        found = asyncio.run(evaluate_fresh(problem, text))
        module = f"initial_programs/{Path(name).name}"
        direct = plain(
            "import runpy, json, context, validate; given = context.build_context();"
            f"made = runpy.run_path({module!r})['entrypoint'](given); print(json.dumps(validate.validate(given, made)))",
            source,
        )
        assert found.status == "valid", found.feedback
        assert found.objective == direct["distance"]
        assert found.measures == (direct["largest"],)


GIGAEVO_PROGRAMS = {
    "refused by an exception": ("return [1.0]", "invalid", "ValueError: expected 3 values, got shape (1,)"),
    "refused by is_valid": ("return [-1.0, 1.0, 1.0]", "invalid", "is_valid is 0"),
    "raises": ("return 1 / 0", "failed", "ZeroDivisionError"),
}


@pytest.mark.parametrize(
    ("body", "status", "feedback"), GIGAEVO_PROGRAMS.values(), ids=GIGAEVO_PROGRAMS.keys()
)
def test_gigaevo_refuses_a_program(body: str, status: str, feedback: str, tmp_path: Path) -> None:
    folder = imported("gigaevo", lay_out(GIGAEVO, tmp_path / "s"))
    found = scored(folder, f"def entrypoint(context):\n    {body}\n")
    assert (found.status, found.objective) == (status, None)
    assert feedback in found.feedback


def test_gigaevo_without_a_context_and_with_an_artifact(tmp_path: Path) -> None:
    validate = (
        "def validate(payload):\n    return {'distance': payload, 'largest': 1.0, 'is_valid': 1}, 'a note'\n"
    )
    seed = "def entrypoint():\n    return 2.5\n"
    files = {"validate__py": validate, "context__py": None, "initial_programs/ones__py": seed}
    source = lay_out(GIGAEVO, tmp_path / "s", **files, **{"initial_programs/arange__py": None})
    found = scored(imported("gigaevo", source))
    assert (found.status, found.objective) == ("valid", 2.5)
    assert "a note" in found.feedback


def test_a_mean_in_place_of_the_score_holds_no_measured_time(tmp_path: Path) -> None:
    source = lay_out(OPENEVOLVE, tmp_path / "s")
    (source / "evaluator.py").write_text(
        "import time\n\n\ndef evaluate(path):\n    'choose'\n"
        "    return {'quality': 0.5, 'other': 0.25, 'spread': 1.0, 'runtime': time.perf_counter()}\n"
    )
    folder = imported("openevolve", source)
    report = (folder / "IMPORTED.md").read_text()
    assert "runtime. With them no run could be repeated, so they do not count in a mean" in report
    found = [scored(folder) for _ in range(2)]
    assert [again.objective for again in found] == [0.375, 0.375], found[0].feedback
