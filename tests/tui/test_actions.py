from __future__ import annotations

import pytest

from evolve.tui._actions import ACTIONS, binding_ids
from evolve.tui._app import EvolveApp
from evolve.tui._help import ABOUT, Help, key_lines
from evolve.tui.archive import ArchivePane
from evolve.tui.archive._map import MapView
from evolve.tui.control import ControlPane
from evolve.tui.dialogs import AskText, Editor
from evolve.tui.lineage import LineagePane
from evolve.tui.overview import Overview
from evolve.tui.picture import PicturePane
from evolve.tui.program import ProgramScreen
from evolve.tui.programs import Programs
from evolve.tui.runs import RunsPane
from evolve.tui.widgets import Board, Rows

HOMES: dict[str, type] = {
    "app": EvolveApp,
    "list": Rows,
    "board": Board,
    "map": MapView,
    "overview": Overview,
    "archive": ArchivePane,
    "programs": Programs,
    "lineage": LineagePane,
    "picture": PicturePane,
    "control": ControlPane,
    "runs": RunsPane,
    "program": ProgramScreen,
    "dialog": AskText,
    "editor": Editor,
    "help": Help,
}
TOGETHER = [
    ("overview", "board", "app"),
    ("archive", "map", "app"),
    ("programs", "list", "app"),
    ("lineage", "list", "app"),
    ("picture", "app"),
    ("control", "list", "app"),
    ("runs", "list", "app"),
]
"""Areas whose keys work at the same time."""


def keys_of(area: str) -> dict[str, str]:
    return {key.strip(): action.name for action in ACTIONS[area] for key in action.keys.split(",")}


@pytest.mark.parametrize("area", ACTIONS)
def test_every_action_has_a_method_an_explanation_and_a_name_of_its_own(area: str) -> None:
    for action in ACTIONS[area]:
        method = (action.call or action.name).split("(")[0]
        assert hasattr(HOMES[area], f"action_{method}"), f"{area}.{action.name}"
        assert action.about.endswith("."), action.name
        assert action.verb[0].isupper(), action.name
        assert not action.verb.endswith("."), action.name
    names = [action.name for action in ACTIONS[area]]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("areas", TOGETHER)
def test_no_key_does_two_things_at_once(areas: tuple[str, ...]) -> None:
    taken: dict[str, str] = {}
    for area in areas:
        for key, name in keys_of(area).items():
            if (key, area) == ("enter", "list") or (key, taken.get("enter")) == ("enter", "list.choose"):
                continue  # the pane's own enter goes before that of a list
            assert key not in taken, f"{area}.{name} and {taken[key]} share the key {key}"
            taken[key] = f"{area}.{name}"


@pytest.mark.parametrize("area", ["list", "map", "board"])
def test_what_moves_is_moved_by_arrows_and_by_vim_keys(area: str) -> None:
    keys = keys_of(area)
    assert keys["up"] == keys["k"]
    assert keys["down"] == keys["j"]
    if area != "board":
        assert keys["left"] == keys["h"]
        assert keys["right"] == keys["l"]


def test_every_pane_has_a_help() -> None:
    assert {areas[0] for areas in TOGETHER} <= set(ABOUT)


def test_the_help_lists_every_key_and_id_of_its_areas() -> None:
    lines = [line.plain for line in key_lines(("programs", "app"), {"programs.sort": "f2,ctrl+o"})]
    for action in (*ACTIONS["programs"], *ACTIONS["app"]):
        assert any(action.verb in line for line in lines)
    for name in binding_ids():
        if name.startswith(("programs.", "app.")):
            assert any(f"[{name}]" in line for line in lines), name
    assert any(line.startswith("F2, Ctrl+o ") for line in lines), "the user's keys in place of ours"
