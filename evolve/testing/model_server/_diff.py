"""Write a change as SEARCH/REPLACE blocks."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

from evolve.testing.model_server._mutate import editable_lines

_BLOCK = "<<<<<<< SEARCH\n{search}=======\n{replace}>>>>>>> REPLACE\n"


def block(search: str, replace: str) -> str:
    """Return one block; both texts are whole lines."""
    return _BLOCK.format(search=search, replace=replace)


def diff(old: str, new: str) -> str:
    """Return the blocks that turn one program into the other; each SEARCH is there exactly once."""
    before, after = StringIO(old).readlines(), StringIO(new).readlines()
    blocks = []
    for start, end, length in _merged(list(_hunks(before, after)), before, editable_lines(old)):
        search, replacement = before[start:end], after[start : start + length]
        blocks.append(block(_whole("".join(search)), _whole("".join(replacement))))
    return "\n".join(reversed(blocks))


def _whole(text: str) -> str:
    return text if not text or text.endswith("\n") else text + "\n"


def _hunks(before: list[str], after: list[str]) -> Iterator[tuple[int, int, int]]:
    """Yield (start, end, new length) of each change, the last one first."""
    if len(before) == len(after):
        for index in reversed(range(len(before))):
            if before[index] != after[index]:
                yield index, index + 1, 1
        return
    same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
    start = min(len(before), len(after)) if same is None else same
    end = len(before)
    while (
        end > start
        and len(after) - (len(before) - end) > start
        and before[end - 1] == after[end - 1 - len(before)]
    ):
        end -= 1
    yield start, end, len(after) - len(before) + end - start


def _merged(
    hunks: list[tuple[int, int, int]], lines: list[str], editable: list[bool]
) -> list[tuple[int, int, int]]:
    """Widen each hunk until its lines are unique; merge those that touch. The last one comes first."""
    merged: list[tuple[int, int, int]] = []
    for hunk in hunks:
        start, end, length = _unique(hunk, lines, editable)
        while merged and merged[-1][0] < end:
            next_start, next_end, next_length = merged.pop()
            grown = next_length - (next_end - next_start) + length - (end - start)
            start, end = min(start, next_start), max(end, next_end)
            length = end - start + grown
        merged.append((start, end, length))
    return merged


def _unique(hunk: tuple[int, int, int], lines: list[str], editable: list[bool]) -> tuple[int, int, int]:
    start, end, length = hunk
    text = "".join(lines)
    while start == end or not _once(text, "".join(lines[start:end])):
        if start > 0 and editable[start - 1]:
            start, length = start - 1, length + 1
        elif end < len(lines) and editable[end]:
            end, length = end + 1, length + 1
        else:
            break
    return start, end, length


def _once(text: str, part: str) -> bool:
    return text.find(part) == text.rfind(part)  # which sees those that overlap, other than count
