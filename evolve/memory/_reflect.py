"""Ask a model what recent wins and losses teach."""

from __future__ import annotations

import re
from collections.abc import Iterator

from evolve.memory._lessons import one_line, shortened
from evolve.models import Ask
from evolve.prompts import Lesson, PromptContext, Prompts

MAX_LESSONS = 5
"""Most lessons taken from one reply."""

_TEMPLATE = "reflect"
_MAX_REPLY = 20_000
_MAX_LINE = 2_000
_MAX_LINES = 4

_ORNAMENT = " \t*_`#>-+•·.)(0123456789"
_LABEL = re.compile(
    r"lesson\b[ \t]{0,2}#?\d{0,3}[*_`]{0,3}[ \t]{0,2}(?::|[–—-](?=\s))[*_`]{0,3}", re.IGNORECASE
)
_PROGRAM = re.compile(r"\bprograms?\b", re.IGNORECASE)
_IDS = re.compile(r"(?:and|ids?|[\d\s,;:#&])+", re.IGNORECASE)


async def reflect(ask: Ask, prompts: Prompts, view: PromptContext) -> tuple[Lesson, ...]:
    """Return what a model concludes from the programs of a view; nothing when it gives no usable answer.

    A reply without a usable lesson gets one more turn, unless it says that there is nothing to learn.

    Raises:
        NoReply: the model gave no answer.
        Stopped: no call is begun any more.
    """
    tried = frozenset(hypothesis.program for hypothesis in view.hypotheses)
    shown = tried.union(step.id for step in (*view.wins, *view.losses))
    if not shown:
        return ()  # nothing that a lesson could rest on
    reply = await ask(prompts.messages(_TEMPLATE, view), purpose="reflect")
    lessons = read_lessons(reply.text, shown)
    if lessons or _declines(reply.text):
        return lessons
    reason = _complaint(reply.text)
    reply = await ask(prompts.retry(_TEMPLATE, view, reply.text, reason), purpose="reflect")
    return read_lessons(reply.text, shown)


def read_lessons(reply: str, shown: frozenset[int]) -> tuple[Lesson, ...]:
    """Read lines of the form `LESSON: <sentence> (programs 3, 7)`.

    Args:
        reply: What the model wrote; untrusted.
        shown: Ids that a lesson may rest on; others are left out, and with them a lesson that has no other.
    """
    lessons = []
    for line in _labelled(reply):
        sentence, ids = _split(line)
        text = shortened(sentence)
        support = tuple(sorted(ids & shown))
        if text and support:
            lessons.append(Lesson(text, support))
    return tuple(lessons[:MAX_LESSONS])


def _declines(reply: str) -> bool:
    """Tell whether the reply is that there is no new lesson."""
    lines = (line.strip(_ORNAMENT) for line in reply[:_MAX_REPLY].splitlines())
    return any(line.upper() in ("NONE", "LESSON: NONE") for line in lines)


def _complaint(reply: str) -> str:
    if next(_labelled(reply), None) is None:
        return "There was no line of the form `LESSON: <one sentence> (programs <ids>)`."
    return (
        "No lesson could be used: each needs one sentence of at most 300 characters and, in parentheses at "
        "its end, the ids of the shown programs that it rests on, such as (programs 3, 7)."
    )


def _labelled(reply: str) -> Iterator[str]:
    """Yield what follows the label of each lesson; its ids may stand in the line below."""
    current, lines = "", 0
    for line in reply[:_MAX_REPLY].splitlines():
        bare = line.lstrip(_ORNAMENT)
        label = _LABEL.match(bare)
        if label:
            if current:
                yield current
            current, lines = one_line(bare[label.end() : _MAX_LINE]), 1
        elif current and line.strip() and lines < _MAX_LINES and not _split(current)[1]:
            current, lines = f"{current} {one_line(line[:_MAX_LINE])}", lines + 1
        elif current:
            yield current
            current = ""
    if current:
        yield current


def _split(line: str) -> tuple[str, set[int]]:
    """Part a lesson from the ids at its end."""
    line = line.rstrip(" .*_`")
    start = max(line.rfind("("), line.rfind("["))
    if start >= 0 and line[-1] in ")]":
        inside = line[start + 1 : -1]
        if _PROGRAM.search(inside) or _IDS.fullmatch(inside):
            return _trimmed(line[:start]), _numbers(inside)
    for word in [*_PROGRAM.finditer(line)][-1:]:
        if _IDS.fullmatch(line[word.end() :]):
            return _trimmed(line[: word.start()]), _numbers(line[word.end() :])
    return _trimmed(line), set()


def _trimmed(sentence: str) -> str:
    return sentence.strip(" *_`-–—:([")


def _numbers(text: str) -> set[int]:
    return {int(digits) for digits in re.findall(r"[0-9]{1,18}", text)}
