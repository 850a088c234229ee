"""Exports while a run goes on: `evolve export` in a process of its own, which holds nobody up."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from pathlib import Path

from evolve._child import child_environment, python_command
from evolve.store import Request

Answer = tuple[bool, str]
_MOST_CHARS = 2000


async def export_apart(folder: Path, request: Request) -> Answer:
    """Write an export; return whether that went well, and a sentence.

    `folder` is absolute. Cancelled, it ends the process with all that it started.
    """
    program, target = request.arguments["program"], request.arguments["target"]
    command = python_command("-m", "evolve", "export", str(folder))
    command += ([] if program is None else [str(program)]) + ["--out", target, "--json"]
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=child_environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,  # an interruption from the terminal is for the engine to deal with
        )
    except OSError as error:
        return False, f"the export cannot be started ({error.strerror}); try `evolve export` later"
    try:
        said, complained = await process.communicate()
    except asyncio.CancelledError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
        raise
    if process.returncode != 0:
        why = complained.decode(errors="replace").strip().removeprefix("error: ")[:_MOST_CHARS]
        return False, why or f"the export ended with code {process.returncode}"
    facts = json.loads(said)
    note = f" ({facts['note']})" if facts["note"] else ""
    return True, f"written to {facts['folder']}: objective {facts['objective']!r}, measured again{note}"
