"""The stage kind `evaluator`: what it refuses, and what a hostile program reaches from within it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import ProblemError
from evolve.export import evaluate_fresh
from evolve.pipeline import SHARED_TRUST, Evaluation, Pipeline
from evolve.pipeline._evaluator import Evaluate, EvaluatorOptions
from evolve.problem import Problem, load_problem
from evolve.sandbox import LocalExecutor, RunResult, encode
from evolve.sandbox._policy import CORE
from tests.conftest import toy_problem
from tests.sandbox.helpers import LINUX, needs_namespaces

EVALUATOR = """
import importlib.util

def evaluate(path):
    spec = importlib.util.spec_from_file_location("candidate", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return {"combined_score": 1.0, "loot": program.solve()}
"""
STAGE = {"name": "evaluate", "kind": "evaluator"}


def shared_problem(tmp_path: Path, *, evaluator: str = EVALUATOR, **options: Any) -> Problem:
    """Declare a problem whose evaluator hands on as a text what a program returns."""
    folder = tmp_path / "toy"
    (folder / "peer").mkdir(parents=True, exist_ok=True)
    (folder / "peer" / "evaluator.py").write_text(evaluator)
    given = {"layout": "openevolve", "file": "peer/evaluator.py", **options}
    toy_problem(
        tmp_path,
        seed="def solve():\n    return 'nothing'\n",
        params=None,
        candidate={"readable": ["peer"], "memory_mb": 512},
        objective={"metric": "combined_score"},
        measures=[{"metric": "lines", "range": [0.0, 100.0], "bins": 8}],
        stages=[
            {"name": "parse", "kind": "parse"},
            {"name": "complexity", "kind": "complexity", "needs": ["parse"]},
            {**STAGE, "needs": ["parse"], "options": given},
        ],
    )
    (folder / "score.py").unlink()
    return load_problem(folder)


def evaluated(problem: Problem, text: str) -> Evaluation:
    return asyncio.run(evaluate_fresh(problem, text))


def test_it_needs_no_scorer_and_marks_its_results(tmp_path: Path) -> None:
    problem = shared_problem(tmp_path)
    found = evaluated(problem, problem.seeds[0][1])
    assert (problem.trust, found.status, found.objective) == ("shared", "valid", 1.0)
    layers = found.stages["evaluate"].layers
    assert layers[-1] == SHARED_TRUST
    if LINUX:
        assert set(CORE) <= {*layers}
    assert SHARED_TRUST not in found.stages["complexity"].layers


OPTIONS = {
    "unknown": ({"colour": "red"}, r"stages\.evaluate\.options: colour: unknown key"),
    "layout": ({"layout": "other"}, "layout"),
    "missing file": ({"file": "peer/none.py"}, r"options\.file: there is no file at .*peer/none\.py"),
    "hidden file": ({"file": "seed.py"}, "must lie inside of what candidate.readable names"),
    "file outside": ({"file": "../../outside.py"}, r"options\.file"),
}


@pytest.mark.parametrize(("options", "message"), OPTIONS.values(), ids=OPTIONS.keys())
def test_wrong_options_are_refused(options: dict[str, str], message: str, tmp_path: Path) -> None:
    problem = shared_problem(tmp_path, **options)
    with pytest.raises(ProblemError, match=message):
        Pipeline(problem, LocalExecutor(problem, 1))


def test_parameters_that_nobody_would_see_are_refused(tmp_path: Path) -> None:
    shared_problem(tmp_path)
    file = tmp_path / "toy" / "problem.toml"
    file.write_text(file.read_text() + "\n[params]\nn = 3\n")
    problem = load_problem(tmp_path / "toy")
    with pytest.raises(ProblemError, match=r"remove \[params\] and \[\[cases\]\]"):
        Evaluate().check(problem, problem.spec.stages[-1])


def test_the_reference_lists_every_option_with_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs/reference/problem.md").read_text()
    part = page.partition("## The stage kind `evaluator`")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:3] for line in part.splitlines() if line.startswith("| `")]
    listed = {name.strip(" `"): default.strip(" `") for name, default in rows}
    fields = EvaluatorOptions.model_fields
    expected = {}
    for name, field in fields.items():
        default = "" if field.is_required() else field.default
        said = {True: "true", False: "false", (): "[]", None: "none"}
        expected[name] = str(said.get(default, default))
    assert listed == expected


ANSWERS = {
    "no plain data": b"not encoded",
    "a list": encode([1, 2]),
    "another status": encode({"status": "valid", "metrics": {}, "feedback": ""}),
    "a metric that is a text": encode({"status": "ok", "metrics": {"combined_score": "1"}, "feedback": ""}),
    "no feedback": encode({"status": "ok", "metrics": {"combined_score": 1.0}}),
    "too much": encode({"status": "ok", "metrics": {str(i): 1.0 for i in range(5000)}, "feedback": ""}),
}


class _Answering:
    """Stands for an executor whose sandbox answers what it is told to."""

    def __init__(self, output: bytes) -> None:
        self._output = output

    async def run(self, *_arguments: object) -> RunResult:
        return RunResult("ok", self._output, "", "", 0.1, 0.1, ("seccomp",))

    async def command(self, *_arguments: object) -> Any:
        raise AssertionError("nothing to start")

    async def score(self, *_arguments: object, **_more: object) -> Any:
        raise AssertionError("nothing to score")


@pytest.mark.parametrize("output", ANSWERS.values(), ids=ANSWERS.keys())
def test_a_forged_answer_is_a_failure_of_the_program(output: bytes, tmp_path: Path) -> None:
    problem = shared_problem(tmp_path)
    pipeline = Pipeline(problem, _Answering(output))
    found = asyncio.run(pipeline.evaluate(problem.seeds[0][1]))
    assert (found.status, found.objective) == ("failed", None)


ATTACKS = {
    "open a socket": "import socket; socket.socket()",
    "resolve a name": "import socket; socket.getaddrinfo('example.org', 80)",
    "read the host's users": "open('/etc/passwd').read()",
    "read the problem's own declaration": "open({folder!r} + '/problem.toml').read()",
    "read a file of the user's": "open({secret!r}).read()",
    "read the engine's environment": "open('/proc/1/environ').read()",
    "change the evaluator": "open({folder!r} + '/peer/evaluator.py', 'a').write('x')",
    "change it through the working folder": "open('evaluator.py', 'a').write('x')",
    "replace it": "import os; os.rename('/scratch/work/evaluator.py', {folder!r} + '/peer/evaluator.py')",
    "write into a system folder": "open('/usr/bin/x', 'w')",
    "trace": "import ctypes; r = ctypes.CDLL(None).ptrace(0, 0, 0, 0); assert r == 0",
    "become root": "import os; os.setuid(0); assert os.getuid() == 0",
    "make a namespace": "import os; r = __import__('ctypes').CDLL(None).unshare(0x10000000); assert r == 0",
    "connect by a program": (
        "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import socket; socket.socket()'], check=True)"
    ),
    "read a file by a program": "import subprocess; subprocess.run(['cat', {secret!r}], check=True)",
    "gain rights by a program": "import subprocess; subprocess.run(['su', '-c', 'id'], check=True)",
}


@needs_namespaces
def test_a_hostile_program_reaches_nothing_with_programs_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-the-user")
    secret = tmp_path / "secret.txt"
    secret.write_text("sk-secret-of-the-user")
    secret.chmod(0o644)
    problem = shared_problem(tmp_path, subprocesses=True)
    places = {"folder": str(problem.folder), "secret": str(secret)}
    attacks = {name: code.format(**places) for name, code in ATTACKS.items()}
    text = f"""
import json, os

def solve():
    won = []
    for name, code in {attacks!r}.items():
        try:
            exec(code, {{}})
            won.append(name)
        except Exception:
            pass
    return "LOOT" + json.dumps([won, dict(os.environ)])
"""
    found = evaluated(problem, text)
    assert found.status == "valid", found.feedback
    won, environment = json.loads(found.feedback.partition("LOOT")[2].splitlines()[0])
    assert won == []
    assert "sk-secret-of-the-user" not in found.feedback
    assert "OPENAI_API_KEY" not in environment
    assert (problem.folder / "peer" / "evaluator.py").read_text() == EVALUATOR


@needs_namespaces
def test_programs_are_not_started_unless_declared(tmp_path: Path) -> None:
    text = "import subprocess\n\ndef solve():\n    return subprocess.check_output(['echo', 'x'], text=True)\n"
    closed = evaluated(shared_problem(tmp_path / "a"), text)
    opened = evaluated(shared_problem(tmp_path / "b", subprocesses=True), text)
    assert closed.status == "failed"
    assert "PermissionError" in closed.feedback
    assert opened.status == "valid"


@needs_namespaces
def test_what_a_program_leaves_running_or_lying_is_gone_for_the_next(tmp_path: Path) -> None:
    problem = shared_problem(tmp_path, subprocesses=True)
    leave = (
        "import subprocess\n\ndef solve():\n    open('/scratch/left', 'w').write('x')\n"
        "    subprocess.Popen(['sleep', '1000'], start_new_session=True)\n    return 'left'\n"
    )
    look = (
        "import os, signal\n\ndef solve():\n    alive = []\n    for pid in range(2, 100):\n        try:\n"
        "            os.kill(pid, 0)\n            alive.append(pid)\n        except OSError:\n            pass\n"
        "    return str((os.path.exists('/scratch/left'), alive))\n"
    )

    async def both() -> list[Evaluation]:
        async with LocalExecutor(problem, 1) as executor:
            pipeline = Pipeline(problem, executor)
            return [await pipeline.evaluate(leave), await pipeline.evaluate(look)]

    first, second = asyncio.run(both())
    assert first.status == "valid", first.feedback
    assert first.wall_s < 20
    assert "(False, [])" in second.feedback


def test_texts_are_capped(tmp_path: Path) -> None:
    problem = shared_problem(tmp_path, max_feedback_chars=100)
    found = evaluated(problem, "def solve():\n    return 'x' * 10_000_000\n")
    assert found.status == "valid"
    assert len(found.feedback) == 100
