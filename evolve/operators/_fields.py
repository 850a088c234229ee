"""What a model says about its change: one line for the lineage, and a hypothesis."""

from __future__ import annotations

from collections import Counter
from typing import Literal

from evolve.operators._base import Idea
from evolve.operators._reply import Answer
from evolve.prompts import PromptContext

_CHANGE_CHARS = 120
_IDEA_CHARS = 400
_UP = frozenset({"up", "increase", "increases", "higher", "rise", "rises", "more", "+", "↑"})
_DOWN = frozenset({"down", "decrease", "decreases", "lower", "fall", "falls", "less", "-", "↓"})
_QUOTES = "`'\"*_ .,;"


def change_of(answer: Answer) -> str:
    """Return what a reply says that it did, on one line; empty when it says nothing."""
    return _one_line(answer.field("CHANGE"), _CHANGE_CHARS)


def summary(name: str, base: str, text: str) -> str:
    """Describe a change by the number of lines that an operator changed."""
    old, new = base.replace("\r\n", "\n").split("\n"), text.replace("\r\n", "\n").split("\n")
    # Counted, not aligned: that takes linear time on any two texts. Lines that only moved count as none.
    before, after = Counter(old), Counter(new)
    count = max((before - after).total(), (after - before).total())
    return f"{name}: {count} line{'' if count == 1 else 's'} changed"


def idea_of(answer: Answer, view: PromptContext) -> tuple[Idea | None, str]:
    """Return the hypothesis of a reply, or what is wrong with it.

    Args:
        answer: The reply.
        view: What the prompt showed: a hypothesis is about a metric that is known there.
    """
    text = _one_line(answer.field("IDEA"), _IDEA_CHARS)
    metric = _one_line(answer.field("METRIC"), _CHANGE_CHARS).strip(_QUOTES)
    direction = _direction(answer.field("EXPECT"))
    missing = [
        name for name, value in (("IDEA", text), ("METRIC", metric), ("EXPECT", direction)) if not value
    ]
    if missing or direction is None:
        return None, (
            "The reply must state its hypothesis in three lines, `IDEA: ...`, `METRIC: ...` and "
            f"`EXPECT: up` or `EXPECT: down`; not understood: {', '.join(missing)}. "
            "Send these lines and the change again."
        )
    known = {view.problem.metric, *(view.parent.metrics if view.parent else ())}
    if metric not in known:
        return None, (
            f"METRIC must be one of {', '.join(sorted(known))}, got {metric}. "
            "Send the three lines and the change again."
        )
    return Idea(text, metric, direction), ""


def _direction(text: str) -> Literal["up", "down"] | None:
    first = text.lower().strip(_QUOTES).partition(" ")[0].strip(_QUOTES)
    return "up" if first in _UP else "down" if first in _DOWN else None


def _one_line(text: str, width: int) -> str:
    """Return untrusted text without control characters, shortened to `width`."""
    line = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return line if len(line) <= width else line[: width - 3] + "..."
