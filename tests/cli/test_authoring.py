"""`evolve new`, `check` and `score` as commands, and the tutorial that uses them."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from evolve.authoring import TEMPLATES
from tests.cli.toy import NASTY, Shell, write_toy

ROOT = Path(__file__).parents[2]
TUTORIAL = (ROOT / "docs/tutorials/your_own_problem.md").read_text(encoding="utf-8")


# -- new --------------------------------------------------------------------------------------------


def test_new_says_what_it_wrote_and_what_to_do_next(shell: Shell, place: Path) -> None:
    said = shell("new", "mine", "--template", "construction", "--into", "mine/too", "--title", NASTY[:14])
    assert (said.code, said.err) == (0, "")
    assert "wrote mine/too/mine, an extremal object" in said.out
    assert "evolve check mine/too/mine" in said.out
    assert (place / "mine/too/mine/problem.toml").is_file()
    facts = json.loads(shell("new", "other", "--json").out)
    assert (facts["folder"], facts["template"]) == ("other", "function")
    assert facts["next"][0] == "evolve check other"


def test_new_refuses_what_exists(shell: Shell) -> None:
    said = shell("new", "toy")
    assert said.code == 2
    assert "toy: exists already and is left as it is" in said.err


def test_new_asks_on_a_terminal(shell: Shell, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def answer(question: str, default: str) -> str:
        asked.append((question, default))
        return {"template": "heuristic", "title": "My bins"}.get(question, default)

    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.prompt", answer)
    said = shell("new", "mine")
    assert said.code == 0
    assert asked == [
        ("template", "function"),
        ("title", "Online bin packing"),
        ("direction (maximize fill, minimize excess)", "minimize"),
    ]
    assert all(template.summary in said.out for template in TEMPLATES.values())
    assert 'title = "My bins"' in (place / "mine/problem.toml").read_text()


# -- score ------------------------------------------------------------------------------------------


def test_score_prints_what_is_known(shell: Shell) -> None:
    said = shell("score", "toy", "toy/seed.py", "-p", "n=4")
    assert said.code == 0
    assert said.out.splitlines()[0] == "valid: value = 0.5"
    assert re.search(r"^size +0\.5 +measure$", said.out, re.MULTILINE)
    assert "\nfine\n" in said.out
    assert re.search(r"^run +[\d.]+ +ok$", said.out, re.MULTILINE)
    facts = json.loads(shell("score", "toy", "toy/seed.py", "--json").out)
    assert (facts["status"], facts["objective"], facts["params"]) == ("valid", 0.25, {"n": 3})
    assert facts["measures"] == {"size": facts["metrics"]["size"]}
    assert facts["stages"].keys() == {"parse", "run", "score", "complexity"}


@pytest.mark.parametrize(
    ("program", "status"),
    [
        ("def solve(n):\n    return None\n", "invalid"),
        ("def solve(n):\n    raise ValueError(1)\n", "failed"),
        ("def solve(n:\n", "refused"),
    ],
)
def test_score_of_what_is_not_valid(shell: Shell, place: Path, program: str, status: str) -> None:
    (place / "wrong.py").write_text(program)
    said = shell("score", "toy", "wrong.py")
    assert said.code == 1
    assert said.out.startswith(f"{status}\n")
    assert json.loads(shell("score", "toy", "wrong.py", "--json").out)["objective"] is None


def test_score_shows_a_programs_text_as_it_is(shell: Shell, place: Path) -> None:
    (place / "loud.py").write_text(f"def solve(n):\n    print({NASTY!r})\n    return 0.5\n")
    said = shell("score", "toy", "loud.py")
    assert "[red]x[/red] [/] \N{REPLACEMENT CHARACTER}[31m" in said.out
    assert "\x1b" not in said.out


def test_score_takes_the_program_out_of_an_export(shell: Shell, done: Path) -> None:
    assert shell("export", done, 1, "-o", "home").code == 0
    mine, exported = (
        json.loads(shell("score", "toy", file, "--json").out) for file in ("toy/seed.py", "home/program.py")
    )
    assert mine["metrics"] == exported["metrics"]


def test_score_of_a_file_that_is_not_there(shell: Shell, place: Path) -> None:
    said = shell("score", "toy", "nowhere.py")
    assert (said.code, said.err.count("\n")) == (2, 1)
    assert "nowhere.py: cannot be read" in said.err
    (place / "binary.py").write_bytes(b"\xff\xfe")
    assert "must be UTF-8 text" in shell("score", "toy", "binary.py").err


# -- check ------------------------------------------------------------------------------------------


def test_check_ends_in_a_verdict_with_what_to_do(shell: Shell, place: Path) -> None:
    write_toy(place, seed="def solve(n):\n    return [1.0]\n", problem={"statement": "Write solve."})
    said = shell("check", "toy", "--repeats", 2)
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith("not ready: ")
    assert "failed: Mend the seed, or the rule that it breaks." in said.out
    assert "expected valid; found invalid: must be a number" in said.out
    facts = json.loads(shell("check", "toy", "--repeats", 2, "--json").out)
    assert (facts["problem"], facts["verdict"]) == ("toy", "not ready")
    assert {"group", "name", "outcome", "expected", "found", "advice"} == facts["checks"][0].keys()


def test_check_of_a_declaration_that_does_not_load(shell: Shell, place: Path) -> None:
    (place / "toy/problem.toml").write_text("[problem]\n")
    said = shell("check", "toy", "-p", "n=4")
    assert said.code == 1
    assert "candidate: is missing" in said.out
    assert shell("check", "nowhere").code == 2


# -- the tutorial -----------------------------------------------------------------------------------


def test_the_tutorial_can_be_followed(tmp_path: Path) -> None:
    """Every command of the tutorial, in order, as it is typed; and what it says of the results."""
    for name, text in re.findall(r"`([\w./]+)`:\n\n```python\n(.*?)```", TUTORIAL, re.DOTALL):
        (tmp_path / name).write_text(text)
    commands = typed(TUTORIAL)
    assert len(commands) == 11
    outputs = {command: follow(command, tmp_path) for command in commands}
    assert outputs["evolve check parcels"].splitlines()[-1].startswith("ready: ")
    seed = outputs["evolve score parcels parcels/seeds/emptiest.py"].splitlines()[0]
    assert seed in TUTORIAL.splitlines()
    best = outputs["evolve run parcels --max-evals 100 --id first"]
    assert value_in(best) < 0.7 * value_in(seed)
    unseen = [value_in(text) for command, text in outputs.items() if command.endswith("base=1000")]
    assert unseen[1] < 0.7 * unseen[0], "it is better on instances that it was not chosen by"
    fitted = outputs["python fit.py"].splitlines()
    assert float(fitted[0]) > -1.0
    assert "def saturation(count):" in fitted


def typed(document: str) -> list[str]:
    """Return the lines in fences that name no language."""
    found: list[str] = []
    fence = None
    for line in document.splitlines():
        if line.startswith("```"):
            fence = line if fence is None else None
        elif fence == "```":
            found.append(line)
    return found


def follow(command: str, folder: Path) -> str:
    """Run a command of a document in a folder, with this interpreter and this package."""
    words = shlex.split(command)
    programs = {"evolve": [sys.executable, "-m", "evolve"], "python": [sys.executable]}
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    done = subprocess.run(
        [*programs.get(words[0], words[:1]), *words[1:]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def value_in(text: str) -> float:
    """Return the first value of the objective that a command printed."""
    found = re.search(r"excess = ([\d.]+)", text)
    assert found, text
    return float(found[1])
