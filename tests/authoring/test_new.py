from __future__ import annotations

import ast
import asyncio
import tomllib
from pathlib import Path

import pytest

from evolve.authoring import TEMPLATES, evaluate_file, new_problem
from evolve.authoring._templates import DIRECTIONS
from evolve.errors import UsageError
from evolve.problem import load_problem
from tests.authoring.templates import loadable


@pytest.mark.parametrize("name", loadable())
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_every_template_loads_in_either_direction(tmp_path: Path, name: str, direction: str) -> None:
    written = new_problem(
        "mine", template=name, into=tmp_path, title='A "title" \\ of\tmine', direction=direction
    )
    problem = load_problem(written.folder)
    assert (problem.name, problem.spec.problem.title) == ("mine", 'A "title" \\ of mine')
    objective = problem.spec.objective
    assert (objective.direction, objective.metric) == (
        direction,
        TEMPLATES[name].metrics[objective.direction],
    )
    assert {"problem.toml", "README.md"} <= set(written.files)
    assert all((written.folder / file).is_file() for file in written.files)
    for key in ("[problem]", "[candidate]", "[objective]", "[[measures]]"):
        assert key in (written.folder / "problem.toml").read_text()
    assert (
        "$" not in (written.folder / "README.md").read_text() + (written.folder / "problem.toml").read_text()
    )


@pytest.mark.parametrize("name", loadable())
def test_both_metrics_of_a_template_are_delivered_for_its_seed(tmp_path: Path, name: str) -> None:
    folder = new_problem("mine", template=name, into=tmp_path).folder
    problem = load_problem(folder)
    found = asyncio.run(evaluate_file(problem, folder / problem.seeds[0][0]))
    assert found.status == "valid"
    assert set(TEMPLATES[name].metrics.values()) <= found.metrics.keys()


def test_the_next_steps_name_what_was_written(tmp_path: Path) -> None:
    written = new_problem("mine", into=tmp_path / "a folder")
    commands = [command for command, _ in written.next_steps]
    quoted = f"'{tmp_path}/a folder/mine'"
    assert commands[0] == f"evolve check {quoted}"
    assert "seeds/polynomial.py" in commands[1]
    text = (written.folder / "README.md").read_text()
    assert all(command in text for command in commands)


def test_what_exists_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(UsageError, match="exists already and is left as it is"):
        new_problem("mine", into=tmp_path)
    assert list((tmp_path / "mine").iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="exists already"):
        new_problem("link", into=tmp_path)


def test_nothing_is_left_when_it_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        new_problem("mine", into=tmp_path / "file")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"name": "My-Problem"}, "small letters, digits and underscores.*'my_problem'"),
        ({"name": ""}, "small letters"),
        ({"name": "../up"}, "small letters"),
        ({"name": "mine", "template": "functoin"}, "Did you mean 'function'"),
        ({"name": "mine", "direction": "up"}, "must be maximize or minimize"),
        ({"name": "mine", "title": " \n"}, "must be a line of text"),
        ({"name": "mine", "title": "\x1b[31m"}, "must be a line of text"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        new_problem(**arguments, into=tmp_path)
    assert not list(tmp_path.iterdir())


def test_references_of_the_construction_follow_its_direction(tmp_path: Path) -> None:
    for direction in DIRECTIONS:
        folder = new_problem(direction, template="construction", into=tmp_path, direction=direction).folder
        values = [
            record["value"]
            for record in tomllib.loads((folder / "problem.toml").read_text())["objective"]["records"]
        ]
        assert values == ([34.0, 55.0] if direction == "minimize" else [28 / 34, 45 / 55])


def test_template_programs_are_plain_python() -> None:
    for template in TEMPLATES.values():
        for file in template.folder.rglob("*.py"):
            ast.parse(file.read_text())
