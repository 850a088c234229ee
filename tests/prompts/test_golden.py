"""What every template looks like; `pytest tests/prompts --update-golden` writes the files anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from evolve.prompts import estimate
from evolve.prompts._fit import leave_out, omissions
from tests.prompts.conftest import GOLDEN
from tests.prompts.helpers import (
    OPERATORS,
    PROGRAMS,
    PROMPTS,
    full_context,
    limited,
    minimal_context,
    transcript,
)

Golden = Callable[[str, str], None]


@pytest.mark.parametrize("name", OPERATORS)
def test_with_everything(name: str, golden: Golden) -> None:
    golden(f"{name}.full", transcript(PROMPTS.messages(name, full_context())))


@pytest.mark.parametrize("name", OPERATORS)
def test_with_as_little_as_there_can_be(name: str, golden: Golden) -> None:
    needed = {"model_crossover": ("parent", "other"), "repair": ("failure",), "reflect": ()}
    context = minimal_context(*needed.get(name, ("parent",)))
    golden(f"{name}.minimal", transcript(PROMPTS.messages(name, context)))


@pytest.mark.parametrize("name", OPERATORS)
def test_after_an_unusable_reply(name: str, golden: Golden) -> None:
    said = PROMPTS.retry(name, full_context(), "I cannot do that.", "The reply holds no program.")
    golden(f"{name}.retry", transcript(said[2:]))


@pytest.mark.parametrize("name", OPERATORS)
def test_cut_to_a_limit(name: str, golden: Golden) -> None:
    full = full_context()
    sizes = [
        sum(estimate(message.content) for message in PROMPTS.messages(name, context))
        for context in (full, leave_out(full, omissions(full)))
    ]
    golden(f"{name}.cut", transcript(limited(sum(sizes) // 2).messages(name, full)[1:]))


@pytest.mark.parametrize("status", ["failed", "invalid", "timeout", "memory", "refused", "odd"])
def test_every_way_to_fail(status: str, golden: Golden) -> None:
    context = minimal_context(*PROGRAMS)
    assert context.failure
    context = replace(context, failure=replace(context.failure, id=1, status=status))
    text = PROMPTS.messages("repair", context)[1].content
    golden(f"repair.{status}", text[text.index("## What went wrong") : text.index("## The program")])


def test_no_stored_text_is_left_over() -> None:
    kinds = ("full", "minimal", "retry", "cut")
    expected = {f"{name}.{kind}.txt" for name in OPERATORS for kind in kinds}
    expected |= {
        f"repair.{status}.txt" for status in ("failed", "invalid", "timeout", "memory", "refused", "odd")
    }
    assert {path.name for path in GOLDEN.iterdir()} == expected
