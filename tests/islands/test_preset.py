"""Presets: the shipped ones load, and mistakes are explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from evolve.errors import UsageError
from evolve.islands import Preset, list_presets, load_preset

HEAD = "archipelago = { title = 't' }\n"


def load(tmp_path: Path, text: str) -> Preset:
    path = tmp_path / "mine.toml"
    path.write_text(HEAD + text, encoding="utf-8")
    return load_preset(path)


def test_the_shipped_presets_load() -> None:
    assert {"ring4", "single"} <= set(list_presets())
    for name in list_presets():
        assert load_preset(name).archipelago.title


def test_single_is_one_island_without_migration() -> None:
    preset = load_preset("single")
    assert len(preset.islands) == 1
    assert preset.migration is None


def test_ring4_has_four_different_selections() -> None:
    preset = load_preset("ring4")
    assert [spec.selection for spec in preset.islands] == [
        {"kind": "uniform"},
        {"kind": "tournament", "size": 3},
        {"kind": "boltzmann", "temperature": 0.5},
        {"kind": "boltzmann", "temperature": 0.05},
    ]
    assert preset.migration is not None
    assert preset.migration.topology == "ring"


def test_copies_stand_next_to_each_other(tmp_path: Path) -> None:
    preset = load(tmp_path, '[[island]]\ncopies = 2\n[[island]]\nselection = { kind = "tournament" }\n')
    assert [spec.selection["kind"] for spec in preset.islands] == ["rank", "rank", "tournament"]


def test_omitted_keys_have_defaults(tmp_path: Path) -> None:
    preset = load(tmp_path, "[migration]\n[[island]]\n")
    assert preset.migration is not None
    assert preset.migration.model_dump() == {
        "topology": "ring",
        "interval": 40,
        "count": 2,
        "policy": "top",
        "patience": None,
        "settlers": 5,
    }
    assert preset.islands[0].bandit == {"kind": "thompson"}
    assert preset.islands[0].weights(["x", "y"]) == {"x": 1.0, "y": 1.0}


def test_weights_come_in_the_order_of_the_run(tmp_path: Path) -> None:
    preset = load(tmp_path, "[[island]]\noperators = { insert = 2, jitter = 1 }\n")
    assert list(preset.islands[0].weights(["jitter", "cross", "insert"]).items()) == [
        ("jitter", 1.0),
        ("insert", 2.0),
    ]


def test_an_operator_that_the_run_lacks_is_refused(tmp_path: Path) -> None:
    spec = load(tmp_path, "[[island]]\noperators = { jiter = 1 }\n").islands[0]
    with pytest.raises(
        UsageError,
        match=r"island\.operators: 'jiter' must be one of .* \(jitter, x\)\. Did you mean 'jitter'",
    ):
        spec.weights(["jitter", "x"])


def test_a_run_without_operators_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="at least one operator, got none"):
        load(tmp_path, "[[island]]\n").islands[0].weights([])


def test_an_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        UsageError,
        match=r"preset must be one of .*ring4, .*single.*, got 'rng4'\. Did you mean 'ring4'\? A preset",
    ):
        load_preset("rng4")


def test_a_missing_file_is_named() -> None:
    with pytest.raises(UsageError, match=r"nowhere/x\.toml: cannot be read"):
        load_preset("nowhere/x.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"island: is missing; add it"),
        ("island = []\n", r"island: must be at least one \[\[island\]\]"),
        ("[[island]]\ncopys = 2\n", r"island\[0\]\.copys: unknown key \(value 2\)\. Did you mean 'copies'\?"),
        ("[[island]]\ncopies = 0\n", r"island\[0\]\.copies: .*greater than or equal to 1, got 0"),
        (
            "[[island]]\ncopies = 1000\n[[island]]\ncopies = 25\n",
            r"copies add up to 1025 islands; at most 1024",
        ),
        (
            '[[island]]\nselection = { kind = "unifrom" }\n',
            r"island\[0\]\.selection: kind must be one of uniform, .* \(did you mean 'uniform'\?\)\.$",
        ),
        (
            '[[island]]\nselection = "uniform"\n',
            r"selection: must be a table such as \{ kind = .* got .uniform",
        ),
        (
            '[[island]]\nselection = { kind = "boltzmann", temperature = -1 }\n',
            r"island\[0\]\.selection: boltzmann: temperature must be a number from 1e-06 to .*, got -1\.$",
        ),
        (
            '[[island]]\nbandit = { kind = "thompson", discout = 0.9 }\n',
            r"island\[0\]\.bandit: thompson has no option 'discout' \(did you mean 'discount'\?\); its",
        ),
        (
            "[[island]]\noperators = { jitter = 0 }\n",
            r"island\[0\]\.operators: weight of 'jitter' must be from 1e-06 to 1e\+06, got 0; to bar an",
        ),
        (
            '[migration]\ntopology = "rign"\n[[island]]\n',
            r"must be one of ring, star, full, random, isolated \(did you mean 'ring'\?\), got 'rign'\.$",
        ),
        (
            "[migration]\ninterval = 0\n[[island]]\n",
            r"migration\.interval: .*greater than or equal to 1, got 0",
        ),
        ("[[island]]\ncopies = true\n", r"island\[0\]\.copies: must be an integer, got True"),
        ('[migration]\ninterval = "40"\n[[island]]\n', r"migration\.interval: must be an integer, got '40'"),
        ("[[island]]\noperators = { jitter = true }\n", r"operators\.jitter: must be a number, got True"),
        (
            f'[[island]]\narchive = {{ kind = "cvt", cells = {10**30} }}\n',
            r"island\[0\]\.archive: cvt: cells must be a number from 2 to 100000, got 1000000",
        ),
        (
            '[[island]]\nmeasures = [{ metric = "a", range = [0, 1], bins = 10000 }, '
            '{ metric = "b", range = [0, 1], bins = 10000 }]\n',
            r"island\[0\]\.measures: measures: 100,000,000 cells are more than 10,000,000; use fewer bins",
        ),
        (
            '[migration]\npolicy = "best"\n[[island]]\n',
            r"migration\.policy: .*'top', 'random' or 'diverse', got 'best'",
        ),
    ],
)
def test_a_mistake_is_explained(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=r"mine\.toml: .*" + message):
        load(tmp_path, text)
