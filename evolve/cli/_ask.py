"""`evolve ask`: have a run in progress pause, stop, take in a program, ban one ..."""

from __future__ import annotations

import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._runs import find_run
from evolve.cli._text import out, plain
from evolve.errors import UsageError
from evolve.store import Mailbox

REFUSED = 1
_LOOK_S = 0.1

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)

ProgramId = Annotated[
    int, typer.Argument(metavar="PROGRAM", help="Id of a program.", min=1, show_default=False)
]


Wait = Annotated[
    bool, typer.Option("--wait/--no-wait", help="Wait for the answer; else print the request's number.")
]


@app.callback()
def _ask(
    context: typer.Context,
    run: options.RunName,
    runs: options.Runs = options.RUNS,
) -> None:
    """Ask something of a run in progress, from any terminal.

    The engine looks for requests a few times a second, does what is asked
    between two commits, and answers. It never waits for whoever asks.

    Examples:
      evolve ask last pause
      evolve ask last resume
      evolve ask last inject better.py --note "by hand"
      evolve ask last ban 412
      evolve ask last export -o best-so-far/

    `evolve ask RUN COMMAND --help` explains a command. Exit code 0 when it is
    done, 1 when it is refused: the answer says why.
    """
    context.obj = run, runs


@app.command()
def pause(
    context: typer.Context,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Begin no more programs; those in flight are finished and committed.

    The run stays in memory. Its time stands still, and with it --max-seconds,
    as soon as nothing is in flight. A pause ends with `resume`, `stop`, Ctrl-C
    at the engine, or with the engine: `evolve resume` goes on unpaused.
    """
    _send(context, wait, json, "pause")


@app.command()
def resume(
    context: typer.Context,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """End a pause; a run that has ended is continued by `evolve resume`."""
    _send(context, wait, json, "resume")


@app.command()
def stop(
    context: typer.Context,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Stop as Ctrl-C at the engine does: running evaluations may end, nothing is lost.

    `evolve resume` goes on later.
    """
    _send(context, wait, json, "stop")


@app.command()
def workers(
    context: typer.Context,
    count: Annotated[
        int,
        typer.Argument(
            metavar="N",
            help="How many programs may be evaluated at once.",
            min=1,
            max=1024,
            show_default=False,
        ),
    ],
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Evaluate more or fewer programs at once, until this session ends.

    Nothing that runs is ended. What is found does not depend on it in ticket
    order; more than the window of the run (see config.toml) have nothing to do.
    """
    _send(context, wait, json, "workers", count=count)


@app.command()
def inject(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="The program; `-` reads standard input.", show_default=False),
    ],
    island: Annotated[
        int | None,
        typer.Option("--island", metavar="I", min=0, help="Offer it to one island; by default, to all."),
    ] = None,
    note: Annotated[
        str, typer.Option("--note", metavar="TEXT", help="What it is; shown in its lineage and to models.")
    ] = "",
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Put a program of your own into the search.

    It becomes a program with a number, which the answer tells, and is evaluated
    like every other one. What is no valid program is committed as that, with
    feedback: `evolve show RUN PROGRAM`.

    Examples:
      evolve ask last inject better.py
      evolve ask last inject idea.py --island 2 --note "hexagonal start"
    """
    _send(context, wait, json, "inject", text=_text_of(file), island=island, note=note)


@app.command()
def pin(
    context: typer.Context,
    program: ProgramId,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Keep a program as a possible parent of its island, though better ones take its cell.

    As long as it is no elite it is drawn as often as an average elite is.
    """
    _send(context, wait, json, "pin", program=program)


@app.command()
def unpin(
    context: typer.Context,
    program: ProgramId,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Undo `pin`."""
    _send(context, wait, json, "unpin", program=program)


@app.command()
def ban(
    context: typer.Context,
    program: ProgramId,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Take a program out of the archives, as if it had never been offered to them.

    Its cells go to the next best. It is never again a parent or a migrant, is
    not shown to models, and is not the best of the run. Its children stay.
    """
    _send(context, wait, json, "ban", program=program)


@app.command()
def unban(
    context: typer.Context,
    program: ProgramId,
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Undo `ban`: the program is offered to its archives again."""
    _send(context, wait, json, "unban", program=program)


@app.command()
def export(
    context: typer.Context,
    program: options.ProgramId = None,
    out_folder: Annotated[
        Path,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Folder to write; best/ when omitted.", show_default=False
        ),
    ] = Path("best"),
    wait: Wait = True,
    json: options.Json = False,
) -> None:
    """Export a program while the run goes on, in a process of its own.

    `evolve export --help` says what is written.
    """
    _send(context, wait, json, "export", program=program, target=str(out_folder))


def _send(context: typer.Context, wait: bool, json: bool, kind: str, **arguments: Any) -> None:
    """Ask, wait, and say what came of it; ends with the exit code."""
    run, runs = context.obj
    mailbox = Mailbox(find_run(run, runs))
    number = mailbox.ask(kind, **arguments)
    request = mailbox.get(number)
    while wait and request.status == "waiting":
        time.sleep(_LOOK_S)
        request = mailbox.get(number)
    if json:
        emit(asdict(request))
    else:
        said = f"{request.status}: {request.answer}" if wait else f"request {number}"
        out.print(plain(said), soft_wrap=True)
    if wait and request.status == "refused":
        raise typer.Exit(REFUSED)


def _text_of(file: Path) -> str:
    """Return a program's text; raises UsageError when it cannot be read."""
    try:
        data = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
        return data.decode()
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}). Check the path.") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{file}: must be UTF-8 text ({error.reason}, byte {error.start}).") from None
