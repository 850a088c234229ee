"""What watching costs: the first screen, a key, memory, and the run that is watched.

`evolve watch` runs in a pseudo-terminal of 120 x 40 on a stored run of 100,000 programs. Limits that hold
on a machine with nothing else to do: something to see within 1 second of the start, 95 % of all keys
painted within 100 ms in every pane, less than 300 MB, and a live run at more than 0.98 times its speed.
`python benchmarks/watching.py [--programs 100000] [--keys 40] [--rounds 10]`.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import _results
import numpy as np
from _stored_run import stored_run
from _terminal import Terminal

from evolve.engine._config import RunConfig
from evolve.islands import load_preset
from evolve.models import ModelsConfig, ModelSpec
from evolve.problem import load_problem

EVOLVE = [sys.executable, "-m", "evolve"]
TRIVIAL = Path(__file__).parent / "trivial"
UP, DOWN, RIGHT, LEFT = "\x1b[A", "\x1b[B", "\x1b[C", "\x1b[D"
PAGE_UP, PAGE_DOWN, HOME, END = "\x1b[5~", "\x1b[6~", "\x1b[H", "\x1b[F"
ESCAPE, ENTER, TAB = "\x1b", "\r", "\t"
PANES = {
    "overview": ("1", ("z", "x")),
    "archive": ("2", (UP, RIGHT, DOWN, LEFT, "n", "i", "v", "v")),
    "programs": ("3", (DOWN, PAGE_DOWN, DOWN, END, HOME, "s", "r")),
    "lineage": ("4", (DOWN, UP, PAGE_DOWN, HOME, END, "v")),
    "picture": ("5", ("?", ESCAPE)),
    "control": ("6", ("?", ESCAPE)),
    "runs": ("7", (DOWN, DOWN, " ", UP, "z")),
    "program": ("3" + ENTER, (TAB, "n", PAGE_DOWN, PAGE_UP, "N")),
}
"""By pane: the keys that lead there, and those that are pressed in turn."""
WINDOW_S = 8.0


def watch(folder: Path) -> Terminal:
    """Open the app on a run."""
    environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
    return Terminal([*EVOLVE, "watch", str(folder)], environment=environment)


def is_up(screen: str) -> bool:
    """Tell whether the app shows its panes."""
    return all(name in screen for name in ("overview", "archive", "programs", "lineage"))


def has_read(screen: str) -> bool:
    """Tell whether the app knows all programs."""
    return is_up(screen) and "│ best " in screen


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[Terminal]:
    """Open the app, wait for its first screen, close it at the end."""
    terminal = watch(folder)
    try:
        terminal.until(is_up)
        yield terminal
    finally:
        terminal.close()


def first_screens(folder: Path, repeats: int) -> dict[str, float]:
    """Return medians of the seconds to the first screen, and to one that knows all programs."""
    shown, known = [], []
    for _ in range(repeats):
        terminal = watch(folder)
        try:
            shown.append(terminal.until(is_up))
            known.append(terminal.until(has_read))
        finally:
            terminal.close()
    return {
        "first_s": round(statistics.median(shown), 3),
        "all_programs_s": round(statistics.median(known), 3),
    }


def keys_to_paint(folder: Path, presses: int) -> tuple[dict[str, dict[str, float]], float]:
    """Press keys in every pane; return the figures of each, and the memory at its peak in MiB."""
    figures = {}
    with watching(folder) as terminal:
        terminal.until(has_read)
        for pane, (way, turns) in PANES.items():
            for key in way:
                terminal.press(key)
            before, painted = terminal.cpu_s(), []
            for key in itertools.islice(itertools.cycle(turns), presses):
                times = terminal.press(key)
                if times is not None:  # the cursor was at the end already, for instance
                    painted.append(times)
            if len(painted) < presses / 2:
                raise SystemExit(
                    f"{pane}: only {len(painted)} of {presses} keys changed the screen:\n{terminal.text}"
                )
            first, last = 1000 * np.array(painted).T
            figures[pane] = {
                "keys": len(painted),
                "first_ms_median": round(float(np.median(first)), 1),
                "painted_ms_median": round(float(np.median(last)), 1),
                "painted_ms_p95": round(float(np.percentile(last, 95)), 1),
                "cpu_ms_per_key": round(1000 * (terminal.cpu_s() - before) / presses, 1),
            }
            print(f"{pane}: {figures[pane]}", flush=True)
            terminal.press(ESCAPE)
        switches = [terminal.press(key) for key in itertools.islice(itertools.cycle("1234567"), presses)]
        last = np.array([1000 * times[1] for times in switches if times is not None])
        figures["going from pane to pane"] = {
            "keys": len(last),
            "painted_ms_median": round(float(np.median(last)), 1),
            "painted_ms_p95": round(float(np.percentile(last, 95)), 1),
        }
        return figures, terminal.memory_mb()


def live(rounds: int) -> dict[str, float]:
    """Return how fast a run goes while it is watched, as a ratio to the same run alone.

    One run; its commits are counted in windows of some seconds with and without the app, in turns, so that
    what drifts (the archive fills, the machine gets busier) meets both alike.
    """
    with tempfile.TemporaryDirectory() as runs, _engine(Path(runs)) as folder:
        alone, watched, cpu = [], [], []
        for turn in range(rounds):
            for with_app in (False, True) if turn % 2 else (True, False):
                if not with_app:
                    alone.append(_rate(folder))
                    continue
                with watching(folder) as terminal:
                    terminal.drain(2.0)  # it reads what the run has done so far
                    started = terminal.cpu_s()
                    watched.append(_rate(folder, terminal))
                    cpu.append((terminal.cpu_s() - started) / WINDOW_S)
        ratios = [a / b for a, b in zip(watched, alone, strict=True)]
        spread = statistics.stdev(ratios) / len(ratios) ** 0.5
        return {
            "rounds": rounds,
            "alone_per_s": round(statistics.median(alone), 1),
            "watched_per_s": round(statistics.median(watched), 1),
            "ratio": round(statistics.median(watched) / statistics.median(alone), 3),
            "standard_error": round(spread, 3),
            "app_cpu_share": round(statistics.median(cpu), 3),
        }


@contextlib.contextmanager
def _engine(runs: Path) -> Iterator[Path]:
    """Run an engine on the cheapest problem there is; yield the run's folder."""
    options = ["--id", "live", "--runs", str(runs), "--max-evals", "10000000", "--seed", "1"]
    engine = subprocess.Popen(
        [*EVOLVE, "run", str(TRIVIAL), *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    folder = runs / "live"
    try:
        while not (folder / "run.db").exists() or _commits(folder) < 500:
            if engine.poll() is not None:
                raise SystemExit(
                    "the run that was to be watched has ended; see `evolve run benchmarks/trivial`"
                )
            time.sleep(0.1)
        yield folder
    finally:
        engine.send_signal(signal.SIGINT)
        engine.wait()


def _rate(folder: Path, terminal: Terminal | None = None) -> float:
    """Return commits per second over a window."""
    before, started = _commits(folder), time.perf_counter()
    if terminal is None:
        time.sleep(WINDOW_S)
    else:
        terminal.drain(WINDOW_S)
    return (_commits(folder) - before) / (time.perf_counter() - started)


def _commits(folder: Path) -> int:
    """Return the number of commits; as cheap as can be, for it is asked while the clock runs."""
    with contextlib.closing(sqlite3.connect(f"{(folder / 'run.db').as_uri()}?mode=ro", uri=True)) as store:
        try:
            return int(store.execute("SELECT coalesce(max(seq), 0) FROM program").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are just being made
            return 0


def runs_to_watch(runs: Path, programs: int) -> Path:
    """Write the run that is looked at, and a few small ones beside it; return its folder."""
    problem = load_problem("circle_packing")
    config = RunConfig(
        problem="circle_packing",
        islands=load_preset("ring4"),
        models=ModelsConfig(use=(ModelSpec(name="openai/gpt-5-mini"),)),
    )
    for number in range(8):
        stored_run(runs / f"small-{number}", 300, config, problem)
    stored_run(runs / "big", programs, config, problem)
    return runs / "big"


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=100_000, help="programs of the run that is looked at")
    parser.add_argument("--keys", type=int, default=40, help="keys pressed in every pane")
    parser.add_argument("--starts", type=int, default=5, help="how often the app is started")
    parser.add_argument(
        "--rounds", type=int, default=10, help="windows of a live run with and without the app"
    )
    options = parser.parse_args()
    if options.rounds < 2 or options.keys < 2 or options.starts < 1:
        parser.error("needs at least 2 rounds and 2 keys, for the figures to have a spread, and 1 start")
    with tempfile.TemporaryDirectory() as name:
        folder = runs_to_watch(Path(name), options.programs)
        screens = first_screens(folder, options.starts)
        print(f"first screen: {screens}")
        keys, memory_mb = keys_to_paint(folder, options.keys)
        print(f"memory at its peak: {memory_mb:.0f} MiB")
    ratios = live(options.rounds)
    print(f"live: {ratios}")
    slowest = max(figures["painted_ms_p95"] for figures in keys.values())
    _results.write(
        "watching",
        {
            "programs": options.programs,
            "start": screens,
            "keys": keys,
            "memory_mb": round(memory_mb),
            "live": ratios,
            "limits_hold": {
                "first screen below 1 s": screens["first_s"] < 1,
                "95 % of keys below 100 ms": slowest < 100,
                "memory below 300 MB": memory_mb < 300,
                "live run above 0.98 of its speed": ratios["ratio"] > 0.98,
            },
        },
    )


if __name__ == "__main__":
    main()
