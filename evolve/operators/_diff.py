"""Apply SEARCH/REPLACE blocks to a program.

```
<<<<<<< SEARCH
lines of the program as they are
=======
lines to put in their place
>>>>>>> REPLACE
```

Whole lines are searched, never parts of lines. The text must be there exactly once: as written; else
with other blanks at line ends or other blank lines; else with all of its lines indented by the same amount
more or less, which then goes for the replacement too. Nothing else is guessed at. Every block is about
the program as it was, and either all of them apply or none.

A program may itself hold lines that look like markers. Such a line is content when its indentation or its
number of signs is not that of the block's first marker. A `=======` just like the block's own is content
in the replacement, and in the SEARCH text when the text above the last possible one is found in
the program as written; the other two markers, written just like the block's own, always end the text.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from evolve.operators._reply import CUT_OFF, EDIT_END, EDIT_START, Answer, Unusable, ends_edit

_DIVIDER = re.compile(r"[ \t]*={5,9}[ \t]*")
_SHOWN_LINES, _SHOWN_FAULTS = 8, 3
# Replies are untrusted: no bound here is met by one that makes sense.
_CHARS, _BLOCKS, _DIVIDERS = 500_000, 100, 50
_PLACES = 1_000  # places of a text that are told apart
_WORK = 200_000  # comparisons of lines for one block, where their number is not linear
_LIKE, _LIKE_CHARS = 500, 80  # lines compared by their characters, and how many of these

FORM = (
    "Each change is a block of the form\n"
    "<<<<<<< SEARCH\n(lines of the program, exactly as they are)\n"
    "=======\n(the lines to put in their place)\n>>>>>>> REPLACE"
)


@dataclass(frozen=True, slots=True)
class EditBlock:
    """A block as written.

    Attributes:
        number: Its place in the reply, from 1.
        body: Its lines between the first marker and the last.
        dividers: Where in them its divider may be: several places when several lines look like it.
    """

    number: int
    body: list[str]
    dividers: list[int]

    def split(self, divider: int) -> tuple[list[str], list[str]]:
        """Return the lines to search, and those to put in their place, for one of the dividers."""
        return self.body[:divider], self.body[divider + 1 :]


class Replacement(NamedTuple):
    """Put `lines` in place of the program's lines `start` up to, not including, `end`, counted from 0."""

    start: int
    end: int
    lines: tuple[str, ...]


class _Misfit(Exception):  # noqa: N818 - caught in this module
    """Why a block does not apply."""


def has_blocks(text: str) -> bool:
    """Tell whether some line of a text begins a SEARCH/REPLACE block."""
    return any(EDIT_START.fullmatch(line) for line in text.split("\n"))


def edited(program: str, answer: Answer) -> str:
    """Return a program with the edits of a reply made to it.

    Lines that no block touches stay byte by byte as they are; new ones get the program's line ends.

    Raises:
        Unusable: the reply holds no block, too many, or one that cannot be read or does not apply.
    """
    blocks = list(_read(answer))
    if not blocks:
        if answer.cut:
            raise Unusable(CUT_OFF)
        raise Unusable(f"The reply holds no SEARCH/REPLACE block. {FORM}")
    old = program.split("\n")
    if old[-1] == "":
        old.pop()
    lines = [line.removesuffix("\r") for line in old]
    found: list[tuple[Replacement, int]] = []
    faults = []
    for block in blocks:
        try:
            found.append((_place(lines, block), block.number))
        except _Misfit as misfit:
            faults.append(str(misfit))
            if len(faults) == _SHOWN_FAULTS:
                break
    if not faults:
        faults = list(_overlaps(found))
    if faults:
        again = (
            "No block was applied. Send all blocks again; SEARCH copies whole lines from the program shown."
        )
        raise Unusable("\n".join([*faults[:_SHOWN_FAULTS], again]))
    return _replaced(program, old, sorted({replacement for replacement, _ in found}))


