"""Ten thousand evaluations, a tenth of them hostile: memory, descriptors, processes and files stay flat.

Exit code 1 when the engine's memory grows by more than 20 MiB after the first tenth, or when a
descriptor, a process or a scratch folder is left.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

import _results

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor

HONEST = "def value(n):\n    return 0.25 * n + 1.5\n"
HOSTILE = [
    "import os\ndef value(n):\n    while True:\n        os.fork()\n",
    "def value(n):\n    return 'x' * 10**9\n",
    "def value(n):\n    print('x' * 10**7)\n    return 1.0\n",
    "import os\ndef value(n):\n    os._exit(0)\n",
    "import os\ndef value(n):\n    for fd in range(64):\n        try: os.write(fd, b'R' * 100)\n        except OSError: pass\n",
    "def value(n):\n    return bytearray(10**10)\n",
    "import os\ndef value(n):\n    for i in range(10**5): open(str(i), 'w').close()\n",
    "import ctypes\ndef value(n):\n    ctypes.string_at(0)\n",
    "import os\ndef value(n):\n    if os.fork() == 0:\n        os.setsid()\n        while True: pass\n    return 1.0\n",
    "def value(n):\n    return value(n)\n",
]


def resident_mb() -> float:
    """Return this process's memory in MiB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def descriptors() -> int:
    """Count this process's open descriptors."""
    return len(os.listdir("/proc/self/fd"))


async def endure(count: int, workers: int) -> dict[str, object]:
    """Evaluate; return what was seen after each tenth."""
    seen: list[dict[str, float]] = []
    before = descriptors()
    async with LocalExecutor(load_problem(Path(__file__).parent / "trivial"), workers) as executor:

        async def one(index: int) -> None:
            hostile = index % 10 == 9
            program = HOSTILE[index // 10 % len(HOSTILE)] if hostile else HONEST
            result = await executor.run(program, "value", {"n": 3}, Limits(wall_s=2.0, memory_mb=256))
            if result.status == "ok":
                verdict = await executor.score(result.output, {}, artifact=False, timeout_s=10)
                assert hostile or (verdict.status, verdict.metrics["value"]) == ("valid", 0.25), verdict
            assert hostile or result.status == "ok", result

        for start in range(0, count, count // 10):
            pending = iter(range(start, start + count // 10))

            async def worker(pending: object = pending) -> None:
                for index in pending:  # type: ignore[attr-defined]
                    await one(index)

            await asyncio.gather(*(worker() for _ in range(workers)))
            seen.append({"memory_mb": round(resident_mb(), 1), "descriptors": descriptors()})
            print(f"{start + count // 10} evaluations: {seen[-1]}", flush=True)
    return {"after_each_tenth": seen, "descriptors_left": descriptors() - before}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="evaluations")
    parser.add_argument("--workers", type=int, default=2, help="programs at once")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tempfile.tempdir = folder
        figures = asyncio.run(endure(options.count, options.workers))
        figures["folders_left"] = len(os.listdir(folder))
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    figures["processes_left"] = len(children)
    _results.write("endurance", {**vars(options), **figures})
    seen: list[dict[str, float]] = figures["after_each_tenth"]  # type: ignore[assignment]
    growth = seen[-1]["memory_mb"] - seen[0]["memory_mb"]
    left = [figures[key] for key in ("descriptors_left", "folders_left", "processes_left")]
    print(f"memory grew by {growth:.1f} MiB; descriptors, folders, processes left: {left}")
    sys.exit(0 if growth <= 20 and not any(left) else 1)


if __name__ == "__main__":
    main()
