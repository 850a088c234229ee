"""Checks of what is declared, without running anything but blocks."""

from __future__ import annotations

import re
from functools import partial

from evolve.authoring.checks._bench import Bench
from evolve.authoring.checks._finding import Check, Finding
from evolve.problem import Problem

_GROUP = "declaration"
_SHORT_STATEMENT = 40
_COMPILER_ERROR = re.compile(r"^\S+:\d+(:\d+)?: (fatal )?error: |^error(\[\w+\])?: ")
"""How compilers of C and Rust begin the line that names a mistake; a picture of the place follows it."""


def checks(problem: Problem) -> list[Check]:
    """Return the checks of a problem's declaration."""
    return [
        Check(_GROUP, "statement", _statement),
        *(
            Check(_GROUP, f"block {block.name}", partial(_block, text=block.text, call=block.call))
            for block in problem.blocks
        ),
    ]


async def _statement(bench: Bench) -> Finding:
    statement = bench.problem.spec.problem.statement.strip()
    expected = "says what a program must do"
    if not statement:
        return Finding("warning", expected, "it is empty", "State every rule: models know nothing else.")
    found = f"{len(statement):,} character{'' if len(statement) == 1 else 's'}"
    if len(statement) < _SHORT_STATEMENT:
        return Finding("warning", expected, found, "State every rule: models know nothing else.")
    entry = bench.problem.spec.candidate.entry
    if bench.language == "python" and entry not in statement:
        advice = f"Name the entry `{entry}`, its arguments and what it returns, for models."
        return Finding("warning", expected, f"{found}, without the name of the entry", advice)
    return Finding("ok", expected, found)


async def _block(bench: Bench, *, text: str, call: str) -> Finding:
    """See whether a program that holds the block's text still works."""
    expected = "can stand in a program"
    base = await bench.base()
    if base is None:
        return Finding("skipped", expected, "no seed is valid")
    found = await bench.evaluate(f"{base.text}\n\n{text}", first_case=True)
    if found.status == "valid":
        return Finding("ok", expected, call)
    return Finding(
        "failed", expected, f"{found.status}: {last_line(found.feedback)}", "Mend the block's file."
    )


def last_line(text: str) -> str:
    """Return the line that says most: a compiler's first error, else the last: of a traceback the error."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if _COMPILER_ERROR.search(line)]
    return (errors[:1] or lines[-1:] or [""])[0][:300]
