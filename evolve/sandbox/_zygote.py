"""The zygote: a process that imports once, then forks a confined child for every evaluation.

It is started as `python -m evolve.sandbox._zygote FD`, with an empty environment, and obeys the
messages on that socket: one evaluation at a time, `kill` to end it early, end of file to leave.
It never sees a program: the child reads its own job from a socket that the engine passes along.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import resource
import select
import signal
import socket
import sys
import time
import traceback
from typing import Any

from evolve.sandbox import _child, _kernel, _wire
from evolve.sandbox._ceiling import Ceiling
from evolve.sandbox._confinement import Confinement
from evolve.sandbox._limits import Limits, current_address_space
from evolve.sandbox._policy import STRICT
from evolve.sandbox._scratch import remove_tree
from evolve.sandbox.layers import _landlock, _namespaces, _privileges, _root, _seccomp, _syscalls
from evolve.sandbox.layers._cgroup import Cgroups
from evolve.sandbox.layers._memory import MemoryWatch

_OFTEN_IMPORTED = ("bisect", "collections", "copy", "heapq", "itertools", "math", "random", "typing")
"""Loaded although no problem declares them: programs import them, and they are small."""
_CLEANING_S = 1.0
"""How long a program's files may delay the next one; what is left goes when the zygote ends."""


def main() -> None:
    """Enter the namespaces, preload, confine, then serve until the engine hangs up."""
    control = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    base = os.path.join(options["scratch"], os.urandom(8).hex())
    os.mkdir(base, 0o700)
    strict = options["policy"] == STRICT
    nobody = _enter_namespaces(base) if strict and _kernel.LINUX and _namespaces.works() else None
    if _kernel.LINUX:
        _kernel.prctl(_kernel.PR_SET_CHILD_SUBREAPER, 1)
        _kernel.prctl(_kernel.PR_SET_DUMPABLE, 0)  # nobody reads or writes its memory through /proc
    try:
        for name in options["preload"]:
            importlib.import_module(name)
        for name in (*_OFTEN_IMPORTED, *options["learned"]):
            with contextlib.suppress(Exception):  # it is only a hint
                importlib.import_module(name)
        if "numpy" in sys.modules:
            importlib.import_module("numpy.random")  # lazy in numpy: else imported again in every child
    except Exception:  # noqa: BLE001 - any failure of a foreign import is reported to the engine
        control.sendall(_wire.pack({"failed": traceback.format_exc(limit=-3), "module": name}))
        return
    _child.prepare()
    gc.collect()
    gc.freeze()  # children share these pages for longer
    try:
        pid_namespace = -1 if nobody is None else os.open("/proc/self/ns/pid", os.O_RDONLY)
        try:
            confinement, ceiling = _prepare(base, options, nobody)
        except OSError as error:
            control.sendall(_wire.pack({"refused": str(error)}))
            return
        zygote = _Zygote(control, base, confinement, ceiling, pid_namespace)
        control.sendall(_wire.pack({"ready": True, "layers": zygote.layers()}))
        zygote.serve()
    finally:
        if nobody is None:  # else it lies outside of this root, and the guardian removes it
            _remove(base)


def _enter_namespaces(base: str) -> bool:
    """Go on as the first process of a new pid namespace; tell whether `nobody` is mapped in it."""
    nobody = _namespaces.unshare_for_zygote()
    child = os.fork()
    if child:
        _guard(child, base)
    _kernel.prctl(_kernel.PR_SET_PDEATHSIG, signal.SIGKILL)
    _kernel.unshare(_kernel.CLONE_NEWNS)  # else a new root would be the guardian's too, which has to clean up
    return nobody


def _guard(child: int, base: str) -> None:
    """Stand outside of the namespaces while the zygote lives in them, then clean up; never returns."""
    os.closerange(3, 65536)
    _, status = os.waitpid(child, 0)
    _remove(base)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


def _remove(base: str) -> None:
    """Remove this zygote's folder, and the executor's when it is the last in it and the engine is gone."""
    remove_tree(base)
    home = os.path.dirname(base)
    with contextlib.suppress(OSError):
        fcntl.flock(os.open(home, os.O_RDONLY), fcntl.LOCK_SH | fcntl.LOCK_NB)  # the engine's while it lives
        os.rmdir(home)


def _prepare(base: str, options: dict[str, Any], nobody: bool | None) -> tuple[Confinement, Ceiling]:
    """Build what the children are confined by; `nobody` is None without namespaces."""
    readable = _root.readable_paths()
    space = current_address_space()
    machine = _syscalls.machine()
    landlock = _landlock.abi() if _kernel.LINUX else 0
    watch = None
    rooted = nobody is not None
    # without one of them a program could change its limits: they are files of its own user
    cgroups = _open_cgroups(options["cgroup"]) if rooted or landlock else None
    if rooted:
        with contextlib.suppress(OSError):  # a container may mask its procfs: then a new one is refused
            watch = MemoryWatch(base)
        _root.build(base, readable, options["hidden"], options["readable"])
        os.environ["TMPDIR"] = os.environ["HOME"] = _root.SCRATCH
        _privileges.drop_bounding_set()
    filtered = machine if _kernel.LINUX else None
    confinement = Confinement(
        namespaces=rooted,
        nobody=bool(nobody),
        landlock=landlock,
        seccomp=_seccomp.program(filtered) if filtered else b"",
        seccomp_exec=_seccomp.program(filtered, allow_exec=True) if filtered else b"",
        readable=(*readable, *options["readable"]),
        address_space=space,
    )
    return confinement, Ceiling(watch, cgroups)


