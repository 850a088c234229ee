"""Wrong candidates: programs that return a seed's result with something wrong about it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

_HELPERS = '''

def _check_numbers(data, change):
    """Return a copy of data with every number replaced by change(number, its position)."""
    position = -1

    def walk(item):
        nonlocal position
        if type(item) in (list, tuple):
            return type(item)(walk(part) for part in item)
        if type(item) is dict:
            return {key: walk(part) for key, part in item.items()}
        if type(item).__module__ == "numpy" and hasattr(item, "tolist"):
            import numpy

            return numpy.array(walk(item.tolist())) if getattr(item, "ndim", 0) else walk(item.tolist())
        if type(item) in (int, float):
            position += 1
            return change(item, position)
        return item

    return walk(data)


def _check_count(data):
    """Return how many numbers are in data."""
    found = []
    _check_numbers(data, lambda number, position: found.append(number))
    return len(found)


def _check_items(data, change):
    """Return data with its list of items changed; of a tuple, with that of every sequence in it."""
    if type(data) is tuple:
        return tuple(_check_items(part, change) for part in data)
    if type(data) is list:
        return change(data)
    if type(data).__module__ == "numpy" and getattr(data, "ndim", 0):
        import numpy

        items = change(list(data))
        return numpy.array(items) if items else data[:0]
    return data
'''
_LONG = 200_000
"""Items of a result that is far too long."""


@dataclass(frozen=True, slots=True)
class Wrong:
    """One way to be wrong.

    Attributes:
        name: What is wrong, in a few words.
        expression: Python over `output`, a seed's result.
        strict: Whether it may never be valid; else it may, as long as it is worth no more than the seed.
    """

    name: str
    expression: str
    strict: bool

    def program(self, base: str, entry: str) -> str:
        """Return the text of a program that is wrong in this way."""
        return wrapped(base, entry, f"return {self.expression}", before=_HELPERS)


def wrapped(base: str, entry: str, *lines: str, before: str = "") -> str:
    """Return a program whose entry is these lines.

    `_check_honest` is the entry of the program that it is made from; unless the lines call it themselves,
    they find its result in `output`.
    """
    call = () if any("_check_honest(" in line for line in lines) else ("output = _check_honest(**arguments)",)
    body = "".join(f"    {line}\n" for line in (*call, *lines))
    return f"{base}\n{before}\n\n_check_honest = {entry}\n\n\ndef {entry}(**arguments):\n{body}"


def wrong_outputs(output: Any) -> list[Wrong]:
    """Return the ways to be wrong that apply to a right result.

    Args:
        output: What a seed returns, decoded.
    """
    ways = [way for kind, way in _OTHER_KINDS if type(output) is not kind]
    ways += [Wrong(f"empty {name}", text, type(output) is not kind) for kind, name, text in _EMPTY]
    count = sum(1 for _ in _numbers(output))
    if count:
        ways += _ALL_NUMBERS
    if count > 1:
        ways += _ONE_NUMBER
    if isinstance(output, list | tuple | np.ndarray):
        ways += _SEQUENCE
    return ways


def _numbers(data: Any) -> Iterator[float]:
    if isinstance(data, np.ndarray):
        yield from data.ravel().tolist()
    elif type(data) in (int, float):
        yield data
    elif isinstance(data, list | tuple):
        for item in data:
            yield from _numbers(item)
    elif isinstance(data, dict):
        for item in data.values():
            yield from _numbers(item)


def _every(name: str, expression: str, *, strict: bool) -> Wrong:
    return Wrong(f"every number {name}", f"_check_numbers(output, lambda x, k: {expression})", strict)


def _first(name: str, expression: str) -> Wrong:
    change = f"lambda x, k: {expression} if k == 0 else x"
    return Wrong(f"the first number {name}", f"_check_numbers(output, {change})", strict=True)


def _items(name: str, expression: str) -> Wrong:
    return Wrong(name, f"_check_items(output, lambda items: {expression})", strict=False)


_OTHER_KINDS = (
    (type(None), Wrong("nothing", "None", strict=True)),
    (str, Wrong("text", '"99999"', strict=True)),
    (float, Wrong("NaN alone", 'float("nan")', strict=True)),
    (dict, Wrong("a claim of its own score", '{"score": 1e9, "metrics": {"score": 1e9}}', strict=True)),
    (bytes, Wrong("bytes", 'b"99999"', strict=True)),
)
"""What is returned in place of the result, unless the result is of that type."""
_EMPTY = (
    (list, "list", "[]"),
    (str, "text", '""'),
    (dict, "table", "{}"),
)
"""Empty results; one of the right type may be valid, as long as it is worth less."""
_ALL_NUMBERS = (
    _every("NaN", 'float("nan")', strict=True),
    _every("infinite", 'float("inf")', strict=True),
    _every("minus infinity", '-float("inf")', strict=True),
    _every("complex", "complex(x, 1.0)", strict=True),
    _every("as text", "str(x)", strict=True),
    _every("true", "True", strict=False),
    _every("1e200", "1e200", strict=False),
    _every("1e-200", "1e-200", strict=False),
    _every("10**400", "10**400", strict=False),
    _every("0", "type(x)(0)", strict=False),
    _every("negative", "-abs(x) - 1", strict=False),
)
_ONE_NUMBER = (
    _first("NaN", 'float("nan")'),
    _first("infinite", 'float("inf")'),
    Wrong(
        "the last number NaN",
        '_check_numbers(output, lambda x, k, n=_check_count(output): float("nan") if k == n - 1 else x)',
        strict=True,
    ),
)
_SEQUENCE = (
    _items("one item fewer", "items[:-1]"),
    _items("one item more", "items + items[-1:]"),
    _items("all items twice", "items + items"),
    _items("all items the first one", "items[:1] * len(items)"),
    _items(f"{_LONG:,} items", f"(items * -(-{_LONG} // max(1, len(items))))[:{_LONG}]"),
    Wrong("nested once more", "[output]", strict=False),
)
