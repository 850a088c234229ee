"""Parts of a program that may change: what stands between EVOLVE-BLOCK marker lines.

```
# EVOLVE-BLOCK-START
def pack(n): ...
# EVOLVE-BLOCK-END
```

Other languages begin the lines by their own comments. A program without such lines may change everywhere.
Lines are looked at, not syntax: a line of a string that reads like a marker is one. What stands outside must
stay code, too: the same statements, within the same ones.
"""

from __future__ import annotations

import re

from evolve.operators._frozen import Place, moved_line

_MARKER = re.compile(r"[ \t]*(?:#|//|--|;|%|/\*|<!--)[ \t]*EVOLVE-BLOCK-(?P<kind>START|END)\b.*")
_WORD = "EVOLVE-BLOCK-"  # looking for it first is a hundred times faster than the pattern


def has_markers(text: str) -> bool:
    """Tell whether some line of a program is an EVOLVE-BLOCK marker."""
    return _WORD in text and any(is_marker(line) for line in _lines(text))


def is_marker(line: str) -> bool:
    """Tell whether a line is an EVOLVE-BLOCK marker."""
    return _MARKER.match(line) is not None


def marker_fault(text: str) -> str:
    """Return what is wrong with a program's markers, such as a START without an END; empty: nothing."""
    opened = 0
    for number, line in enumerate(_lines(text), start=1):
        match = _MARKER.match(line)
        if match is None:
            continue
        if match["kind"] == "START":
            if opened:
                return (
                    f"line {number}: EVOLVE-BLOCK-START inside of the block that line {opened} starts. "
                    "Blocks do not nest: end the first one by a line `# EVOLVE-BLOCK-END` before."
                )
            opened = number
        elif not opened:
            return (
                f"line {number}: EVOLVE-BLOCK-END without a start. "
                "Put a line `# EVOLVE-BLOCK-START` above what may change."
            )
        else:
            opened = 0
    if opened:
        return (
            f"line {opened}: EVOLVE-BLOCK-START without an end. "
            "Put a line `# EVOLVE-BLOCK-END` below what may change."
        )
    return ""


def marked_spans(text: str) -> list[tuple[int, int]]:
    """Return the first and the last line number, from 1, inside of each pair of markers.

    An empty block gives a last line before its first. A marker without its other half gives no span.
    """
    spans: list[tuple[int, int]] = []
    start = 0
    for number, line in enumerate(_lines(text), start=1):
        match = _MARKER.match(line)
        if match is not None and match["kind"] == "START":
            start = number
        elif match is not None and start:
            spans.append((start + 1, number - 1))
            start = 0
    return spans


def outside_unchanged(parent: str, child: str) -> str:
    """Return why a program may not follow its parent: something outside of the marked blocks changed.

    The markers themselves stay, and none is added. White space at the ends of lines may differ, and
    blank lines at the end of the text.

    Returns:
        An empty text when all is well, else a sentence that names the first difference.
    """
    if _WORD not in parent and _WORD not in child:
        return ""
    old, new = _frozen(parent), _frozen(child)
    if len(old) == 1:
        return "" if len(new) == 1 else "The program has no EVOLVE-BLOCK markers. Leave them out."
    fault = marker_fault(parent)
    if fault:
        return f"The program's EVOLVE-BLOCK markers do not pair up: {fault}"
    if len(new) == 1:
        return (
            "The EVOLVE-BLOCK marker lines are missing. Give the whole program: every line outside of "
            "the marked blocks as it was, and the marker lines themselves."
        )
    fault = marker_fault(child)
    if fault:
        return f"The EVOLVE-BLOCK markers must stay as they were. {fault}"
    if len(new) != len(old):
        return (
            f"The program must keep its {_blocks(len(old))} between EVOLVE-BLOCK markers, "
            f"got {_blocks(len(new))}. Add and remove no marker lines."
        )
    for before, after in zip(old, new, strict=True):
        if before != after:
            return (
                f"Outside of the EVOLVE-BLOCK markers nothing may change, but {_difference(before, after)}."
            )
    moved = moved_line(parent, child, _places(parent), _places(child))
    if moved is not None:
        return (
            f"Outside of the EVOLVE-BLOCK markers nothing may change, but the line "
            f"`{new[moved[0]][moved[1]]}` no longer is the same code. End within a block every string, "
            "bracket, function and indented part that begins in it."
        )
    return ""


def _blocks(frozen: int) -> str:
    count = frozen - 1
    return f"{count} block" if count == 1 else f"{count} blocks"


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _frozen(text: str) -> list[list[str]]:
    """Return the parts of a program that may not change, each with the markers beside it."""
    parts: list[list[str]] = [[]]
    inside = False
    for line in _lines(text):
        match = _MARKER.match(line)
        if match is not None and match["kind"] == "START" and not inside:
            parts[-1].append(line.rstrip())
            inside = True
        elif match is not None and inside:
            parts.append([line.rstrip()])
            inside = False
        elif not inside:
            parts[-1].append(line.rstrip())
    if inside:
        parts.append([])
    while parts[-1] and not parts[-1][-1]:
        parts[-1].pop()
    return parts


def _places(text: str) -> list[Place]:
    """Return for each line in which of the parts of `_frozen` it is, and where."""
    places: list[Place] = []
    part, row, inside = 0, 0, False
    for line in _lines(text):
        match = _MARKER.match(line)
        if inside and match is not None:
            part, row, inside = part + 1, 0, False
        places.append((part, -1 if inside else row))
        row += 1
        if match is not None and match["kind"] == "START":
            inside = True
    return places


def _difference(before: list[str], after: list[str]) -> str:
    """Describe the first line that differs."""
    for old, new in zip(before, after, strict=False):
        if old != new:
            return f"the line `{old}` has become `{new}`"
    if len(before) > len(after):
        return f"the line `{before[len(after)]}` is gone"
    return f"the line `{after[len(before)]}` was added"
