"""Start a script again as another user, who has fewer rights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
_CHECK = "import evolve.problem, evolve.sandbox, numpy, scipy"


def again(script: str, arguments: Sequence[str], user: int, python: str) -> tuple[int, Any]:
    """Run a script with these arguments as a user without groups; return its exit code and what it told.

    It tells by `tell`, with the number that it gets as its last argument, `--tell NUMBER`.

    Exits with a message when this user cannot become that one, or that one cannot run the script.
    """
    _require(os.geteuid() == 0, "--user: only root can become another user; leave it out to run as you are")
    _require(user > 0, "--user: must be the number of an ordinary user, such as 65533")
    reader, writer = os.pipe()
    with tempfile.TemporaryDirectory() as home:
        os.chown(home, user, user)
        environment = {
            "HOME": home,
            "PATH": os.defpath,
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        change: dict[str, Any] = {
            "user": user,
            "group": user,
            "extra_groups": [],
            "env": environment,
            "cwd": home,
        }
        _check(python, user, change)
        command = [python, script, *arguments, "--tell", str(writer)]
        with subprocess.Popen(command, pass_fds=[writer], **change) as process:
            os.close(writer)
            with open(reader) as stream:
                told = stream.read()
    return process.returncode, json.loads(told or "null")


def tell(fd: int, what: Any) -> None:
    """Tell the caller of `again`."""
    with open(fd, "w") as stream:
        json.dump(what, stream)


def _check(python: str, user: int, change: dict[str, Any]) -> None:
    """Make sure that the user can start this Python, and import what is needed."""
    try:
        done = subprocess.run([python, "-c", _CHECK], capture_output=True, text=True, check=False, **change)
    except OSError as error:
        _require(False, f"user {user} cannot execute {python} ({error.strerror}). {_ADVICE}")
    else:
        why = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        _require(done.returncode == 0, f"user {user} cannot use {python} with {ROOT} ({why}). {_ADVICE}")


_ADVICE = (
    "Name one that is open to all with --python PATH, in which Evolve's dependencies are installed, and "
    "keep the checkout where that user may read it."
)


def _require(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(message)
