"""`evolve new`: write the folder of a problem of one's own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from evolve.authoring import TEMPLATES, NewProblem, new_problem
from evolve.authoring._new import check_name, refuse_existing, template_named
from evolve.authoring._templates import DIRECTIONS
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import out, plain, table


def new(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="Name of the problem and of its folder: small letters, digits, underscores.",
            show_default=False,
        ),
    ],
    template: Annotated[
        str | None,
        typer.Option(
            "--template",
            "-t",
            metavar="NAME",
            help=f"What to begin with: {', '.join(TEMPLATES)}. [default: function]",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        Path, typer.Option("--into", metavar="FOLDER", help="Folder that gets the problem's folder.")
    ] = Path(),
    title: Annotated[
        str | None,
        typer.Option(
            "--title",
            metavar="TEXT",
            help="A line for listings. By default, the template's.",
            show_default=False,
        ),
    ] = None,
    direction: Annotated[
        str | None,
        typer.Option(
            "--direction",
            metavar="WAY",
            help="`maximize` or `minimize`: decides which of two metrics is the objective. By default, the "
            "template's.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Write a problem of your own: declaration, seed program, scorer and a page on it.

    What is written runs as it is; then you change it into your problem, and
    `evolve check` says after each step whether it still holds. On a terminal it asks
    for what is not given as an option.

    Examples:
      evolve new my_problem
      evolve new my_packing --template heuristic --title "Bins for our trucks"

    Nothing that exists is overwritten.
    """
    check_name(name)
    refuse_existing(into / name)
    if sys.stdin.isatty() and not json:
        template, title, direction = _ask(template, title, direction)
    written = new_problem(
        name, template=template or next(iter(TEMPLATES)), into=into, title=title, direction=direction
    )
    if json:
        emit(
            {
                "folder": written.folder,
                "template": written.template.name,
                "files": written.files,
                "next": [command for command, _ in written.next_steps],
            }
        )
    else:
        _show(written)


def _ask(
    template: str | None, title: str | None, direction: str | None
) -> tuple[str, str | None, str | None]:
    if template is None:
        out.print(table(("template", "what it is"), [(t.name, t.summary) for t in TEMPLATES.values()]))
        template = typer.prompt("template", default=next(iter(TEMPLATES)))
    chosen = template_named(template)
    if title is None:
        title = typer.prompt("title", default=chosen.title)
    if direction is None:
        choices = ", ".join(f"{way} {chosen.metrics[way]}" for way in DIRECTIONS)
        direction = typer.prompt(f"direction ({choices})", default=chosen.direction)
    return template, title, direction


def _show(written: NewProblem) -> None:
    out.print(plain(f"wrote {written.folder}, {written.template.summary}"), soft_wrap=True)
    for file in written.files:
        out.print(plain(f"  {file}"), soft_wrap=True)
    out.print()
    out.print("next:")
    out.print(
        table(("", ""), [(f"  {command}", meaning) for command, meaning in written.next_steps]),
        soft_wrap=True,
    )
