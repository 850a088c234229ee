"""A process beside the app, which ends with whoever waits for it."""

from __future__ import annotations

import asyncio
import subprocess
import tempfile
from collections.abc import Sequence
from typing import IO

from evolve._child import child_environment, python_command

MOST_BYTES = 64 * 2**20


async def run_python(*arguments: str) -> tuple[int, bytes, bytes]:
    """Run a module of ours in a process of its own; when the wait is cancelled, the process is killed.

    What it writes goes to files, which nobody has to drain.

    Args:
        arguments: Of the interpreter, such as `-m` and the module.

    Returns:
        Its exit code and the beginnings of what it wrote to its two outputs.
    """
    with tempfile.TemporaryFile() as answer, tempfile.TemporaryFile() as trouble:
        process = _begun(arguments, answer, trouble)
        try:
            code = await asyncio.to_thread(process.wait)
        finally:
            if process.poll() is None:
                process.kill()  # the thread that waits reaps it
        answer.seek(0)
        trouble.seek(0)
        return code, answer.read(MOST_BYTES), trouble.read(MOST_BYTES)


def _begun(arguments: Sequence[str], answer: IO[bytes], trouble: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        python_command(*arguments),
        env=child_environment(),
        stdin=subprocess.DEVNULL,
        stdout=answer,
        stderr=trouble,
    )
