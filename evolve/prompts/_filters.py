"""What templates format values with; none of it needs jinja2."""

from __future__ import annotations

import re

from evolve._invisible import INVISIBLE
from evolve.models import scrub
from evolve.prompts._context import Hypothesis, ProblemView, Step

_CONTROLS = dict.fromkeys([*range(9), *range(11, 32), 127])
_UNSEEN = re.compile(f"[{INVISIBLE}]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_BACKTICKS = re.compile("`{3,}")

FAILURES = {
    "failed": "it ended with an error",
    "invalid": "its answer breaks a rule",
    "timeout": "it took too long",
    "memory": "it needed too much memory",
    "refused": "it was refused before it ran",
}
"""What a status other than "valid" means."""


def clean(text: str) -> str:
    """Return the text without characters that a reader cannot see.

    Control characters other than newline and tab, marks that turn the direction of writing, and characters
    without width are removed, and keys that they parted; line ends become newlines, lone surrogates U+FFFD.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if text.isascii():
        shown = text.translate(_CONTROLS)  # several times faster than the expression
        return shown if len(shown) == len(text) else scrub(shown)
    shown = _UNSEEN.sub("", text)
    text = shown if len(shown) == len(text) else scrub(shown)  # what was taken out may have parted a key
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text


def fenced(text: str, language: str = "") -> str:
    """Return the text in a fence that nothing in it can close."""
    text = clean(text).rstrip("\n")
    longest = max(map(len, _BACKTICKS.findall(text)), default=2) if "```" in text else 2
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def line(text: str, width: int = 300) -> str:
    """Return the text on one line, cut to `width` characters."""
    text = " ".join(clean(text).split())
    return text if len(text) <= width else text[: width - 3] + "..."


def exact(value: float | None) -> str:
    """Return all digits of an objective value."""
    return "none" if value is None else repr(float(value))


def short(value: float | None) -> str:
    """Return six digits of a number."""
    return "none" if value is None else f"{value:.6g}"


def effect(step: Step, problem: ProblemView) -> str:
    """Say what a change did to the objective."""
    if step.after is None:
        return f"no result, {FAILURES.get(step.status, line(step.status))}"
    if step.before is None:
        return exact(step.after)
    gain = step.after - step.before if problem.direction == "maximize" else step.before - step.after
    said = f"better by {gain:.3g}" if gain > 0 else f"worse by {-gain:.3g}" if gain < 0 else "no difference"
    return f"{exact(step.before)} -> {exact(step.after)}, {said}"


def verdict(hypothesis: Hypothesis) -> str:
    """Say whether a hypothesis held."""
    if hypothesis.after is None:
        return "not tested, the program failed"
    moved = f"{short(hypothesis.before)} -> {short(hypothesis.after)}"
    return f"{'held' if hypothesis.held else 'did not hold'}, {moved}"


def cut(text: str, size: int) -> str:
    """Return the text with its middle left out, so that `size` characters remain."""
    if len(text) <= size:
        return text
    note = f"\n[... about {len(text) - size} characters left out ...]\n"
    room = max(size - len(note), 0)
    tail = room // 2
    return text[: room - tail] + note[:size] + (text[-tail:] if tail else "")


FILTERS = {
    "clean": clean,
    "cut": cut,
    "effect": effect,
    "exact": exact,
    "fenced": fenced,
    "line": line,
    "short": short,
    "verdict": verdict,
}
"""Every filter that templates get beside those of Jinja."""
