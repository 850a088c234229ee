"""The command line."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

import evolve
from evolve.cli import (
    _apply,
    _ask,
    _check,
    _doctor,
    _export,
    _import,
    _islands,
    _lineage,
    _list,
    _new,
    _plan,
    _replay,
    _run,
    _score,
    _show,
    _watch,
)
from evolve.cli._text import err, plain
from evolve.errors import EvolveError

__all__ = ["app", "main"]

USER_ERROR = 2

app = typer.Typer(
    name="evolve",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    _list.problems,
    _islands.islands,
    _new.new,
    _check.check,
    _score.score,
    _doctor.doctor,
    _plan.plan,
    _run.run,
    _run.resume,
    _replay.replay,
    _replay.fork,
    _list.runs,
    _show.show,
    _watch.watch,
    _lineage.lineage,
    _lineage.diff,
    _export.export,
    _apply.apply,
    _export.verify,
):
    app.command()(command)
app.command("import")(_import.import_)
app.add_typer(_ask.app, name="ask")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(evolve.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Search for better programs by evolution.

    A problem is a seed program and a way to score it. A run evolves programs
    from the seed, scores each in a sandbox, keeps every lineage, and ends with
    the best program, ready to take home.

    Begin with:
      evolve run circle_packing --max-seconds 60
      evolve show last

    `evolve COMMAND --help` explains a command, with examples.
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line on the arguments, those of the process when omitted.

    Ends in SystemExit with the code: 0 done, 1 a verification failed, 2 user error, 3 no model answered,
    130 interrupted; docs/reference/run.md says more.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # no text may fail for want of a character
    try:
        app(arguments, obj=list(sys.argv[1:] if arguments is None else arguments))
    except EvolveError as error:
        err.print(plain("error: ", "bold red").append_text(plain(error)), soft_wrap=True)
        sys.exit(USER_ERROR)
