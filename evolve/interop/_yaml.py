"""Read YAML settings of other engines: what is used, and what is left over."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from evolve.errors import ProblemError
from evolve.interop._source import read_text

_MOST_BYTES = 2**18
_MOST_NODES = 50_000
T = TypeVar("T")
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


class Settings:
    """The settings of a YAML file; remembers which keys were asked for.

    Keys of nested tables are written with dots: `evaluator.timeout`.
    """

    def __init__(self, path: Path | None) -> None:
        """Read a file; None stands for an empty one.

        Raises:
            ProblemError: it cannot be read, is no YAML, or no table of settings.
        """
        self._path = path
        self._data = {} if path is None else _load(path)
        self._asked: set[str] = set()

    def take(self, key: str, kind: type[T]) -> T | None:
        """Return a setting; None when it is not there or null.

        Raises:
            ProblemError: it is of another kind.
        """
        value = self.peek(key)
        if kind is float and type(value) is int:
            value = float(value)
        if value is None or type(value) is kind:
            return value
        wanted = _NAMES.get(kind, kind.__name__)
        raise ProblemError(f"{self._path}: {key}: must be {wanted}, got {value!r:.100}. Correct it there.")

    def peek(self, key: str) -> Any:
        """Return a setting of any kind; None when it is not there."""
        self._asked.add(key)
        value: Any = self._data
        for part in key.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return value

    def rest(self) -> list[str]:
        """Name the settings that nobody asked for."""
        return [key for key in _leaves(self._data) if not self._was_asked(key)]

    def _was_asked(self, key: str) -> bool:
        return any(key == asked or key.startswith(asked + ".") for asked in self._asked)


def _expanded(node: Any, known: dict[int, float]) -> float:
    """Count the values below a node of YAML's graph, one that is there by aliases as often as it is used."""
    if node is None or isinstance(node.value, str):
        return 1
    if id(node) not in known:
        known[id(node)] = math.inf  # until it is counted: met again below itself, it has no end
        parts = [part for item in node.value for part in (item if isinstance(item, tuple) else (item,))]
        known[id(node)] = 1 + sum(_expanded(part, known) for part in parts)
    return known[id(node)]


def _leaves(data: Any, prefix: str = "") -> Iterator[str]:
    for name, value in data.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key


def _load(path: Path) -> dict[Any, Any]:
    import yaml  # lazily: only folders of other engines are written in it

    text = read_text(path, most=_MOST_BYTES)
    try:
        if _expanded(yaml.compose(text, Loader=yaml.SafeLoader), {}) > _MOST_NODES:
            raise ProblemError(
                f"{path}: its aliases (*name) repeat themselves into more than {_MOST_NODES:,} values, or "
                "for ever. Write out what they stand for."
            )
        data = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: no such date, too many digits
        raise ProblemError(f"{path}: is not valid YAML: {error}. Mend the syntax at that place.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ProblemError(f"{path}: must hold a table of settings, got {type(data).__name__}.")
    return data
