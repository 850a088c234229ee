"""What one sandboxed evaluation costs, beside what else could be done on the same machine.

Measured in one run: evaluations of a trivial program under the strict policy (median, p95, parts), a
bare fork, starting an interpreter, and the evaluator of OpenEvolve when the Python given with
--peers has it installed (`pip install openevolve` into an environment of its own).
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.util
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import _results
from engine_overhead import fork_floor_ms

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor

PROGRAM = "import numpy\n\n\ndef answer():\n    return float(numpy.arange(4.0).sum())\n"
DECLARATION = """
[problem]
name = "cost"
title = "What an evaluation costs"
statement = "Return a number."
[candidate]
entry = "answer"
seeds = ["seed.py"]
preload = {preload}
[objective]
metric = "value"
direction = "maximize"
[[measures]]
metric = "lines"
range = [0, 10]
bins = 2
"""
SCORER = """
from evolve.problem import Score

def score(output, params, case):
    return Score({'value': output})
"""
HEAVY = ["numpy", "scipy.optimize", "pandas", "sklearn.ensemble"]

OPENEVOLVE = """
import asyncio, sys, tempfile, time, logging
logging.disable(logging.CRITICAL)
from openevolve.config import EvaluatorConfig
from openevolve.evaluator import Evaluator
code, runs = sys.argv[1], int(sys.argv[2])
evaluation = tempfile.NamedTemporaryFile("w", suffix=".py", delete=False)
evaluation.write('''
import importlib.util
def evaluate(path):
    spec = importlib.util.spec_from_file_location("candidate", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return {"value": module.answer()}
''')
evaluation.close()
async def main():
    evaluator = Evaluator(EvaluatorConfig(cascade_evaluation=False), evaluation.name)
    times = []
    for index in range(runs):
        start = time.perf_counter()
        await evaluator.evaluate_program(code, str(index))
        times.append(1000 * (time.perf_counter() - start))
    print(" ".join(map(str, times)))
asyncio.run(main())
"""


def summary(times: list[float]) -> dict[str, float]:
    """Return median and 95th percentile."""
    return {
        "median_ms": round(statistics.median(times), 2),
        "p95_ms": round(statistics.quantiles(times, n=20)[-1], 2),
    }


async def ours(preload: list[str], runs: int) -> dict[str, object]:
    """Evaluate the program that often, run and score; return the figures."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in (
            ("problem.toml", DECLARATION.replace("{preload}", repr(preload).replace("'", '"'))),
            ("seed.py", PROGRAM),
            ("score.py", SCORER),
        ):
            (Path(folder) / name).write_text(text)
        times: list[float] = []
        parts: dict[str, list[float]] = {}
        async with LocalExecutor(load_problem(folder), workers=1, policy="strict") as executor:
            for _ in range(runs):
                started = time.perf_counter()
                result = await executor.run(PROGRAM, "answer", {}, Limits())
                await executor.score(result.output, {}, artifact=False, timeout_s=30)
                times.append(1000 * (time.perf_counter() - started))
                for part, seconds in result.parts.items():
                    parts.setdefault(part, []).append(1000 * seconds)
    medians = {part: round(statistics.median(values), 2) for part, values in parts.items()}
    return {"preload": preload, **summary(times), "parts_median_ms": medians}


def interpreter(runs: int) -> dict[str, float]:
    """Start an interpreter that imports numpy."""
    times = []
    for _ in range(runs):
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", "import numpy"], check=True)
        times.append(1000 * (time.perf_counter() - started))
    return summary(times)


def openevolve(python: str, runs: int) -> dict[str, object]:
    """Call OpenEvolve's evaluator, which runs the program in its own process, without isolation."""
    done = subprocess.run(
        [python, "-c", OPENEVOLVE, PROGRAM, str(runs)], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return {"error": done.stderr.strip().splitlines()[-1] if done.stderr.strip() else "no output"}
    return {
        **summary([float(word) for word in done.stdout.split()]),
        "isolation": "none: in the caller's process",
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300, help="evaluations of each kind")
    parser.add_argument("--peers", help="a Python with peers installed")
    options = parser.parse_args()
    figures: dict[str, object] = {
        "strict_numpy": asyncio.run(ours(["numpy"], options.runs)),
        "bare_fork_of_a_numpy_process": {"median_ms": round(fork_floor_ms(1), 2)},
        "interpreter_with_numpy": interpreter(20),
    }
    if all(importlib.util.find_spec(name.split(".")[0]) for name in HEAVY):
        figures["strict_heavy"] = asyncio.run(ours(HEAVY, options.runs))
    if options.peers:
        figures["openevolve"] = openevolve(options.peers, options.runs)
    for name, figure in figures.items():
        print(name, figure)
    _results.write("evaluation_overhead", figures)


if __name__ == "__main__":
    main()
