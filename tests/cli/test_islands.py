"""`evolve islands`: the presets as a table, or one of them."""

from __future__ import annotations

import json
from pathlib import Path

from evolve.islands import list_presets, load_preset, preset_path
from tests.cli.toy import Shell


def test_every_preset_is_listed_with_when_to_use_it(shell: Shell) -> None:
    said = shell("islands")
    assert said.code == 0
    for name in list_presets():
        sentence = load_preset(name).archipelago.description
        assert sentence.endswith(".")
        assert any(line.startswith(name) and sentence in line for line in said.out.splitlines())


def test_one_preset_is_printed_ready_to_be_copied(shell: Shell, place: Path) -> None:
    said = shell("islands", "ring4")
    assert said.out == preset_path("ring4").read_text()
    (place / "mine.toml").write_text(said.out)
    assert load_preset(place / "mine.toml") == load_preset("ring4")


def test_a_preset_of_ones_own_is_checked(shell: Shell, place: Path) -> None:
    mine = place / "mine.toml"
    mine.write_text(preset_path("star").read_text())
    assert shell("islands", "mine.toml").out == mine.read_text()
    mine.write_text(mine.read_text().replace("interval = 60", "interval = '60'"))
    said = shell("islands", "mine.toml")
    assert said.code == 2
    assert "mine.toml: migration.interval: must be an integer, got '60'" in said.err


def test_both_as_json(shell: Shell) -> None:
    rows = json.loads(shell("islands", "--json").out)
    assert [row["name"] for row in rows] == list_presets()
    assert json.loads(shell("islands", "single", "--json").out)["island"][0]["selection"] == {"kind": "rank"}


def test_an_unknown_preset_is_a_user_error(shell: Shell) -> None:
    said = shell("islands", "rign4")
    assert said.code == 2
    assert "Did you mean 'ring4'?" in said.err
