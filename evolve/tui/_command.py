"""`evolve watch` on its own: beside the other commands it would wait a second for what they load."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from evolve.errors import EvolveError, UsageError
from evolve.tui.data._text import shown

_USER_ERROR = 2


def watch(
    run: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="Path, name or part of the name of a run. By default the newest.",
        ),
    ] = "last",
    runs: Annotated[
        Path,
        typer.Option("--runs", metavar="FOLDER", help="Folder that holds the runs.", envvar="EVOLVE_RUNS"),
    ] = Path("runs"),
    web: Annotated[
        bool, typer.Option("--web", help="Show it in a browser on this machine, at a secret address.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", min=1, max=65535, help="With --web: the port; else a free one.")
    ] = None,
) -> None:
    """Watch a run in the terminal: curves, archives, programs, lineage; steer it while it goes on.

    Works on a run in progress, from any terminal, and on a finished one. The
    run does not notice: leaving the app does not stop it.

    Examples:
      evolve watch
      evolve watch circle_packing-20260102-030405-s0
      evolve watch --web --port 8000

    In the app, ? explains every screen and ^p finds every command. Keys and
    colours are set in ~/.config/evolve/tui.toml, or the file that EVOLVE_TUI
    names.
    """
    if port is not None and not web:
        raise UsageError("--port: is for --web, which is not given. Add --web, or leave it out.")
    if not web:
        require_terminal("evolve watch")
    from evolve.store import find_run

    folder = find_run(run, runs)
    if web:
        from evolve.tui.web import serve

        serve(
            folder,
            port=port,
            announce=lambda text: Console(highlight=False).print(shown(text), soft_wrap=True),
        )
        return
    from evolve.tui import watch as show

    show(folder, folder.parent)


def require_terminal(command: str) -> None:
    """Refuse to show the app where there is no terminal.

    Raises:
        UsageError: standard input or output is none.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            f"{command}: needs a terminal, and this is none. `evolve show`, and `evolve run` without --tui, "
            "work anywhere."
        )


def main() -> None:
    """Run `evolve watch` on the arguments of the process; ends in SystemExit as `evolve.cli.main`."""
    app = typer.Typer(
        name="evolve",
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.command()(watch)
    app.callback()(lambda: None)  # a group, so that usage says `evolve watch`
    try:
        app()
    except EvolveError as error:
        words = Text.assemble(("error: ", "bold red"), shown(str(error)))
        Console(stderr=True, highlight=False).print(words, soft_wrap=True)
        sys.exit(_USER_ERROR)
