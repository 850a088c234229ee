"""Kill −9 at random instants of a run, resume each time, and compare with a run never killed.

The end must be equal to the last bit (the store's digest), and no stage that was stored may have
been computed again. `python benchmarks/crash.py --kills 20`. Exit code 1 when it is not so.
"""

from __future__ import annotations

import argparse
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import _results

from evolve.store import Reader


def start(runs: Path, name: str, evals: int) -> subprocess.Popen[bytes]:
    """Begin the run, or resume it when it exists."""
    command = [sys.executable, "-m", "evolve"]
    if (runs / name / "run.db").exists():
        command += ["resume", str(runs / name)]
    else:
        command += ["run", "circle_packing", "--islands", "ring4", "--max-evals", str(evals), "--id", name]
        command += ["--runs", str(runs)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL)


def digest(folder: Path) -> str:
    """Hash what has to be equal."""
    with Reader(folder) as reader:
        return reader.digest()


def main() -> None:
    """Kill, resume, compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20, help="how often to kill")
    parser.add_argument("--evals", type=int, default=150, help="length of the run")
    parser.add_argument("--seed", type=int, default=0, help="seed of the instants")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        started = time.monotonic()
        if start(runs, "whole", options.evals).wait() != 0:
            sys.exit("the undisturbed run failed")
        whole_s = time.monotonic() - started
        kills = 0
        while kills < options.kills:
            process = start(runs, "killed", options.evals)
            try:
                # any instant: start-up, restoring, evolving, export
                code = process.wait(timeout=chance.uniform(0.1, 2.5 + 2 * whole_s / options.kills))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
            else:
                print(f"ended with code {code} after {kills} kills; killing while it exports from here on")
                if code != 0:
                    sys.exit("a resumed run failed")
        if start(runs, "killed", options.evals).wait() != 0:
            sys.exit("the last resume failed")
        same = digest(runs / "whole") == digest(runs / "killed")
        with Reader(runs / "killed") as reader:
            counts = Counter((row.ticket, row.stage) for row in reader.stage_results())
            sessions = len(reader.events(kind="resumed"))
    twice = sum(count > 1 for count in counts.values())
    print(
        f"{kills} kills, {sessions} resumed sessions: equal end {same}; "
        f"stages computed twice after being stored: {twice}"
    )
    _results.write(
        "crash", {**vars(options), "sessions": sessions, "equal_end": same, "computed_twice": twice}
    )
    sys.exit(0 if same and not twice else 1)


if __name__ == "__main__":
    main()
