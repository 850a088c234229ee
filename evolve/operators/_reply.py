"""Get the program out of a model's reply.

A reply is untrusted text of any shape. It is read line by line, so that nothing inside of a code
block, such as a string that looks like a marker, is taken for the reply's own structure.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from evolve.source import read

# Replies are untrusted: no pattern may take more than linear time, hence the possessive repeats.
EDIT_START = re.compile(r"(?P<indent>[ \t]*+)(?P<marks><{5,9}) ?SEARCH[ \t]*+:?[ \t]*+", re.IGNORECASE)
EDIT_END = re.compile(r"[ \t]*>{5,9} ?REPLACE[ \t]*", re.IGNORECASE)
CUT_OFF = (
    "The reply was cut off at the length limit before it was complete. "
    "Answer again, more briefly: no explanations, and a shorter program if need be."
)

_FENCE = re.compile(r"(?P<indent>[ \t]*+)(?P<marks>`{3,}+|~{3,}+)[^`]*+")
_THINKING = re.compile(r"\s*<(?P<tag>think|thinking|thought|reasoning)>", re.IGNORECASE)
_THOUGHT = re.compile(r"</(?:think|thinking|thought|reasoning)>", re.IGNORECASE)
_FIELD = re.compile(r"[\s>*_`#\d.)-]*+(?P<name>CHANGE|IDEA|METRIC|EXPECT)[ \t*_`]*+:[ \t*_`]*+(?P<value>.*)")
_CODE_BEGINS = re.compile(r'(?:from\s+[\w.]+\s+import|import|def|async|class)\s|@\w|#|"""|\'\'\'|\w+\s*=[^=]')
_STARTS = 12  # lines at which code without a fence may begin
_PARSES = 20  # how often code without a fence is parsed, with less and less of the prose below it
_NESTED = 2  # fences around the fence of the program


class Unusable(Exception):  # noqa: N818 - an outcome, not an error
    """A reply that no program can be made of; the text tells the model why and what to do."""


@dataclass(frozen=True, slots=True)
class Fence:
    """A fenced code block.

    Attributes:
        text: What is inside.
        closed: Whether the closing fence is there.
    """

    text: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """A reply taken apart.

    Attributes:
        raw: The reply with one kind of line ends and without a byte order mark.
        text: The same without the sections in which the model thinks aloud.
        fences: Its fenced code blocks, in order.
        prose: What is neither in a fence nor in a SEARCH/REPLACE block.
        cut: The model stopped because of the length limit.
    """

    raw: str
    text: str
    fences: tuple[Fence, ...]
    prose: str
    cut: bool

    def field(self, name: str) -> str:
        """Return what follows `NAME:` on the last such line; empty when there is none."""
        for text in (self.prose, self.text):
            for line in reversed(text.split("\n")):
                match = _FIELD.fullmatch(line)
                if match and match["name"] == name:
                    return match["value"].strip(" \t*_`")
        return ""


def take_apart(reply: str, finish: str = "stop") -> Answer:
    """Take a reply apart.

    Args:
        reply: What the model said.
        finish: Why it stopped.
    """
    raw = reply.removeprefix("\ufeff").replace("\r\n", "\n")
    scan = _Scan()
    for line in raw.split("\n"):
        scan.line(line)
    if scan.fence is not None:
        scan.end_fence(closed=False)
    return Answer(
        raw,
        "\n".join(scan.kept),
        tuple(scan.fences),
        "\n".join(scan.prose),
        cut=finish in ("length", "max_tokens"),
    )


