"""Read a conversation as the model that it is meant for would: which program, and which form of answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from evolve.testing.model_server._mutate import parses

SEARCH = "<<<<<<< SEARCH"
_FENCE = re.compile(r"^(`{3,})[ \t]*([^\n`]*)$\n?", re.M)
_ANNOUNCED = (
    re.compile(r"^#+.*program to change.*$", re.M | re.I),
    re.compile(r"^.*program to change.*$", re.M | re.I),
    re.compile(r"^#+.*current program.*$", re.M | re.I),
)
"""Lines that announce the program to change, the surest first."""
_LISTED_ID = re.compile(r"^[-*][ \t]+program[ \t]+(\d+)\b", re.M | re.I)
_ID = re.compile(r"\bprograms?[ \t]+#?(\d+(?:(?:,|,? and)[ \t]+#?\d+)*)|#(\d+)\b", re.I)
_EXAMPLE = re.compile(r"LESSON:.*")
_METRICS = re.compile(r"METRIC:.*?\bone of ((?:`?\w+`?(?:, | or )?)+)")
_METRIC = re.compile(r"^[-*|\s]*`?([A-Za-z_]\w*)`?\s*[:=|]\s*[-+]?\d", re.M)


class Message(NamedTuple):
    """One message of a conversation."""

    role: str
    content: str


class Block(NamedTuple):
    """A fenced part of a text: where its fences begin and end, and what stands between them."""

    start: int
    end: int
    info: str
    body: str


class Prompt:
    """A conversation, read for what it asks.

    Attributes:
        messages: All of it.
        text: What the system and the user say.
        turn: How many replies it holds already.
    """

    def __init__(self, messages: Sequence[Message]) -> None:
        self.messages = tuple(messages)
        self.text = "\n\n".join(m.content for m in messages if m.role != "assistant")
        self.turn = sum(m.role == "assistant" for m in messages)

    @property
    def program(self) -> str | None:
        """The program to change, as it is shown; None when the conversation shows none."""
        said = [message.content for message in self.messages if message.role != "assistant"]
        return next(filter(None, map(_program_in, reversed(said))), None)

    @property
    def wants_lessons(self) -> bool:
        """Lines of lessons are asked for, not a program."""
        return "LESSON:" in self.text

    @property
    def wants_diff(self) -> bool:
        """SEARCH/REPLACE blocks are asked for, not a whole program."""
        return SEARCH in self.text

    @property
    def wants_idea(self) -> bool:
        """A stated idea is asked for, with the metric and the direction that it is to move."""
        return "IDEA:" in self.text and "EXPECT:" in self.text

    @property
    def wants_tags(self) -> bool:
        """A name, a description and the answer are asked for between tags."""
        return "<NAME>" in self.text and "<DESCRIPTION>" in self.text

    @property
    def wants_change(self) -> bool:
        """A line that says what was changed is asked for."""
        return "CHANGE:" in self.text

    @property
    def ids(self) -> list[int]:
        """Ids of the programs that are listed, or else of all that are spoken of, each once."""
        found = _LISTED_ID.findall(self.text)
        if not found:
            spoken = _EXAMPLE.sub("", self.text)
            found = [number for match in _ID.finditer(spoken) for number in re.findall(r"\d+", match[0])]
        return list(dict.fromkeys(map(int, found)))

    @property
    def metrics(self) -> list[str]:
        """Metrics to choose from, or else the names that stand before a number at the beginning of a line."""
        choice = _METRICS.search(self.text)
        found = re.findall(r"\w+", choice[1]) if choice else _METRIC.findall(_unfenced(self.text))
        return list(dict.fromkeys(name for name in found if name != "or"))


def fenced_blocks(text: str) -> Iterator[Block]:
    """Yield the outermost fenced blocks; a fence is closed by one that is at least as long."""
    opened = None
    for fence in _FENCE.finditer(text):
        if opened is None:
            opened = fence
        elif len(fence[1]) >= len(opened[1]) and not fence[2].strip():
            yield Block(opened.start(), fence.end(), opened[2].strip(), text[opened.end() : fence.start()])
            opened = None


def _unfenced(text: str) -> str:
    parts, at = [], 0
    for block in fenced_blocks(text):
        parts.append(text[at : block.start])
        at = block.end
    return "".join([*parts, text[at:]])


def _program_in(text: str) -> str | None:
    blocks = [block for block in fenced_blocks(text) if block.body.strip()]
    if not blocks:
        return None
    for announcement in _ANNOUNCED:
        for line in reversed(list(announcement.finditer(text))):
            following = next((block for block in blocks if block.start >= line.end()), None)
            if following is not None:
                return following.body
    python = [block.body for block in blocks if block.info.lower() in ("python", "py", "")]
    return max(filter(parses, python), key=len, default=None)
