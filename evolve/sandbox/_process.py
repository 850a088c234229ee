"""A helper process of ours (zygote or scorer): started with nothing of the engine's environment."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

import evolve
from evolve.errors import SandboxError
from evolve.sandbox import _wire

START_TIMEOUT_S = 120.0
_LAST_WORDS = 8192

_THREAD_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class HelperProcess:
    """A running helper with its control socket.

    Owned by one coroutine at a time: a request is sent, then its reply is awaited.
    """

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket, words: IO[bytes]) -> None:
        self._process = process
        self._words = words
        self.control = control

    @classmethod
    async def start(
        cls, module: str, *arguments: str, threads: int = 1
    ) -> tuple[HelperProcess, dict[str, Any]]:
        """Start `python -m module FD *arguments`; return it with its first message.

        Raises:
            SandboxError: it did not come up.
        """
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        words = tempfile.TemporaryFile()  # noqa: SIM115 - a pipe could fill up; closed by _reap
        try:
            with theirs:
                process = subprocess.Popen(  # noqa: ASYNC220 - a fork and exec; returns at once
                    # -s -P: neither the user's site-packages nor the current folder can shadow a module
                    [sys.executable, "-s", "-P", "-m", module, str(theirs.fileno()), *arguments],
                    env=_environment(threads),
                    cwd="/",
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=words,
                    start_new_session=True,  # a Ctrl-C in the terminal is for the engine alone
                )
        except OSError as error:
            ours.close()
            words.close()
            raise SandboxError(f"{module} cannot be started: {error}.") from error
        helper = cls(process, ours, words)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                hello, _ = await _wire.receive_async(ours)
        except (TimeoutError, ConnectionError):
            trace = helper.kill()
            raise SandboxError(
                f"{module} did not start within {START_TIMEOUT_S:.0f} s or ended at once. "
                f"Its last words: {trace.strip()[-2000:] or '(none)'}"
            ) from None
        except BaseException:
            helper.kill()
            raise
        return helper, hello

    def kill(self) -> str:
        """End it at once with all that it started; return what it wrote to stderr."""
        self.control.close()
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
        return self._reap()

    def close(self) -> None:
        """Hang up and let it end its program and clean up; kill it when it takes longer than 2 s."""
        self.control.close()
        try:
            self._process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
        self._reap()

    def _reap(self) -> str:
        self._process.wait()
        if self._words.closed:
            return ""
        with self._words as words:
            words.seek(max(0, words.seek(0, os.SEEK_END) - _LAST_WORDS))
            return words.read().decode(errors="replace")


def _environment(threads: int) -> dict[str, str]:
    """Return the helpers' whole environment: no key, no path, no home of the user."""
    root = str(Path(evolve.__file__).resolve().parents[1])
    return {
        "PYTHONHASHSEED": "0",  # the order of sets is part of a reproducible run
        "PYTHONPATH": root,
        "LANG": "C.UTF-8",
        **dict.fromkeys(_THREAD_POOLS, str(threads)),  # pinned: workers must not fight for cores
    }