class _Scan:
    """Where in a reply a line stands: in thoughts, in a fence, in an edit block, or outside of all."""

    def __init__(self) -> None:
        self.kept: list[str] = []
        self.prose: list[str] = []
        self.fences: list[Fence] = []
        self.fence: re.Match[str] | None = None
        self._inside: list[str] = []
        self._thinking = False
        self._edit: re.Match[str] | None = None
        self._only_edits = False

    def line(self, line: str) -> None:
        if self._thinking or (self.fence is None and self._edit is None):
            left = self._without_thoughts(line)
            if left is None:
                return
            line = left
        self.kept.append(line)
        if self._edit is not None:
            if ends_edit(self._edit, line):
                self._edit = None
            if self.fence is not None:
                self._inside.append(line)
        elif self.fence is not None:
            self._in_fence(self.fence, line)
        else:
            self.fence = _FENCE.fullmatch(line)
            self._only_edits = True
            self._edit = EDIT_START.fullmatch(line)
            if self.fence is None and self._edit is None:
                self.prose.append(line)

    def _in_fence(self, fence: re.Match[str], line: str) -> None:
        if _closes(fence, line):
            self.end_fence(closed=True)
            return
        self._inside.append(line)
        if self._only_edits and line.strip():
            # A fence around edit blocks: it cannot be closed by the text that they search or put.
            # In a fence around a program a line like this is part of a string.
            self._edit = EDIT_START.fullmatch(line)
            self._only_edits = self._edit is not None or _FIELD.fullmatch(line) is not None

    def end_fence(self, *, closed: bool) -> None:
        assert self.fence is not None
        indent = self.fence["indent"]
        self.fences.append(Fence("\n".join(line.removeprefix(indent) for line in self._inside), closed))
        self.fence = None
        self._inside = []

    def _without_thoughts(self, line: str) -> str | None:
        """Return what a line holds outside of thoughts; None when it holds nothing but thoughts."""
        started = self._thinking
        while True:
            begin = None if self._thinking else _THINKING.match(line)
            if begin:
                line = line[begin.end() :]
                self._thinking = started = True
            end = _THOUGHT.search(line)
            if self._thinking:
                if end is None:
                    return None
                self._thinking = False
            elif end is None or (line[: end.start()].strip() and line[end.end() :].strip()):
                break
            else:
                # Some servers leave out the opening tag: all that came before was thought.
                self.kept.clear()
                self.prose.clear()
                self.fences.clear()
                started = True
            line = line[end.end() :].lstrip()
        return None if started and not line else line


def ends_edit(start: re.Match[str], line: str) -> bool:
    """Tell whether a line ends an edit block, with the indentation and the signs of its first line."""
    signs = ">" * len(start["marks"])
    return (
        EDIT_END.fullmatch(line) is not None
        and line.startswith(start["indent"] + signs)
        and line.count(">") == len(signs)
    )


def _closes(fence: re.Match[str], line: str) -> bool:
    marks = fence["marks"]
    indent = len(line) - len(line.lstrip())
    # As in Markdown: what is indented further than the fence by four is its content.
    return (
        indent <= len(fence["indent"]) + 3
        and len(line.strip()) >= len(marks)
        and set(line.strip()) == {marks[0]}
    )


def program_of(answer: Answer, entry: str, max_chars: int = 100_000) -> str:
    """Return the program in a reply: of several code blocks the last one that defines the entry.

    Without any fence the reply itself may be the program, with text above and below it. What comes back
    ends in one line end; it need not be sound.

    Args:
        answer: The reply.
        entry: Name of the function that the program defines.
        max_chars: Longest program that is of use: without a fence, twice as much is looked at.

    Raises:
        Unusable: there is no program, or only the beginning of one.
    """
    if not answer.raw.strip():
        raise Unusable(CUT_OFF if answer.cut else f"The reply is empty. {_asked_for(entry)}")
    plain = _trimmed(answer.raw)
    if is_program(plain, entry) and not answer.cut:
        return plain
    fence = _choose(answer.fences, entry)
    if fence is None or (mentions(answer.prose, entry) and not mentions(fence.text, entry)):
        return _unfenced(answer, entry, 2 * max_chars)
    text = _trimmed(fence.text)
    for _ in range(_NESTED):  # the whole reply in a fence of its own, around that of the program
        within = _choose(take_apart(text).fences, entry) if _begins_fence(text) else None
        if within is None:
            break
        fence, text = within, _trimmed(within.text)
    if not fence.closed:
        if answer.cut:
            raise Unusable(CUT_OFF)
        if not _parses(text):
            raise Unusable(
                "The last code block is never closed, and what it holds is not a complete program. "
                "Send the whole program again, and end it with a closing fence."
            )
    if not text.strip():
        raise Unusable(f"The code block is empty. {_asked_for(entry)}")
    return text


