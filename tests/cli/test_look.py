"""`evolve problems`, `runs`, `show`, `lineage`, `diff`."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from pathlib import Path

import pytest

from evolve.cli._report import _little_new, report
from evolve.engine import RunResult
from evolve.problem import load_problem
from evolve.store import Reader
from tests.cli.toy import NASTY, SCORER, Shell, write_toy


@pytest.mark.parametrize(
    "command",
    [
        *("doctor", "problems", "plan", "run", "resume", "replay", "fork"),
        *("runs", "show", "lineage", "diff", "export", "verify"),
    ],
)
def test_every_command_has_help_that_fits_a_terminal(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = shell(command, "--help")
    assert said.code == 0
    assert max(map(len, said.out.splitlines())) <= 80
    prose = said.out.split("╭")[0]
    for line in prose.splitlines():
        if line.strip().startswith("evolve "):
            assert line.startswith("   evolve"), "examples are indented, a line each"


def test_evolve_alone_shows_the_commands(shell: Shell) -> None:
    said = shell()
    assert "Begin with:" in said.out
    assert "lineage" in said.out


def test_version(shell: Shell) -> None:
    assert shell("--version").out.strip().count(".") == 2


def test_problems(shell: Shell) -> None:
    assert "circle_packing" in shell("problems").out
    rows = json.loads(shell("problems", "--json").out)
    assert {"name", "title", "params", "objective", "direction", "folder"} == rows[0].keys()


def test_runs_of_an_empty_folder(shell: Shell) -> None:
    said = shell("runs")
    assert said.code == 0
    assert "no runs in runs/ yet; begin one with" in said.out
    assert json.loads(shell("runs", "--json").out) == []


def test_runs_are_listed_by_age_and_a_damaged_one_does_not_hide_the_others(shell: Shell, done: Path) -> None:
    shutil.copytree(done, done.parent / "broken")
    (done.parent / "broken" / "run.db").write_bytes(b"garbage" * 1000)
    said = shell("runs")
    assert said.code == 0
    assert "done (toy)" in said.out
    assert "is not a SQLite database" in said.err
    rows = json.loads(shell("runs", "--json").out)
    assert [(row["run"], row["state"]) for row in rows] == [("broken", "unreadable"), ("done", "max_evals")]
    assert shell("show", "last").out.startswith("run       done")


@pytest.mark.usefixtures("done")
def test_show_works_without_the_problem(shell: Shell, place: Path) -> None:
    (place / "toy").rename(place / "moved")
    for command in ("show", "lineage"):
        assert shell(command, "done").code == 0
    assert "done (toy)" in shell("runs").out


def test_show_reads_the_whole_run_only_when_asked_for_the_digest(shell: Shell, done: Path) -> None:
    with Reader(done) as reader:
        digest = reader.digest()
    assert "digest" not in json.loads(shell("show", "done", "--json").out)
    assert json.loads(shell("show", "done", "--json", "--digest").out)["digest"] == digest
    assert "digest" not in shell("show", "done").out
    assert digest in shell("show", "done", "--digest").out


def test_show_a_program(shell: Shell, done: Path) -> None:
    said = shell("show", "done", 1)
    assert "seed program seed.py" in said.out
    assert (done.parent.parent / "toy/seed.py").read_text() in said.out
    facts = json.loads(shell("show", "done", 1, "--json").out)
    assert facts["text"] == (done.parent.parent / "toy/seed.py").read_text()
    assert [stage["stage"] for stage in facts["stages"]] == ["parse", "run", "complexity", "score"] or facts[
        "stages"
    ]


def test_lineage_ends_in_the_best_program(shell: Shell, done: Path) -> None:
    with Reader(done) as reader:
        best = reader.best(maximize=True)
    assert best is not None
    chain = json.loads(shell("lineage", "done", "--json").out)
    assert chain[0]["operator"] == "seed"
    assert chain[-1]["id"] == best.program.id
    assert shell("lineage", "done").out.count("\n") == len(chain) + 1


@pytest.mark.usefixtures("done")
def test_diff(shell: Shell) -> None:
    best = json.loads(shell("show", "done", "--json").out)["best"]["program"]
    said = shell("diff", "done", best)
    assert said.out.splitlines()[1] == f"+++ program {best}"
    assert "--- nothing (a seed)" in shell("diff", "done", 1).out
    assert f"--- program {best}" in shell("diff", "done", 1, best).out


WRONG = {
    ("show", "nothere"): "no such run in runs/. Latest: done.",
    ("show", "toy"): "is not a run: it holds no run.db",
    ("show", "done", "999"): "program 999: this run has programs 1 to ",
    ("diff", "done", "999"): "program 999: this run has programs 1 to ",
    ("lineage", "done", "999"): "program 999: this run has programs 1 to ",
    ("export", "done", "999"): "program 999: this run has programs 1 to ",
}


@pytest.mark.parametrize(("arguments", "message"), WRONG.items(), ids=map(" ".join, WRONG))
def test_what_does_not_exist(shell: Shell, done: Path, arguments: tuple[str, ...], message: str) -> None:
    said = shell(*arguments)
    assert said.code == 2
    assert message in said.err
    assert said.out == ""
    assert done.is_dir()


def test_a_part_of_a_name_must_fit_one_run(shell: Shell, done: Path) -> None:
    shutil.copytree(done, done.with_name("done-again"))
    assert shell("show", "again").code == 0
    assert shell("show", "done").code == 0, "the whole name wins"
    said = shell("show", "don")
    assert said.code == 2
    assert "fits 2 runs in runs/: done, done-again. Give more of the name." in said.err


def test_a_newer_schema_is_refused_and_the_file_untouched(shell: Shell, done: Path) -> None:
    with sqlite3.connect(done / "run.db") as connection:
        connection.execute("PRAGMA user_version=99")
    connection.close()
    before = (done / "run.db").read_bytes()
    for command in ("show", "resume", "export"):
        said = shell(command, "done")
        assert said.code == 2
        assert "has schema version 99, this evolve knows 3" in said.err
    assert (done / "run.db").read_bytes() == before


@pytest.mark.parametrize("damage", ["garbage", "truncated", "empty"])
def test_a_damaged_database(shell: Shell, done: Path, damage: str) -> None:
    path = done / "run.db"
    data = path.read_bytes()
    path.write_bytes({"garbage": b"garbage" * 1000, "truncated": data[:9000], "empty": b""}[damage])
    for command in ("show", "resume", "export", "lineage"):
        said = shell(command, "done")
        assert said.code == 2
        assert "run.db: " in said.err
        assert "Traceback" not in said.err


def test_text_of_programs_is_shown_and_never_obeyed(shell: Shell, place: Path) -> None:
    shown = repr(NASTY)[1:-1]
    seed = f'"""[red]x[/red] [/] \x0c"""\ndef solve(n):\n    print("{shown}")\n    return 0.5\n'
    write_toy(place, seed=seed, score=SCORER.replace('"fine"', f'"{shown}"'))
    assert shell("run", "toy", "--max-evals", 1, "--id", "one").code == 0
    with sqlite3.connect(place / "runs/one/run.db") as connection:
        connection.execute("UPDATE program SET change = ?", (NASTY,))
    connection.close()
    for arguments in (["show", "one", 1], ["show", "one"], ["lineage", "one"], ["diff", "one", 1]):
        said = shell(*arguments)
        assert said.code == 0
        assert not set(said.out) & {"\x1b", "\r", "\x0c", "\u202e"}
    for arguments in (["show", "one", 1], ["lineage", "one"], ["diff", "one", 1]):
        assert "[red]x[/red] [/]" in shell(*arguments).out
    assert json.loads(shell("show", "one", 1, "--json").out)["change"] == NASTY


def test_an_error_that_quotes_a_program_is_harmless(shell: Shell, place: Path) -> None:
    write_toy(place, seed=f"def solve(n):\n    raise ValueError({NASTY!r})\n")
    said = shell("run", "toy")
    assert said.code == 2
    assert "must be valid, but is failed: ValueError: [red]x[/red] [/]" in said.err
    assert "\x1b" not in said.err
    assert not list(place.glob("runs/*"))


# -- programs by status, and the best by its name ---------------------------------------------------


def test_programs_are_listed_by_status(shell: Shell, done: Path) -> None:
    statuses = json.loads(shell("show", "done", "--json").out)["statuses"]
    rows = json.loads(shell("show", "done", "--status", "valid", "--json").out)
    assert len(rows) == statuses["valid"]
    assert rows[0] == {"program": 1, "objective": 0.25, "operator": "seed", "feedback": "fine"}
    assert shell("show", "done", "--status", "valid").out.splitlines()[1].split()[:2] == ["1", "0.25"]
    said = shell("show", "done", "--status", "vallid")
    assert said.code == 2
    assert "--status vallid: no program has it. Did you mean 'valid'? The run has " in said.err
    assert shell("show", "done", 1, "--status", "valid").code == 2
    assert done.is_dir()


def test_outputs_on_which_the_scorer_fails_can_be_found(shell: Shell, place: Path) -> None:
    score = SCORER.replace(
        "    return Score", "    if output != 2.25:\n        raise KeyError('lost')\n    return Score"
    )
    write_toy(place, score=score)
    said = shell("run", "toy", "--max-evals", 8, "--id", "one")
    assert "`evolve show runs/one --status error` lists them" in said.out
    rows = json.loads(shell("show", "one", "--status", "error", "--json").out)
    assert rows
    assert {row["feedback"] for row in rows} == {"KeyError: 'lost'"}


def test_the_best_program_has_a_name(shell: Shell, done: Path) -> None:
    best = json.loads(shell("show", "done", "--json").out)["best"]["program"]
    assert json.loads(shell("show", "done", "best", "--json").out)["program"] == best
    assert shell("diff", "done").out == shell("diff", "done", best).out == shell("diff", "done", "best").out
    assert shell("lineage", "done", "BEST").out == shell("lineage", "done").out
    for wrong in ("bset", "0", "1.5"):
        said = shell("show", "done", wrong)
        assert said.code == 2
        assert "must be the id of a program, from 1 on, or best" in " ".join(
            said.err.replace("│", " ").split()
        )
    assert done.is_dir()


@pytest.mark.parametrize(
    ("language", "valid", "calls", "expected"),
    [
        (
            "python",
            234,
            0,
            "97% of the proposals were nothing new (4,162 duplicate, 2,384 refused): the built-in",
        ),
        ("python", 234, 0, "what helps: a model (--model), numbers in the seed that decide something, or"),
        ("python", 234, 9, "what helps: another seed, numbers"),
        (
            "text",
            234,
            0,
            "without a model, plain text can hardly improve; what helps: a model (--model) (docs/",
        ),
        ("python", 2340, 0, ""),
    ],
)
def test_a_run_that_found_nothing_new_says_what_helps(
    place: Path, capsys: pytest.CaptureFixture[str], language: str, valid: int, calls: int, expected: str
) -> None:
    candidate = {"language": language, "entry": None if language == "text" else "solve"}
    problem = load_problem(write_toy(place, candidate=candidate))
    statuses = {"valid": valid, "duplicate": 4162, "refused": 2384}
    result = RunResult(
        folder=place,
        problem="toy",
        reason="max_evals",
        explanation="enough",
        best_id=None,
        best_objective=None,
        best_program="",
        evaluations=valid,
        tickets=sum(statuses.values()),
        statuses=statuses,
        elapsed_s=70.0,
        archive_digest="",
    )
    note = _little_new(problem, dataclasses.replace(result, calls=calls))
    assert expected in note
    assert bool(note) == bool(expected)
    if not calls:
        report(problem, result, None, "", None)
        assert ("nothing new" in capsys.readouterr().out) == bool(expected)


def test_the_islands_preset_is_named(shell: Shell, done: Path) -> None:
    assert json.loads(shell("show", "done", "--json").out)["preset"] == "one archive, selection by rank"
    assert done.is_dir()
