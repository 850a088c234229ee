"""What prompts promise to those who read them."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest

from evolve.prompts import Prompts, Step
from evolve.prompts._filters import effect, exact, short
from tests.prompts.helpers import OPERATORS, PROMPTS, full_context, minimal_context


@pytest.mark.parametrize("name", OPERATORS)
def test_a_conversation_is_a_system_and_a_user_message(name: str) -> None:
    system, user = PROMPTS.messages(name, full_context())
    assert (system.role, user.role) == ("system", "user")
    assert system == PROMPTS.messages("rewrite", full_context())[0]
    assert user.content.count("## Reply format") == 1


@pytest.mark.parametrize("name", OPERATORS)
def test_a_retry_continues_the_conversation(name: str) -> None:
    prompts, context = PROMPTS, full_context()
    said = prompts.retry(name, context, "Sure!", "the reply holds no program")
    assert said[:2] == prompts.messages(name, context)
    assert said[2] == ("assistant", "Sure!")
    assert "the reply holds no program" in said[3].content
    begun = said[1].content
    form = begun[begun.index("## Reply format") :]
    assert said[3].content.endswith(form)


@pytest.mark.parametrize("name", [name for name in OPERATORS if name != "reflect"])
def test_the_program_to_change_is_the_first_fence_under_its_heading(name: str) -> None:
    context = full_context()
    text = PROMPTS.messages(name, context)[1].content
    program = context.failure if name == "repair" else context.parent
    assert program
    below = text.split("## Program to change\n", 1)[1]
    assert below.split("```python\n", 1)[1].startswith(program.text)
    assert text.count("## Program to change\n") == 1


def test_a_failure_stands_under_its_own_heading() -> None:
    context = full_context()
    text = PROMPTS.messages("repair", context)[1].content
    assert context.failure
    assert context.failure.feedback in text.split("## What went wrong\n", 1)[1]


@pytest.mark.parametrize(
    ("name", "missing"),
    [(name, "parent") for name in OPERATORS if name not in ("repair", "reflect")]
    + [("model_crossover", "other"), ("repair", "failure")],
)
def test_a_context_must_hold_what_the_template_is_about(name: str, missing: str) -> None:
    context = minimal_context(*({"parent", "other", "failure"} - {missing}))
    with pytest.raises(ValueError, match=f"'{name}' needs context.{missing}"):
        PROMPTS.messages(name, context)


@pytest.mark.parametrize("name", ["rewrit", "system", "_parts", "retry", "../x"])
def test_only_operators_have_a_conversation(name: str) -> None:
    with pytest.raises(ValueError, match=f"no template '{name}'"):
        PROMPTS.messages(name, full_context())


def test_a_metric_keeps_its_spelling_and_direction() -> None:
    context = full_context()
    for direction, word in (("maximize", "Maximise"), ("minimize", "Minimise")):
        problem = replace(context.problem, metric="Sum_Of_R", direction=direction)  # type: ignore[arg-type]
        system, user = PROMPTS.messages("rewrite", replace(context, problem=problem))
        assert f"{word} `Sum_Of_R`" in system.content
        assert ("a higher `Sum_Of_R`" in user.content) == (direction == "maximize")


@pytest.mark.parametrize(
    ("direction", "before", "after", "status", "said"),
    [
        ("maximize", 1.0, 1.5, "valid", "1.0 -> 1.5, better by 0.5"),
        ("minimize", 1.0, 1.5, "valid", "1.0 -> 1.5, worse by 0.5"),
        ("minimize", 1.5, 1.0, "valid", "1.5 -> 1.0, better by 0.5"),
        ("maximize", 1.0, 1.0, "valid", "1.0 -> 1.0, no difference"),
        ("maximize", None, 0.1 + 0.2, "valid", "0.30000000000000004"),
        ("maximize", 1.0, None, "memory", "no result, it needed too much memory"),
        ("maximize", 1.0, None, "new\nkind", "no result, new kind"),
    ],
)
def test_the_effect_of_a_change(
    direction: str, before: float | None, after: float | None, status: str, said: str
) -> None:
    problem = replace(full_context().problem, direction=direction)  # type: ignore[arg-type]
    assert effect(Step(1, "", status, before, after), problem) == said


def test_numbers() -> None:
    assert [exact(2.6358627564136983), exact(3), exact(None)] == ["2.6358627564136983", "3.0", "none"]
    assert [short(0.0123456789), short(26), short(None)] == ["0.0123457", "26", "none"]


def test_equal_contexts_give_equal_prompts() -> None:
    fresh = Prompts()
    for name in OPERATORS:
        assert fresh.messages(name, full_context()) == PROMPTS.messages(name, full_context())


def test_jinja_is_not_imported_before_it_is_needed() -> None:
    code = "import sys, evolve.prompts as p; p.Prompts(); sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