def _open_cgroups(place: list[str]) -> Cgroups | None:
    with contextlib.suppress(OSError):
        return Cgroups(*place) if place else None
    return None


class _Zygote:
    def __init__(
        self,
        control: socket.socket,
        base: str,
        confinement: Confinement,
        ceiling: Ceiling,
        pid_namespace: int,
    ) -> None:
        self._control = control
        self._base = base
        self._confinement = confinement
        self._ceiling = ceiling
        self._namespaces = confinement.namespaces
        self._own_pid_namespace = pid_namespace
        self._runs = 0
        self._wakeup, writer = os.pipe()
        for fd in (self._wakeup, writer):
            os.set_blocking(fd, False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)

    def layers(self) -> list[str]:
        """Name the layers in force."""
        return list(dict.fromkeys((*self._confinement.layers(), *self._ceiling.layers())))

    def serve(self) -> None:
        """Run evaluations until the engine closes its end."""
        try:
            while True:
                head, _, fds = _wire.receive(self._control, max_fds=2)
                if "run" in head:  # a `kill` may come late, after its child ended
                    self._evaluate(Limits(**head["run"]), *fds)
        except (_wire.Disconnected, ConnectionError):
            return
        finally:
            self._ceiling.close()

    def _evaluate(self, limits: Limits, job_fd: int, printed_fd: int) -> None:
        self._runs += 1
        scratch = self._make_scratch()
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        report, report_fd = os.pipe()
        started = time.monotonic()
        gate = self._ceiling.begin(limits)
        try:
            pid = self._fork(limits, (job_fd, printed_fd, report_fd, gate), scratch)
        except OSError:
            self._ceiling.end()
            raise
        finally:
            forked = time.monotonic()
            for fd in (job_fd, printed_fd, report_fd, gate):
                if fd is not None:
                    os.close(fd)
        try:
            self._ceiling.admit(pid)
            reason = self._watch(pid, started + limits.wall_s)
        finally:  # also when the engine hangs up: nothing may outlive it
            seen = time.monotonic()
            status = self._end(pid)
            if self._ceiling.end():
                reason = "memory"
            if scratch:
                remove_tree(scratch, deadline=time.monotonic() + _CLEANING_S)
        ended = time.monotonic()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        confine, trouble = self._read_report(report)
        end = {
            "reason": reason,
            "layers": self.layers(),
            "exit": status,
            "wall_s": ended - started,
            "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "unconfined": trouble if reason == "exit" else "",
            "zygote_kb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss,
            "parts": {
                "fork": forked - started,
                "confine": confine,
                "program": seen - forked - confine,
                "end": ended - seen,
            },
        }
        self._control.sendall(_wire.pack(end))

    def _make_scratch(self) -> str:
        """Make a folder for one program; with namespaces it mounts its own, which goes with it."""
        if self._namespaces:
            return ""
        scratch = os.path.join(self._base, str(self._runs))
        os.mkdir(scratch, 0o700)
        return scratch

    @staticmethod
    def _read_report(report: int) -> tuple[float, str]:
        """Return how long a child took to confine itself in seconds, and why it could not, if so."""
        try:
            said = os.read(report, 4096)
        finally:
            os.close(report)
        if len(said) == _child.CONFINED.size + 1 and said[:1] == b"\0":
            return _child.CONFINED.unpack(said[1:])[0], ""
        return 0.0, said.decode(errors="replace") or "it ended before it was confined"

    def _fork(self, limits: Limits, fds: tuple[int, int, int, int | None], scratch: str) -> int:
        if self._namespaces:
            # The next child becomes the first process of a new pid namespace: killing it kills
            # all of its descendants. Coming back first is what allows to unshare again.
            _kernel.setns(self._own_pid_namespace, _kernel.CLONE_NEWPID)
            _kernel.unshare(_kernel.CLONE_NEWPID)
        pid = os.fork()
        if pid == 0:
            _child.run_child(*fds, scratch, limits, self._confinement)
        return pid

    def _watch(self, pid: int, deadline: float) -> str:
        """Wait until the child ends, uses up its time or memory, or the engine wants it gone; say which."""
        while True:
            if os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None:
                return "exit"
            left = deadline - time.monotonic()
            if left <= 0:
                return "timeout"
            sources: list[socket.socket | int] = [self._control, self._wakeup]
            ready, _, _ = select.select(sources, [], [], min(left, self._ceiling.next_look_s()))
            if self._wakeup in ready:
                os.read(self._wakeup, 512)
            if self._control in ready:
                _wire.receive(self._control)  # only `kill` can come now; a hang-up raises
                return "killed"
            if self._ceiling.is_exceeded():
                return "memory"

    def _end(self, pid: int) -> int:
        """Kill the child with all of its descendants and reap them; return the exit status."""
        self._ceiling.kill()
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
