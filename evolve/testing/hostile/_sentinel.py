"""A process next to the engine that no program may see, signal or change."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

_PROGRAM = """
import os, signal
signal.signal(signal.SIGURG, lambda *_: os.write(1, b"!"))
os.write(1, b"+")
while True:
    signal.pause()
"""


class Sentinel:
    """Sleeps, with a secret in its environment, on its command line, and as its standard input.

    It is in the engine's process group. SIGURG, which is harmless to all others, is recorded.
    """

    def __init__(self, environment: dict[str, str], argument: str, stdin: Path) -> None:
        with stdin.open("rb") as file:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", _PROGRAM, argument],
                env=environment,
                stdin=file,
                stdout=subprocess.PIPE,
            )
        assert self._process.stdout is not None
        self._stdout = self._process.stdout
        os.read(self._stdout.fileno(), 1)  # it is ready
        os.set_blocking(self._stdout.fileno(), False)
        self.pid = self._process.pid
        self._before = self._state()

    def harm(self) -> str:
        """Say what was done to it; empty when nothing was."""
        if self._process.poll() is not None:
            return "the sentinel process was ended"
        with contextlib.suppress(BlockingIOError):
            if os.read(self._stdout.fileno(), 100):
                return "the sentinel process was signalled"
        now = self._state()
        changed = [name for name, value in self._before.items() if now[name] != value]
        return f"the sentinel process was changed: {', '.join(changed)}" if changed else ""

    def close(self) -> None:
        """End it."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._stdout.close()

    def _state(self) -> dict[str, object]:
        status = Path(f"/proc/{self.pid}/status").read_text()
        fields = dict(line.split(":", 1) for line in status.splitlines())
        return {
            "tracer": fields["TracerPid"].strip(),
            "stopped": fields["State"].strip()[0] in "Tt",
            "priority": os.getpriority(os.PRIO_PROCESS, self.pid),
            "processors": os.sched_getaffinity(self.pid),
            "open files limit": resource.prlimit(self.pid, resource.RLIMIT_NOFILE),
        }
