"""Compose what the model says: a changed program in the form that was asked for, or something wrong."""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from evolve.testing.model_server._diff import block, diff
from evolve.testing.model_server._mutate import mutate
from evolve.testing.model_server._prompt import Prompt
from evolve.testing.model_server._script import Mode, Script

REFUSAL = "I can't help with that."
_PROSE = (
    "The program looks reasonable as it is. One could try a finer grid, a better starting point or a few "
    "more iterations, and then compare the results with care."
)
_SHORT = "I have read your message. It shows no program that I could change."
_IDEAS = (
    "A constant of the search is too coarse; a slightly different one reaches further.",
    "The step that is taken is not balanced against its neighbours.",
    "A different weight makes better use of the space that is left.",
    "The bound is too careful; moving it lets more solutions through.",
)
_LESSONS = (
    "Small changes of the leading constants gain more often than large ones.",
    "Swapping an operator mostly breaks the result.",
    "Weights near those of the parent keep the solution valid.",
    "Larger steps help while the objective is still far from its bound.",
    "Changing several constants at once hides which of them mattered.",
    "Loops with more rounds cost time and did not gain.",
)
_PADDING = "Let me think about this once more, from the beginning, and consider every part of it in turn.\n"
_BROKEN_LINE = "return ((("
_DEFINITION = re.compile(r"^(def[ \t]+)(\w+)", re.M)


class Said(NamedTuple):
    """What a model said, before it is cut to the length that was allowed."""

    content: str | None
    finish: str = "stop"
    refusal: str | None = None


def compose(prompt: Prompt, script: Script, mode: Mode, rng: random.Random) -> Said:
    """Return what the model says.

    Args:
        prompt: What it was asked.
        script: Canned replies and sizes.
        mode: What kind of reply to give; a failure of the way has the text of "ok".
        rng: Drawn from for every choice.
    """
    if mode == "empty":
        return Said("")
    if mode == "refusal":
        return Said(REFUSAL, "stop", REFUSAL)
    if mode == "content_filter":
        return Said(None, "content_filter")
    if mode == "prose":
        return Said(_PROSE)
    if mode == "missing_search":
        return Said(_missing_search(rng))
    text = None if mode in ("syntax_error", "renamed_entry") else _canned(prompt, script)
    if text is None:
        text = _answer(prompt, mode, rng, script.swaps)
    if mode == "huge":
        text = _PADDING * (script.huge_bytes // len(_PADDING)) + text
    return Said(text)


def _canned(prompt: Prompt, script: Script) -> str | None:
    replies = (canned.reply(prompt.text, prompt.turn) for canned in script.canned)
    return next((reply for reply in replies if reply is not None), None)


def _answer(prompt: Prompt, mode: Mode, rng: random.Random, swaps: float) -> str:
    if prompt.wants_lessons:
        return _lessons(prompt.ids, rng)
    program = prompt.program
    if program is None:
        return _SHORT
    changed = mutate(program, rng, swaps)
    if mode == "syntax_error":
        changed = changed.rstrip("\n") + "\n" + _BROKEN_LINE + "\n"
    if mode == "renamed_entry":
        changed = _DEFINITION.sub(r"\1\2_improved", changed)
    code = diff(program, changed) if prompt.wants_diff else fenced(changed)
    if prompt.wants_tags:
        return _tagged(code, "DIFF" if prompt.wants_diff else "CODE", rng)
    return f"{_head(prompt, rng)}\n\n{code}"


def fenced(text: str) -> str:
    """Return the text in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}python\n{text.rstrip()}\n{fence}\n"


def _missing_search(rng: random.Random) -> str:
    name = f"quantity_{rng.randrange(10**6)}"
    return block(f"    {name} = compute_{name}(1.0)\n", f"    {name} = compute_{name}(2.0)\n")


def _head(prompt: Prompt, rng: random.Random) -> str:
    if not prompt.wants_idea:
        return ("CHANGE: " if prompt.wants_change else "") + rng.choice(_IDEAS)
    metric = rng.choice(prompt.metrics or ["objective"])
    return f"IDEA: {rng.choice(_IDEAS)}\nMETRIC: {metric}\nEXPECT: {rng.choice(('up', 'up', 'up', 'down'))}"


def _tagged(code: str, tag: str, rng: random.Random) -> str:
    return (
        f"<NAME>\nchange_{rng.randrange(10**6)}\n</NAME>\n\n<DESCRIPTION>\n{rng.choice(_IDEAS)}\n</DESCRIPTION>\n\n"
        f"<{tag}>\n{code}\n</{tag}>\n"
    )


def _lessons(ids: list[int], rng: random.Random) -> str:
    lines = []
    for text in rng.sample(_LESSONS, k=rng.randint(1, 3)):
        support = sorted(rng.sample(ids, k=min(len(ids), rng.randint(1, 3))))
        named = f" (programs {', '.join(map(str, support))})" if support else ""
        lines.append(f"LESSON: {text}{named}\n")
    return "".join(lines)
