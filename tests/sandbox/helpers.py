"""A sandbox that is called without `await`, and a look at the processes below this one."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent, indent
from types import TracebackType
from typing import Any, TypeVar

import pytest

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor, RunResult, Verdict, decode, encode
from evolve.sandbox.layers import _namespaces

LIMITS = Limits(wall_s=10.0, memory_mb=64)
T = TypeVar("T")

LINUX = sys.platform == "linux"
needs_namespaces = pytest.mark.skipif(
    not LINUX or not _namespaces.works(), reason="this system does not let us make namespaces"
)
POLICIES_HERE = [pytest.param("strict", marks=needs_namespaces), pytest.param("process")]


class Sandbox:
    """An executor with an event loop of its own, for tests that are not coroutines."""

    def __init__(self, folder: Path, *, workers: int = 1, policy: str | None = None) -> None:
        self._runner = asyncio.Runner()
        self.executor = LocalExecutor(load_problem(folder), workers, policy=policy)

    def __enter__(self) -> Sandbox:
        try:
            self._runner.run(self.executor.__aenter__())
        except BaseException:
            self._runner.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._runner.run(self.executor.__aexit__(kind, error, trace))
        self._runner.close()

    def do(self, coroutine: Any) -> Any:
        return self._runner.run(coroutine)

    def run(self, program: str, limits: Limits = LIMITS, **arguments: Any) -> RunResult:
        result = self.do(self.executor.run(program, "solve", arguments, limits))
        assert isinstance(result, RunResult)
        return result

    def output(self, program: str, **arguments: Any) -> Any:
        """Run a program that must succeed and return its value."""
        result = self.run(program, **arguments)
        assert result.status == "ok", result.feedback
        return decode(result.output)

    def refusal(self, code: str, **arguments: Any) -> str:
        """Run statements in a program; return the name of the error number that they end with, or nothing."""
        program = (
            f"try:\n{indent(dedent(code).strip(), '    ')}\nexcept OSError as error:\n    import errno\n"
        )
        program += "    return errno.errorcode[error.errno]\nreturn ''"
        return str(self.output(body(program), **arguments))

    def layers(self) -> tuple[str, ...]:
        """Return the layers that are in force."""
        return self.run("def solve(): pass").layers

    def score(self, output: Any, *, artifact: bool = False, timeout_s: float = 10.0, **case: Any) -> Verdict:
        return self.judge(encode(output), artifact=artifact, timeout_s=timeout_s, **case)

    def judge(self, data: bytes, *, artifact: bool = False, timeout_s: float = 10.0, **case: Any) -> Verdict:
        verdict = self.do(self.executor.score(data, case, artifact=artifact, timeout_s=timeout_s))
        assert isinstance(verdict, Verdict)
        return verdict


def body(text: str) -> str:
    """Return a program whose entry has the given body; its arguments are `given`."""
    return "def solve(**given):\n" + indent(dedent(text).strip(), "    ")


def in_child(work: Callable[[], T]) -> T:
    """Run a function in a forked process, for what cannot be undone; its result must be plain JSON."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            answer: Any = [work()]
        except BaseException as error:  # noqa: BLE001 - the parent must hear of it
            answer = repr(error)
        os.write(writer, json.dumps(answer).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as stream:
        said = json.loads(stream.read())
    os.waitpid(pid, 0)
    assert isinstance(said, list), said
    return said[0]  # type: ignore[no-any-return]


def refusal(work: Callable[[], object]) -> str:
    """Return the name of the error number that a call ends with; empty when it succeeds."""
    try:
        work()
    except OSError as error:
        return errno.errorcode[error.errno or 0]
    return ""


def descendants(root: int | None = None) -> dict[int, str]:
    """Return the processes below `root` (this process) with their command lines; zombies do not count."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state, parent = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                parents[int(name)] = int(parent)
    family = {root or os.getpid()}
    while True:
        more = {pid for pid, parent in parents.items() if parent in family} - family
        if not more:
            return {pid: _command(pid) for pid in family - {root or os.getpid()}}
        family |= more


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def eventually(condition: Callable[[], bool]) -> bool:
    """Wait until the condition holds; False when it does not within ten seconds."""
    end = time.monotonic() + 10
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True
