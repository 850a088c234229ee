"""Lessons: made tidy, told apart, kept within bounds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace

from evolve.models import scrub
from evolve.prompts import Lesson

MAX_CHARS = 300
"""Longest lesson."""
MAX_SUPPORT = 32
"""Most programs that a lesson names: the latest."""

_SIMILAR = 0.8
_WORD = re.compile(r"[\w']+")
_SENTENCE_END = re.compile(r"[.!?](?=\s|$)")

# Two statements that differ in one of these say the opposite, however alike they look.
_TURNING = frozenset(
    (
        "no",
        "not",
        "never",
        "without",
        "avoid",
        "helps",
        "hurts",
        "help",
        "hurt",
        "better",
        "worse",
        "more",
        "fewer",
        "less",
        "higher",
        "lower",
        "larger",
        "smaller",
        "increase",
        "decrease",
        "increasing",
        "decreasing",
        "raising",
        "lowering",
        "before",
        "after",
        "slower",
        "faster",
        "good",
        "bad",
    )
)


def one_line(text: str) -> str:
    """Return untrusted text on one line, without control characters and without keys."""
    line = " ".join(text.split())
    # After the cleaning: what it takes out may have parted a key.
    return scrub(line if line.isprintable() else "".join(c for c in line if c.isprintable()))


def shortened(text: str) -> str:
    """Cut a text at the end of a sentence so that it is no longer than a lesson; empty when none ends."""
    if len(text) <= MAX_CHARS:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text[: MAX_CHARS + 1])]
    return text[: ends[-1]] if ends and ends[-1] <= MAX_CHARS else ""


def tidy(lesson: Lesson) -> Lesson | None:
    """Bring a lesson into the form in which it is kept; None when nothing of it can be."""
    text = shortened(one_line(lesson.text))
    support = tuple(sorted(set(lesson.support))[-MAX_SUPPORT:])
    return Lesson(text, support, one_line(lesson.origin)) if text else None


class Lessons:
    """At most `limit` lessons, the latest learned or confirmed first."""

    def __init__(self, limit: int, carried: Iterable[Lesson] = ()) -> None:
        """Begin with the lessons of an earlier run, most important first."""
        self._limit = limit
        self._items: list[Lesson] = []
        self.learn(tuple(carried)[:limit])  # a file of somebody else's may hold any number

    @property
    def items(self) -> tuple[Lesson, ...]:
        """The lessons, most important first."""
        return tuple(self._items)

    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Put lessons in front, in their order, each united with those that say nearly the same.

        When there are too many, the least supported of the earlier ones drop out, the oldest first:
        what is new has had no time to find support.
        """
        fresh: list[Lesson] = []
        for item in filter(None, map(tidy, lessons)):
            twin = next((n for n, other in enumerate(fresh) if _is_near(item, other)), None)
            if twin is None:
                fresh.append(self._confirm(item))
            else:
                fresh[twin] = _united(fresh[twin], item)
        fresh = fresh[: self._limit]
        surplus = len(fresh) + len(self._items) - self._limit
        by_support = sorted(range(len(self._items)), key=lambda n: (len(self._items[n].support), -n))
        dropped = set(by_support[: max(0, surplus)])
        self._items = fresh + [item for n, item in enumerate(self._items) if n not in dropped]

    def _confirm(self, lesson: Lesson) -> Lesson:
        """Take out the lessons that say nearly the same; return the new one with their support."""
        for other in [other for other in self._items if _is_near(lesson, other)]:
            self._items.remove(other)
            lesson = _united(lesson, other)
        return lesson


def _is_near(a: Lesson, b: Lesson) -> bool:
    """Tell whether two lessons share most of their words and differ in none that turns the meaning."""
    first, second = _words(a.text), _words(b.text)
    if not first or not second:
        return a.text == b.text
    if any(word in _TURNING or word.endswith("n't") for word in first ^ second):
        return False
    return len(first & second) >= _SIMILAR * len(first | second)


def _words(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text.casefold()))


def _united(lesson: Lesson, other: Lesson) -> Lesson:
    """Add the support of another lesson, unless its ids are those of another run."""
    if lesson.origin != other.origin:
        return lesson
    support = sorted({*lesson.support, *other.support})
    return replace(lesson, support=tuple(support[-MAX_SUPPORT:]))
