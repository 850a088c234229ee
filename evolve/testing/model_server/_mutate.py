"""Change a program a little, so that evolution on numbers makes progress. The result always parses."""

from __future__ import annotations

import keyword
import math
import random
import re
from functools import lru_cache
from typing import NamedTuple

from evolve.source import parse

_SWAPS = {"+": "-", "-": "+", "*": "/", "/": "*", "<": "<=", "<=": "<", ">": ">=", ">=": ">"}
SWAPS = 0.12
"""Share of the changes that exchange an operator; the others change numbers."""
_SCALES = (0.003, 0.03, 0.3)
_START, _END = "EVOLVE-BLOCK-START", "EVOLVE-BLOCK-END"
# Finding the sites by tokens instead of a syntax tree makes a reply three times as cheap. What it takes
# for a site and is none, such as in a string within a string, the final check catches.
_TOKEN = re.compile(
    r"""
    (?P<number>(?<![\w.])(?:\d+\.\d*|\.\d+|\d{1,400})(?:[eE][-+]?\d+)?(?![\w.]))
    | \#[^\n]*
    | '''(?s:.)*?''' | \"""(?s:.)*?\""" | '(?:\\.|[^'\\\n])*' | "(?:\\.|[^"\\\n])*"
    | \*\*=? | //=? | -> | << | >> | [-+*/]=
    | (?P<swap><=|>=|[-+*/<>])
    """,
    re.X,
)
_OPERAND = re.compile(r"([\w.]+|[)\]}])[ \t]*$")
_OPERAND_CHARS = 24


class Site(NamedTuple):
    """A part of the text that can be changed: a number, or an operator when `weight` is 0."""

    start: int
    end: int
    weight: float


def mutate(text: str, rng: random.Random, swaps: float = SWAPS) -> str:
    """Return the program with one to three numbers or operators changed.

    Only what stands between EVOLVE-BLOCK marks is changed when there are any. A program without anything
    to change gets a new constant; one that does not parse is first rid of the lines that it fails at.
    """
    changed = _changed(text, rng, swaps)
    if changed != text and parses(changed):
        return changed
    if not parses(text):
        text = mended(text)
        changed = _changed(text, rng, swaps)
    return changed if changed != text and parses(changed) else _with_constant(text, rng)


def mended(text: str) -> str:
    """Return a program without the lines that keep it from parsing, as far as a few steps can do that."""
    for _ in range(5):
        try:
            parse(text)
        except SyntaxError as error:
            lines = text.rstrip("\n").split("\n")
            if not error.lineno or error.lineno > len(lines):
                break
            del lines[error.lineno - 1]
            text = "\n".join(lines) + "\n"
        else:
            break
    return text


def parses(text: str) -> bool:
    """Tell whether a program parses."""
    try:
        parse(text)
    except SyntaxError:
        return False
    return True


def editable_lines(text: str) -> list[bool]:
    """Tell of every line whether it may change: all of them, or those between EVOLVE-BLOCK marks."""
    lines = text.split("\n")
    if _START not in text:
        return [True] * len(lines)
    inside, editable = False, []
    for line in lines:
        if _END in line:
            inside = False
        editable.append(inside)
        if _START in line:
            inside = True
    return editable


def _changed(text: str, rng: random.Random, swaps: float) -> str:
    numbers, operators = _sites(text)
    chosen: set[Site] = set()
    if operators and (not numbers or rng.random() < swaps):
        chosen.add(rng.choice(operators))
    elif numbers:
        weights = [site.weight for site in numbers]
        chosen.update(rng.choices(numbers, weights, k=1 + int(3 * rng.random() ** 2)))
    for site in sorted(chosen, reverse=True):
        text = text[: site.start] + _other(text[site.start : site.end], rng) + text[site.end :]
    return text


# The same parent is shown in many prompts.
@lru_cache(maxsize=256)
def _sites(text: str) -> tuple[list[Site], list[Site]]:
    """Return the numbers and the operators that may change."""
    numbers, operators = [], []
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "number":
            numbers.append(Site(*token.span(), _weight(token[0])))
        elif token.lastgroup == "swap" and _follows_operand(text, token.start()):
            operators.append(Site(*token.span(), 0.0))
    return _editable(text, numbers), _editable(text, operators)


def _follows_operand(text: str, position: int) -> bool:
    """Tell whether an operator stands between two operands; if not, it is a sign or a star before a name."""
    before = _OPERAND.search(text, max(0, position - _OPERAND_CHARS), position)
    return before is not None and not keyword.iskeyword(before[1])


def _editable(text: str, sites: list[Site]) -> list[Site]:
    if _START not in text:
        return sites
    lines = zip(text.split("\n"), editable_lines(text), strict=True)
    open_at = [allowed for line, allowed in lines for _ in range(len(line) + 1)]
    return [site for site in sites if open_at[site.start]]


def _weight(number: str) -> float:
    if not number.isdecimal():
        return 4.0
    # Small integers are mostly indices and sizes: a change there breaks more than it helps.
    return 0.2 if len(number) == 1 and number < "3" else 1.0


def _other(old: str, rng: random.Random) -> str:
    if old in _SWAPS:
        return _SWAPS[old]
    return _other_int(int(old), rng) if old.isdecimal() else _other_float(float(old), rng)


def _other_float(value: float, rng: random.Random) -> str:
    scale = rng.choice(_SCALES)
    new = value * math.exp(scale * rng.gauss(0, 1)) if value else scale * rng.random()
    return repr(float(f"{new:.9g}")) if math.isfinite(new) else "1.0"


def _other_int(value: int, rng: random.Random) -> str:
    step = 1 if value < 5 or value > 10**15 else max(1, round(0.2 * value * abs(rng.gauss(0, 1))))
    return str(max(0, value - step) if value > 1 and rng.random() < 0.5 else value + step)


def _with_constant(text: str, rng: random.Random) -> str:
    """Return the program with one more constant, in the last place where it may stand."""
    line = f"_step = {rng.random():.6f}"
    lines = text.rstrip("\n").split("\n")
    editable = editable_lines(text)[: len(lines)]
    last = max((index for index, allowed in enumerate(editable) if allowed), default=len(lines) - 1)
    for indent in ("", "    "):
        changed = "\n".join([*lines[: last + 1], indent + line, *lines[last + 1 :]]) + "\n"
        if parses(changed):
            return changed
    return text