def _read(answer: Answer) -> Iterator[EditBlock]:
    """Yield the blocks of a reply."""
    if len(answer.text) > _CHARS:
        raise Unusable(
            f"The reply must have at most {_CHARS:,} characters, got {len(answer.text):,}. "
            "Send only the blocks, and only the lines that change."
        )
    lines = answer.text.split("\n")
    # The only lines that blocks are told apart by: the others are not looked at again for every block.
    marked = [i for i, line in enumerate(lines) if EDIT_START.fullmatch(line) or EDIT_END.fullmatch(line)]
    at = number = 0
    for place, i in enumerate(marked):
        start = EDIT_START.fullmatch(lines[i]) if i >= at else None
        if start is None:
            continue
        number += 1
        if number > _BLOCKS:
            raise Unusable(
                f"The reply holds more than {_BLOCKS} SEARCH/REPLACE blocks. "
                "Join blocks about lines that stand close together, or change less."
            )
        end = _end(lines, marked[place + 1 :], start, number, cut=answer.cut)
        body, at = lines[i + 1 : end], end + 1
        divider = start["indent"] + "=" * len(start["marks"])
        dividers = [i for i, line in enumerate(body) if line.rstrip() == divider]
        dividers = dividers or [i for i, line in enumerate(body) if _DIVIDER.fullmatch(line)][:1]
        if not dividers:
            raise Unusable(f"Block {number} has no line `=======` between its two parts. {FORM}")
        if len(dividers) > _DIVIDERS:
            raise Unusable(
                f"Block {number} has {len(dividers)} lines `{divider.strip()}`, at most {_DIVIDERS} "
                "are read: it is not clear which of them divides its two parts. "
                "Write the three markers of this block with another number of signs, from 5 to 9."
            )
        yield EditBlock(number, body, dividers)


def _end(lines: list[str], marked: list[int], start: re.Match[str], number: int, *, cut: bool) -> int:
    """Return which of the marked lines ends a block that begins above them."""
    first = None
    for i in marked:
        line = lines[i]
        if ends_edit(start, line):
            return i
        if EDIT_END.fullmatch(line):
            first = i if first is None else first
        elif line.rstrip() == start.string.rstrip():
            break
    if first is not None:
        return first
    if cut:
        raise Unusable(CUT_OFF)
    raise Unusable(f"Block {number} is not closed by a line `>>>>>>> REPLACE`. {FORM}")


def _place(program: list[str], block: EditBlock) -> Replacement:
    """Find where a block applies.

    Raises:
        _Misfit: nowhere, or in several places.
    """
    # The last divider first: what a program holds word for word, dividers included, was meant to be found.
    for divider in reversed(block.dividers):
        if divider > len(program):
            continue
        search, replace = block.split(divider)
        places = _places(program, search, _PLACES) if any(line.strip() for line in search) else []
        if places:
            start = _only(places, block.number)
            return Replacement(start, start + len(search), tuple(replace))
    search, replace = block.split(block.dividers[0])
    if not any(line.strip() for line in search):
        if any(line.strip() for line in program):
            raise _Misfit(
                f"Block {block.number} has an empty SEARCH part. "
                "To add lines, search the line next to them and repeat it in the replacement."
            )
        return Replacement(0, len(program), tuple(replace))
    every = list(_nearly(program, search))
    found = [place for place in every if place[2] == _Shift()] or every
    if found:
        start = _only([place for place, _, _ in found], block.number)
        _, end, shift = found[0]
        return _fitted(program, block.number, Replacement(start, end, tuple(replace)), search, shift)
    count = sum(bool(line.strip()) for line in search)
    if count > len(program):
        raise _Misfit(
            f"Block {block.number}: its SEARCH text has {count} lines, more than the program, "
            f"which has {len(program)}. Search only the lines that change."
        )
    raise _Misfit(f"Block {block.number}: its SEARCH text is not in the program. {_nearest(program, search)}")


def _only(places: list[int], number: int) -> int:
    if len(places) > 1:
        numbers = ", ".join(str(place + 1) for place in places[:5])
        count = f"{_PLACES} or more" if len(places) >= _PLACES else len(places)
        raise _Misfit(
            f"Block {number} matches {count} places (lines {numbers}{', ...' if places[5:] else ''}); "
            "add lines to its SEARCH text, and to the replacement, to make it unique."
        )
    return places[0]


def _places(lines: list[str], part: list[str], most: int) -> list[int]:
    """Return where some lines hold others, the first `most` places; no line holds a line end."""
    # By a search for a string: its time is linear also when the lines are all alike.
    text, wanted = "\n".join(["", *lines, ""]), "\n".join(["", *part, ""])
    found: list[int] = []
    number = before = 0
    at = text.find(wanted)
    while at >= 0 and len(found) < most:
        number += text.count("\n", before, at)
        found.append(number)
        before, at = at, text.find(wanted, at + 1)
    return found


class _Shift(NamedTuple):
    """White space that the program has before every line, or that it lacks there."""

    more: str = ""
    less: str = ""


def _nearly(program: list[str], search: list[str]) -> Iterator[tuple[int, int, _Shift]]:
    """Yield the places (start, end, shift) of a text, not looking at blank lines and blanks at line ends."""
    numbers = [i for i, line in enumerate(program) if line.strip()]
    here = [program[i].rstrip() for i in numbers]
    there = [line.rstrip() for line in search if line.strip()]
    bare, wanted = [line.lstrip() for line in here], [line.lstrip() for line in there]
    most = _WORK // len(there) + 1
    places = _places(bare, wanted, most)
    if len(places) == most:
        return  # too many to look at each, so that none could be said to be the only one
    for i in places:
        shift = _shift(here[i : i + len(there)], there)
        if shift is not None:
            yield numbers[i], numbers[i + len(there) - 1] + 1, shift


