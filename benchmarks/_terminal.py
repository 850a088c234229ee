"""A program in a terminal of its own, with what its screen shows and when it changed."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

_PRIVATE = re.compile(rb"\x1b\[[<>=?][0-9;]*\$?[a-zA-Z]")
"""Modes and questions of newer terminals; pyte knows some of them only, and shows the rest as text."""
_QUIET_S = 0.15
_CHUNK = 1 << 16


class Terminal:
    """Starts a program in a pseudo-terminal.

    Args:
        command: The program and its arguments.
        size: Columns and rows.
        environment: Replaces that of this process.
    """

    def __init__(
        self, command: Sequence[str], *, size: tuple[int, int] = (120, 40), environment: Mapping[str, str]
    ) -> None:
        columns, rows = size
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.started = time.perf_counter()
        # its controlling terminal, so that it ends when this process does
        self.process = subprocess.Popen(command, env=environment, preexec_fn=lambda: os.login_tty(theirs))
        os.close(theirs)

    @property
    def text(self) -> str:
        """What the screen shows."""
        return "\n".join(self._screen.display)

    def until(self, condition: Callable[[str], bool], timeout_s: float = 60.0) -> float:
        """Read until the screen's text fits; return the seconds since the program was started.

        Raises:
            TimeoutError: it does not, for so long or because the program has ended; says what is shown.
        """
        deadline = time.perf_counter() + timeout_s
        while not condition(self.text):
            if self._read(max(0.0, deadline - time.perf_counter())) is None:
                raise TimeoutError(f"the screen has not come to what was waited for; it shows\n{self.text}")
        return self._last - self.started

    def press(self, keys: str, timeout_s: float = 5.0) -> tuple[float, float] | None:
        """Press keys when the screen is at rest.

        Returns:
            Seconds to the first and to the last byte of what was painted; None when nothing was.
        """
        self.rest()
        pressed = time.perf_counter()
        os.write(self._ours, keys.encode())
        first = self._read(timeout_s)
        if first is None:
            return None
        self.rest()
        return first - pressed, self._last - pressed

    def rest(self, quiet_s: float = _QUIET_S) -> None:
        """Read until nothing is painted any more."""
        while self._read(quiet_s) is not None:
            pass

    def drain(self, seconds: float) -> None:
        """Read for that long."""
        deadline = time.perf_counter() + seconds
        while (left := deadline - time.perf_counter()) > 0:
            self._read(left)

    def memory_mb(self) -> float:
        """Return the resident memory at its peak in MiB; Linux only."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024

    def cpu_s(self) -> float:
        """Return the processor time used so far in seconds; Linux only."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def close(self) -> None:
        """End the program: ask it, then kill it."""
        self.process.send_signal(signal.SIGTERM)
        deadline = time.perf_counter() + 5
        while self.process.poll() is None and time.perf_counter() < deadline:
            self._read(0.05)
        self.process.kill()
        self.process.wait()
        os.close(self._ours)

    def _read(self, timeout_s: float) -> float | None:
        """Take in one piece of output; return when it came, or None when none did."""
        ready, _, _ = select.select([self._ours], [], [], timeout_s)
        if not ready:
            return None
        came = time.perf_counter()
        try:
            data = os.read(self._ours, _CHUNK)
        except OSError:  # nobody holds the other end any more
            return None
        self._last = came
        self._stream.feed(_PRIVATE.sub(b"", data))
        return came
