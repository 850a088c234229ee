"""Read a TOML file into a pydantic model with errors that name file, key, value and fix."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from evolve._brief import brief
from evolve.errors import EvolveError

Model = TypeVar("Model", bound=BaseModel)

_WORDS = tuple(
    (re.compile(pattern), words)
    for pattern, words in (
        (r"^Value error, ", ""),
        (r"^(Input|String|Dictionary|List|Tuple|Value|Set) should (be|have|match)", r"must \2"),
        (r", unable to parse .*$|, got a number with a fractional part$| after validation", ""),
        (r"a valid (dictionary|mapping)( or (instance of \w+|object to extract fields from))*", "a table"),
        (r"a valid (list|tuple|array)", "a list"),
        (r"a valid integer", "an integer"),
        (r"a valid number", "a number"),
        (r"a valid string", "a text"),
        (r"a valid boolean", "true or false"),
    )
)
"""What pydantic says, and the same for somebody who writes a file of settings."""
_OF_THE_KEY = ("missing", "extra_forbidden", "value_error")
"""Errors about a key itself, whatever it is called: not about a member of a union."""
_SCALARS = frozenset({"bool", "int", "float", "str"})
"""How pydantic names the members of a union of scalars, as the last part of a location."""


def load_toml(path: Path, model: type[Model], error: type[EvolveError]) -> Model:
    """Read and validate `path`.

    Raises:
        EvolveError: of the given class, when the file is missing, is not TOML, or does not fit
            the model; the text names every offending key with its value and a fix.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as problem:
        raise error(
            f"{path}: cannot be read ({problem.strerror}). Check the path and its permissions."
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise error(f"{path}: is not valid TOML: {problem}. Mend the syntax at that place.") from None
    except RecursionError:
        raise error(f"{path}: is nested too deeply to be read. Write it with less nesting.") from None
    return validate(data, model, error, where=str(path))


def validate(data: Any, model: type[Model], error: type[EvolveError], *, where: str) -> Model:
    """Validate `data` against `model`; on failure raise `error` with one line per offending key."""
    try:
        return model.model_validate(data)
    except ValidationError as problem:
        lines = [_explain(where, item, model) for item in _one_a_value(problem.errors())]
        raise error("\n".join(lines)) from None


def suggest(name: str, choices: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest choice, or an empty text."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f" Did you mean {near[0]!r}?" if near else ""


def _one_a_value(items: Iterable[Any]) -> Iterator[Any]:
    """Replace the errors of a union's members, one each for the same value, by a single one."""
    seen: set[Any] = set()
    for item in items:
        location = item["loc"][:-1]
        if not location or item["loc"][-1] not in _SCALARS or item["type"] in _OF_THE_KEY:
            yield item
        elif location not in seen:
            seen.add(location)
            yield {**item, "loc": location, "msg": "must be a finite number, a text, true or false"}


def _explain(where: str, item: Any, model: type[BaseModel]) -> str:
    key = _key(item["loc"])
    value = item["input"]
    if item["type"] == "extra_forbidden":
        siblings = _siblings(model, item["loc"])
        allowed = f" Keys known here: {', '.join(siblings)}." if siblings else ""
        near = suggest(str(item["loc"][-1]), siblings)
        return f"{where}: {key}: unknown key (value {brief(value)}).{near}{allowed}"
    if item["type"] == "missing":
        return f"{where}: {key}: is missing; add it."
    message = _plain(item["msg"])
    shown = "" if isinstance(value, dict) else f", got {brief(value)}"
    place = f"{where}: {key}" if key else where
    return f"{place}: {message[0].lower()}{message[1:]}{shown}."


def _plain(message: str) -> str:
    """Return pydantic's message in the words of a TOML file."""
    for pattern, words in _WORDS:
        message = pattern.sub(words, message)
    return message


def _key(location: tuple[Any, ...]) -> str:
    """Render a location as `measures[0].bins`; tags of unions, in angle brackets, are no keys."""
    text = ""
    for part in location:
        if _is_tag(part):
            continue
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else str(part)
    return text


def _is_tag(part: object) -> bool:
    return isinstance(part, str) and part.startswith("<") and part.endswith(">")


def _siblings(model: type[BaseModel], location: tuple[Any, ...]) -> list[str]:
    """List the keys known in the table that holds the last part of `location`."""
    current: Any = model
    for part in location[:-1]:
        if isinstance(part, int) or _is_tag(part):
            continue
        field = getattr(current, "model_fields", {}).get(part)
        if field is None:
            return []
        current = next(_models_in(field.annotation), None)
    return list(getattr(current, "model_fields", {}))


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)
