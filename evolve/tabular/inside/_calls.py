"""The two calls of the protocol: `learn` sees training rows alone, `apply` runs in another process."""

from __future__ import annotations

import linecache
import sys
import types
from collections.abc import Callable
from typing import Any

from evolve.sandbox._codec import decode, encode
from evolve.tabular._frame import Frame
from evolve.tabular.inside._pandas import from_pandas, to_pandas
from evolve.tabular.inside._state import pack, unpack

_FILE_NAME = "<program>"  # by this name the sandbox knows which frames of a traceback are the program's own


def learn(text: str, train: dict[str, Any]) -> dict[str, bytes]:
    """Fit the program to training rows and transform them.

    Every call gets a frame of its own, so that a program that changes its input changes nobody else's.

    Args:
        text: The program.
        train: Training rows, as `Frame.to_plain` gives them.

    Returns:
        `state` and `train`, each encoded: what was learned, and the transformed rows.
    """
    fit, transform = _functions(text)
    rows = Frame.from_plain(train)
    state = None if fit is None else fit(to_pandas(rows))
    packed = pack(state)
    return {"state": encode(packed), "train": encode(_transformed(transform, unpack(packed), rows))}


def apply(text: str, state: bytes, batches: list[dict[str, Any]]) -> list[bytes]:
    """Transform batches of rows with what was learned elsewhere.

    Args:
        text: The program.
        state: What `learn` answered.
        batches: Rows, as `Frame.to_plain` gives them.

    Returns:
        The transformed batches, each encoded.
    """
    _, transform = _functions(text)
    learned = decode(state)
    # unpacked anew each time: what one batch leaves in the state does not reach the next
    return [encode(_transformed(transform, unpack(learned), Frame.from_plain(batch))) for batch in batches]


def _transformed(transform: Callable[[Any, Any], Any], state: Any, rows: Frame) -> dict[str, Any]:
    name = getattr(transform, "__name__", "transform")
    return from_pandas(transform(state, to_pandas(rows)), rows.rows, name).to_plain()


def _functions(text: str) -> tuple[Callable[[Any], Any] | None, Callable[[Any, Any], Any]]:
    """Load a program; return how it fits, if it does, and how it transforms."""
    module = types.ModuleType("program")
    sys.modules["program"] = module
    linecache.cache[_FILE_NAME] = (len(text), None, text.splitlines(keepends=True), _FILE_NAME)
    exec(compile(text, _FILE_NAME, "exec", dont_inherit=True), module.__dict__)
    transform = getattr(module, "transform", None)
    if callable(transform):
        fit = getattr(module, "fit", None)
        return (fit if callable(fit) else None), transform
    modify = getattr(module, "modify_features", None)
    if not callable(modify):
        raise NameError("the program must define transform(state, X), or modify_features(df)")

    def modify_features(_state: Any, rows: Any) -> Any:
        return modify(rows)

    return None, modify_features
