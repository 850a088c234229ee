"""`evolve import`, and folders of other engines in place of a problem."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve.interop import LAYOUTS
from tests.cli.toy import Shell
from tests.interop.folders import ALL, GIGAEVO, OPENEVOLVE, lay_out


def test_it_says_what_was_lost_and_what_the_seeds_score(shell: Shell, place: Path) -> None:
    lay_out(OPENEVOLVE, place / "theirs")
    said = shell("import", "openevolve", "theirs", "--into", "mine")
    assert said.code == 0, said.err
    assert "imported from OpenEvolve" in said.out
    assert "not carried over" in said.out
    assert "1.7129207598562854" in said.out
    assert (place / "mine" / "IMPORTED.md").is_file()


def test_a_folder_of_the_same_name_is_the_default(shell: Shell, place: Path) -> None:
    lay_out(GIGAEVO, place / "far" / "theirs")
    facts = json.loads(shell("import", "gigaevo", "far/theirs", "--json").out)
    assert facts["folder"] == str(place / "theirs")
    assert facts["trust"] == "shared"
    assert [(row["status"], row["objective"]) for row in facts["seeds"]] == [("valid", 1.25), ("valid", 1.5)]


def test_a_seed_that_fails_is_shown(shell: Shell, place: Path) -> None:
    lay_out(OPENEVOLVE, place / "theirs", weights__py="WEIGHTS = [no_such_name]\n")
    said = shell("import", "openevolve", "theirs", "--into", "mine")
    assert said.code == 0
    assert "NameError" in said.out
    assert "NameError" not in shell("import", "openevolve", "theirs", "--into", "other", "--no-check").out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["openevolv", "theirs"], "Did you mean 'openevolve'?"),
        (["shinka", "theirs"], "It looks like one of openevolve"),
        (["openevolve", "toy"], "is no folder of openevolve"),
        (["openevolve", "theirs"], "exists and is not empty"),
    ],
)
def test_mistakes_are_told_without_a_traceback(
    words: list[str], message: str, shell: Shell, place: Path
) -> None:
    lay_out(OPENEVOLVE, place / "theirs")
    said = shell("import", *words)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err


@pytest.mark.parametrize("layout", LAYOUTS)
def test_run_recognises_a_folder_and_everything_tells_of_shared_trust(
    layout: str, shell: Shell, place: Path
) -> None:
    lay_out(ALL[layout], place / "theirs")
    ran = shell("run", "theirs", "--max-evals", "12", "--id", "first", "--workers", "1")
    assert ran.code == 0, ran.err
    assert "theirs is a folder of" in ran.err
    assert "imported to" in ran.err
    assert "trust is shared" in ran.out
    again = shell("run", "theirs", "--max-evals", "12", "--id", "second", "--workers", "2", "--json")
    assert "imported before to" in again.err
    assert len([*(place / "runs" / "imported").iterdir()]) == 1

    digests = [
        json.loads(shell("show", name, "--digest", "--json").out)["digest"] for name in ("first", "second")
    ]
    assert digests[0] == digests[1], "the same seed, the same run"
    assert "shared trust" in shell("runs").out
    assert [row["trust"] for row in json.loads(shell("runs", "--json").out)] == ["shared", "shared"]
    assert json.loads(shell("show", "first", "1", "--json").out)["trust"] == "shared"
    assert json.loads((place / "runs/first/best/result.json").read_text())["trust"] == "shared"
    verified = shell("verify", "runs/first/best")
    assert verified.code == 0
    assert "shared trust" in verified.out
    resumed = shell("resume", "first", "--max-evals", "14")
    assert resumed.code == 0, resumed.err


def test_a_declared_problem_is_of_separate_trust(shell: Shell, done: Path) -> None:
    assert json.loads(shell("show", done, "--json").out)["trust"] == "separate"
    assert "shared" not in shell("runs").out
