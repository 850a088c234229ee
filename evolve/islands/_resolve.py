"""Turn a short name or a table such as `{ kind = "tournament", size = 3 }` into an object."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from evolve._toml import suggest
from evolve.errors import UsageError

Made = TypeVar("Made")


def build(
    what: str, choice: str | Mapping[str, Any], makers: Mapping[str, Callable[..., Made]], *args: Any
) -> Made:
    """Call the maker that `choice` names, with the table's other keys as keyword arguments.

    Args:
        what: What is chosen, for the messages: "selection" or "bandit".
        choice: A name, or a table with the key `kind`.
        makers: What each name stands for. Options are the maker's keyword-only parameters.
        args: Positional arguments for the maker.

    Raises:
        UsageError: unknown kind, unknown option, or a value that the maker refuses.
    """
    table = {"kind": choice} if isinstance(choice, str) else dict(choice)
    kind = table.pop("kind", None)
    known = ", ".join(makers)
    if kind is None:
        raise UsageError(f'{what}: `kind` is missing. Add kind = "..."; kinds are {known}.')
    if not isinstance(kind, str) or kind not in makers:
        raise UsageError(f"{what}: kind must be one of {known}, got {kind!r}{hint(str(kind), makers)}.")
    options = _options(makers[kind])
    for key in table:
        if key not in options:
            raise UsageError(
                f"{what}: {kind} has no option {key!r}{hint(key, options)}; "
                f"its options: {', '.join(options) or 'none'}."
            )
    try:
        return makers[kind](*args, **table)
    except (TypeError, ValueError) as problem:
        raise UsageError(f"{what}: {kind}: {problem}") from None


def hint(name: str, choices: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the nearest choice, or an empty text."""
    near = suggest(name, choices).strip()
    return f" ({near[0].lower()}{near[1:]})" if near else ""


def require_number(name: str, value: object, low: float, high: float) -> None:
    """Refuse a value that is not a number of [low, high].

    Raises:
        ValueError: names the parameter, the range and the value.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    # Written so that NaN fails too; not by way of a float, which the largest integers do not fit into.
    if not (number and low <= value <= high):  # type: ignore[operator]
        raise ValueError(f"{name} must be a number from {low:g} to {high:g}, got {value!r}.")


def require_whole(name: str, value: object, low: int, high: int) -> None:
    """Refuse a value that is not a whole number of [low, high].

    Raises:
        ValueError: names the parameter, the range and the value.
    """
    require_number(name, value, low, high)
    if value != int(value):  # type: ignore[call-overload]
        raise ValueError(f"{name} must be a whole number, got {value!r}.")


def _options(maker: Callable[..., Any]) -> list[str]:
    parameters = inspect.signature(maker).parameters.values()
    return [parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY]
