"""Examine this machine: which layers it offers, and what an evaluation costs here."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from evolve.errors import EvolveError
from evolve.problem import load_problem
from evolve.sandbox import _kernel
from evolve.sandbox._answers import RunResult
from evolve.sandbox._executor import LocalExecutor
from evolve.sandbox._limits import Limits
from evolve.sandbox._policy import CORE, POLICIES, default_policy, remedy
from evolve.sandbox.layers import _delegation

PURPOSES = {
    "session": "its own session: no signals of the terminal",
    "rlimits": "processor time, memory of a process, files, core dumps",
    "deadline": "wall-clock kill of everything it started",
    "scratch": "a private folder, removed afterwards",
    "clean_environment": "no variable of yours, no key",
    "closed_descriptors": "no file or socket of ours",
    "codec": "plain data only; nothing that it returns is executed",
    "parent_death_signal": "ends when its parent does",
    "no_new_privs": "no set-user-id program works",
    "seccomp": "no sockets, ptrace, mounts, bpf, io_uring, new programs ...",
    "landlock_files": "files outside of the allow list are refused",
    "landlock_tcp": "TCP is refused",
    "landlock_scope": "no signal or abstract socket to the outside",
    "user_namespace": "root inside is nobody outside",
    "pid_namespace": "sees and signals its own processes only; all end together",
    "network_namespace": "no network at all",
    "ipc_namespace": "no shared memory with others",
    "uts_namespace": "a host name of its own",
    "mount_namespace": "mounts of its own",
    "own_root": "a root of interpreter, libraries and public data, read-only",
    "scratch_tmpfs": "scratch space in memory, capped in bytes and files",
    "process_ceiling": "number of processes and threads",
    "memory_ceiling": "memory of all its processes together",
    "cgroup": "the kernel itself keeps these two ceilings; else memory is watched",
    "dropped_capabilities": "no capability, and not the root user",
}
"""Every layer, and what it is for, in the order in which it is shown."""

_DECLARATION = """
[problem]
name = "doctor"
title = "What an evaluation costs"
statement = "Return a number."
[candidate]
entry = "answer"
seeds = ["seed.py"]
preload = ["numpy"]
[objective]
metric = "value"
direction = "maximize"
[[measures]]
metric = "lines"
range = [0, 10]
bins = 2
"""
_PROGRAM = "import numpy\n\n\ndef answer():\n    return float(numpy.arange(4.0).sum())\n"
_SCORER = """
from evolve.problem import Score

def score(output, params, case):
    return Score({"value": output})
"""


@dataclass(frozen=True, slots=True)
class Layer:
    """One row of the examination."""

    name: str
    purpose: str
    required: bool
    in_force: bool
    remedy: str


@dataclass(frozen=True, slots=True)
class Examination:
    """What was found.

    Attributes:
        system: Kernel and architecture.
        policy: The policy that was tried.
        trouble: Why no program could be run; empty when it could.
        layers: Every known layer.
        advice: What to do about layers that are missing: those required, and what needs but another start.
        costs_ms: Median milliseconds: "bare fork", and of an evaluation "fork", "confine", "program",
            "end", "run" (all of these and the way to it) and "score".
    """

    system: str
    policy: str
    trouble: str
    layers: list[Layer]
    advice: list[str]
    costs_ms: dict[str, float]


def examine(policy: str | None = None, runs: int = 40) -> Examination:
    """Start a sandbox with numpy loaded, evaluate a trivial program some times, and report."""
    chosen = policy or default_policy()
    trouble = ""
    found: list[RunResult] = []
    costs: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="evolve-doctor-") as folder:
        try:
            found, costs = asyncio.run(_measure(_write_problem(Path(folder)), chosen, runs))
        except EvolveError as error:
            trouble = str(error)
    in_force: Collection[str] = found[0].layers if found else ()
    layers = [
        Layer(name, purpose, chosen == POLICIES[0] and name in CORE, name in in_force, remedy(name))
        for name, purpose in PURPOSES.items()
    ]
    system = f"{platform.system()} {platform.release()} {platform.machine()}"
    return Examination(system, chosen, trouble, layers, _advice(layers), costs)


def _advice(layers: list[Layer]) -> list[str]:
    missing = [layer for layer in layers if not layer.in_force]
    advice = [f"to do: {layer.remedy}" for layer in missing if layer.required]
    if any(layer.name == "cgroup" for layer in missing) and _kernel.LINUX:
        why = _delegation.claim().lack or "the kernel refuses it to the sandbox"
        advice.append(f"no cgroup ({why}). To get it: {remedy('cgroup')}")
    return list(dict.fromkeys(advice))


def _write_problem(folder: Path) -> Path:
    for name, text in (("problem.toml", _DECLARATION), ("seed.py", _PROGRAM), ("score.py", _SCORER)):
        (folder / name).write_text(text)
    return folder


async def _measure(folder: Path, policy: str, runs: int) -> tuple[list[RunResult], dict[str, float]]:
    results: list[RunResult] = []
    times: dict[str, list[float]] = {"bare fork": [_fork_s() for _ in range(runs)], "run": [], "score": []}
    async with LocalExecutor(load_problem(folder), workers=1, policy=policy) as executor:
        for _ in range(runs):
            started = time.perf_counter()
            result = await executor.run(_PROGRAM, "answer", {}, Limits())
            ran = time.perf_counter()
            await executor.score(result.output, {}, artifact=False, timeout_s=30)
            times["run"].append(ran - started)
            times["score"].append(time.perf_counter() - ran)
            for part, seconds in result.parts.items():
                times.setdefault(part, []).append(seconds)
            results.append(result)
    return results, {name: 1000 * statistics.median(values) for name, values in times.items()}


def _fork_s() -> float:
    """Time a bare fork, exit and wait of this process."""
    started = time.perf_counter()
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return time.perf_counter() - started
