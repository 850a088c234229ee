"""`evolve run` and `evolve resume`: what they say, write and return."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evolve.engine import RunConfig
from evolve.store import Reader, Writer
from tests.cli.toy import Shell, write_toy


def digest(folder: Path) -> str:
    with Reader(folder) as reader:
        return reader.digest()


def test_run_ends_with_the_best_program_and_says_where_it_is(shell: Shell, place: Path) -> None:
    said = shell("run", "toy", "-p", "n=5", "--max-evals", 8, "--id", "one")
    assert (said.code, said.err) == (0, "")
    assert "8 evaluations" in said.out
    assert "program  runs/one/best/program.py" in said.out
    assert "2.634 " in said.out, "references are shown in their shortest form"
    result = json.loads((place / "runs/one/best/result.json").read_text())
    assert result["problem"]["params"] == {"n": 5}
    assert RunConfig.load(place / "runs/one").problem == str(place / "toy"), "found from any working folder"


def test_json_is_nothing_but_json_lines_with_the_result_last(shell: Shell) -> None:
    said = shell("run", "toy", "--max-evals", 8, "--window", 1, "-w", 2, "--id", "one", "--json")
    lines = [json.loads(line) for line in said.out.splitlines()]
    assert said.code == 0
    assert "raise --window" in said.err, "notes are for standard error"
    assert {line["event"] for line in lines[:-1]} <= {"progress", "message"}
    last = lines[-1]
    assert (last["event"], last["reason"], last["evaluations"]) == ("done", "max_evals", 8)
    assert Path(last["export"]["program"]).is_file()


def test_resume_goes_on_to_a_higher_limit(shell: Shell, done: Path) -> None:
    said = shell("resume", "done", "--max-evals", 36)
    assert said.code == 0
    assert "36 evaluations" in said.out
    with Reader(done) as reader:
        assert [
            event.kind for event in reader.events() if event.kind not in ("best", "bandits", "archives")
        ] == [
            "started",
            "stopped",
            "resumed",
            "stopped",
        ]


def test_resume_of_a_run_that_has_reached_its_limit_says_so(shell: Shell, done: Path) -> None:
    before = digest(done)
    said = shell("resume", "last")
    assert said.code == 0
    assert "nothing to do: 30 evaluations are done. Raise it to go on: --max-evals" in said.out
    assert digest(done) == before


def test_resume_refuses_a_run_in_progress(shell: Shell, done: Path) -> None:
    writer = Writer(done)
    try:
        said = shell("resume", "done")
        listed = shell("runs")
    finally:
        writer.close()
    assert said.code == 2
    assert "is in progress in another process (pid " in said.err
    assert "running" in listed.out


def test_resume_refuses_a_changed_problem(shell: Shell, done: Path, place: Path) -> None:
    before = digest(done)
    (place / "toy/seed.py").write_text("def solve(n):\n    return 0.5\n")
    said = shell("resume", "done", "--max-evals", 40)
    assert said.code == 2
    assert "was begun with another state of the problem" in said.err
    assert digest(done) == before


SEEDS = {
    "def other(n):\n    return 1\n": "must define the function 'solve' at top level; it defines other",
    "def solve(n:\n": "seed.py, line 1: is not valid Python",
    "def solve(n):\n    return 'text'\n": "must be valid, but is invalid: must be a number",
}


@pytest.mark.parametrize(("seed", "message"), SEEDS.items(), ids=["no entry", "syntax", "invalid"])
def test_a_seed_that_does_not_work(shell: Shell, place: Path, seed: str, message: str) -> None:
    write_toy(place, seed=seed)
    said = shell("run", "toy", "--id", "one")
    assert said.code == 2
    assert message in said.err
    assert not (place / "runs/one").exists(), "a run that never began leaves nothing behind"


def test_a_typo_in_the_declaration(shell: Shell, place: Path) -> None:
    write_toy(place, candidate={"timeout_s": None, "timeouts_s": 5})
    said = shell("run", "toy")
    assert said.code == 2
    assert "candidate.timeouts_s: unknown key (value 5). Did you mean 'timeout_s'?" in said.err


def test_a_typo_in_a_preset(shell: Shell, place: Path) -> None:
    (place / "mine.toml").write_text('[archipelago]\ntitle = "x"\n[migration]\nintervall = 1\n[[island]]\n')
    said = shell("run", "toy", "-i", "mine.toml")
    assert said.code == 2
    assert "mine.toml: migration.intervall: unknown key (value 1). Did you mean 'interval'?" in said.err


BAD = {
    ("circle_pakcing",): "Did you mean 'circle_packing'?",
    ("toy", "-p", "m=3"): "toy has no such parameter",
    ("toy", "-p", "n=x"): "must be of type int",
    ("toy", "-p", "n"): "must have the form name=value",
    ("toy", "-i", "ring5"): "Did you mean 'ring4'?",
    ("toy", "--seed", str(2**70)): "run: seed: ",
    ("toy", "--target", "nan"): "limits: target: ",
    ("toy", "--id", "a/b"): "must be the plain name of a folder",
    ("toy", "--runs", "toy/seed.py"): "a run folder cannot be made there",
    ("toy", "--max-evals", "0"): "--max-evals",
}


@pytest.mark.parametrize(("arguments", "message"), BAD.items(), ids=[" ".join(a)[:30] for a in BAD])
def test_a_wrong_argument_ends_in_code_2_and_a_message(
    shell: Shell, place: Path, arguments: tuple[str, ...], message: str
) -> None:
    said = shell("run", *arguments)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert not list(place.glob("runs/*"))


def test_an_id_that_is_taken_leaves_that_run_alone(shell: Shell, done: Path) -> None:
    before = digest(done)
    said = shell("run", "toy", "--id", "done")
    assert said.code == 2
    assert "exists already" in said.err
    assert digest(done) == before
