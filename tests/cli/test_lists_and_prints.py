"""Lists and long values on the command line, and what a scorer prints."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve.store import Reader
from tests.cli.toy import NASTY, SCORER, Shell, write_toy

SUM = "def solve(n, keys):\n    first = 0.25\n    return first * n + sum(keys)\n"


def test_a_list_is_given_as_json(shell: Shell, place: Path) -> None:
    write_toy(place, seed=SUM, params={"keys": [0.0, 0.5]})
    said = shell("score", "toy", "toy/seed.py", "-p", "keys=[0.125, 0]", "--json")
    assert said.code == 0
    facts = json.loads(said.out)
    assert (facts["params"]["keys"], facts["objective"]) == ([0.125, 0], 0.875)


@pytest.mark.parametrize("given", ["0.5", "[0.5", '{"a": 1}', "[" * 5000])
def test_what_is_no_list_is_refused(shell: Shell, place: Path, given: str) -> None:
    write_toy(place, seed=SUM, params={"keys": [0.0, 0.5]})
    said = shell("score", "toy", "toy/seed.py", "-p", f"keys={given}")
    assert said.code == 2
    assert "must be a list in JSON like its default [0.0, 0.5], such as 'keys=[1, 2.5, \"a\"]'" in said.err
    assert len(said.err) < 400


def test_long_values_do_not_flood_what_is_shown(shell: Shell, place: Path) -> None:
    seed = "def solve(n, keys, words):\n    first = 0.25\n    return first * n + sum(keys)\n"
    params = {"keys": [0.001] * 3000}
    write_toy(place, seed=seed, params=params, cases=[{"words": "ACGT" * 900}, {"words": "T" * 900}])
    said = shell("run", "toy", "--max-evals", 4, "--id", "one")
    assert said.code == 0
    assert "(3,000 items)" in said.out.splitlines()[0]
    assert len(said.out) < 4000
    with Reader(place / "runs/one") as reader:
        feedback = reader.commit(1).evaluation.feedback
    assert "case {'words': 'ACGT" in feedback
    assert "(3,600 characters)" in feedback
    assert len(feedback) < 300
    assert len(shell("show", "one").out) < 4000
    assert shell("resume", "one", "--max-evals", 6).code == 0
    assert shell("replay", "one").code == 0


PRINTING = SCORER.replace("        raise", '        print("no number")\n        raise').replace(
    "    return Score", '    print("got", repr(output), file=sys.stderr)\n    print(WHAT)\n    return Score'
)


def printing(place: Path, what: str) -> None:
    write_toy(place, score=f"import sys\nWHAT = {what!r}\n{PRINTING}")


def test_what_the_scorer_prints_is_shown_to_its_author(shell: Shell, place: Path) -> None:
    printing(place, f"look: {NASTY}")
    said = shell("score", "toy", "toy/seed.py")
    assert "score.py printed:\ngot 2.25\nlook: [red]x[/red] [/] \ufffd[31m\ufffd\ufffd\n" in said.out
    (place / "bad.py").write_text("def solve(n):\n    return None\n")
    said = shell("score", "toy", "bad.py")
    assert said.code == 1
    assert "must be a number\nscore.py printed:\nno number\n" in said.out
    said = shell("check", "toy", "--repeats", 2)
    assert "score.py printed: got 2.25 (`evolve score` shows all)" in said.out


def test_what_the_scorer_prints_is_bounded(shell: Shell, place: Path) -> None:
    printing(place, "x" * 100_000)
    said = shell("score", "toy", "toy/seed.py")
    assert said.code == 0
    assert "characters left out]" in said.out
    assert len(said.out) < 6000


def test_what_the_scorer_prints_is_no_feedback(shell: Shell, place: Path) -> None:
    printing(place, "a secret of the scorer")
    assert shell("run", "toy", "--max-evals", 5, "--id", "one").code == 0
    with Reader(place / "runs/one") as reader:
        assert all("secret" not in commit.evaluation.feedback for commit in reader.commits())
    said = json.loads(shell("show", "one", 1, "--json").out)
    assert said["printed"] == "score.py printed:\ngot 2.25\na secret of the scorer\n"
