"""What may be asked of a run in progress: kinds of requests and their arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evolve._toml import suggest, validate
from evolve.errors import UsageError

REQUEST = "request"
"""Kind of the event by which the engine records what became of a request."""
MOST_CHARS = 2_000_000
"""Longest text of a program that the mailbox carries; the problem's own limit is lower as a rule."""
_MOST = {"text": MOST_CHARS, "note": 500, "target": 4096}
"""Longest values; checked by hand, because an error must not repeat what is too long."""

Kind = Literal["pause", "resume", "stop", "workers", "inject", "pin", "unpin", "ban", "unban", "export"]
Answered = Literal["waiting", "done", "refused"]
ProgramId = Annotated[int, Field(ge=1, lt=2**63, strict=True)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _None(_Arguments):
    pass


class _Workers(_Arguments):
    count: Annotated[int, Field(ge=1, le=1024, strict=True)]


class _Inject(_Arguments):
    text: Annotated[str, Field(min_length=1)]
    island: Annotated[int, Field(ge=0, lt=2**31, strict=True)] | None = None
    note: str = ""


class _Program(_Arguments):
    program: ProgramId


class _Export(_Arguments):
    program: ProgramId | None = None
    target: Annotated[str, Field(min_length=1)]

    @field_validator("target")
    @classmethod
    def _is_a_path(cls, value: str) -> str:
        if "\0" in value:
            raise ValueError("must be a path, without a NUL character")
        return value


_KINDS: Mapping[str, type[_Arguments]] = {
    "pause": _None,
    "resume": _None,
    "stop": _None,
    "workers": _Workers,
    "inject": _Inject,
    "pin": _Program,
    "unpin": _Program,
    "ban": _Program,
    "unban": _Program,
    "export": _Export,
}
assert tuple(_KINDS) == get_args(Kind)


@dataclass(frozen=True, slots=True)
class Request:
    """A request and what became of it.

    Attributes:
        id: 1, 2, 3 ... in the order of asking.
        kind: What is asked for.
        arguments: As `Mailbox.ask` got them, defaults filled in.
        asked_at: UTC, ISO 8601.
        status: "waiting", "done" or "refused".
        answer: One sentence; empty while it waits.
        answered_at: UTC, ISO 8601; None while it waits.
    """

    id: int
    kind: Kind
    arguments: Mapping[str, Any]
    asked_at: str
    status: Answered = "waiting"
    answer: str = ""
    answered_at: str | None = None


def checked(kind: str, arguments: Any) -> tuple[Kind, dict[str, Any]]:
    """Return a kind and its arguments, defaults filled in.

    Raises:
        UsageError: there is no such kind, or an argument is missing, unknown or wrong.
    """
    if not isinstance(kind, str) or kind not in _KINDS:
        near = suggest(kind, _KINDS) if isinstance(kind, str) else ""
        raise UsageError(f"request: kind must be one of {', '.join(_KINDS)}, got {kind!r}.{near}")
    for name, most in _MOST.items() if isinstance(arguments, dict) else ():
        value = arguments.get(name)
        if isinstance(value, str) and len(value) > most:
            raise UsageError(f"{kind}: {name}: must have at most {most:,} characters, got {len(value):,}.")
    found = validate(arguments, _KINDS[kind], UsageError, where=kind)
    return cast(Kind, kind), found.model_dump()
