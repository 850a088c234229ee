"""What the documents say of commands and settings is true."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from pydantic import BaseModel

from evolve.cli import app
from evolve.engine import Budget, RunFile
from evolve.engine._offer import _BUILTIN_SHARE, _MODEL_MIX, COMMAND
from evolve.models import CommandSpec, ModelsConfig, ModelSpec
from evolve.models._settings import CallSettings
from evolve.operators import builtin_operators, model_operators

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
PAGE = (ROOT / "docs/reference/run.md").read_text(encoding="utf-8")
OPTIONS = {
    "problem": "",
    "params": "-p NAME=VALUE",
    "models": "--model`, `--command",
    "operators": "",
    "budget": "",
}


def rows(heading: str) -> list[list[str]]:
    """Return the cells of all tables below a heading, without their headings."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    lines = [line for line in found[1].splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def keys(model: type[BaseModel], *, without: type[BaseModel] | None = None) -> list[str]:
    """Return the names of a table's keys."""
    return [name for name in model.model_fields if without is None or name not in without.model_fields]


def test_every_setting_of_a_run_is_listed_in_order_with_its_option() -> None:
    listed = rows("Top level")
    assert [row[0] for row in listed] == [f"`{key}`" for key in keys(RunFile)]
    for (key, option, meaning), name in zip(listed, keys(RunFile), strict=True):
        expected = OPTIONS.get(name, f"--{name}")
        assert option == (f"`{expected}`" if expected else ""), key
        assert meaning


def test_every_limit_is_listed() -> None:
    names = keys(Budget)
    assert [row[:2] for row in rows("`[budget]`")] == [
        [f"`{name}`", f"`--{name.replace('_', '-')}`"] for name in names
    ]


@pytest.mark.parametrize(
    ("heading", "model", "names"),
    [
        ("`[models]`", ModelsConfig, keys(CallSettings) + keys(ModelsConfig, without=CallSettings)),
        ("`[[models.use]]`", ModelSpec, keys(ModelSpec, without=CallSettings)),
        ("`[[models.command]]`", CommandSpec, keys(CommandSpec)),
    ],
)
def test_every_setting_of_models_is_listed_with_its_default(
    heading: str, model: type[BaseModel], names: list[str]
) -> None:
    listed = rows(heading)
    assert [row[0] for row in listed] == [f"`{name}`" for name in names]
    for name, (_, default, meaning) in zip(names, listed, strict=True):
        assert default == said(model, name), name
        assert meaning


def said(model: type[BaseModel], name: str) -> str:
    """Return how the page puts a default."""
    field = model.model_fields[name]
    value: Any = None if field.is_required() else field.get_default(call_default_factory=True)
    return "" if value is None or value == () else str(value)


def test_every_operator_is_listed_with_its_weight() -> None:
    weights = {}
    for names, weight, meaning in rows("`[operators]`"):
        assert meaning
        for name in re.findall(r"`(\w+)`", names):
            weights[name] = float(weight) if weight else None
    assert weights.keys() == builtin_operators().keys() | model_operators().keys()
    assert {name: weight for name, weight in weights.items() if weight} == {**_MODEL_MIX, COMMAND: 1.0}
    assert _BUILTIN_SHARE == 0.25, "the page says: a quarter"


def test_the_examples_of_settings_are_accepted() -> None:
    texts = [text for page in PAGES for text in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)]
    runs = [text for text in texts if "[models]" in text]
    assert len(runs) >= 2
    for text in runs:
        RunFile.model_validate(tomllib.loads(text))


def test_the_config_of_a_run_can_be_given_again_without_its_problem(done: Path) -> None:
    data = tomllib.loads((done / "config.toml").read_text())
    del data["problem"]
    assert RunFile.model_validate(data).budget == Budget(max_evals=30)


def commands() -> list[str]:
    """Return the lines in fences and the words in backticks that are commands of ours."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        found += re.findall(r"^evolve [a-z].*$", text, re.MULTILINE)
        found += [words for words in re.findall(r"`(evolve [a-z][^`]*)`", text) if " " in words[7:]]
    return list(dict.fromkeys(line.split("  #")[0].strip() for line in found))


def test_there_are_commands_to_check() -> None:
    assert len(commands()) > 20


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_documents_is_one_with_these_options(line: str) -> None:
    group: Any = typer.main.get_command(app)
    name, *words = shlex.split(line)[1:]
    assert name in group.commands
    command = group.commands[name]
    further = getattr(command, "commands", {})  # of commands in two words
    parts = [command, *(further[word] for word in words if word in further)]
    assert bool(further) == (len(parts) > 1)
    known = {option for part in parts for parameter in part.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= known | {"--help"}
