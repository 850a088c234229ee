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
        file_mb: Largest file that it may write in its scratch directory, in MiB.
    """

    wall_s: float = 10.0
    memory_mb: int = 1024
    processes: int = 16
    output_bytes: int = 8 * _MIB
    printed_bytes: int = 8192
    file_mb: int = 64

    def to_json(self) -> dict[str, Any]:
        """Return plain data for a message."""
        return asdict(self)


def apply_rlimits(limits: Limits, *, own_user_namespace: bool) -> None:
    """Lower the rlimits of this process, soft and hard; its descendants inherit them.

    Args:
        limits: What to allow.
        own_user_namespace: Whether processes are counted for this sandbox alone. Elsewhere the
            kernel counts all processes of the user, so a limit would hit neighbours, and none is set.
    """
    cpu = math.ceil(limits.wall_s * min(limits.processes, 4)) + 1
    _lower(resource.RLIMIT_CPU, cpu)
    _lower(resource.RLIMIT_AS, _address_space() + limits.memory_mb * _MIB)
    _lower(resource.RLIMIT_FSIZE, limits.file_mb * _MIB)
    _lower(resource.RLIMIT_NOFILE, 64)
    _lower(resource.RLIMIT_CORE, 0)
    if own_user_namespace:
        _lower(resource.RLIMIT_NPROC, limits.processes + 2)  # the zygote and its guardian count too


def _lower(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _address_space() -> int:
    """Return this process's address space in bytes; what was preloaded is not the program's doing."""
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 1024 * _MIB  # no /proc on this system: a generous guess
