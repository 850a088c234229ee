"""What keeps the ceiling of a program's whole tree: a cgroup where one can be had, else a watch.

The first cgroup that fails is the last to be tried: the program at hand and those after it are watched,
and the layers that are stored with their evaluations say so.
"""

from __future__ import annotations

import contextlib
import math
import os

from evolve.sandbox._limits import Limits
from evolve.sandbox.layers import _memory
from evolve.sandbox.layers._cgroup import Cgroup, Cgroups
from evolve.sandbox.layers._memory import MemoryWatch


class Ceiling:
    """The ceiling of one zygote's programs, one after the other."""

    def __init__(self, watch: MemoryWatch | None, cgroups: Cgroups | None) -> None:
        self._watch = watch
        self._cgroups = cgroups
        self._cgroup: Cgroup | None = None
        self._opener = -1
        self._limit_mb = 0
        self._looked = False

    def layers(self) -> list[str]:
        """Name the layers in force."""
        if self._cgroups is not None:
            return ["process_ceiling", "memory_ceiling", "cgroup"]
        return [] if self._watch is None else ["memory_ceiling"]

    def begin(self, limits: Limits) -> int | None:
        """Prepare for a program; return the pipe from which its child must read before it goes on, if any."""
        self._limit_mb = limits.memory_mb
        self._looked = False
        if self._cgroups is None:
            return None
        try:
            self._cgroup = self._cgroups.take(limits)
        except OSError:
            self._give_up(self._cgroups)
            return None
        gate, self._opener = os.pipe()
        return gate

    def admit(self, pid: int) -> None:
        """Put the program's child under the ceiling and let it go on.

        Done from here while the child confines itself: that hides the time that the kernel may take to
        move a process, which is several milliseconds when it has moved none for a while.
        """
        if self._cgroups is None or self._cgroup is None:
            return
        try:
            self._cgroup.join(pid)
        except OSError:
            self._give_up(self._cgroups)
        with contextlib.suppress(BrokenPipeError):  # it has ended
            os.write(self._opener, b"!")
        self._close_gate()

    def next_look_s(self) -> float:
        """Return after how many seconds at most `is_exceeded` is to be asked."""
        if self._cgroup is not None or self._watch is None:
            return math.inf
        period = _memory.PERIOD_S if self._looked else _memory.FIRST_LOOK_S
        self._looked = True
        return period

    def is_exceeded(self) -> bool:
        """Tell whether the watch finds too much; a cgroup needs none."""
        return self._cgroup is None and self._watch is not None and self._watch.exceeds(self._limit_mb)

    def kill(self) -> None:
        """Kill all that is under the ceiling, if it is a cgroup's."""
        if self._cgroup is not None:
            self._cgroup.kill()

    def end(self) -> bool:
        """Let go of the program, all of whose processes have ended; tell whether its memory ended it."""
        self._close_gate()  # open still when there never was a child
        cgroup, self._cgroup = self._cgroup, None
        return cgroup is not None and cgroup.overflowed()

    def close(self) -> None:
        """Remove what was made, when no further program will come."""
        if self._cgroups is not None:
            self._cgroups.close()

    def _close_gate(self) -> None:
        if self._opener >= 0:
            os.close(self._opener)
            self._opener = -1

    def _give_up(self, cgroups: Cgroups) -> None:
        cgroups.close()
        self._cgroup = self._cgroups = None