def _shift(here: list[str], there: list[str]) -> _Shift | None:
    """Return by how much the lines of the program are indented further, or less; None: it varies."""
    found: set[_Shift] = set()
    for line, wanted in zip(here, there, strict=True):
        if line.endswith(wanted):
            found.add(_Shift(more=line.removesuffix(wanted)))
        elif wanted.endswith(line):
            found.add(_Shift(less=wanted.removesuffix(line)))
        else:
            return None
        if len(found) > 1:
            return None
    return found.pop()


def _fitted(
    program: list[str], number: int, place: Replacement, search: list[str], shift: _Shift
) -> Replacement:
    """Adapt a replacement to where its SEARCH text was found: blank lines around it, and indentation."""
    lines = list(place.lines)
    above, below = _blank(search), _blank(search[::-1])
    start, end = place.start, place.end
    # Blank lines that SEARCH has and the program has not are no part of the replacement either.
    absorbed = min(above, _blank(program[:start][::-1]))
    start -= absorbed
    del lines[: min(above - absorbed, _blank(lines))]
    absorbed = min(below, _blank(program[end:]))
    end += absorbed
    gone = min(below - absorbed, _blank(lines[::-1]))
    lines = lines[: len(lines) - gone]
    for line in lines:
        if line.strip() and not line.startswith(shift.less):
            raise _Misfit(
                f"Block {number}: its SEARCH text is in line {place.start + 1} of the program, but indented "
                f"{len(shift.less)} characters less, and the replacement cannot be moved by as much. "
                "Indent both as the program does."
            )
    moved = tuple(shift.more + line.removeprefix(shift.less) if line.strip() else line for line in lines)
    return Replacement(start, end, moved)


def _blank(lines: list[str]) -> int:
    """Return how many lines at the beginning are blank."""
    return next((i for i, line in enumerate(lines) if line.strip()), len(lines))


def _nearest(program: list[str], search: list[str]) -> str:
    """Say where the program is most like a text that it does not hold."""
    wanted = [line.strip() for line in search if line.strip()]
    numbers = [i for i, line in enumerate(program) if line.strip()]
    here = [program[i].strip() for i in numbers]
    often = Counter(wanted)
    if sum(often[line] for line in here) > _WORK:
        return "Too many of its lines are alike to tell what it is nearest to; search fewer lines."
    match = difflib.SequenceMatcher(None, here, wanted, autojunk=False).find_longest_match()
    at = match.a - match.b
    if not match.size:
        key = max(wanted, key=len)
        heads: dict[str, int] = {}
        for i, line in enumerate(here):
            heads.setdefault(line[:_LIKE_CHARS], i)
        near = difflib.get_close_matches(key[:_LIKE_CHARS], list(heads)[:_LIKE], n=1, cutoff=0.4)
        if not near:
            return "Nothing in the program is like it."
        at = heads[near[0]] - wanted.index(key)
    first = max(at, 0)
    if first >= len(here):
        return "Nothing in the program is like it."
    last = max(first, min(at + len(wanted), len(here)) - 1)
    shown = program[numbers[first] : numbers[last] + 1]
    text = "\n".join(line[:200] for line in shown[:_SHOWN_LINES])
    where = f"line {numbers[first] + 1}"
    differing = next(
        (i for i, line in enumerate(wanted) if not 0 <= at + i < len(here) or here[at + i] != line),
        None,
    )
    hint = f"\nSEARCH has here, otherwise: {wanted[differing][:200]}" if differing is not None else ""
    if differing is None:
        hint = "\nThe lines are indented otherwise in relation to each other."
    return f"The nearest text begins at {where}:\n{text}{hint}"


def _overlaps(found: list[tuple[Replacement, int]]) -> Iterator[str]:
    ordered = sorted(found)
    for (one, first), (two, second) in pairwise(ordered):
        if two.start < one.end and one != two:
            yield (
                f"Blocks {min(first, second)} and {max(first, second)} both change line {two.start + 1}. "
                "Join them into one block."
            )


def _replaced(program: str, old: list[str], replacements: list[Replacement]) -> str:
    # A carriage return stays at the end of each line that is kept; new lines get one as the first line has.
    end = "\r" if old and old[0].endswith("\r") else ""
    lines: list[str] = []
    done = 0
    for replacement in replacements:
        lines += old[done : replacement.start]
        lines += [line + end for line in replacement.lines]
        done = replacement.end
    lines += old[done:]
    text = "\n".join(lines)
    if program.endswith("\n") or not program:
        return text + "\n" if lines else text
    return text.removesuffix("\r") if done == len(old) else text