def text_of(answer: Answer) -> str:
    """Return the program in a reply when it is not Python: the longest code block, the later of equals.

    Raises:
        Unusable: there is none, or only the beginning of one.
    """
    asked = "Answer with the whole program in one fenced code block."
    if not answer.raw.strip():
        raise Unusable(CUT_OFF if answer.cut else f"The reply is empty. {asked}")
    blocks = [fence for fence in answer.fences if fence.text.strip()]
    if not blocks:
        raise Unusable(CUT_OFF if answer.cut else f"The reply holds no code block. {asked}")
    best = max(reversed(blocks), key=lambda fence: len(fence.text))
    if not best.closed and answer.cut:
        raise Unusable(CUT_OFF)
    return best.text.strip("\n") + "\n"


def mentions(text: str, entry: str) -> bool:
    """Tell whether a line of the text begins the definition of the entry; the rest need not be Python."""
    return re.search(rf"^def[ \t]+{re.escape(entry)}\b", text, re.MULTILINE) is not None


def is_program(text: str, entry: str) -> bool:
    """Tell whether a text is Python and defines the entry."""
    return mentions(text, entry) and _parses(text)


def _begins_fence(text: str) -> bool:
    return _FENCE.fullmatch(text.partition("\n")[0]) is not None


def _asked_for(entry: str) -> str:
    return f"Answer with the whole program, which defines `{entry}`, in one fenced code block."


def _choose(fences: tuple[Fence, ...], entry: str) -> Fence | None:
    wanted = [fence for fence in fences if mentions(fence.text, entry)] or list(fences)
    if not wanted or not wanted[-1].closed:
        return wanted[-1] if wanted else None
    return next((fence for fence in reversed(wanted) if _parses(_trimmed(fence.text))), wanted[-1])


def _unfenced(answer: Answer, entry: str, most: int) -> str:
    """Return the code in a reply without fences."""
    if answer.cut:
        raise Unusable(CUT_OFF)
    lines = answer.text.split("\n")
    starts = [number for number, line in enumerate(lines) if _CODE_BEGINS.match(line)]
    left = _PARSES
    for start in starts[:_STARTS]:
        if not left:
            break
        rest = "\n".join(lines[start:])
        whole = len(rest) <= most
        text = _trimmed(rest[:most])
        fault, left = _fault(text), left - 1
        # An apostrophe in the prose below the code is found before a fault above it.
        while left and fault > 1 and (shorter := _without_prose(text, fault)) != text:
            text, fault, left, whole = shorter, _fault(shorter), left - 1, True
        if fault != 1 and mentions(text, entry):
            if not whole:
                raise Unusable(f"The reply is too long to tell where its program ends. {_asked_for(entry)}")
            return text  # possibly with a syntax error, which the model is told
    raise Unusable(f"The reply holds no program. {_asked_for(entry)}")


def _fault(text: str) -> int:
    """Return the number of a line at which a text is no Python; 0: there is none."""
    try:
        read(text)
    except SyntaxError as error:
        return error.lineno or 1
    return 0


def _without_prose(text: str, fault: int) -> str:
    """Drop the lines from a faulty one on, unless they, or what follows, look like code."""
    lines = text.split("\n")
    rest = lines[fault - 1 :]
    if not rest or rest[0].startswith((" ", "\t")) or any(_CODE_BEGINS.match(line) for line in rest):
        return text
    return _trimmed("\n".join(lines[: fault - 1]))


def _parses(text: str) -> bool:
    return _fault(text) == 0


def _trimmed(text: str) -> str:
    """Drop blank lines, and lines such as `CHANGE: ...`, above and below the code.

    `CHANGE: smaller` is Python, an annotation, which would fail only when the program runs.
    """
    lines = text.split("\n")
    first, last = 0, len(lines)
    while first < last and _is_no_code(lines[first]):
        first += 1
    while last > first and _is_no_code(lines[last - 1]):
        last -= 1
    return "\n".join(lines[first:last]) + "\n"


def _is_no_code(line: str) -> bool:
    return not line.strip() or (not line.startswith((" ", "\t", "#")) and _FIELD.fullmatch(line) is not None)
