"""Processes of our own modules: the same package as here, whatever the current folder holds."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import evolve


def python_command(*arguments: str) -> list[str]:
    """Return the command that runs the interpreter with arguments, such as `-m` and a module."""
    return [sys.executable, "-P", *arguments]  # -P: no file in the current folder can shadow a module


def child_environment() -> dict[str, str]:
    """Return this process's environment; it leads to this package even where only the current folder did."""
    root = str(Path(evolve.__file__).resolve().parents[1])
    if root in {str(Path(entry).resolve()) for entry in sys.path[1:]}:
        return dict(os.environ)
    given = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, given] if given else [root])}
