"""A look at the processes below this one, and their number and memory while an attack runs."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import NamedTuple

_INTERVAL_S = 0.02
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 2**20


class Process(NamedTuple):
    """One line of the kernel's table."""

    parent: int
    threads: int
    resident_mb: float


def below(root: int) -> dict[int, Process]:
    """Return the descendants of a process; zombies do not count."""
    table = _table()
    family = {root}
    while more := {pid for pid, process in table.items() if process.parent in family} - family:
        family |= more
    return {pid: table[pid] for pid in family if pid != root and pid in table}


def _table() -> dict[int, Process]:
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                fields = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            except OSError:
                continue  # it has just ended
            if fields[0] not in (b"Z", b"X"):
                found[int(name)] = Process(int(fields[1]), int(fields[17]), int(fields[21]) * _PAGE_MB)
    return found


def _shared_mb() -> float:
    """Return the machine's shared and memory-backed pages, which may belong to no process's resident set."""
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("Shmem:"):
            return int(line.split()[1]) / 1024
    return 0.0


class Watch:
    """Samples the descendants of this process from a thread; peaks are on top of those before."""

    def __init__(self, *, active: bool) -> None:
        self.peak_tasks = 0
        self.peak_mb = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample, daemon=True) if active else None

    def __enter__(self) -> Watch:
        if self._thread is not None:
            self._before = self._sums()
            self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def _sample(self) -> None:
        while not self._stop.wait(_INTERVAL_S):
            tasks, memory, shared = self._sums()
            self.peak_tasks = max(self.peak_tasks, tasks - self._before[0])
            self.peak_mb = max(self.peak_mb, memory - self._before[1], shared - self._before[2])

    def _sums(self) -> tuple[int, float, float]:
        processes = below(os.getpid()).values()
        return sum(p.threads for p in processes), sum(p.resident_mb for p in processes), _shared_mb()
