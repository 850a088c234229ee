"""Where sandboxes live: the executor contract, and this machine's implementation."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from evolve.errors import ProblemError, SandboxError
from evolve.problem import Problem, Scalar
from evolve.sandbox import _child, _codec, _wire
from evolve.sandbox._limits import Limits
from evolve.sandbox._process import HelperProcess
from evolve.sandbox._scratch import remove_tree

T = TypeVar("T")

_GRACE_S = 5.0
"""How much later than the zygote's own deadline it is itself taken for dead."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of one program run.

    Attributes:
        status: "ok", "failed", "timeout" or "memory".
        output: The encoded return value, unread; empty unless "ok".
        feedback: What a proposer should know about a failure: the error and the program's frames.
        printed: The beginning of what it wrote to stdout and stderr.
        wall_s: Wall-clock seconds from fork to end.
        cpu_s: CPU seconds of the program's processes.
        layers: Names of the sandbox layers that were in force.
    """

    status: str
    output: bytes
    feedback: str
    printed: str
    wall_s: float
    cpu_s: float
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """The trusted scorer's word on an output.

    Attributes:
        status: "valid"; "invalid" (a rule of the problem is broken); "timeout" (the scorer took
            too long on this output); "error" (the scorer itself failed: never the program's fault,
            `feedback` is its traceback for the problem's author).
        metrics: Finite floats by name; empty unless valid.
        feedback: Text for the next proposer.
        artifact: Encoded plain data that shows the solution, when asked for.
    """

    status: str
    metrics: dict[str, float]
    feedback: str
    artifact: bytes = b""


class Executor(Protocol):
    """Runs programs in sandboxes and outputs through the scorer.

    Both methods may be called by as many coroutines at once as the executor has workers; more
    wait their turn. Cancelling a call ends the program at once. A program can fail a call's
    result, never the executor.
    """

    async def run(self, program: str, entry: str, arguments: dict[str, Scalar], limits: Limits) -> RunResult:
        """Run `entry(**arguments)` of a program; raises SandboxError when the sandbox itself fails."""
        ...

    async def score(
        self, output: bytes, case: dict[str, Scalar], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        """Judge an output; raises SandboxError when the scorer's process dies."""
        ...


class LocalExecutor:
    """Zygotes and scorers on this machine, one of each per worker."""

    def __init__(self, problem: Problem, workers: int, *, namespaces: bool = True) -> None:
        self._problem = problem
        self._workers = workers
        self._namespaces = namespaces
        self._scratch = ""
        self._zygotes: asyncio.LifoQueue[_Zygote] = asyncio.LifoQueue()
        self._scorers: asyncio.LifoQueue[_Scorer] = asyncio.LifoQueue()
        self._all: list[_Zygote | _Scorer] = []

    async def __aenter__(self) -> LocalExecutor:
        """Start every helper; raises ProblemError for a preload or a scorer that cannot be imported."""
        self._scratch = tempfile.mkdtemp(prefix="evolve-")
        for _ in range(self._workers):
            zygote = _Zygote(self._problem, self._scratch, namespaces=self._namespaces)
            scorer = _Scorer(self._problem)
            self._all += [zygote, scorer]
            self._zygotes.put_nowait(zygote)
            self._scorers.put_nowait(scorer)
        try:
            async with asyncio.TaskGroup() as group:
                for helper in self._all:
                    group.create_task(helper.ensure())
        except BaseExceptionGroup as errors:
            self._close()
            raise errors.exceptions[0] from None
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End every helper and remove the scratch folders."""
        self._close()

    def _close(self) -> None:
        for helper in self._all:
            helper.close()
        remove_tree(self._scratch)

    async def run(self, program: str, entry: str, arguments: dict[str, Scalar], limits: Limits) -> RunResult:
        """See `Executor.run`."""
        async with _borrowed(self._zygotes) as zygote:
            return await zygote.run(program, entry, arguments, limits)

    async def score(
        self, output: bytes, case: dict[str, Scalar], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        """See `Executor.score`."""
        async with _borrowed(self._scorers) as scorer:
            return await scorer.score(output, case, artifact=artifact, timeout_s=timeout_s)


@contextlib.asynccontextmanager
async def _borrowed(queue: asyncio.Queue[T]) -> AsyncIterator[T]:
    item = await queue.get()
    try:
        yield item
    finally:
        queue.put_nowait(item)


class _Zygote:
    """The engine's side of a zygote; replaced when sick."""

    def __init__(self, problem: Problem, scratch: str, *, namespaces: bool) -> None:
        self._problem = problem
        self._options = json.dumps(
            {"preload": problem.spec.candidate.preload, "scratch": scratch, "namespaces": namespaces}
        )
        self._process: HelperProcess | None = None
        self._layers: tuple[str, ...] = ()

    async def ensure(self) -> HelperProcess:
        if self._process is None:
            process, hello = await HelperProcess.start("evolve.sandbox._zygote", self._options)
            if "failed" in hello:
                process.kill()
                raise ProblemError(
                    f"{self._problem.folder / 'problem.toml'}: candidate.preload: module {hello['module']!r} "
                    f"cannot be imported. Install it, or remove it from the list.\n{hello['failed'].strip()}"
                )
            self._process = process
            self._layers = tuple(hello["layers"])
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _discard(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    async def run(self, program: str, entry: str, arguments: dict[str, Scalar], limits: Limits) -> RunResult:
        process = await self.ensure()
        try:
            job = _codec.encode({"program": program, "entry": entry, "arguments": arguments})
        except _codec.CodecError as error:
            return RunResult("failed", b"", f"cannot be run: {error}", "", 0.0, 0.0, self._layers)
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
            raw = await _talk(ours, job, limits.output_bytes + 16_384)
            if raw is None:
                process.control.send(_wire.pack({"kill": True}))
            ours.close()
            end, _ = await _wire.receive_async(process.control)
            return self._result(raw, printed.text(), end, limits)

    def _result(self, raw: bytes | None, printed: str, end: dict[str, Any], limits: Limits) -> RunResult:
        status, output, feedback = _interpret(raw, end, limits)
        return RunResult(status, output, feedback, printed, end["wall_s"], end["cpu_s"], self._layers)


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


def _interpret(raw: bytes | None, end: dict[str, Any], limits: Limits) -> tuple[str, bytes, str]:
    """Turn what came over the job socket into (status, output, feedback)."""
    if end["reason"] == "timeout":
        return "timeout", b"", f"stopped after {limits.wall_s:g} s: the program takes too long"
    if raw is None:
        return "failed", b"", f"returned more than {limits.output_bytes:,} bytes; return less data"
    head = _child.RESULT.size
    if len(raw) >= head:
        kind, size = _child.RESULT.unpack(raw[:head])
        body = raw[head : head + size]
        if len(body) == size and kind == _child.RESULT_OK:
            return "ok", body, ""
        if len(body) == size and kind == _child.RESULT_ERROR:
            return _explain_error(body)
    return "failed", b"", f"ended without a result ({_how(end['exit'])})"


def _explain_error(body: bytes) -> tuple[str, bytes, str]:
    try:
        error = _codec.decode(body)
        kind, message, trace = (str(error[key]) for key in ("kind", "message", "trace"))
    except (_codec.CodecError, KeyError, TypeError):
        return "failed", b"", "ended with an error that cannot be read"
    return ("memory" if kind == "memory" else "failed"), b"", f"{message}\n{trace}".strip()


def _how(code: int) -> str:
    return f"killed by signal {-code}" if code < 0 else f"exit status {code}"


class _Scorer:
    """The engine's side of a scorer process; replaced when it dies or takes too long."""

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._process: HelperProcess | None = None

    async def ensure(self) -> HelperProcess:
        if self._process is None:
            process, hello = await HelperProcess.start("evolve.sandbox._scorer", str(self._problem.scorer))
            if "failed" in hello:
                process.kill()
                raise ProblemError(
                    f"{self._problem.scorer}: the scorer cannot be imported.\n{hello['failed'].strip()}"
                )
            self._process = process
        return self._process

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    async def score(
        self, output: bytes, case: dict[str, Scalar], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        process = await self.ensure()
        loop = asyncio.get_running_loop()
        request = _wire.pack({"params": self._problem.params, "case": case, "artifact": artifact}, output)
        try:
            async with asyncio.timeout(timeout_s):
                await loop.sock_sendall(process.control, request)
                reply, body = await _wire.receive_async(process.control)
        except TimeoutError:
            self.close()
            return Verdict("timeout", {}, f"scoring the returned data took more than {timeout_s:g} s")
        except (ConnectionError, OSError) as error:
            self.close()
            raise SandboxError(
                f"the scorer's process died ({type(error).__name__}) and was replaced."
            ) from error
        except asyncio.CancelledError:
            self.close()
            raise
        return Verdict(reply["verdict"], reply.get("metrics", {}), reply["feedback"], body)
