"""A cgroup for a program, by which the kernel keeps the ceilings of memory and processes of its tree.

The zygote makes them. The engine could as well, but for the price of a round trip, and it does not know
the child's number; the child could not, since a program must not reach what limits it. The zygote opens
the folder before its new root hides it, has never seen a program, and a child closes that descriptor first.

A cgroup that is as good as new is used again: to make one and remove it costs several times as much as to
look at one.
"""

from __future__ import annotations

import contextlib
import os
import resource

from evolve.sandbox._limits import Limits

_MIB = 2**20
_MOST_MIB = 2**40
_PROCESS_MIB = 0.5
"""Stack, page tables and bookkeeping that the kernel keeps for a process, and counts."""
_PAGE_TABLES = 1 / 256
_AS_NEW_MIB = 4
"""How much may still be counted when the last program has gone: files that it read, which can be dropped."""


class Cgroups:
    """The cgroups of one zygote's programs, one after the other."""

    def __init__(self, folder: str, prefix: str) -> None:
        """Open the folder to make them in; raises OSError."""
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._prefix = prefix + os.urandom(4).hex()
        self._made = 0
        self._loaded_mib = _own_memory() / _MIB
        self._current: Cgroup | None = None
        self._left: list[Cgroup] = []

    def take(self, limits: Limits) -> Cgroup:
        """Return an empty cgroup with a program's limits; raises OSError."""
        if self._current is not None and not self._current.is_as_new():
            self.close()
        if self._current is None:
            self._made += 1
            self._current = Cgroup(self._folder, f"{self._prefix}.{self._made}")
        self._current.limit(self._ceiling(limits), limits.processes)
        return self._current

    def close(self) -> None:
        """Remove what was made; what the kernel has not yet let go of, when this is called again."""
        cgroups = [*self._left, self._current] if self._current else self._left
        self._left = [cgroup for cgroup in cgroups if not cgroup.removed()]
        self._current = None

    def _ceiling(self, limits: Limits) -> int:
        """Return how many bytes the kernel may count: a program within each of its limits is within this.

        Besides its memory it counts the scratch folder, what the program has written to of the zygote's
        memory, and what the kernel itself needs for the processes.
        """
        needed = limits.memory_mb * (1 + _PAGE_TABLES) + limits.processes * _PROCESS_MIB
        return int(min(needed + limits.scratch_mb + self._loaded_mib, _MOST_MIB) * _MIB)


class Cgroup:
    """One cgroup, in which one program after the other runs."""

    def __init__(self, parent: int, name: str) -> None:
        """Make it below the folder open as `parent`; raises OSError."""
        os.mkdir(name, dir_fd=parent)
        self._parent = parent
        self._name = name
        self._limits = (0, 0)
        self._seen = (0, 0)

    def limit(self, memory: int, processes: int) -> None:
        """Set the ceilings, in bytes and in processes and threads; raises OSError."""
        if self._limits == (memory, processes):
            return
        self._write("memory.max", memory)
        self._write("memory.oom.group", 1)  # all or none: half a program gives no result
        self._write("pids.max", processes)
        with contextlib.suppress(FileNotFoundError):  # a kernel without swap
            self._write("memory.swap.max", 0)
        self._limits = (memory, processes)

    def is_as_new(self) -> bool:
        """Tell whether nothing of an earlier program is left that would count against the next one."""
        with contextlib.suppress(OSError, ValueError):
            counted_mib = int(self._read("memory.current")) / _MIB
            return int(self._read("pids.current")) == 0 and counted_mib < _AS_NEW_MIB
        return False

    def join(self, pid: int) -> None:
        """Put a child in; raises OSError. What it has taken before is not counted."""
        with contextlib.suppress(ProcessLookupError):  # it has ended, and says why elsewhere
            self._write("cgroup.procs", pid)

    def overflowed(self) -> bool:
        """Tell whether the kernel has killed for memory since this was last asked.

        Both counters are needed: a kill alone may be on account of a cgroup further up, or the whole machine.
        """
        before = self._seen
        with contextlib.suppress(OSError):
            events = dict(line.split() for line in self._read("memory.events").splitlines())
            self._seen = (int(events.get("oom", 0)), int(events.get("oom_kill", 0)))
        return self._seen[0] > before[0] and self._seen[1] > before[1]

    def kill(self) -> None:
        """Kill all that is in it, where the kernel is new enough; other layers kill too."""
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", 1)

    def removed(self) -> bool:
        """Remove it; tell whether it is gone."""
        try:
            os.rmdir(self._name, dir_fd=self._parent)
        except FileNotFoundError:
            return True
        except OSError:
            return False
        return True

    def _write(self, file: str, value: int) -> None:
        fd = os.open(f"{self._name}/{file}", os.O_WRONLY, dir_fd=self._parent)
        try:
            os.write(fd, b"%d" % value)
        finally:
            os.close(fd)

    def _read(self, file: str) -> str:
        fd = os.open(f"{self._name}/{file}", os.O_RDONLY, dir_fd=self._parent)
        try:
            return os.read(fd, 4096).decode()
        finally:
            os.close(fd)


def _own_memory() -> int:
    """Return the bytes of this process that are not of files: a child that writes to them gets its own."""
    with open("/proc/self/statm", "rb") as file:
        _, resident, shared, *_ = (int(field) for field in file.read().split())
    return (resident - shared) * resource.getpagesize()
