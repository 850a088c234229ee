"""What happens in a forked child: confine, run one program, send its result, end.

Everything here runs in the process of a hostile program, so nothing it sends is trusted.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import random
import signal
import struct
import sys
import time
import traceback
import types
from collections.abc import Callable
from itertools import islice
from typing import Any

from evolve.sandbox import _codec, _command
from evolve.sandbox._confinement import Confinement
from evolve.sandbox._limits import Limits

JOB_SIZE = struct.Struct("<Q")
RESULT = struct.Struct("<cQ")
CONFINED = struct.Struct("<d")
RESULT_OK = b"R"
RESULT_ERROR = b"E"
RESULT_MODULES = b"M"
ERROR_CHARS = 4000
_JOB_FD, _REPORT_FD, _GATE_FD = 3, 4, 5
_MOST_MODULES = 200
_RESERVE_BYTES = 4 * 2**20
"""Kept free so that a program that has taken all its memory can still be reported as such."""
_FILE_NAME = "<program>"
_REHEARSALS = 16
"""Python adapts its bytecode to what it is used for in the first few calls."""


def prepare() -> None:
    """Do in the zygote what every child would have to do; memory that it need not write to stays shared."""
    reader, writer = os.pipe()
    for fd, name, buffering in ((1, "stdout", 8192), (2, "stderr", 1)):
        kept = os.dup(fd)
        os.dup2(writer, fd)  # the children have a pipe there; a stream asks but once whether it can seek
        stream = os.fdopen(fd, "w", buffering, encoding="utf-8", errors="replace", closefd=False)
        setattr(sys, name, stream)
        os.dup2(kept, fd)
        os.close(kept)
    os.close(reader)
    os.close(writer)
    _do_without_resource_tracker()
    for _ in range(_REHEARSALS):
        job = _codec.decode(_codec.encode({"program": "def f(): pass", "entry": "f", "arguments": {}}))
        _run(job, Limits())
    del sys.modules["program"]
    linecache.clearcache()


def _do_without_resource_tracker() -> None:
    """Let shared memory do without the process that would tidy up: it goes with the scratch folder."""
    name = "multiprocessing.resource_tracker"
    loaded = sys.modules.get(name)
    stub: Any = types.ModuleType(name) if loaded is None else loaded.ResourceTracker
    if loaded is None:
        sys.modules[name] = stub
    for function in ("register", "unregister", "ensure_running", "getfd", "_send"):
        setattr(stub, function, lambda *_arguments: None)


def run_child(
    job_fd: int,
    printed_fd: int,
    report_fd: int,
    gate_fd: int | None,
    scratch: str,
    limits: Limits,
    confinement: Confinement,
) -> None:
    """Run the program that arrives on `job_fd`, or the command; never returns.

    How the confinement went is written to `report_fd`, which is closed before the program is read, so
    that a program cannot pass its own failure off as the sandbox's. A gate is waited at before: what
    the zygote does to its child takes its time meanwhile.
    """
    try:
        _isolate(job_fd, printed_fd, report_fd, gate_fd)
        started = time.monotonic()
        try:
            confinement.apply(limits, scratch)
            if gate_fd is not None:
                _pass_gate()
        except BaseException as error:  # noqa: BLE001 - nothing may run unconfined
            os.write(_REPORT_FD, f"{type(error).__name__}: {error}".encode("utf-8", "replace")[:4096])
            return
        os.write(_REPORT_FD, b"\0" + CONFINED.pack(time.monotonic() - started))
        os.close(_REPORT_FD)
        loaded = len(sys.modules)
        job = _read_job()
        _send(*(_answer_command if "argv" in job else _answer)(job, limits))
        _send(RESULT_MODULES, _codec.encode(_imported_since(loaded)))
    finally:
        os._exit(0)  # no interpreter shutdown: the program may have registered hooks


def _imported_since(loaded: int) -> list[str]:
    """Name what the program had to import; every child pays for that again, unless it is preloaded.

    New names come last in `sys.modules`. To touch all the others would copy the pages that they lie on.
    """
    new = [*islice(reversed(sys.modules), max(0, len(sys.modules) - loaded))]
    names = [name for name in reversed(new) if type(name) is str and name != "program" and len(name) < 100]
    return [_clean(name) for name in names[:_MOST_MODULES]]


def _pass_gate() -> None:
    if not os.read(_GATE_FD, 1):
        raise ConnectionError("the zygote is gone")
    os.close(_GATE_FD)


def _isolate(job_fd: int, printed_fd: int, report_fd: int, gate_fd: int | None) -> None:
    """Leave the zygote's session, signal handlers and descriptors behind."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.dup2(printed_fd, 1)
    os.dup2(printed_fd, 2)
    # first to high numbers, so that none is overwritten before it is moved
    wanted = {_JOB_FD: job_fd, _REPORT_FD: report_fd, _GATE_FD: gate_fd}
    moved = {number: os.dup(fd) for number, fd in wanted.items() if fd is not None}
    for number, fd in moved.items():
        os.dup2(fd, number)
    os.closerange(max(moved) + 1, 65536)
    os.umask(0o077)


