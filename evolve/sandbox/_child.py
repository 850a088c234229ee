"""What happens in a forked child: confine, run one program, send its result, end.

Everything here runs in the process of a hostile program, so nothing it sends is trusted.
"""

from __future__ import annotations

import contextlib
import linecache
import os
import random
import signal
import socket
import struct
import sys
import traceback
import types
from typing import Any

from evolve.sandbox import _codec, _kernel
from evolve.sandbox._limits import Limits, apply_rlimits

JOB_SIZE = struct.Struct("<Q")
RESULT = struct.Struct("<cQ")
RESULT_OK = b"R"
RESULT_ERROR = b"E"
_ERROR_CHARS = 4000
_RESERVE_BYTES = 4 * 2**20
"""Kept free so that a program that has taken all its memory can still be reported as such."""
_FILE_NAME = "<program>"


def run_child(job_fd: int, printed_fd: int, scratch: str, limits: Limits, *, namespaces: bool) -> None:
    """Run the program that arrives on `job_fd`; never returns."""
    try:
        sock = _confine(job_fd, printed_fd, scratch, limits, namespaces)
        _send(sock, *_answer(_read_job(sock), limits))
    finally:
        os._exit(0)  # no interpreter shutdown: the program may have registered hooks


def _confine(job_fd: int, printed_fd: int, scratch: str, limits: Limits, namespaces: bool) -> socket.socket:
    if _kernel.LINUX:
        _kernel.prctl(_kernel.PR_SET_PDEATHSIG, signal.SIGKILL)  # ends with the zygote, however that ends
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    os.setsid()
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(printed_fd, 1)
    os.dup2(printed_fd, 2)
    os.dup2(job_fd, 3)
    os.closerange(4, 65536)
    os.umask(0o077)
    os.chdir(scratch)
    apply_rlimits(limits, own_user_namespace=namespaces)
    return socket.socket(fileno=3)


def _read_job(sock: socket.socket) -> dict[str, Any]:
    """Read the program and its arguments; the parent of this process has never seen them."""
    (size,) = JOB_SIZE.unpack(_exactly(sock, JOB_SIZE.size))
    job = _codec.decode(_exactly(sock, size))
    assert isinstance(job, dict)
    return job


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        part = sock.recv(size - len(data))
        if not part:
            os._exit(1)
        data += part
    return bytes(data)


def _answer(job: dict[str, Any], limits: Limits) -> tuple[bytes, bytes]:
    """Run the job; return the kind of result and its encoding."""
    sys.stdout = os.fdopen(1, "w", buffering=8192, encoding="utf-8", errors="replace")
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="replace")
    reserve = bytes(_RESERVE_BYTES)
    try:
        result = _call(job["program"], job["entry"], job["arguments"])
        data = _codec.encode(result, limits.output_bytes)
    except BaseException as error:  # noqa: BLE001 - whatever a program raises is its result
        del reserve
        return RESULT_ERROR, _codec.encode(_describe(error))
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
    return RESULT_OK, data


def _call(program: str, entry: str, arguments: dict[str, Any]) -> Any:
    module = types.ModuleType("program")
    sys.modules["program"] = module
    linecache.cache[_FILE_NAME] = (len(program), None, program.splitlines(keepends=True), _FILE_NAME)
    _seed_globals()
    exec(compile(program, _FILE_NAME, "exec", dont_inherit=True), module.__dict__)
    function = getattr(module, entry, None)
    if not callable(function):
        raise NameError(f"the program defines no function {entry!r}")
    return function(**arguments)


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
        return {"kind": "output", "message": str(error)[:_ERROR_CHARS], "trace": ""}
    try:
        message = str(error)[:_ERROR_CHARS]
        lines = traceback.format_exception(type(error), error, _own_frames(error.__traceback__), limit=-6)
        trace = "".join(lines)[-_ERROR_CHARS:]
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


def _send(sock: socket.socket, kind: bytes, data: bytes) -> None:
    sock.sendall(RESULT.pack(kind, len(data)) + data)
