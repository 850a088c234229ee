"""`evolve lineage` and `evolve diff`: how programs came to be."""

from __future__ import annotations

import difflib
from typing import Annotated, Any

import typer

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import best_of, find_run, program_of
from evolve.cli._text import number, out, plain, table
from evolve.store import Commit, Reader

_DIGITS = 12
_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def lineage(
    run: options.RunName,
    program: options.ProgramId = None,
    folder: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Show how a program came to be: its ancestors from the seed on, and what each change did.

    The chain follows the parent that was changed; `+ 17` names another one
    that gave a part.

    Examples:
      evolve lineage last
      evolve lineage last 42

    Without a program, that of the best one is shown.
    """
    with Reader(find_run(run, folder)) as reader:
        chain = list(reader.line(_given_or_best(reader, program)))
    if json:
        emit([_facts(commit) for commit in chain])
        return
    rows = []
    before: float | None = None
    for commit in chain:
        value = commit.evaluation.objective
        gain = "" if value is None or before is None else f"{value - before:+.3g}"
        operator = commit.program.operator + "".join(f" + {parent}" for parent in commit.parents[1:])
        found = commit.evaluation.status if value is None else number(value, _DIGITS)
        rows.append((commit.program.id, found, gain, operator, commit.program.change))
        before = value
    columns = ("program", "objective", "difference", "operator", "change")
    out.print(table(columns, rows, numeric=(0, 1, 2), prose=(4,)))


def _facts(commit: Commit) -> dict[str, Any]:
    return {
        "id": commit.program.id,
        "parents": list(commit.parents),
        "operator": commit.program.operator,
        "change": commit.program.change,
        "status": commit.evaluation.status,
        "objective": commit.evaluation.objective,
    }


def _given_or_best(reader: Reader, program: Any) -> int:
    if program is None and best_of(reader) is None:
        return reader.last_id()
    return program_of(reader, program)


def diff(
    run: options.RunName,
    first: options.ProgramId = None,
    second: Annotated[
        int | None,
        typer.Argument(
            metavar="OTHER",
            help="Id to compare with; the program's main parent when omitted.",
            min=1,
            show_default=False,
        ),
    ] = None,
    folder: options.Runs = options.RUNS,
) -> None:
    """Show what changed between a program and its parent, or between two programs.

    Examples:
      evolve diff last
      evolve diff last 42
      evolve diff last 42 7

    Without a program, that of the best one is shown. Lines with a plus are
    those of the first program named.
    """
    with Reader(find_run(run, folder)) as reader:
        first = program_of(reader, first)
        newer = reader.commit(first)
        older = second or (newer.parents[0] if newer.parents else None)
        before, after = reader.text(older) if older else "", reader.text(first)
    old_name = f"program {older}" if older else "nothing (a seed)"
    lines = difflib.unified_diff(
        before.splitlines(), after.splitlines(), old_name, f"program {first}", lineterm=""
    )
    for line in lines:
        out.print(plain(line, _STYLES.get(line[:1], "")), soft_wrap=True)
