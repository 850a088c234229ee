"""Contexts and folders that several tests use."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from pathlib import Path

from evolve.models import Message
from evolve.prompts import PromptContext, Prompts, estimate
from evolve.prompts._sample import full_context, minimal_context

OPERATORS = (
    "rewrite",
    "diff",
    "model_crossover",
    "repair",
    "hypothesis",
    "model_simplify",
    "command",
    "reflect",
)
PROGRAMS = ("parent", "other", "failure")

PROMPTS = Prompts(max_tokens=10**9)
"""Without a limit; compiled once."""

__all__ = [
    "OPERATORS",
    "PROGRAMS",
    "PROMPTS",
    "full_context",
    "limited",
    "minimal_context",
    "override",
    "tokens",
    "transcript",
    "user",
    "with_text",
]


def limited(limit: int, count: Callable[[str], int] = estimate) -> Prompts:
    """Return prompts with a limit, without compiling the templates again."""
    PROMPTS.messages("rewrite", full_context())
    prompts = copy(PROMPTS)
    prompts._max_tokens, prompts._count = limit, count
    return prompts


def override(tmp_path: Path, **templates: str) -> Path:
    """Write a folder of templates."""
    folder = tmp_path / "prompts"
    folder.mkdir()
    for name, text in templates.items():
        (folder / f"{name}.j2").write_text(text, encoding="utf-8")
    return folder


def transcript(messages: Sequence[Message]) -> str:
    """Return a conversation as one text."""
    return "".join(f"======== {message.role}\n{message.content}" for message in messages)


def user(context: PromptContext, name: str = "rewrite") -> str:
    """Return the user's message."""
    return PROMPTS.messages(name, context)[1].content


def with_text(text: str) -> PromptContext:
    """Return a full context in which everything untrusted is this text."""
    full = full_context()
    assert full.parent
    program = replace(full.parent, text=text, feedback=text)
    return replace(
        full,
        parent=program,
        other=replace(program, id=2),
        failure=replace(program, id=3, status="failed", objective=None),
        inspirations=(program,),
        ancestors=tuple(replace(step, change=text) for step in full.ancestors),
        siblings=tuple(replace(step, change=text) for step in full.siblings),
        wins=tuple(replace(step, change=text) for step in full.wins),
        losses=tuple(replace(step, change=text) for step in full.losses),
        hypotheses=tuple(replace(each, idea=text) for each in full.hypotheses),
        lessons=tuple(replace(lesson, text=text, origin=text) for lesson in full.lessons),
        blocks=tuple(replace(block, text=text, doc=text) for block in full.blocks),
    )


def tokens(messages: Sequence[Message]) -> int:
    """Return the size of a conversation as `Prompts` counts it when told to count characters."""
    return sum(len(message.content) for message in messages)
