"""Limits of one evaluation, and the rlimits that enforce a part of them in the child."""

from __future__ import annotations

import math
import resource
from dataclasses import asdict, dataclass
from typing import Any

_MIB = 2**20


@dataclass(frozen=True, slots=True)
class Limits:
    """What one program may use.

    Attributes:
        wall_s: Wall-clock seconds; then the whole process tree is killed.
        memory_mb: MiB of address space beyond what the preloaded modules take.
        processes: Processes and threads at once, the program's own included.
        output_bytes: Size of the encoded result.
        printed_bytes: How much of stdout and stderr is kept; the rest is dropped.
        cpu_s: CPU seconds of each of its processes; None: what fits into the wall-clock time.
        scratch_mb: Size of its scratch directory, and of any file in it, in MiB.
        scratch_files: Files and folders in its scratch directory.
        may_exec: Whether it may start other programs: those that it can see, and those that it makes in its
            scratch directory. They have the same layers and limits.
    """

    wall_s: float = 10.0
    memory_mb: int = 1024
    processes: int = 16
    output_bytes: int = 8 * _MIB
    printed_bytes: int = 8192
    cpu_s: float | None = None
    scratch_mb: float = 64
    scratch_files: int = 4096
    may_exec: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a message."""
        return asdict(self)


def apply_rlimits(limits: Limits, address_space: int, *, count_processes: bool, others: int) -> None:
    """Lower the rlimits of this process, soft and hard; its descendants inherit them.

    Args:
        limits: What to allow.
        address_space: Bytes of address space that are not the program's doing.
        count_processes: Whether processes are counted for this sandbox alone. Elsewhere the
            kernel counts all processes of the user, so a limit would hit neighbours, and none is set.
        others: Processes of the same user in this sandbox that are not the program's.
    """
    cpu = limits.cpu_s or limits.wall_s * min(limits.processes, 4) + 1
    _lower(resource.RLIMIT_CPU, math.ceil(cpu))
    _lower(resource.RLIMIT_AS, address_space + limits.memory_mb * _MIB)
    _lower(resource.RLIMIT_FSIZE, int(limits.scratch_mb * _MIB))
    _lower(resource.RLIMIT_NOFILE, 64)
    _lower(resource.RLIMIT_CORE, 0)
    if count_processes:
        _lower(resource.RLIMIT_NPROC, limits.processes + others)


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def current_address_space() -> int:
    """Return this process's address space in bytes."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1024 * _MIB  # no /proc on this system: a generous guess
