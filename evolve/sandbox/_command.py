"""In a confined child: start one command on given files, and report what it printed and took.

The command gets a process of its own, apart from the one that watches it here. Both are in the sandbox of a
hostile program, so what comes out is data to be judged like any other. What the command cannot reach is this
process: tracing is denied, it is the first of its pid namespace, and no descriptor of it is inherited.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import select
import signal
import stat
import time
from typing import Any

from evolve.sandbox import _kernel
from evolve.sandbox._limits import Limits
from evolve.sandbox.layers import _seccomp, _syscalls

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_KEPT_VARIABLES = ("LANG", "TMPDIR", "HOME", "OMP_NUM_THREADS")
_PART = 65_536


class CommandError(Exception):
    """The command could not be started, or broke a limit; the text is for the program's author."""


def run(job: dict[str, Any], limits: Limits) -> dict[str, Any]:
    """Write the files, run the command to its end, collect what it made.

    Args:
        job: `files` (name → content), `executable` (names of those to be runnable), `argv`, `stdin`,
            `collect` (names of files to return), `toolchains` (folders whose `bin` is looked in),
            `one_process` (whether it may not start others).
        limits: Of the output.

    Returns:
        `exit` (negative: the signal that ended it), `stdout`, `stderr`, `files`, `wall_s`, `cpu_s`: the
        kernel's count for the command and those of its descendants that somebody has waited for.

    Raises:
        CommandError: a file is not there, not to be read or too large, or too much was printed.
    """
    for name, content in job["files"].items():
        _write(name, content, executable=name in job["executable"])
    folders = [*SYSTEM_PATH, *(f"{folder}/bin" for folder in job["toolchains"])]
    environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
    environment["PATH"] = ":".join(folders)
    path = find(job["argv"][0], folders)
    if _kernel.LINUX:
        _kernel.prctl(_kernel.PR_SET_CHILD_SUBREAPER, 1)  # what it starts and leaves is counted too
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    started = time.monotonic()
    command = _Command(path, job, environment, limits)
    code = command.finish()
    wall_s = command.ended - started
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {
        "exit": code,
        "stdout": bytes(command.out),
        "stderr": bytes(command.err),
        "files": {name: _read(name, limits.output_bytes) for name in job["collect"] if code == 0},
        "wall_s": wall_s,
        "cpu_s": cpu_s,
    }


def find(tool: str, folders: list[str]) -> str:
    """Return the path of a tool: as given when it names a file of its own folder; raises CommandError."""
    if "/" in tool:
        return tool
    for folder in folders:
        path = f"{folder}/{tool}"
        if os.access(path, os.X_OK):
            return path
    raise CommandError(f"the tool {tool!r} is in none of {', '.join(folders)}")


class _Command:
    """A command that runs; talks to it without ever blocking on it."""

    def __init__(self, path: str, job: dict[str, Any], environment: dict[str, str], limits: Limits) -> None:
        self.out = bytearray()
        self.err = bytearray()
        self.ended = 0.0
        self._limits = limits
        self._left = memoryview(job["stdin"])
        self._wakeup, waker = os.pipe()
        theirs_in, self._stdin = os.pipe()
        self._stdout, theirs_out = os.pipe()
        self._stderr, theirs_err = os.pipe()
        for fd in (self._wakeup, waker, self._stdin, self._stdout, self._stderr):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        self.pid = os.fork()
        if self.pid == 0:
            _exec(path, job, environment, (theirs_in, theirs_out, theirs_err))
        for fd in (theirs_in, theirs_out, theirs_err):
            os.close(fd)

    def finish(self) -> int:
        """Feed it, read what it prints, until it has ended; return its exit code."""
        readers = {self._stdout: self._take_out, self._stderr: self._take_err}
        while True:
            if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                break
            writers = [self._stdin] if self._stdin >= 0 else []
            ready, writable, _ = select.select([self._wakeup, *readers], writers, [])
            if self._wakeup in ready:
                os.read(self._wakeup, 512)
            for fd in [fd for fd in readers if fd in ready]:
                if not readers[fd]():
                    del readers[fd]
            if writable:
                self._feed()
        self.ended = time.monotonic()
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        _end_others(self.pid)
        for take in readers.values():  # what is left in the pipes
            with contextlib.suppress(BlockingIOError):
                while take():
                    pass
        return code

    def _feed(self) -> None:
        try:
            self._left = self._left[os.write(self._stdin, self._left[:_PART]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not read to the end
            self._left = self._left[:0]
        if not self._left:
            os.close(self._stdin)
            self._stdin = -1

    def _take_out(self) -> bool:
        part = os.read(self._stdout, _PART)
        self.out += part
        if len(self.out) > self._limits.output_bytes:
            raise CommandError(f"printed more than {self._limits.output_bytes:,} bytes; print less")
        return bool(part)

    def _take_err(self) -> bool:
        part = os.read(self._stderr, _PART)
        self.err += part[: self._limits.printed_bytes - len(self.err)]
        return bool(part)


def _exec(path: str, job: dict[str, Any], environment: dict[str, str], fds: tuple[int, int, int]) -> None:
    """Become the command; never returns."""
    argv = job["argv"]
    try:
        signal.set_wakeup_fd(-1)
        for caught in (signal.SIGCHLD, signal.SIGPIPE):  # Python ignores the latter
            signal.signal(caught, signal.SIG_DFL)
        os.setsid()
        for number, fd in enumerate([os.dup(fd) for fd in fds]):
            os.dup2(fd, number)
        os.closerange(3, 65536)
        if job["one_process"] and _kernel.LINUX and (machine := _syscalls.machine()):
            _seccomp.apply(_seccomp.one_process(machine))
        os.execve(path, argv, environment)
    except OSError as error:
        reason = "is no program" if error.errno == errno.ENOEXEC else os.strerror(error.errno or 0)
        with contextlib.suppress(OSError):
            os.write(2, f"{argv[0]}: cannot be started: {reason}\n".encode())
    finally:
        os._exit(127)


def _end_others(pid: int) -> None:
    """End what a command has left behind, and reap it so that its time is counted."""
    alone = os.getpid() == 1  # of this pid namespace: all others are the command's
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if alone:
            os.kill(-1, signal.SIGKILL)
        else:
            os.killpg(pid, signal.SIGKILL)
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, 0 if alone else os.WNOHANG)[0]:
            pass


def _write(name: str, content: bytes, *, executable: bool) -> None:
    fd = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o700 if executable else 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)


def _read(name: str, most: int) -> bytes:
    try:
        fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        raise CommandError(f"did not make the file {name!r}") from None
    with os.fdopen(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise CommandError(f"made {name!r}, but not as a file")
        content = file.read(most + 1)
    if len(content) > most:
        raise CommandError(f"made a file {name!r} of more than {most:,} bytes; raise candidate.output_mb")
    return content
