"""`evolve export` and `evolve verify`: take a program home, and prove that it holds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import find_run
from evolve.cli._show import ProgramId
from evolve.cli._text import out, plain, table
from evolve.export import export as write_export
from evolve.export import verify as verify_export

MISMATCH = 1


def export(
    run: options.RunName,
    program: ProgramId = None,
    out_folder: Annotated[Path | None, typer.Option("--out", "-o", help="Folder to write.  [default: best/ in the run's folder]", show_default=False)] = None,
    runs: options.Runs = Path("runs"),
    json: options.Json = False,
) -> None:
    """Write the best program, ready to import or to run, with its score, provenance, lineage and picture.

    The program is evaluated once more in fresh processes; it is exported only when it scores the same.

    Example: evolve export last -o best/ && python best/program.py
    """
    done = asyncio.run(write_export(find_run(run, runs), out_folder, program))
    if json:
        emit({"folder": done.folder, "program": done.program, "pictures": done.pictures, "objective": done.objective, "note": done.note})
        return
    rows = [("program", done.program), ("result", done.folder / "result.json"), *(("picture", path) for path in done.pictures)]
    out.print(f"objective {done.objective!r}, measured again in fresh processes")
    out.print(table(("", ""), rows))
    if done.note:
        out.print(plain(done.note, "yellow"))


def verify(
    folder: Annotated[Path, typer.Argument(help="An export: the folder that holds result.json.", show_default=False)],
    problem: Annotated[str | None, typer.Option("--problem", help="The problem's folder, when it has moved.")] = None,
    json: options.Json = False,
) -> None:
    """Score an export again in fresh processes and compare every metric exactly.

    Exit code 0 when it holds, 1 when it does not.
    """
    result = asyncio.run(verify_export(folder, problem))
    if json:
        emit({"holds": not result.differences, "claimed": result.claimed, "found": result.found, "differences": result.differences})
    elif result.differences:
        out.print("[bold red]does not hold[/]")
        for line in result.differences:
            out.print(plain(f"  {line}"), soft_wrap=True)
    else:
        out.print(f"[bold green]holds[/]: objective {result.found!r}, as claimed")
    if result.differences:
        raise typer.Exit(MISMATCH)
