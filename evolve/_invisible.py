"""Characters that a reader does not see: with them a text says something else than it shows."""

from __future__ import annotations

INVISIBLE = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, except tab and newline
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0"  # fillers, joiners, soft hyphen
    "\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"  # no width; turns the direction of writing
    "\ufff0-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # annotations and controls of some scripts
    "\U000e0000-\U000e0fff"  # tags and selectors of variants, which models read
)
"""For a class of a regular expression; what picks the look of the sign before, as with emoji, is not here."""
