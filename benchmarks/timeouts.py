"""A timeout holds whatever a program does: how late it returns, and what is left of it.

Programs that sleep in C, ignore signals, fork children, hold the interpreter's lock or daemonise are each
given 2 s, in turn. Exit code 1 when one returns later than 2.3 s or leaves a process behind.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from pathlib import Path

import _results

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor

LIMIT_S, LATEST_S = 2.0, 2.3
PROGRAMS = {
    "sleeps in C": "import time\ndef value(n):\n    time.sleep(1000)\n",
    "spins": "def value(n):\n    while True: pass\n",
    "ignores signals": (
        "import signal\ndef value(n):\n    for s in range(1, 32):\n        try: signal.signal(s, signal.SIG_IGN)\n"
        "        except (OSError, ValueError): pass\n    while True: pass\n"
    ),
    "forks children": (
        "import os, time\ndef value(n):\n    for _ in range(8):\n        if os.fork() == 0:\n            time.sleep(1000)\n"
        "    time.sleep(1000)\n"
    ),
    "daemonises": (
        "import os, time\ndef value(n):\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n"
        "            time.sleep(1000)\n        os._exit(0)\n    time.sleep(1000)\n"
    ),
    "holds the lock": "import re\ndef value(n):\n    re.match('(a+)+$', 'a' * 64 + 'b')\n",
    "computes in C": "def value(n):\n    return pow(7, 10**9)\n",
    "threads": (
        "import threading, time\ndef value(n):\n    for _ in range(4):\n"
        "        threading.Thread(target=time.sleep, args=(1000,)).start()\n    while True: pass\n"
    ),
}


def processes_below() -> int:
    """Count the sandbox's processes that run a program: all that is below a zygote."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            parents[int(entry.name)] = (int(fields[1]), b"_zygote" in command)
    return sum(1 for parent, zygote in parents.values() if not zygote and parents.get(parent, (0, False))[1])


async def measure(count: int, workers: int) -> list[float]:
    """Run that many programs in turn; return how long each took in seconds."""
    kinds = list(PROGRAMS.values())
    async with LocalExecutor(load_problem(Path(__file__).parent / "trivial"), workers) as executor:

        async def one(index: int) -> float:
            started = time.perf_counter()
            program = kinds[index % len(kinds)]
            result = await executor.run(program, "value", {"n": 3}, Limits(wall_s=LIMIT_S, cpu_s=60))
            assert result.status in ("timeout", "failed"), result
            return time.perf_counter() - started

        taken: list[float] = []
        for start in range(0, count, workers):
            taken += await asyncio.gather(
                *(one(index) for index in range(start, min(count, start + workers)))
            )
        left = processes_below()
    if left:
        sys.exit(f"{left} processes were left")
    return taken


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=100, help="timeouts in a row")
    parser.add_argument("--workers", type=int, default=2, help="programs at once")
    options = parser.parse_args()
    taken = asyncio.run(measure(options.count, options.workers))
    print(
        f"{len(taken)} programs with {LIMIT_S:g} s each: the latest returned after {max(taken):.3f} s, none left anything"
    )
    _results.write("timeouts", {**vars(options), "limit_s": LIMIT_S, "latest_s": round(max(taken), 3)})
    sys.exit(0 if max(taken) <= LATEST_S else 1)


if __name__ == "__main__":
    main()
