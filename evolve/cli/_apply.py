"""`evolve apply`: transform a file with exported features."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from evolve import tabular
from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import out as screen
from evolve.cli._text import plain


def apply(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="An export of features: it holds transformer.py.", show_default=False
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="CSV or Parquet file with the table's columns.", show_default=False
        ),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="Parquet or CSV file to write.", show_default=False),
    ],
    sandbox: options.Sandbox = None,
    json: options.Json = False,
) -> None:
    """Transform the rows of a file with the features that a run has found.

    The program runs in the sandbox, with what it learned from the rows of the
    search. Columns that the table did not have are ignored.

    Examples:
      evolve export last -o features/
      evolve apply features/ new.csv -o new_features.parquet
    """
    made = asyncio.run(tabular.apply_export(folder, data, out, options.policy(sandbox)))
    if json:
        emit({"out": out, "rows": made.rows, "columns": list(made.names)})
        return
    screen.print(plain(f"{out}: {made.rows:,} rows, {len(made.names)} columns"), soft_wrap=True)
