"""Read YAML settings of other engines: what is used, and what is left over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

from evolve.errors import ProblemError

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
        raise ProblemError(f"{self._path}: {key}: must be {wanted}, got {value!r}. Correct it there.")

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


def _leaves(data: Any, prefix: str = "") -> Iterator[str]:
    for name, value in data.items():
        key = f"{prefix}{name}"
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{key}.")
        else:
            yield key


def _load(path: Path) -> dict[Any, Any]:
    import yaml  # lazily: only folders of other engines are written in it

    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ProblemError(f"{path}: cannot be read ({error.strerror}).") from None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(f"{path}: is not valid YAML: {error}. Mend the syntax at that place.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ProblemError(f"{path}: must hold a table of settings, got {type(data).__name__}.")
    return data
