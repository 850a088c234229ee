"""A memory ceiling for a whole process tree: what rlimits, which count each process alone, cannot give.

The tree's memory is watched through a procfs of the zygote's own pid namespace, which only the
zygote can see. Counted is anonymous and shared memory beyond what the zygote had loaded.
"""

from __future__ import annotations

import contextlib
import os

from evolve.sandbox import _kernel

FIRST_LOOK_S = 0.01
PERIOD_S = 0.02
_RESIDENT = (b"RssAnon:", b"RssShmem:", b"VmSwap:")
_PROPORTIONAL = (b"Pss_Anon:", b"Pss_Shmem:", b"SwapPss:")


class MemoryWatch:
    """Adds up the memory of the processes in this pid namespace, of which the caller is the first."""

    def __init__(self, base: str) -> None:
        """Mount a procfs on the folder `base`, keep it open and let nobody else see it; raises OSError."""
        _kernel.mount("proc", base, "proc", _kernel.MS_NOSUID | _kernel.MS_NODEV | _kernel.MS_NOEXEC)
        try:
            self._proc = os.open(base, os.O_RDONLY | os.O_DIRECTORY)
        finally:
            _kernel.umount(base, _kernel.MNT_DETACH)
        self._baseline = self._kibibytes("1", "status", _RESIDENT)

    def used_mb(self) -> float:
        """Return the MiB that all other processes have taken beyond what the zygote had loaded.

        Pages that processes share count once. Finding out which are shared takes long, so the
        cheap sum that counts them in every process is tried first by `exceeds`.
        """
        children = self._children()
        shared = self._baseline * len(children) / (len(children) + 1)
        return max(0.0, sum(self._share(pid) for pid in children) - shared) / 1024

    def exceeds(self, limit_mb: float) -> bool:
        """Tell whether all other processes together have taken more than so many MiB."""
        most = sum(self._kibibytes(pid, "status", _RESIDENT) for pid in self._children())
        return (most - self._baseline) / 1024 > limit_mb and self.used_mb() > limit_mb

    def _share(self, pid: str) -> int:
        """Return a process's share of memory in KiB; all that it has mapped, where it hides the share."""
        return self._kibibytes(pid, "smaps_rollup", _PROPORTIONAL) or self._kibibytes(
            pid, "status", _RESIDENT
        )

    def _children(self) -> list[str]:
        return [name for name in os.listdir(self._proc) if name.isdecimal() and name != "1"]

    def _kibibytes(self, pid: str, file: str, fields: tuple[bytes, ...]) -> int:
        with contextlib.suppress(OSError):  # it may be gone meanwhile
            fd = os.open(f"{pid}/{file}", os.O_RDONLY, dir_fd=self._proc)
            try:
                lines = os.read(fd, 4096).split(b"\n")
            finally:
                os.close(fd)
            return sum(int(line.split()[1]) for line in lines if line.startswith(fields))
        return 0
