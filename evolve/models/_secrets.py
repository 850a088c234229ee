"""Keep the values of keys out of everything that is stored, shown or sent on."""

from __future__ import annotations

import base64
import functools
import html
import json
import os
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

from evolve._invisible import INVISIBLE

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

_UNSEEN = re.compile(f"[{INVISIBLE}\ufe00-\ufe0f]")
_UNSEEN_ASCII = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])


def scrub(text: str) -> str:
    """Replace every value of a secret environment variable that occurs in `text` by `***`.

    A server may echo the header that it was sent, in an error or in an answer: as it is, quoted for an
    address, for JSON or HTML, in base64 (also in the midst of something longer) or in hexadecimal digits.
    A guard against mishaps: who means to hide a value will find a form that is not looked for.
    When characters that cannot be seen part the letters of a value, all such characters are taken out too.
    """
    forms = _forms(_values())
    text = _without(forms, text)
    bare = _visible(text)
    if len(bare) == len(text):
        return text
    scrubbed = _without(forms, bare)
    return text if scrubbed == bare else scrubbed


def _without(forms: tuple[str, ...], text: str) -> str:
    for form in forms:
        if form in text:
            text = text.replace(form, "***")
    return text


def _visible(text: str) -> str:
    # Both are many times faster than the expression, which is for the few texts that need it.
    if text.isascii():
        return text if text.isprintable() else text.translate(_UNSEEN_ASCII)
    return _UNSEEN.sub("", text)


def _values() -> frozenset[str]:
    """Return the secret values."""
    # Read anew each time, which costs some 50 µs: a key that is set during the run is found as well.
    # Without the blanks around it: that is how a client sends a key, and so how a server echoes it.
    found = {os.environ.get(name, "").strip() for name in os.environ if _is_secret(name)}
    return frozenset(value for value in found if len(value) >= _SHORTEST)


@functools.lru_cache(maxsize=4)
def _forms(values: frozenset[str]) -> tuple[str, ...]:
    """List what values may look like, longest first, so that none is cut up by another one within it."""
    forms = {form for value in values for form in _encoded(value)}
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _encoded(value: str) -> Iterator[str]:
    data = value.encode("utf-8", "surrogateescape")
    yield value
    yield _visible(value)
    yield from (quote(data), quote(data, safe=""), quote_plus(data), html.escape(value))
    yield from _both_cases(re.findall("%..|[^%]+", quote(data, safe="")))
    yield from _both_cases(chr(b) if b < 128 and chr(b).isalnum() else f"%{b:02x}" for b in data)
    yield from _both_cases(f"%{byte:02x}" for byte in data)
    yield from _both_cases(f"\\x{byte:02x}" for byte in data)
    units = value.encode("utf-16-be", "surrogatepass")
    yield from _both_cases(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2))
    for escaped in (json.dumps(value)[1:-1], json.dumps(value, ensure_ascii=False)[1:-1]):
        yield escaped
        yield escaped.replace("/", "\\/")
    yield data.hex()
    yield data.hex().upper()
    yield "".join(f"&#{ord(letter)};" for letter in value)
    yield from _both_cases(f"&#x{ord(letter):x};" for letter in value)
    yield from _base64(data)


def _both_cases(escapes: Iterable[str]) -> Iterator[str]:
    """Yield a sequence of escapes with their hexadecimal digits in lower and in upper case."""
    parts = list(escapes)
    for change in (str.lower, str.upper):
        yield "".join(
            part[:2] + change(part[2:]) if part[0] == "\\" else change(part) if part[0] == "%" else part
            for part in parts
        )


def _base64(data: bytes) -> Iterator[str]:
    """Yield what `data` gives in base64 wherever it begins: the characters that depend on nothing else."""
    for before in range(3):
        first, last = -(-before * 8 // 6), (before + len(data)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(before) + data).decode()[first:last]


@functools.cache
def _is_secret(name: str) -> bool:
    return any(mark in name.upper() for mark in _MARKS)
