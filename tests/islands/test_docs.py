"""The reference of presets lists every key, kind and option, and its example loads."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from evolve.islands import SELECTIONS, IslandSpec, MigrationSpec, load_preset
from evolve.islands._archives import ARCHIVES
from evolve.islands._migrants import POLICIES
from evolve.islands._preset import ArchipelagoInfo
from evolve.islands._topology import TOPOLOGIES

PAGE = (Path(__file__).parents[2] / "docs/reference/islands.md").read_text(encoding="utf-8")


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its own heading."""
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    lines = [line for line in found[1].splitlines() if re.match(r"\| (`|\|)", line)]
    return [[cell.strip() for cell in line.strip()[1:-1].split("|")] for line in lines]


@pytest.mark.parametrize(
    ("heading", "model"),
    [("`[archipelago]`", ArchipelagoInfo), ("`[migration]`", MigrationSpec), ("`[[island]]`", IslandSpec)],
)
def test_every_key_is_listed_with_its_default(heading: str, model: type[BaseModel]) -> None:
    listed = rows(heading)
    assert [row[0] for row in listed] == [f"`{name}`" for name in model.model_fields]
    for (_, default, meaning), field in zip(listed, model.model_fields.values(), strict=True):
        value: Any = None if field.is_required() else field.get_default(call_default_factory=True)
        value = value.get("kind", "") if isinstance(value, dict) else value
        assert default == ("" if value is None else str(value))
        assert meaning


@pytest.mark.parametrize(("heading", "kinds"), [("`selection`", SELECTIONS), ("`archive`", ARCHIVES)])
def test_every_kind_is_listed_with_its_options(heading: str, kinds: dict[str, Callable[..., Any]]) -> None:
    listed: dict[str, dict[str, str]] = {}
    current = ""
    for kind, option, default, _ in rows(heading):
        current = kind.strip("`") or current  # an empty cell: the kind of the row above
        listed.setdefault(current, {})
        if option:
            listed[current][option.strip("`")] = default
    expected = {
        kind: {
            option.name: "" if option.default is None else str(option.default)
            for option in inspect.signature(make).parameters.values()
            if option.kind is option.KEYWORD_ONLY
        }
        for kind, make in kinds.items()
    }
    assert listed == expected


def test_every_topology_and_policy_is_named() -> None:
    meanings = {row[0]: row[2] for row in rows("`[migration]`")}
    assert set(re.findall(r"`(\w+)`", meanings["`topology`"])) == set(TOPOLOGIES)
    assert set(re.findall(r"`(\w+)`", meanings["`policy`"])) | {"random"} == set(POLICIES)


def test_the_example_loads(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    path = tmp_path / "example.toml"
    path.write_text(example[1], encoding="utf-8")
    assert len(load_preset(path).islands) == 2
