"""`evolve watch`, and `evolve run --tui`: the app in the terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import typer

from evolve._child import child_environment, python_command
from evolve.cli._text import clean, err, out, plain
from evolve.errors import RunError
from evolve.tui._command import require_terminal, watch

__all__ = ["require_terminal", "run_in_app", "run_name", "watch"]

LOG_FILE = "output.log"
"""In the run's folder: what the engine printed while the app was shown."""
_LOOK_S = 0.1


def run_name(problem: str, seed: int, runs: Path) -> str:
    """Return a name for a new run that is not taken."""
    stem = f"{problem}-{datetime.now(UTC).strftime('%Y%m%d-%H%M%S')}-s{seed}"
    name, number = stem, 1
    while (runs / name).exists():
        number += 1
        name = f"{stem}-{number}"
    return name


def run_in_app(arguments: Sequence[str], folder: Path) -> None:
    """Begin a run in a process of its own and show it; ask at the end whether it shall go on.

    The engine is a process apart, so that nothing the app does can slow it; it survives the app and the
    terminal.

    Args:
        arguments: Of `evolve`, without `--tui` and with the name of the run.
        folder: Where the run will be.

    Raises:
        RunError: the run ended before it began; the text is what it said.
    """
    log, path = tempfile.mkstemp(prefix="evolve-", suffix=".log")
    with os.fdopen(log, "wb") as stream:
        engine = subprocess.Popen(
            python_command("-m", "evolve", *arguments),
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # it outlives the terminal
        )
    written = Path(path)
    try:
        _await_beginning(engine, folder, written)
        written = _moved(written, folder / LOG_FILE)
        from evolve.tui import watch as show

        left = show(folder, folder.parent, ask_to_stop=True)
    except KeyboardInterrupt:
        left = "stop"
    _finish(engine, folder, written, left)


def _await_beginning(engine: subprocess.Popen[bytes], folder: Path, log: Path) -> None:
    with err.status(plain("beginning the run ...", "dim")):
        while not (folder / "run.db").exists() and engine.poll() is None:
            time.sleep(_LOOK_S)
    if engine.poll() and not (folder / "run.db").exists():
        said = log.read_text(errors="replace").strip()
        log.unlink(missing_ok=True)
        raise RunError(f"the run ended before it began:\n{said.removeprefix('error: ')}")


def _moved(log: Path, target: Path) -> Path:
    """Bring the log into the run's folder; it stays where it is when that is on another disk."""
    with contextlib.suppress(OSError):
        log.rename(target)
        return target
    return log


def _finish(engine: subprocess.Popen[bytes], folder: Path, log: Path, left: Literal["stop", "leave"]) -> None:
    """Stop the engine or leave it alone, and say how things stand."""
    if engine.poll() is None and left == "leave":
        out.print(plain(f"the run goes on: {folder}"), soft_wrap=True)
        out.print(plain(f"look again: evolve watch {folder}", "dim"), soft_wrap=True)
        out.print(plain(f"its output: {log}", "dim"), soft_wrap=True)
        return
    if engine.poll() is None:
        with err.status(plain("stopping; the running evaluations may end ...", "dim")):
            with contextlib.suppress(ProcessLookupError):
                engine.send_signal(signal.SIGINT)
            engine.wait()
    with contextlib.suppress(OSError):
        out.print(plain(clean(_report(log.read_text(errors="replace")))), soft_wrap=True)
    if engine.returncode:
        raise typer.Exit(engine.returncode if engine.returncode > 0 else 1)


def _report(log: str) -> str:
    """Return the end of a log: what the session said when it was over."""
    lines = log.rstrip().split("\n")
    blank = [index for index, line in enumerate(lines) if not line.strip()]
    return "\n".join(lines[blank[0] + 1 :] if blank else lines[-5:])
