"""`evolve run tabular`: a table in place of a declared problem."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from evolve import tabular
from evolve.cli import _options as options
from evolve.cli._text import err, plain
from evolve.errors import UsageError

KIND = "tabular"
TABLES = "tabular"
"""Folder among the runs where tables are declared that were given in place of a problem."""


def _option(name: str, metavar: str, about: str) -> typer.models.OptionInfo:
    option: typer.models.OptionInfo = typer.Option(
        name, metavar=metavar, help=about, show_default=False, rich_help_panel="Tables (evolve run tabular)"
    )
    return option


Data = Annotated[
    str | None,
    _option("--data", "FILE|NAME", "A CSV or Parquet file, or a bundled table such as `balance-scale`."),
]
Describe = Annotated[
    Path | None, _option("--describe", "FILE.json", "What columns mean: one JSON object of texts by name.")
]
MetricName = Annotated[
    str | None,
    _option("--metric", "NAME", "What counts. By default, accuracy for classes, nrmse for values."),
]
LearnerName = Annotated[
    str | None,
    _option("--learner", "NAME", "What judges features: xgboost (the default), histogram, linear, forest."),
]
Groups = Annotated[
    str | None, _option("--groups", "COLUMN", "Rows with one value here are never split apart.")
]
Time = Annotated[str | None, _option("--time", "COLUMN", "Orders the rows: later ones are held out.")]
TaskName = Annotated[
    str | None, _option("--task", "NAME", "binary, multiclass or regression. By default, found out.")
]
Keep = Annotated[
    list[str] | None, _option("--keep", "COLUMN", "Use a column although it looks like an id; repeatable.")
]
Target = Annotated[
    str | None,
    typer.Option(
        "--target",
        metavar="VALUE",
        help="Stop when the objective is at least this good. With a file of --data: the column to predict.",
        show_default=False,
    ),
]


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that describe a table."""

    data: str | None
    describe: Path | None
    metric: str | None
    learner: str | None
    groups: str | None
    time: str | None
    task: str | None
    keep: list[str] | None

    @property
    def given(self) -> list[str]:
        """Names of the options that were given."""
        return [f"--{name}" for name in self.__slots__ if getattr(self, name)]


def declared(
    problem: str, asked: Asked, target: str | None, seed: int, runs: Path
) -> tuple[str, float | str | None]:
    """Return the problem to load and the objective to stop at; a table is declared below `runs`.

    Raises:
        UsageError: the options do not go together, or the table cannot be used.
        typer.BadParameter: the target is no number where it has to be.
    """
    if problem != KIND or os.path.isfile(Path(problem) / "problem.toml"):
        if asked.given:
            raise UsageError(
                f"{asked.given[0]}: is for tables, and the problem is {problem!r}. Use: evolve run {KIND} "
                "--data FILE --target COLUMN"
            )
        return problem, _value(target)
    if asked.data is None:
        raise UsageError(
            f"evolve run {KIND}: needs a table. Give --data FILE --target COLUMN, or one of the bundled "
            f"tables: --data {', '.join(tabular.dataset_names())}."
        )
    bundled = asked.data in tabular.dataset_names() and not os.path.exists(asked.data)
    table = _bundled(asked) if bundled else _read(asked, target)
    folder = tabular.declare(
        table,
        runs / TABLES,
        metric=asked.metric,
        learner=asked.learner or tabular.DEFAULT_LEARNER,
        seed=seed,
        source=asked.data if bundled else str(Path(asked.data).resolve()),
    )
    for note in table.notes:
        err.print(plain(f"note: {note}", "yellow"), soft_wrap=True)
    err.print(plain(f"note: declared as {folder}; a fifth of its rows is held out", "dim"), soft_wrap=True)
    return str(folder), _value(target) if bundled else None


def _value(target: str | None) -> float | str | None:
    if target is None:
        return None
    try:
        return options.limit(float)(target)
    except typer.BadParameter as error:
        raise typer.BadParameter(error.message, param_hint="'--target'") from None


def _bundled(asked: Asked) -> tabular.Table:
    assert asked.data is not None
    for name in asked.given:
        if name not in ("--data", "--metric", "--learner"):
            raise UsageError(f"{name}: is for tables from files; {asked.data} is described already.")
    return tabular.load_dataset(asked.data)


def _read(asked: Asked, target: str | None) -> tabular.Table:
    assert asked.data is not None
    if not os.path.exists(asked.data) and not Path(asked.data).suffix and os.sep not in asked.data:
        tabular.load_dataset(asked.data)  # says which there are
    if target is None:
        raise UsageError(f"--data {asked.data}: which column is to be predicted? Give --target COLUMN.")
    return tabular.read_table(
        asked.data,
        target,
        describe=asked.describe,
        groups=asked.groups,
        time=asked.time,
        task=asked.task,
        keep=asked.keep or (),
    )
