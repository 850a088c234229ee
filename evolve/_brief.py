"""Values as text of bounded length, for labels, messages and prompts."""

from __future__ import annotations

from typing import Any

BRIEF = 60
"""Characters of a value that are shown where nothing else is said."""


def brief(value: Any, most: int = BRIEF) -> str:
    """Return a value as Python writes it; of a long one the beginning, and how long it is.

    Args:
        value: A number, a text, a truth value, or nested lists of these; others are cut as their `repr`.
        most: Characters of the value that are shown.
    """
    if isinstance(value, str):
        return repr(value) if len(value) <= most else f"{value[:most]!r}... ({len(value):,} characters)"
    if isinstance(value, list):
        return _list(value, most)
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]}..."


def _list(value: list[Any], most: int) -> str:
    """Write items until the room is used up, without looking at those behind."""
    parts: list[str] = []
    room = most
    for item in value:
        part = brief(item, max(room, 1))
        if len(part) > room:
            return f"[{', '.join([*parts, '...'])}] ({len(value):,} items)"
        parts.append(part)
        room -= len(part) + 2
    return f"[{', '.join(parts)}]"


def briefly(values: dict[str, Any], most: int = BRIEF, names: int = 12) -> str:
    """Return named values as `name=value name=value`, texts without quotes; the first ones of many."""
    parts = [f"{name}={shown(value, most)}" for name, value in list(values.items())[:names]]
    more = len(values) - names
    return " ".join([*parts, f"... ({more} more)"] if more > 0 else parts)


def shown(value: Any, most: int = BRIEF) -> str:
    """Return a value as people write it: a short text without quotes, else like `brief`."""
    return value if isinstance(value, str) and len(value) <= most else brief(value, most)
