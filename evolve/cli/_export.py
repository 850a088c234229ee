"""`evolve export` and `evolve verify`: take a program home, and prove that it holds."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import find_run
from evolve.cli._text import out, plain
from evolve.export import Exported, Verification
from evolve.export import export as write_export
from evolve.export import verify as verify_export

MISMATCH = 1


def export(
    run: options.RunName,
    program: options.ProgramId = None,
    out_folder: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            metavar="FOLDER",
            help="Folder to write. By default, best/ or program-N/ in the run's folder.",
            show_default=False,
        ),
    ] = None,
    runs: options.Runs = options.RUNS,
    json: options.Json = False,
) -> None:
    """Write the best program, ready to import or to run, with its score, provenance, lineage and picture.

    The program is evaluated once more in fresh processes; it is exported only
    when it scores the same. Where a problem declares that its values do not
    repeat, it is evaluated several times, and the medians are exported.

    Examples:
      evolve export last -o best/
      evolve export last 42 -o program42/

    Of features of a table, `transformer.py` and MODEL_CARD.md are written too:
    the held-out rows are scored once for each program, and looks are counted.

    Then `python best/program.py` runs it alone, and `evolve verify best/`
    scores it again.
    """
    wanted = None if program == options.BEST else program
    done = asyncio.run(write_export(find_run(run, runs), out_folder, wanted, final=True))
    result = done.folder / "result.json"
    if json:
        facts = {"folder": done.folder, "program": done.program, "result": result, "pictures": done.pictures}
        values = {"in_run": done.in_run, "measured": list(done.measured.values)}
        emit({**facts, "objective": done.objective, **values, "note": done.note})
        return
    out.print(_measured(done), soft_wrap=True)
    for name, path in (
        ("program", done.program),
        ("result", result),
        *(("picture", p) for p in done.pictures),
    ):
        out.print(plain(f"{name:8} {path}"), soft_wrap=True)
    if done.note:
        out.print(plain(done.note, "yellow"), soft_wrap=True)


def _measured(done: Exported) -> str:
    again = done.measured
    if done.objective == done.in_run and not again.width:
        return f"objective {done.objective!r}, measured again in fresh processes"
    return (
        f"objective {done.objective!r}: the median of {len(again.values)} evaluations in fresh processes, "
        f"which gave {again.low:.6g} to {again.high:.6g}; {done.in_run:.6g} during the run"
    )


def verify(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="An export: the folder that holds result.json.", show_default=False
        ),
    ],
    problem: Annotated[
        str | None,
        typer.Option("--problem", metavar="FOLDER", help="The problem's folder, when it has moved."),
    ] = None,
    sandbox: options.Sandbox = None,
    json: options.Json = False,
) -> None:
    """Score an export again in fresh processes and compare every metric.

    Metrics must be equal to the last bit. Where the problem declares that its
    values do not repeat (deterministic = false), the program is evaluated
    several times, and what varies must lie within the spread measured now.

    Examples:
      evolve verify best/
      evolve verify best/ --problem path/to/my_problem

    Exit code 0 when it holds, 1 when it does not.
    """
    result = asyncio.run(verify_export(folder, problem, options.policy(sandbox)))
    if json:
        facts = {"claimed": result.claimed, "found": result.found, "differences": result.differences}
        measured = None if result.measured is None else list(result.measured.values)
        more = {"measured": measured, "varying": result.varying, "trust": result.trust}
        emit({"holds": not result.differences, **facts, **more})
    elif result.differences:
        out.print(plain("does not hold", "bold red"))
        for line in result.differences:
            out.print(plain(f"  {line}"), soft_wrap=True)
    else:
        out.print(plain("holds", "bold green").append(_agreement(result)), soft_wrap=True)
    if result.varying and not json:
        text = f"{', '.join(result.varying)}: the problem declares that such values do not repeat; they were "
        text += "compared within the spread measured now"
        out.print(plain(text, "dim"), soft_wrap=True)
    if result.differences:
        raise typer.Exit(MISMATCH)


def _agreement(result: Verification) -> str:
    shared = " (shared trust: by the word of an evaluator in one process with it)"
    more = shared if result.trust == "shared" else ""
    again = result.measured
    if again is None or not again.width:
        return f": objective {result.found!r}, as claimed{more}"
    return (
        f": claimed {result.claimed:.6g}, measured {again.low:.6g} to {again.high:.6g} "
        f"in {len(again.values)} evaluations{more}"
    )
