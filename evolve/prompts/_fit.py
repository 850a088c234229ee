"""Bound the size of a prompt by leaving out what matters least.

The order, whole items at a time: blocks (library ones before the problem's, last first), inspirations (last
first), siblings, ancestors, hypotheses, wins and losses together (each oldest first), lessons (last first).
Then the feedback of the second parent, of the parent and of the failure is cut in the middle. The problem,
the programs to change and the reply format always stay.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import accumulate
from typing import Any, NamedTuple

from evolve.models import Message
from evolve.prompts._context import BlockView, Hypothesis, Lesson, ProgramView, PromptContext, Step
from evolve.prompts._filters import cut

FEEDBACK_CHARS = 2_000
"""What remains of a feedback that has to be cut."""

_FEEDBACK = ("other", "parent", "failure")
_ITEM_TOKENS = 15  # the heading or bullet around an item
_GUESSES = 4


class PromptTooLong(Exception):  # noqa: N818 - an outcome, not an error
    """A prompt exceeds the limit with everything left out that may be.

    Attributes:
        template: Name of the template.
        estimate: Tokens that the shortest version needs.
        limit: Tokens allowed.
    """

    def __init__(self, template: str, estimate: int, limit: int) -> None:
        super().__init__(
            f"the prompt {template!r} needs about {estimate} tokens, {limit} are allowed, and nothing more "
            "can be left out. Raise models.prompt_tokens, shorten the problem's statement, or lower "
            "candidate.max_chars so that programs stay shorter."
        )
        self.template = template
        self.estimate = estimate
        self.limit = limit

    def __reduce__(self) -> tuple[type[PromptTooLong], tuple[str, int, int]]:
        return type(self), (self.template, self.estimate, self.limit)


class Rendered(NamedTuple):
    """A rendered conversation and its size."""

    messages: tuple[Message, ...]
    tokens: int


class Omission(NamedTuple):
    """One thing that can be left out: an item of a section, or the middle of a program's feedback."""

    section: str
    place: int


def estimate(text: str) -> int:
    """Return about how many tokens a text is for a model, rather too many than too few.

    A token for 3 bytes, or 2 digits: programs with many constants take more tokens than their length tells.
    """
    data = text.encode(errors="surrogatepass")
    others = len(data.translate(None, b"0123456789"))
    return -(-(2 * others + 3 * (len(data) - others)) // 6)


def fit(
    template: str,
    context: PromptContext,
    render: Callable[[PromptContext], Rendered],
    limit: int,
    count: Callable[[str], int] = estimate,
) -> Rendered:
    """Render a context, with just as much left out as the limit demands.

    Args:
        template: The template's name, for the error.
        context: What there is to show.
        render: Renders a context and counts its tokens.
        limit: Tokens allowed.
        count: Counts the tokens of a text; only used to find the answer with fewer renderings.

    Raises:
        PromptTooLong: even the shortest version exceeds the limit.
    """
    tried = render(context)
    if tried.tokens <= limit:
        return tried
    steps = omissions(context)
    saved = [0, *accumulate(_weight(context, step, count) for step in steps)]
    # `low` steps are too few; `high` steps are enough, or one more than there are
    low, high, best = 0, len(steps) + 1, None
    at = turn = 0
    while high - low > 1:
        # first where the limit lies if the weights are right, then in the middle if they are not
        by_weight = bisect_left(saved, saved[at] + tried.tokens - limit)
        guess = by_weight if turn < _GUESSES else (low + high) // 2
        at = min(max(guess, low + 1), high - 1)
        tried = render(leave_out(context, steps[:at]))
        if tried.tokens <= limit:
            high, best = at, tried
        else:
            low = at
        turn += 1
    if best is None:
        raise PromptTooLong(template, tried.tokens, limit)
    return best


def omissions(context: PromptContext) -> list[Omission]:
    """List everything that may be left out, in the order in which that is done."""
    return list(_omissions(context))


def leave_out(context: PromptContext, steps: Sequence[Omission]) -> PromptContext:
    """Return the context without what the steps name."""
    gone: defaultdict[str, set[int]] = defaultdict(set)
    for step in steps:
        gone[step.section].add(step.place)
    kept: dict[str, Any] = {}
    for section, indices in gone.items():
        value = getattr(context, section)
        if isinstance(value, ProgramView):
            kept[section] = replace(value, feedback=cut(value.feedback, FEEDBACK_CHARS))
        else:
            kept[section] = tuple(item for index, item in enumerate(value) if index not in indices)
    return replace(context, **kept)


def _omissions(context: PromptContext) -> Iterator[Omission]:
    blocks = [(block.library, index) for index, block in enumerate(context.blocks)]
    yield from (Omission("blocks", index) for _, index in sorted(blocks, reverse=True))
    yield from _last_first("inspirations", context)
    for section in ("siblings", "ancestors", "hypotheses"):
        yield from (Omission(section, index) for index in range(len(getattr(context, section))))
    yield from _oldest_first(context, "wins", "losses")
    yield from _last_first("lessons", context)
    for section in _FEEDBACK:
        program = getattr(context, section)
        if program is not None and len(program.feedback) > FEEDBACK_CHARS:
            yield Omission(section, 0)


def _last_first(section: str, context: PromptContext) -> Iterator[Omission]:
    return (Omission(section, index) for index in reversed(range(len(getattr(context, section)))))


def _oldest_first(context: PromptContext, *sections: str) -> Iterator[Omission]:
    """Merge sections by the age of their programs, each in its own order."""
    aged = (
        [(step.id, Omission(section, index)) for index, step in enumerate(getattr(context, section))]
        for section in sections
    )
    return (omission for _, omission in merge(*aged, key=lambda pair: pair[0]))


def _weight(context: PromptContext, step: Omission, count: Callable[[str], int]) -> int:
    """Return about how many tokens a step saves."""
    value = getattr(context, step.section)
    if isinstance(value, ProgramView):
        return count(value.feedback) - count(cut(value.feedback, FEEDBACK_CHARS))
    return _ITEM_TOKENS + count(_text(value[step.place]))


def _text(item: BlockView | ProgramView | Step | Hypothesis | Lesson) -> str:
    """Return the text that is most of what an item shows."""
    match item:
        case Step():
            return item.change
        case Hypothesis():
            return item.idea
        case _:
            return item.text
