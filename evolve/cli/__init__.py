"""The command line."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import evolve
from evolve.cli import _export, _run, _show
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
app.command()(_run.run)
app.command()(_run.resume)
app.command()(_show.runs)
app.command()(_show.show)
app.command()(_show.lineage)
app.command()(_show.diff)
app.command()(_export.export)
app.command()(_export.verify)
app.command()(_show.problems)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(evolve.__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")] = False,  # noqa: ARG001
) -> None:
    """Search for better programs by evolution.

    A problem is a seed program and a way to score it. A run evolves programs from the seed, scores each
    in a sandbox, keeps every lineage, and ends with the best program, ready to take home.

    Begin with: evolve run circle_packing --max-seconds 60
    """


def main() -> None:
    """Run the command line; exit codes: 0 done, 1 a verification failed, 2 user error, 130 interrupted."""
    try:
        app()
    except EvolveError as error:
        err.print(plain("error: ", "bold red").append_text(plain(error)), soft_wrap=True)
        sys.exit(USER_ERROR)
    except KeyboardInterrupt:
        err.print("interrupted")
        sys.exit(_run.INTERRUPTED)
