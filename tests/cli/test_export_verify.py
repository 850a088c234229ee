"""`evolve export` and `evolve verify` as commands."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.toy import SCORER, Shell, write_toy


def test_export_then_verify(shell: Shell, done: Path, place: Path) -> None:
    facts = json.loads(shell("export", "done", 1, "-o", "home", "--json").out)
    assert (facts["objective"], facts["program"]) == (0.25, "home/program.py")
    assert (done / "run.db").is_file()
    said = shell("verify", "home")
    assert (said.code, said.out) == (0, "holds: objective 0.25, as claimed\n")
    (place / "home/program.py").write_text((place / "home/program.py").read_text() + "\n")
    said = shell("verify", "home", "--json")
    assert said.code == 1
    facts = json.loads(said.out)
    assert (facts["holds"], facts["differences"]) == (False, ["program.py was changed since its export"])


def test_an_invalid_program_is_not_exported(shell: Shell, place: Path) -> None:
    write_toy(
        place,
        seed="def solve(n):\n    first = 1.5\n    return first\n",
        score="""
from evolve.problem import Invalid, Score
def score(output, params, case):
    if output != 1.5:
        raise Invalid("must be 1.5")
    return Score({"value": output, "size": 0.5})
""",
    )
    assert shell("run", "toy", "--max-evals", 4, "--id", "one").code == 0
    runs = json.loads(shell("show", "one", "--json").out)
    bad = next(
        number
        for number in range(1, runs["programs"] + 1)
        if json.loads(shell("show", "one", number, "--json").out)["status"] == "invalid"
    )
    said = shell("export", "one", bad)
    assert said.code == 2
    assert "is invalid, only valid programs are exported: must be 1.5" in said.err


def test_an_export_never_overwrites_a_program_of_another_origin(
    shell: Shell, done: Path, place: Path
) -> None:
    (place / "program.py").write_text("mine = 1\n")
    said = shell("export", "done", "-o", ".")
    assert said.code == 2
    assert "was not written by an export" in said.err
    assert (place / "program.py").read_text() == "mine = 1\n"
    assert done.is_dir()


def test_what_is_no_export(shell: Shell) -> None:
    said = shell("verify", "toy")
    assert said.code == 2
    assert "result.json: cannot be read (No such file or directory)" in said.err


def test_a_forged_time_is_named_with_what_was_measured(shell: Shell, place: Path) -> None:
    score = SCORER.replace(
        "output % 1.0,", "5.0 + (output != 2.25) + time.perf_counter_ns() % 10_000 / 20_000,"
    )
    stages = [
        {"name": "parse", "kind": "parse"},
        {"name": "run", "kind": "run", "needs": ["parse"]},
        {"name": "score", "kind": "score", "needs": ["run"], "deterministic": False},
    ]
    write_toy(place, score=f"import time\n{score}", stages=stages)
    said = shell("run", "toy", "--max-evals", 12, "--id", "one")
    assert said.code == 0
    assert "of the seed in the run; measured again in turn: " in said.out
    assert "measured again in turn: " in shell("show", "one").out
    assert json.loads(shell("show", "one", "--json").out)["measured_again"]["seed"]["program"] == 1
    said = shell("export", "one", "-o", "home")
    assert "the median of 5 evaluations in fresh processes, which gave 6." in said.out
    said = shell("verify", "home")
    assert said.code == 0
    assert "in 5 evaluations\nvalue: the problem declares that such values do not repeat" in said.out
    facts = json.loads((place / "home/result.json").read_text())
    facts["objective"]["value"] = facts["metrics"]["value"] = 0.5
    (place / "home/result.json").write_text(json.dumps(facts))
    said = shell("verify", "home")
    assert said.code == 1
    assert said.out.startswith("does not hold\n  value: claimed 0.5, measured 6.")
    assert "do not repeat" in said.out
    said = shell("replay", "one")
    assert said.code == 1
    assert "the problem declares results that do not repeat (deterministic = false)" in said.out
