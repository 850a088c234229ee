"""Keep the values of keys out of everything that is stored, shown or sent on."""

from __future__ import annotations

import functools
import os

_MARKS = (
    "KEY",
    "TOKEN",
    "SECRET",
    "PASSW",
    "CREDENTIAL",
    "_PASS",
    "_PWD",
    "_PAT",
    "_AUTH",
    "BEARER",
    "COOKIE",
)
_SHORTEST = 8
"""Shorter values are words like "true" or "local", which would be struck out of honest text."""


def scrub(text: str) -> str:
    """Replace every value of a secret environment variable that occurs in `text` by `***`.

    A server may echo the header that it was sent, in an error or in an answer.
    """
    for value in _values():
        if value in text:
            text = text.replace(value, "***")
    return text


def _values() -> list[str]:
    """List the secret values, longest first, so that none is cut up by another one within it."""
    # Read anew each time, which costs some 50 µs: a key that is set during the run is found as well.
    # Without the blanks around it: that is how a client sends a key, and so how a server echoes it.
    found = {os.environ.get(name, "").strip() for name in os.environ if _is_secret(name)}
    return sorted((value for value in found if len(value) >= _SHORTEST), key=len, reverse=True)


@functools.cache
def _is_secret(name: str) -> bool:
    return any(mark in name.upper() for mark in _MARKS)
