"""The hostile suite against the sandbox, and against what an engine gets that takes no care.

The careless executor is a fair likeness of what is common: `python -c` in the engine's environment and
working folder, a time limit on the direct child, scoring next to the program, and a pickled result as
the last line of stdout; for programs in C, a subprocess to compile and one to run, and the operating system's
count of their time. It shows that the attacks work. `python benchmarks/hostile_suite.py`, or, as root,
with `--user 65533` to attack as an ordinary user. Exit code 1 when an attack succeeds against the sandbox,
or none against the careless executor. Attacks are bounded and aim at bait alone, also as root.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import _as_user
import _results

from evolve.problem import Value, load_problem
from evolve.sandbox import (
    CodecError,
    Command,
    CommandResult,
    Limits,
    LocalExecutor,
    RunResult,
    Verdict,
    encode,
)
from evolve.sandbox._scratch import remove_tree
from evolve.testing.hostile import ATTACKS, Attack, Report, World, run_attack, run_suite

Arguments = dict[str, Value]

KINDS = ("root", "ordinary_user")
"""Users to attack as: the results hold figures for each."""
STARTUP_S = 1.0
"""What a new interpreter may need on top of the limit, with numpy to import."""

RUNNER = """
import base64, pickle, sys

def score(numbers):
    import numpy as np
    if any(number < 0 for number in numbers):
        raise ValueError("must not be negative")
    return float(np.sum(numbers)) ** 2 / float(len(numbers) * np.sum(np.square(numbers)))

job = pickle.load(sys.stdin.buffer)
report = {"status": "ok", "score": 0.0, "notes": []}
program = {}
exec(job["program"], program)
report["output"] = program[job["entry"]](**job["arguments"])
try:
    report["score"] = score(report["output"])
except Exception as error:
    report["feedback"] = repr(error)
try:
    pickle.dumps(report["output"])
except Exception:
    report["output"] = repr(type(report["output"]))
print(base64.b64encode(pickle.dumps(report)).decode())
"""


class PlainSubprocessExecutor:
    """Runs programs in subprocesses without any confinement. One call at a time."""

    def __init__(self) -> None:
        self._scores: dict[bytes, Any] = {}
        self._folder = ""

    def __enter__(self) -> PlainSubprocessExecutor:
        self._folder = tempfile.mkdtemp(prefix="careless-")
        return self

    def __exit__(self, *_error: object) -> None:
        remove_tree(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def run(
        self, program: str, entry: str, arguments: Arguments | Sequence[Arguments], limits: Limits
    ) -> RunResult:
        """Run the program and, next to it, the scoring; one call at a time."""
        assert isinstance(arguments, dict)
        return await asyncio.to_thread(self._run, program, entry, arguments, limits)

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        """Start the command in the folder, with the environment as it is; one call at a time."""
        return await asyncio.to_thread(self._command, command, limits)

    async def score(self, output: bytes, case: Arguments, *, artifact: bool, timeout_s: float) -> Verdict:
        """Repeat what the program's own process said."""
        del case, artifact, timeout_s
        value = self._scores.get(output)
        if value is None:
            return Verdict("invalid", {}, "no score")
        return Verdict("valid", {"value": float(value)}, "")

    def _command(self, command: Command, limits: Limits) -> CommandResult:
        for name, content in command.files.items():
            path = Path(self._folder, name)
            path.write_bytes(content)
            path.chmod(0o755)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        try:
            done = subprocess.run(
                command.argv,
                input=command.stdin,
                capture_output=True,
                timeout=limits.wall_s,
                cwd=self._folder,
                close_fds=False,
            )
        except subprocess.TimeoutExpired:
            wall_s = time.monotonic() - started
            return CommandResult("timeout", "too slow", b"", b"", {}, None, wall_s, wall_s, 0.0, ())
        wall_s = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        status = "failed" if done.returncode else "ok"
        made = {} if done.returncode else {n: Path(self._folder, n).read_bytes() for n in command.collect}
        ended = (status, "", done.stdout, done.stderr, made, done.returncode)
        return CommandResult(*ended, wall_s, wall_s, cpu_s, ())

    def _run(self, program: str, entry: str, arguments: Arguments, limits: Limits) -> RunResult:
        started = time.monotonic()
        job = pickle.dumps({"program": program, "entry": entry, "arguments": arguments})
        try:
            done = subprocess.run(
                [sys.executable, "-c", RUNNER],
                input=job,
                capture_output=True,
                timeout=limits.wall_s + STARTUP_S,
                cwd=self._folder,
                env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
                close_fds=False,
            )
        except subprocess.TimeoutExpired:
            return RunResult("timeout", b"", "too slow", "", time.monotonic() - started, 0.0, ())
        printed = (done.stdout + done.stderr).decode(errors="replace")
        wall_s = time.monotonic() - started - STARTUP_S
        lines = done.stdout.splitlines()
        try:
            message = pickle.loads(base64.b64decode(lines[-1]))
        except (IndexError, ValueError, pickle.UnpicklingError, EOFError):
            return RunResult("failed", b"", printed[-4000:], printed, wall_s, 0.0, ())
        output = _encoded(message)
        self._scores[output] = message.get("score") if isinstance(message, dict) else None
        return RunResult("ok", output, "", printed, wall_s, 0.0, ())


