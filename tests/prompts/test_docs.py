"""The reference names every template, variable and filter, and its example works."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_type_hints

import pytest

from evolve.prompts import (
    BlockView,
    Hypothesis,
    Lesson,
    ProblemView,
    ProgramView,
    PromptContext,
    Prompts,
    Step,
)
from evolve.prompts._filters import FILTERS
from evolve.prompts._fit import FEEDBACK_CHARS
from evolve.prompts._render import REPLY_CHARS
from evolve.prompts._sources import SHIPPED
from tests.prompts.helpers import full_context, override, user

PAGE = (Path(__file__).parents[2] / "docs/reference/prompts.md").read_text(encoding="utf-8")
VIEWS = [PromptContext, ProblemView, ProgramView, Step, Hypothesis, Lesson, BlockView]


def section(heading: str) -> str:
    """Return the text below a heading, up to the next one."""
    found = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("view", VIEWS, ids=lambda view: view.__name__)
def test_every_variable_is_listed_in_order_with_its_type(view: type) -> None:
    listed = rows(view.__name__)
    assert [row[0] for row in listed] == [f"`{field.name}`" for field in fields(view)]
    hints = get_type_hints(view)
    for (name, kind, meaning), hint in zip(
        listed, (hints[field.name] for field in fields(view)), strict=True
    ):
        assert meaning
        assert said(hint) == kind or (hint == ProgramView | None and kind == "ProgramView"), name


def said(hint: object) -> str:
    """Return how the page puts a type."""
    text = hint.__name__ if isinstance(hint, type) and not hasattr(hint, "__args__") else str(hint)
    text = re.sub(r"(\w+\.)+", "", text)
    if text.startswith("Literal"):
        return "str"
    text = re.sub(r"tuple\[(\w+), \.\.\.\]", r"list of \1", text)
    text = re.sub(r"Mapping\[str, (.*)\]", r"mapping of str to \1", text)
    return re.sub(r" \| (?=\w+$)", " or ", text).replace(" | ", ", ")


def test_every_template_is_listed() -> None:
    assert [row[0].strip("`") for row in rows("Templates")] == list(Prompts.list_templates())
    assert {path.stem for path in SHIPPED.iterdir()} == set(Prompts.list_templates())


def test_every_filter_is_listed() -> None:
    listed = {found[0] for row in rows("Filters") if (found := re.findall(r"`(\w+)", row[0]))}
    assert listed == set(FILTERS)


def test_the_blocks_are_named() -> None:
    text = section("Replace a template")
    for path in SHIPPED.iterdir():
        for block in re.findall(r"{% block (\w+) %}", path.read_text()):
            assert f"`{block}`" in text, (path.name, block)


def test_the_numbers_are_right() -> None:
    text = section("When a prompt would be too long")
    assert f"{FEEDBACK_CHARS:,} characters remain" in text
    assert f"at most {REPLY_CHARS:,} characters" in text
    assert f"{Prompts()._max_tokens:,} unless told otherwise)" in text


def test_the_example_works(tmp_path: Path) -> None:
    found = re.search(r"```jinja\n(.*?)```", PAGE, re.DOTALL)
    assert found
    said = Prompts([override(tmp_path, rewrite=found[1])]).messages("rewrite", full_context())[1].content
    added = "- Prefer vectorised numpy: a Python loop over all pairs does not end in 5 s.\n"
    assert added in said
    plain = user(full_context())
    start, end = plain.index("## Good programs"), plain.index("## What may change")
    assert re.sub(r"\n{2,}", "\n", said.replace(added, "")) == re.sub(
        r"\n{2,}", "\n", plain[:start] + plain[end:]
    )
