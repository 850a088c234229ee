"""What one sandboxed evaluation costs, beside what else could be done on the same machine.

Measured in one run: evaluations of a trivial program under the strict policy (median, p95, parts), with
numpy and with the usual scientific libraries preloaded, a bare fork, starting an interpreter, and the
evaluators of OpenEvolve and ShinkaEvolve when the Python given with --peers has them installed
(`pip install openevolve shinka-evolve` into an environment of its own).
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

import _peers
import _results
from engine_overhead import fork_floor_ms

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor

PROGRAM = "import numpy\n\n\ndef answer():\n    return float(numpy.arange(4.0).sum())\n"
VALUE = 6.0
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
_FEWEST_FOR_P95 = 20


def summary(times: list[float]) -> dict[str, float]:
    """Return the median, and the 95th percentile where there are enough times to have one."""
    figures = {"median_ms": round(statistics.median(times), 2)}
    if len(times) >= _FEWEST_FOR_P95:
        figures["p95_ms"] = round(statistics.quantiles(times, n=20)[-1], 2)
    return figures


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
                verdict = await executor.score(result.output, {}, artifact=False, timeout_s=30)
                times.append(1000 * (time.perf_counter() - started))
                assert verdict.metrics == {"value": VALUE}, verdict
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


def peer_figures(peer: _peers.Peer, python: str, runs: int) -> dict[str, object]:
    """Measure a peer's evaluator on the same program; say why where there is no figure."""
    try:
        measured = _peers.times_ms(peer, python, PROGRAM, VALUE, runs)
    except _peers.PeerError as error:
        return {"error": str(error)}
    return {
        "version": measured["version"],
        "runs": len(measured["times"]),
        **summary(measured["times"]),
        "isolation": peer.isolation,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=300, help="evaluations of each kind")
    parser.add_argument("--peers", default=sys.executable, help="a Python with peers installed")
    options = parser.parse_args()
    figures: dict[str, object] = {
        "strict_numpy": asyncio.run(ours(["numpy"], options.runs)),
        "bare_fork_of_a_numpy_process": {"median_ms": round(fork_floor_ms(1), 2)},
        "interpreter_with_numpy": interpreter(20),
    }
    if all(importlib.util.find_spec(name.split(".")[0]) for name in HEAVY):
        figures["strict_heavy"] = asyncio.run(ours(HEAVY, options.runs))
    else:
        figures["strict_heavy"] = {"preload": HEAVY, "error": "not installed"}
    for name, peer in _peers.PEERS.items():
        figures[name] = peer_figures(peer, options.peers, options.runs)
    for name, figure in figures.items():
        print(name, figure)
    _results.write("evaluation_overhead", figures)


if __name__ == "__main__":
    main()
