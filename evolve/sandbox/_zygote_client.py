"""The engine's side of a zygote: pass a job on, read what comes back, replace what is sick."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from evolve.errors import ProblemError, SandboxError
from evolve.problem import Problem, Value
from evolve.sandbox import _child, _codec, _wire
from evolve.sandbox._answers import Command, CommandResult, RunResult
from evolve.sandbox._learned import Learned
from evolve.sandbox._limits import Limits
from evolve.sandbox._policy import remedy, require
from evolve.sandbox._process import HelperProcess
from evolve.sandbox.layers._delegation import Subtree

_GRACE_S = 5.0
"""How much later than the zygote's own deadline it is itself taken for dead."""
_ROOM_FOR_FRAMES = 32_768
_MOST_HINTS = 200
_ERROR_PARTS = ("kind", "message", "trace")
_MOST_RUNS = 10_000
_MOST_GROWTH_KB = 64 * 1024

_ANSWER = {"exit": int, "stdout": bytes, "stderr": bytes, "files": dict, "wall_s": float, "cpu_s": float}
_NODES = 1 + 2 * len(_ANSWER)

Arguments = dict[str, Value]


class Zygote:
    """The engine's side of a zygote; replaced when sick."""

    def __init__(
        self, problem: Problem, scratch: str, policy: str, learned: Learned, subtree: Subtree
    ) -> None:
        self._problem = problem
        self._policy = policy
        self._scratch = scratch
        self._learned = learned
        self._subtree = subtree
        self._process: HelperProcess | None = None
        self._layers: tuple[str, ...] = ()
        self._lesson = 0
        self._runs = 0
        self._first_kb = 0

    async def ensure(self) -> HelperProcess:
        """Return the running zygote, started if need be; raises ProblemError, SandboxError."""
        if self._process is None:
            process, hello = await HelperProcess.start(
                "evolve.sandbox._zygote", self._options(), threads=self._problem.spec.candidate.threads
            )
            try:
                self._check(hello)
            except BaseException:
                process.kill()
                raise
            self._process = process
            self._layers = tuple(hello["layers"])
            self._lesson, self._runs, self._first_kb = self._learned.lesson, 0, 0
        return self._process

    def _options(self) -> str:
        candidate = self._problem.spec.candidate
        options = {
            "policy": self._policy,
            "preload": candidate.preload,
            "learned": self._learned.modules,
            "scratch": self._scratch,
            "readable": [
                *(str(self._problem.folder / path) for path in candidate.readable),
                *self._problem.toolchains,
            ],
            "hidden": [str(self._problem.folder)],
            "cgroup": [self._subtree.path, self._subtree.prefix] if self._subtree.path else [],
        }
        return json.dumps(options)

    def _check(self, hello: dict[str, Any]) -> None:
        if "failed" in hello:
            raise ProblemError(
                f"{self._problem.folder / 'problem.toml'}: candidate.preload: module {hello['module']!r} "
                f"cannot be imported. Install it, or remove it from the list.\n{hello['failed'].strip()}"
            )
        if "refused" in hello:
            raise SandboxError(
                f"the sandbox's own root cannot be built here ({hello['refused']}). "
                f"To get it: {remedy('own_root')}."
            )
        require(self._policy, hello["layers"])

    def close(self) -> None:
        """End it, and let it clean up."""
        if self._process is not None:
            self._process.close()
            self._process = None

    def _discard(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    async def run(
        self, program: str, entry: str, arguments: Arguments | Sequence[Arguments], limits: Limits
    ) -> RunResult:
        """See `Executor.run`."""
        plain = arguments if isinstance(arguments, dict) else list(arguments)
        try:
            job = _codec.encode({"program": program, "entry": entry, "arguments": plain})
        except _codec.CodecError as error:
            return RunResult("failed", b"", f"cannot be run: {error}", "", 0.0, 0.0, self._layers)
        return await self._submit(job, limits)

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        """See `Executor.command`."""
        job = {
            "argv": list(command.argv),
            "files": command.files,
            "executable": list(command.executable),
            "stdin": command.stdin,
            "collect": list(command.collect),
            "toolchains": list(self._problem.toolchains),
            "one_process": command.one_process,
        }
        try:
            encoded = _codec.encode(job)
        except _codec.CodecError as error:
            text = f"cannot be run: {error}"
            return CommandResult("failed", text, b"", b"", {}, None, 0.0, 0.0, 0.0, self._layers)
        return _ended(await self._submit(encoded, replace(limits, may_exec=True)), command)

    async def _submit(self, job: bytes, limits: Limits) -> RunResult:
        """Have the zygote fork a child for a job."""
        if self._runs >= _MOST_RUNS or self._learned.worth_a_restart(self._lesson, self._runs):
            self.close()
        process = await self.ensure()
        self._runs += 1
        try:
            async with asyncio.timeout(limits.wall_s + _GRACE_S):
                return await self._exchange(process, job, limits)
        except (TimeoutError, ConnectionError, OSError) as error:
            self._discard()
            raise SandboxError(
                f"a sandbox zygote stopped answering ({type(error).__name__}) and was replaced."
            ) from error
        except asyncio.CancelledError:
            self.close()  # not `_discard`: the zygote has its program to kill first
            raise

    async def _exchange(self, process: HelperProcess, job: bytes, limits: Limits) -> RunResult:
        ours, theirs = socket.socketpair()
        printed = _Printed(limits.printed_bytes)
        with ours, printed:
            ours.setblocking(False)
            with theirs:
                socket.send_fds(
                    process.control,
                    [_wire.pack({"run": limits.to_json()})],
                    [theirs.fileno(), printed.writer],
                )
            printed.close_writer()
            raw = await _talk(ours, job, limits.output_bytes + _ROOM_FOR_FRAMES)
            if raw is None:
                process.control.send(_wire.pack({"kill": True}))
            ours.close()
            end, _ = await _wire.receive_async(process.control)
            return self._result(raw, printed.text(), end, limits)

    def _result(self, raw: bytes | None, printed: str, end: dict[str, Any], limits: Limits) -> RunResult:
        self._watch_growth(end["zygote_kb"])
        if end["unconfined"]:
            raise SandboxError(f"a program could not be confined and was not run: {end['unconfined']}.")
        status, output, feedback, rest = _interpret(raw, end, limits)
        self._learned.saw(_modules(rest))
        times = (end["wall_s"], end["cpu_s"])
        return RunResult(status, output, feedback, printed, *times, tuple(end["layers"]), end["parts"])

    def _watch_growth(self, kilobytes: int) -> None:
        """Have the zygote replaced before the next run when it has grown: every fork pays for its size."""
        self._first_kb = self._first_kb or kilobytes
        if kilobytes > self._first_kb + _MOST_GROWTH_KB:
            self._runs = _MOST_RUNS


def _ended(ran: RunResult, command: Command) -> CommandResult:
    """Read what a command's sandbox answered; it may say anything, so that every part is checked."""

    def failed(status: str, feedback: str) -> CommandResult:
        return CommandResult(status, feedback, b"", b"", {}, None, 0.0, ran.wall_s, ran.cpu_s, ran.layers)

    if ran.status != "ok":
        return failed(ran.status, ran.feedback)
    try:
        said = _codec.decode(ran.output, max_nodes=_NODES + 2 * len(command.collect))
    except _codec.CodecError as error:
        return failed("failed", f"the command's end cannot be read: {error}")
    if not isinstance(said, dict) or not all(type(said.get(n)) is kind for n, kind in _ANSWER.items()):
        return failed("failed", "the command's end cannot be read")
    files = {n: c for n, c in said["files"].items() if n in command.collect and type(c) is bytes}
    code, times = said["exit"], (said["wall_s"], ran.wall_s, said["cpu_s"])
    feedback = "" if code == 0 else f"{command.argv[0]} {'was' if code < 0 else 'ended with'} {_how(code)}"
    return CommandResult(
        "ok" if code == 0 else "failed",
        feedback,
        said["stdout"],
        said["stderr"],
        files,
        code,
        *times,
        ran.layers,
    )


async def _talk(sock: socket.socket, job: bytes, cap: int) -> bytes | None:
    """Send the job, read until every process that holds the other end is gone; None if over the cap."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(ConnectionError):  # it may die before it has read its job
        await loop.sock_sendall(sock, _child.JOB_SIZE.pack(len(job)) + job)
    data = bytearray()
    with contextlib.suppress(ConnectionError):
        while part := await loop.sock_recv(sock, 262_144):
            data += part
            if len(data) > cap:
                return None
    return bytes(data)


class _Printed:
    """A pipe for stdout and stderr, always drained so that nobody blocks; only its beginning is kept."""

    def __init__(self, cap: int) -> None:
        self._cap = cap
        self._kept = bytearray()
        self._dropped = 0
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self._drain)

    def __enter__(self) -> _Printed:
        return self

    def __exit__(self, *_error: object) -> None:
        self._loop.remove_reader(self._reader)
        os.close(self._reader)
        self.close_writer()

    def close_writer(self) -> None:
        if self.writer >= 0:
            os.close(self.writer)
            self.writer = -1

    def _drain(self) -> None:
        try:
            part = os.read(self._reader, 262_144)
        except BlockingIOError:
            return
        if not part:
            self._loop.remove_reader(self._reader)
        room = self._cap - len(self._kept)
        self._kept += part[:room]
        self._dropped += max(0, len(part) - room)

    def text(self) -> str:
        self._drain()
        text = self._kept.decode(errors="replace")
        return f"{text}\n[{self._dropped:,} further bytes dropped]" if self._dropped else text


def _interpret(raw: bytes | None, end: dict[str, Any], limits: Limits) -> tuple[str, bytes, str, bytes]:
    """Turn what came over the job socket into (status, output, feedback, further frames)."""
    if end["reason"] == "timeout":
        return "timeout", b"", f"stopped after {limits.wall_s:g} s: the program takes too long", b""
    if end["reason"] == "memory":
        said = f"stopped: the program and its processes took more than {limits.memory_mb} MiB"
        return "memory", b"", said, b""
    if raw is None:
        return "failed", b"", f"returned more than {limits.output_bytes:,} bytes; return less data", b""
    kind, body, rest = _frame(raw)
    if kind == _child.RESULT_OK:
        return "ok", body, "", rest
    if kind == _child.RESULT_ERROR:
        return *_explain_error(body), rest
    return "failed", b"", f"ended without a result ({_how(end['exit'])})", b""


def _frame(raw: bytes) -> tuple[bytes, bytes, bytes]:
    """Split off the first frame: (kind, body, rest); empty when there is no whole one."""
    head = _child.RESULT.size
    if len(raw) < head:
        return b"", b"", b""
    kind, size = _child.RESULT.unpack(raw[:head])
    body = raw[head : head + size]
    return (kind, body, raw[head + size :]) if len(body) == size else (b"", b"", b"")


def _modules(raw: bytes) -> list[str]:
    """Read which modules a program says it had to import; what it says is only a hint."""
    kind, body, _ = _frame(raw)
    if kind != _child.RESULT_MODULES:
        return []
    try:
        names = _codec.decode(body, max_nodes=1 + _MOST_HINTS)
    except _codec.CodecError:
        return []
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _explain_error(body: bytes) -> tuple[str, bytes, str]:
    """Read the error that a program says it ended with; it may say anything, but not hold up the engine."""
    try:
        error = _codec.decode(body, max_nodes=1 + 2 * len(_ERROR_PARTS))
    except _codec.CodecError:
        error = None
    if not isinstance(error, dict) or not all(isinstance(error.get(part), str) for part in _ERROR_PARTS):
        return "failed", b"", "ended with an error that cannot be read"
    kind, message, trace = (error[part][: _child.ERROR_CHARS] for part in _ERROR_PARTS)
    return ("memory" if kind == "memory" else "failed"), b"", f"{message}\n{trace}".strip()


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"