def _read_job() -> dict[str, Any]:
    """Read the program and its arguments; the parent of this process has never seen them."""
    (size,) = JOB_SIZE.unpack(_exactly(JOB_SIZE.size))
    job = _codec.decode(_exactly(size))
    assert isinstance(job, dict)
    return job


def _exactly(size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = os.read(_JOB_FD, size - len(data))
        if not part:
            os._exit(1)
        data += part
    return bytes(data)


def _answer(job: dict[str, Any], limits: Limits) -> tuple[bytes, bytes]:
    """Run the job; return the kind of result and its encoding."""
    reserve = bytes(_RESERVE_BYTES)
    try:
        data = _run(job, limits)
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its result
        del reserve
        return RESULT_ERROR, _codec.encode(_describe(error))
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    return RESULT_OK, data


def _answer_command(job: dict[str, Any], limits: Limits) -> tuple[bytes, bytes]:
    """Run a command; return the kind of result and its encoding."""
    try:
        return RESULT_OK, _codec.encode(_command.run(job, limits))
    except _command.CommandError as error:
        return RESULT_ERROR, _codec.encode(
            {"kind": "error", "message": str(error)[:ERROR_CHARS], "trace": ""}
        )
    except BaseException as error:  # noqa: BLE001 - such as a scratch folder that is full
        return RESULT_ERROR, _codec.encode(_describe(error))


def _run(job: dict[str, Any], limits: Limits) -> bytes:
    """Call the entry; for a list of arguments, return the encoded list of the encoded results."""
    function = _load(job["program"], job["entry"])
    arguments = job["arguments"]
    if isinstance(arguments, dict):
        return _codec.encode(function(**arguments), limits.output_bytes)
    results = []
    for case in arguments:
        try:
            results.append(_codec.encode(function(**case), limits.output_bytes))
        except Exception as error:
            given = ", ".join(f"{name}={value!r}" for name, value in case.items())
            error.add_note(f"when called as {job['entry']}({given})")
            raise
    return _codec.encode(results, limits.output_bytes)


def _load(program: str, entry: str) -> Callable[..., Any]:
    module = types.ModuleType("program")
    sys.modules["program"] = module
    linecache.cache[_FILE_NAME] = (len(program), None, program.splitlines(keepends=True), _FILE_NAME)
    _seed_globals()
    exec(compile(program, _FILE_NAME, "exec", dont_inherit=True), module.__dict__)
    function = getattr(module, entry, None)
    if not callable(function):
        raise NameError(f"the program defines no function {entry!r}")
    return function  # type: ignore[no-any-return]


def _seed_globals() -> None:
    """Make the shared generators equal in every child, so that careless programs repeat too."""
    random.seed(0)
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed(0)


def _describe(error: BaseException) -> dict[str, Any]:
    """Render an error with the program's own frames only."""
    kind = type(error).__name__
    if isinstance(error, _codec.CodecError):
        return {"kind": "output", "message": str(error)[:ERROR_CHARS], "trace": ""}
    try:
        message = str(error)[:ERROR_CHARS]
        lines = traceback.format_exception(type(error), error, _own_frames(error.__traceback__), limit=-6)
        trace = "".join(lines)[-ERROR_CHARS:]
    except BaseException:  # noqa: BLE001 - hostile __str__, or no memory left to format
        message, trace = "", ""
    return {
        "kind": "memory" if isinstance(error, MemoryError) else "error",
        "message": _clean(f"{kind}: {message}" if message else kind),
        "trace": _clean(trace),
    }


def _own_frames(trace: types.TracebackType | None) -> types.TracebackType | None:
    while trace is not None and trace.tb_frame.f_code.co_filename != _FILE_NAME:
        trace = trace.tb_next
    return trace


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


def _send(kind: bytes, data: bytes) -> None:
    rest = memoryview(RESULT.pack(kind, len(data)) + data)
    while rest:
        rest = rest[os.write(_JOB_FD, rest) :]
