"""The zygote: a process that imports once, then forks a confined child for every evaluation.

It is started as `python -m evolve.sandbox._zygote FD`, with an empty environment, and obeys the
messages on that socket: one evaluation at a time, `kill` to end it early, end of file to leave.
It never sees a program: the child reads its own job from a socket that the engine passes along.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import tempfile
import time
import traceback

from evolve.sandbox import _child, _kernel, _wire
from evolve.sandbox._limits import Limits
from evolve.sandbox._scratch import remove_tree

_CLEANING_S = 1.0
"""How long a program's files may delay the next one; what is left goes when the zygote ends."""


def main() -> None:
    """Enter the namespaces, preload, then serve until the engine hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    layers = _enter_namespaces(allowed=options["namespaces"])
    try:
        for name in options["preload"]:
            importlib.import_module(name)
        if "numpy" in sys.modules:
            importlib.import_module("numpy.random")  # lazy in numpy: else imported again in every child
    except Exception:  # noqa: BLE001 - any failure of a foreign import is reported to the engine
        control.sendall(_wire.pack({"failed": traceback.format_exc(limit=-3), "module": name}))
        return
    gc.collect()
    gc.freeze()  # children share these pages for longer
    base = tempfile.mkdtemp(dir=options["scratch"])
    try:
        control.sendall(_wire.pack({"ready": True, "layers": layers}))
        _Zygote(control, base, namespaces="pid_namespace" in layers).serve()
    finally:
        remove_tree(base)


def _enter_namespaces(*, allowed: bool) -> list[str]:
    """Move into own user and pid namespaces where the kernel lets us; name the layers in force."""
    layers = ["session", "rlimits", "deadline", "scratch", "clean_environment", "closed_descriptors", "codec"]
    if _kernel.LINUX:
        _kernel.prctl(_kernel.PR_SET_CHILD_SUBREAPER, 1)
    if not (_kernel.LINUX and allowed and _namespaces_work()):
        return layers
    _unshare()
    child = os.fork()
    if child:
        _wait_for(child)
    _kernel.prctl(_kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    return [*layers, "user_namespace", "pid_namespace"]


def _namespaces_work() -> bool:
    """Try in a child: a kernel may grant the namespaces and then refuse their use, with no way back."""
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(OSError):
            _unshare()
            code = 0
        os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _unshare() -> None:
    """Enter own namespaces as the same user; raises OSError."""
    uid, gid = os.geteuid(), os.getegid()
    _kernel.unshare(_kernel.CLONE_NEWUSER | _kernel.CLONE_NEWPID)
    _write("/proc/self/setgroups", "deny")
    _write("/proc/self/uid_map", f"{uid} {uid} 1")
    _write("/proc/self/gid_map", f"{gid} {gid} 1")


def _write(path: str, text: str) -> None:
    with open(path, "w") as file:
        file.write(text)


def _wait_for(child: int) -> None:
    """Stand outside of the namespace for as long as the zygote lives in it; never returns."""
    os.closerange(3, 65536)
    _, status = os.waitpid(child, 0)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


class _Zygote:
    def __init__(self, control: socket.socket, base: str, *, namespaces: bool) -> None:
        self._control = control
        self._base = base
        self._namespaces = namespaces
        self._own_pid_namespace = os.open("/proc/self/ns/pid", os.O_RDONLY) if namespaces else -1
        self._runs = 0
        self._wakeup, writer = os.pipe()
        for fd in (self._wakeup, writer):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def serve(self) -> None:
        """Run evaluations until the engine closes its end."""
        try:
            while True:
                head, _, fds = _wire.receive(self._control, max_fds=2)
                if "run" in head:  # a `kill` may come late, after its child ended
                    self._evaluate(Limits(**head["run"]), *fds)
        except (_wire.Disconnected, ConnectionError):
            return

    def _evaluate(self, limits: Limits, job_fd: int, printed_fd: int) -> None:
        self._runs += 1
        scratch = os.path.join(self._base, str(self._runs))
        os.mkdir(scratch, 0o700)
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        started = time.monotonic()
        pid = self._fork(limits, job_fd, printed_fd, scratch)
        os.close(job_fd)
        os.close(printed_fd)
        try:
            reason = self._watch(pid, started + limits.wall_s)
        finally:  # also when the engine hangs up: nothing may outlive it
            status = self._end(pid)
            remove_tree(scratch, deadline=time.monotonic() + _CLEANING_S)
        wall = time.monotonic() - started
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        self._control.sendall(_wire.pack({"reason": reason, "exit": status, "wall_s": wall, "cpu_s": cpu}))

    def _fork(self, limits: Limits, job_fd: int, printed_fd: int, scratch: str) -> int:
        if self._namespaces:
            # The next child becomes the first process of a new pid namespace: killing it kills
            # all of its descendants. Coming back first is what allows to unshare again.
            _kernel.setns(self._own_pid_namespace, _kernel.CLONE_NEWPID)
            _kernel.unshare(_kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            _child.run_child(job_fd, printed_fd, scratch, limits, namespaces=self._namespaces)
        return pid

    def _watch(self, pid: int, deadline: float) -> str:
        """Wait until the child ends, its time is over, or the engine wants it gone; say which."""
        while True:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return "exit"
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            sources: list[socket.socket | int] = [self._control, self._wakeup]
            ready, _, _ = select.select(sources, [], [], left)
            if self._wakeup in ready:
                os.read(self._wakeup, 512)
            if self._control in ready:
                _wire.receive(self._control)  # only `kill` can come now; a hang-up raises
                return "killed"

    def _end(self, pid: int) -> int:
        """Kill the child with all of its descendants and reap them; return the exit status."""
        if not self._namespaces:
            _kill_group(pid)
        os.kill(pid, signal.SIGKILL)  # also when it is not yet in a session of its own
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if not self._namespaces:
            _kill_group(pid)
            _kill_orphans()
        return status


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # already gone, or not yet there
        os.killpg(pid, signal.SIGKILL)


def _kill_orphans() -> None:
    """Kill descendants that left the session: as subreaper, this process has become their parent."""
    while True:
        for child in _children():
            os.kill(child, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def _children() -> list[int]:
    try:
        with open(f"/proc/self/task/{os.getpid()}/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


if __name__ == "__main__":
    try:
        main()
    except (BrokenPipeError, _wire.Disconnected):
        sys.exit(0)
