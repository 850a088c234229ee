"""The evaluators of other engines, called as their own documentation says, on a program of ours.

Each runs under the Python that has it installed, answers what an evaluation took, and fails unless the
program's own value came back: the time of an evaluation that went wrong says nothing.
"""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import Any

OPENEVOLVE = """
import asyncio, json, sys, tempfile, time, logging
from importlib.metadata import version
logging.disable(logging.CRITICAL)
from openevolve.config import EvaluatorConfig
from openevolve.evaluator import Evaluator
code, value, runs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
evaluation = tempfile.NamedTemporaryFile("w", suffix=".py")
evaluation.write('''
import importlib.util
def evaluate(path):
    spec = importlib.util.spec_from_file_location("candidate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"value": module.answer()}
''')
evaluation.flush()
async def main():
    evaluator = Evaluator(EvaluatorConfig(cascade_evaluation=False), evaluation.name)
    times = []
    for index in range(runs):
        start = time.perf_counter()
        metrics = await evaluator.evaluate_program(code, str(index))
        times.append(1000 * (time.perf_counter() - start))
        assert metrics == {"value": value}, metrics
    print(json.dumps({"version": version("openevolve"), "times": times}))
asyncio.run(main())
"""

SHINKAEVOLVE = """
import json, logging, sys, tempfile, time
from importlib.metadata import version
from pathlib import Path
logging.disable(logging.CRITICAL)
from shinka.launch import JobScheduler, LocalJobConfig
code, value, runs = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
EVALUATE = '''
import argparse
from shinka.core import run_shinka_eval
parser = argparse.ArgumentParser()
parser.add_argument("--program_path")
parser.add_argument("--results_dir")
run_shinka_eval(
    **vars(parser.parse_args()),
    experiment_fn_name="answer",
    num_runs=1,
    get_experiment_kwargs=lambda run: {},
    aggregate_metrics_fn=lambda results: {"combined_score": results[0]},
)
'''
with tempfile.TemporaryDirectory() as name:
    folder = Path(name)
    (folder / "initial.py").write_text(code)
    (folder / "evaluate.py").write_text(EVALUATE)
    config = LocalJobConfig(eval_program_path=str(folder / "evaluate.py"), numeric_threads_per_job=1)
    scheduler = JobScheduler("local", config)
    times = []
    for index in range(runs):
        results = str(folder / f"results_{index}")
        start = time.perf_counter()
        job = scheduler.submit_async(str(folder / "initial.py"), results)
        answer = scheduler.get_job_results(job, results)
        times.append(1000 * (time.perf_counter() - start))
        assert answer["correct"]["correct"], answer
        assert answer["metrics"]["combined_score"] == value, answer
print(json.dumps({"version": version("shinka-evolve"), "times": times}))
"""


@dataclass(frozen=True)
class Peer:
    """Another engine's evaluator.

    Attributes:
        module: What it is imported as.
        script: Evaluates a program that often, and prints its version and the times in ms as JSON; its
            arguments are the program's text, the value that has to come out, and how often.
        most_runs: More would take too long.
        isolation: What stands between the program and the machine.
    """

    module: str
    script: str
    most_runs: int
    isolation: str


PEERS = {
    "openevolve": Peer(
        "openevolve", OPENEVOLVE, 1000, "none: a thread of a process that evaluates many programs"
    ),
    "shinkaevolve": Peer(
        "shinka",
        SHINKAEVOLVE,
        7,
        "a process for each program, shared with the scorer; the user's rights, environment, files, network",
    ),
}
"""By the name under which figures are reported."""


class PeerError(Exception):
    """A peer has no figures; says why."""


def times_ms(peer: Peer, python: str, program: str, value: float, runs: int) -> dict[str, Any]:
    """Evaluate a program whose `answer()` is `value`; return the peer's "version" and the "times" in ms.

    Raises:
        PeerError: it is not installed for this Python, or an evaluation failed.
    """
    if not _installed(peer, python):
        raise PeerError("not installed")
    runs = min(runs, peer.most_runs)
    command = [python, "-c", peer.script, program, str(value), str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise PeerError((done.stderr.strip().splitlines() or ["no output"])[-1])
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])  # it may print more of its own
    return answer


def _installed(peer: Peer, python: str) -> bool:
    probe = f"import sys, importlib.util; sys.exit(importlib.util.find_spec({peer.module!r}) is None)"
    return subprocess.run([python, "-c", probe], check=False).returncode == 0
