"""What the engine itself costs per program, beside the fork floor of the machine.

A trivial program is evolved with everything on: sandbox, scorer process, store, archive, bandit.
Reported: the median over blocks of 100 programs, its ratio to the floor, and how flat it
stays over a long run. Run it alone: `python benchmarks/engine_overhead.py [--long 20000]`.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import _results

import evolve
from evolve.islands import Preset
from evolve.store import Reader

TRIVIAL = Path(__file__).parent / "trivial"
BLOCK = 100

FLOOR = """
import os, sys, time
import numpy, numpy.random
times = []
for _ in range(300):
    start = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    times.append(time.perf_counter() - start)
print(1000 * sorted(times)[len(times) // 2])
"""


def fork_floor_ms(processes: int) -> float:
    """Return the median of a bare fork, exit and wait of a numpy process, in ms, that many at a time."""
    started = [
        subprocess.Popen([sys.executable, "-c", FLOOR], stdout=subprocess.PIPE, text=True)
        for _ in range(processes)
    ]
    return statistics.mean(float(process.communicate()[0]) for process in started)


def commit_times(programs: int, workers: int) -> list[float]:
    """Run that many tickets; return the run time at each commit, in seconds."""
    preset = Preset.model_validate(
        {
            "archipelago": {"title": "one arm"},
            "island": [{"selection": {"kind": "uniform"}, "operators": {"jitter": 1.0}}],
        }
    )
    with tempfile.TemporaryDirectory() as runs:
        result = evolve.run(
            TRIVIAL, islands=preset, workers=workers, budget=evolve.Budget(max_evals=programs), runs=runs
        )
        with Reader(result.folder) as reader:
            return [commit.program.at_s for commit in reader.commits()]


def per_program_ms(times: list[float]) -> list[float]:
    """Return the wall time per program in ms, for every full block of 100."""
    edges = times[::BLOCK]
    return [1000 * (b - a) / BLOCK for a, b in itertools.pairwise(edges)]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=2000, help="programs of the short runs")
    parser.add_argument("--long", type=int, default=20_000, help="programs of the long run; 0 leaves it out")
    options = parser.parse_args()

    floor = {workers: fork_floor_ms(workers) for workers in (1, 2)}
    figures: dict[str, object] = {}
    for workers in (1, 2):
        median = statistics.median(per_program_ms(commit_times(options.programs, workers)))
        figures[f"{workers}_workers"] = {
            "programs": options.programs,
            "median_ms_per_program": round(median, 3),
            "bare_fork_ms": round(floor[workers], 3),
        }
        print(
            f"{workers} workers: {median:.2f} ms a program; a bare fork alone takes {floor[workers]:.2f} ms"
        )
    if options.long:
        times = commit_times(options.long, 2)
        first = times[1000] - times[0]
        last = times[-1] - times[-1001]
        figures["long_run"] = {
            "programs": len(times),
            "first_1000_ms": round(first, 3),
            "last_1000_ms": round(last, 3),
            "ratio": round(last / first, 3),
        }
        print(
            f"{len(times)} programs: first 1,000 {first:.2f} ms each, last {last:.2f} ms: "
            f"ratio {last / first:.2f}"
        )
    _results.write("engine_overhead", figures)


if __name__ == "__main__":
    main()
