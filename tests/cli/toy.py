"""A problem that costs next to nothing, and the command line as a function."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evolve.cli import main
from tests.conftest import toy_problem

NASTY = "[red]x[/red] [/] \x1b[31m\r\u202e"
"""Markup that rich would read or choke on, and codes that a terminal would obey."""

SCORER = """
from evolve.problem import Invalid, Score
def score(output, params, case):
    if type(output) not in (int, float):
        raise Invalid("must be a number")
    return Score({"value": output % 1.0, "size": (output * 7.0) % 1.0}, "fine", {"output": output})
"""
SEED = """
def solve(n):
    first = 0.25
    second = 1.5
    return first * n + second
"""


def write_toy(folder: Path, **overrides: Any) -> Path:
    """Write `toy` into a folder: a problem that small changes of two constants improve."""
    record = {"value": 2.634, "source": "a book of toys", "as_of": "2025-05", "exactness": "3 decimals"}
    return toy_problem(
        folder, **{"seed": SEED, "score": SCORER, "objective": {"records": [record]}} | overrides
    )


@dataclass(frozen=True, slots=True)
class Said:
    """What a command wrote, and its exit code."""

    code: int
    out: str
    err: str


class Shell:
    """Runs commands in this process."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Said:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        written = self._capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int)
        return Said(code, written.out, written.err)
