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
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from evolve.operators._reply import CUT_OFF, EDIT_END, EDIT_START, Answer, Unusable, ends_edit

_DIVIDER = re.compile(r"[ \t]*={5,9}[ \t]*")
_SHOWN_LINES, _SHOWN_FAULTS = 8, 3

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
        splits: The pairs (lines to search, lines to put in their place) that it can be read as: more
            than one when several lines look like its divider.
    """

    number: int
    splits: tuple[tuple[list[str], list[str]], ...]


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
        Unusable: the reply holds no block, or one that cannot be read or does not apply.
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
    lines = answer.text.split("\n")
    at = number = 0
    while at < len(lines):
        start = EDIT_START.fullmatch(lines[at])
        at += 1
        if start is None:
            continue
        number += 1
        body, at = _body(lines, at, start, number, cut=answer.cut)
        divider = start["indent"] + "=" * len(start["marks"])
        dividers = [i for i, line in enumerate(body) if line.rstrip() == divider]
        dividers = dividers or [i for i, line in enumerate(body) if _DIVIDER.fullmatch(line)][:1]
        if not dividers:
            raise Unusable(f"Block {number} has no line `=======` between its two parts. {FORM}")
        yield EditBlock(number, tuple((body[:i], body[i + 1 :]) for i in dividers))


def _body(
    lines: list[str], at: int, start: re.Match[str], number: int, *, cut: bool
) -> tuple[list[str], int]:
    """Return the lines of a block that begins at `at`, and where the text after it begins."""
    ends = []
    for i in range(at, len(lines)):
        line = lines[i]
        if ends_edit(start, line):
            return lines[at:i], i + 1
        if EDIT_END.fullmatch(line):
            ends.append(i)
        elif line.rstrip() == start.string.rstrip():
            break
    if ends:
        return lines[at : ends[0]], ends[0] + 1
    if cut:
        raise Unusable(CUT_OFF)
    raise Unusable(f"Block {number} is not closed by a line `>>>>>>> REPLACE`. {FORM}")


def _place(program: list[str], block: EditBlock) -> Replacement:
    """Find where a block applies.

    Raises:
        _Misfit: nowhere, or in several places.
    """
    # The last divider first: what a program holds word for word, dividers included, was meant to be found.
    for search, replace in reversed(block.splits):
        places = _exactly(program, search) if any(line.strip() for line in search) else []
        if places:
            start = _only(places, block.number)
            return Replacement(start, start + len(search), tuple(replace))
    search, replace = block.splits[0]
    if not any(line.strip() for line in search):
        if any(line.strip() for line in program):
            raise _Misfit(
                f"Block {block.number} has an empty SEARCH part. "
                "To add lines, search the line next to them and repeat it in the replacement."
            )
        return Replacement(0, len(program), tuple(replace))
    for shifted in (False, True):
        found = list(_nearly(program, search, shifted=shifted))
        if found:
            start = _only([place for place, _, _ in found], block.number)
            _, end, shift = found[0]
            return _fitted(program, block.number, Replacement(start, end, tuple(replace)), search, shift)
    raise _Misfit(f"Block {block.number}: its SEARCH text is not in the program. {_nearest(program, search)}")


def _only(places: list[int], number: int) -> int:
    if len(places) > 1:
        numbers = ", ".join(str(place + 1) for place in places[:5])
        raise _Misfit(
            f"Block {number} matches {len(places)} places (lines {numbers}{', ...' if places[5:] else ''}); "
            "add lines to its SEARCH text, and to the replacement, to make it unique."
        )
    return places[0]


def _exactly(program: list[str], search: list[str]) -> list[int]:
    count = len(search)
    return [
        i
        for i in range(len(program) - count + 1)
        if program[i] == search[0] and program[i : i + count] == search
    ]


class _Shift(NamedTuple):
    """White space that the program has before every line, or that it lacks there."""

    more: str = ""
    less: str = ""


def _nearly(program: list[str], search: list[str], *, shifted: bool) -> Iterator[tuple[int, int, _Shift]]:
    """Yield the places (start, end, shift) of a text, not looking at blank lines and blanks at line ends."""
    numbers = [i for i, line in enumerate(program) if line.strip()]
    here = [program[i].rstrip() for i in numbers]
    there = [line.rstrip() for line in search if line.strip()]
    bare, wanted = [line.lstrip() for line in here], [line.lstrip() for line in there]
    for i in range(len(here) - len(there) + 1):
        if bare[i] == wanted[0] and bare[i : i + len(there)] == wanted:
            shift = _shift(here[i : i + len(there)], there)
            if shift is not None and (shifted or shift == _Shift()):
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
    return found.pop() if len(found) == 1 else None


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
    match = difflib.SequenceMatcher(None, here, wanted, autojunk=False).find_longest_match()
    at = match.a - match.b
    if not match.size:
        key = max(wanted, key=len)
        near = difflib.get_close_matches(key, here, n=1, cutoff=0.4)
        if not near:
            return "Nothing in the program is like it."
        at = here.index(near[0]) - wanted.index(key)
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
