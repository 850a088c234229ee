"""Folders of templates that replace shipped ones, and what is said about their mistakes."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from evolve.errors import EvolveError, ProblemError, UsageError
from evolve.prompts import Prompts
from evolve.prompts._sources import SHIPPED
from tests.prompts.helpers import OPERATORS, PROMPTS, full_context, override, user


def test_a_template_of_a_user_replaces_the_shipped_one(tmp_path: Path) -> None:
    folder = override(tmp_path, rewrite="Hello {{ parent.id }}\n")
    prompts = Prompts([folder])
    assert prompts.messages("rewrite", full_context())[1].content == "Hello 12\n"
    assert prompts.messages("diff", full_context()) == PROMPTS.messages("diff", full_context())


def test_a_block_of_a_shipped_template_is_replaced_or_added_to(tmp_path: Path) -> None:
    text = '{% extends "package/rewrite.j2" %}{% block task %}{{ super() }}- Prefer numpy.\n{% endblock %}'
    said = Prompts([override(tmp_path, rewrite=text)]).messages("rewrite", full_context())[1].content
    assert said.replace("- Prefer numpy.\n", "") == user(full_context())


def test_the_first_folder_counts_most(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "problem").mkdir()
    run = override(tmp_path / "run", rewrite="run")
    problem = override(tmp_path / "problem", rewrite="problem", diff="problem")
    prompts = Prompts([run, problem])
    assert [prompts.messages(name, full_context())[1].content for name in ("rewrite", "diff")] == [
        "run\n",
        "problem\n",
    ]


def test_parts_of_a_users_own_are_found_and_macros_replaced(tmp_path: Path) -> None:
    folder = override(
        tmp_path,
        rewrite='{% from "_mine.j2" import hello %}{{ hello(parent.id) }}',
        _mine="{% macro hello(id) %}Hello {{ id }}{% endmacro %}",
    )
    assert Prompts([folder]).messages("rewrite", full_context())[1].content == "Hello 12\n"


def test_notes_hidden_files_and_folders_are_no_templates(tmp_path: Path) -> None:
    folder = override(tmp_path, rewrite="x")
    for name in ("README.md", ".rewrite.j2.swp", "diff.j2~"):
        (folder / name).write_text("{{")
    (folder / "old").mkdir()
    Prompts([folder])


def test_a_change_of_a_file_does_not_reach_a_run(tmp_path: Path) -> None:
    folder = override(tmp_path, rewrite="old", diff="old")
    prompts = Prompts([folder])
    digest = prompts.digest()
    (folder / "rewrite.j2").write_text("new")
    assert prompts.messages("rewrite", full_context())[1].content == "old\n"
    assert prompts.digest() == digest
    assert Prompts([folder]).digest() != digest


def test_the_digest_depends_on_texts_alone(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    digests = {Prompts([override(tmp_path / name, rewrite="x")]).digest() for name in ("a", "b")}
    assert len(digests | {Prompts().digest()}) == 2


MISTAKES: list[tuple[str, str, str]] = [
    ("rewrite", "\n\n{{ parrent.id }}", r"rewrite.j2, line 3: 'parrent' is unknown. Did you mean 'parent'"),
    ("rewrite", "{{ x }}", r"'x' is unknown. Known: ancestors, .*problem, reason, siblings"),
    ("rewrite", "{% if false %}\n{{ lesons }}{% endif %}", r"line 2: 'lesons' .* Did you mean 'lessons'"),
    ("rewrite", "\n{{ parent.objektive }}", r"line 2: 'objektive' .* Did you mean 'objective'\? .*feedback"),
    ("rewrite", "{{ problem.params.m }}", r"line 1: 'm' is unknown. Known here: n\."),
    ("rewrite", "{{ parent.objective + 1 }}", r"line 1: TypeError: unsupported operand"),
    ("rewrite", "\n{% if %}", r"rewrite.j2, line 2: Expected an expression"),
    ("rewrite", "{% block a %}", r"line 1: Unexpected end of template"),
    ("rewrite", "\n{{ parent.text | fence }}", r"line 2: No filter named 'fence'. Did you mean 'fenced'"),
    ("rewrite", "{{ parent.text | nothing_like_it }}", r"No filter named 'nothing_like_it'. See"),
    ("rewrite", '{% include "gone.j2" %}', r"line 1: .*gone.j2"),
    (
        "rewrite",
        '{% import "_parts.j2" as p %}\n{{ p.lesons([]) }}',
        r"line 2: _parts.j2 has no macro 'lesons'",
    ),
    ("rewrite", "{{ reason }}", r"rewrite.j2, line 1: 'reason' is undefined"),
    ("rewrite", "{{ parent.text.__class__.__mro__ }}", r"line 1: .*unsafe"),
    ("rewrite", "{{ problem.params.clear() }}", r"line 1: .*unsafe"),
    ("rewrite", "{% for i in range(10 ** 9) %}{% endfor %}", r"line 1: OverflowError: Range too big"),
    ("rewrite", '{% include "rewrite.j2" %}', r"line 1: RecursionError"),
    ("rewrite", "{{ 1 / 0 }}", r"line 1: ZeroDivisionError"),
    ("_parts", "", r"rewrite.j2, line 3: _parts.j2 has no macro 'better'. .*nothing. Replaced: .*_parts.j2"),
    ("_part", "", r"_part.j2: is used by no template. Did you mean '_parts.j2'"),
    ("rewrit", "", r"rewrit.j2: is no template that is asked for. Did you mean 'rewrite.j2'"),
    ("system", "{{ parent.id }}", r"system.j2, line 1: .*has no attribute 'id'"),
    ("retry", "{{ reazon }}", r"line 1: 'reazon' is unknown. Did you mean 'reason'"),
]


@pytest.mark.parametrize(("name", "text", "message"), MISTAKES)
def test_mistakes_are_named_with_their_place(tmp_path: Path, name: str, text: str, message: str) -> None:
    folder = override(tmp_path, **{name: text})
    with pytest.raises(UsageError, match=f"(?s){message}") as caught:
        Prompts([folder])
    assert "\n" not in str(caught.value)


def test_whose_mistake_it_is_follows_from_the_folder(tmp_path: Path) -> None:
    folder = override(tmp_path, rewrite="{{ x }}")
    with pytest.raises(UsageError):
        Prompts([folder])
    (tmp_path / "problem.toml").touch()
    with pytest.raises(ProblemError, match=re.escape(str(folder / "rewrite.j2"))):
        Prompts([folder])


def test_a_file_with_another_suffix_is_refused(tmp_path: Path) -> None:
    folder = override(tmp_path)
    (folder / "rewrite.jinja").touch()
    with pytest.raises(UsageError, match=r"rewrite.jinja: is no template .* Did you mean 'rewrite.j2'\?"):
        Prompts([folder])


def test_a_missing_folder_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone: must be a folder .*No such file"):
        Prompts([tmp_path / "gone"])
    folder = override(tmp_path)
    (folder / "rewrite.j2").write_bytes(b"\xff")
    with pytest.raises(UsageError, match=r"rewrite.j2: must be UTF-8 text"):
        Prompts([folder])


def test_a_mistake_that_shows_only_in_a_run_is_named_as_well(tmp_path: Path) -> None:
    folder = override(tmp_path, rewrite="{% if parent.id == 99 %}\n{{ parent.x }}{% endif %}")
    full = full_context()
    assert full.parent
    with pytest.raises(EvolveError, match=r"rewrite.j2, line 2: 'x' is unknown"):
        Prompts([folder]).messages("rewrite", replace(full, parent=replace(full.parent, id=99)))


@pytest.mark.parametrize("name", Prompts.list_templates())
def test_every_template_may_be_replaced_by_its_copy(tmp_path: Path, name: str) -> None:
    prompts = Prompts([override(tmp_path, **{name: (SHIPPED / f"{name}.j2").read_text()})])
    for operator in OPERATORS:
        assert prompts.messages(operator, full_context()) == PROMPTS.messages(operator, full_context())