def _encoded(message: Any) -> bytes:
    """Encode what the program returned, so that the suite can read it; what cannot be stays pickled."""
    with contextlib.suppress(CodecError, TypeError, KeyError):
        return encode(message["output"])
    return pickle.dumps(message)


async def careless(world: World, attacks: list[Attack]) -> list[Report]:
    """Attack the careless executor; a new one each time, since few leave it as it was."""
    reports = []
    for attack in attacks:
        with PlainSubprocessExecutor() as executor:
            reports.append(await run_attack(executor, attack, world))
    return reports


async def sandboxed(world: World, attacks: list[Attack]) -> list[Report]:
    """Attack the sandbox: one for all, as in a run."""
    async with LocalExecutor(load_problem(world.problem), 1) as executor:
        return await run_suite(executor, world, attacks)


def figures(there: list[Report], here: list[Report]) -> dict[str, Any]:
    """Count by category, and name what succeeded here and what was held there."""
    totals = Counter(report.attack.category for report in here)
    won = [Counter(r.attack.category for r in reports if r.succeeded) for reports in (there, here)]
    return {
        "machine": _results.machine(),
        "attacks": len(here),
        "succeeded": {name: sum(r.succeeded for r in reports) for name, reports in _named(there, here)},
        "categories": {
            name: {"attacks": count, "succeeded_careless": won[0][name], "succeeded_sandbox": won[1][name]}
            for name, count in totals.items()
        },
        "layers": next((list(r.outcome.layers) for r in here if r.outcome.layers), []),
        "succeeded_sandbox": {r.attack.name: r.evidence for r in here if r.succeeded},
        "held_careless": [r.attack.name for r in there if not r.succeeded],
        "seconds": {name: round(sum(r.seconds for r in reports), 1) for name, reports in _named(there, here)},
    }


def _named(there: list[Report], here: list[Report]) -> list[tuple[str, list[Report]]]:
    return [("careless", there), ("sandbox", here)]


def show(result: dict[str, Any]) -> None:
    """Print the table."""
    print(f"{'category':14}{'attacks':>9}{'careless':>10}{'sandbox':>9}   (succeeded)")
    rows = result["categories"].items()
    for name, row in rows:
        print(
            f"{name:14}"
            + "".join(f"{value:{width}}" for value, width in zip(row.values(), (9, 10, 9), strict=True))
        )
    won = result["succeeded"]
    print(f"{'all':14}{result['attacks']:9}{won['careless']:10}{won['sandbox']:9}")
    print("held even by the careless executor:", ", ".join(result["held_careless"]) or "none")
    for name, evidence in result["succeeded_sandbox"].items():
        print(f"SUCCEEDED against the sandbox: {name}: {evidence}")


def attack_both(attacks: list[Attack], *, verbose: bool) -> dict[str, Any]:
    """Carry the attacks out, show how they went, and return the figures."""
    with World() as world:
        here = asyncio.run(sandboxed(world, attacks))
        there = asyncio.run(careless(world, attacks))
    result = figures(there, here)
    show(result)
    if verbose:
        for report in (*there, *here):
            print(report)
    return result


def keep(result: dict[str, Any], kind: str) -> None:
    """Write the figures of one kind of user beside those of the other kind, which stay as they were."""
    path = _results.RESULTS / "hostile_suite.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    both = {other: figures for other, figures in kept.items() if other in KINDS} | {kind: result}
    path.write_text(json.dumps({name: both[name] for name in KINDS if name in both}, indent=2) + "\n")
    print(f"written: {path.relative_to(_results.RESULTS.parent.parent)}, {kind}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--only", nargs="*", default=[], help="names of attacks; all by default; writes no file"
    )
    parser.add_argument("--user", type=int, help="attack as the user with this number; needs root")
    parser.add_argument("--python", default=sys.executable, help="a Python that this user can run")
    parser.add_argument("--tell", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


def main() -> None:
    """Attack both, compare, write."""
    options = _options()
    only = ["--only", *options.only] if options.only else []
    if options.user is not None:
        code, result = _as_user.again(__file__, only, options.user, options.python)
    else:
        if options.tell is not None:
            os.set_inheritable(options.tell, False)  # no attack shall find it
        attacks = [attack for attack in ATTACKS if not only or attack.name in only]
        result = attack_both(attacks, verbose=bool(only))
        won = result["succeeded"]
        code = 1 if won["sandbox"] or not (won["careless"] or only) else 0
    if options.tell is not None:
        _as_user.tell(options.tell, result)
    elif result is not None and not only:
        keep(result, "root" if os.geteuid() == 0 and options.user is None else "ordinary_user")
    sys.exit(code)


if __name__ == "__main__":
    main()
