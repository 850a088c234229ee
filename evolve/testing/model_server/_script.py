"""What the server is told to do: how often it fails and in which ways, and what it always answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, field_validator

from evolve._toml import load_toml
from evolve.errors import UsageError
from evolve.testing.model_server._mutate import SWAPS

Transport = Literal[
    "rate_limit",  # 429 with retry-after
    "rate_limit_bare",  # 429 without
    "server_error",  # 500
    "unavailable",  # 503
    "dropped",  # the connection is reset before anything was written
    "dropped_body",  # the connection ends in mid-body
    "stalled",  # half of the body, then nothing for `stall_s`
    "truncated_json",  # a whole answer, cut JSON
    "unauthorized",  # 401 that repeats the Authorization header
    "not_found",  # 404
]
"""Failures of the way: drawn anew each time a prompt is seen, so a retry may pass."""
Content = Literal[
    "context_length",  # 400: the prompt is too long
    "empty",  # a reply without text
    "refusal",  # "I can't help with that"
    "content_filter",  # no text at all, finish_reason content_filter
    "prose",  # talk without a program
    "missing_search",  # a change of lines that the program does not have
    "syntax_error",  # a program that does not parse
    "renamed_entry",  # a program whose functions have other names
    "huge",  # several MB of talk before the program
]
"""Failures of the model: a property of the prompt, the same however often it is asked."""
Mode = Literal[Transport, Content, "ok"]
TRANSPORT: tuple[Transport, ...] = get_args(Transport)
CONTENT: tuple[Content, ...] = get_args(Content)
MODES: tuple[Mode, ...] = ("ok", *TRANSPORT, *CONTENT)
BROKEN: tuple[Mode, ...] = ("dropped_body", "stalled", "truncated_json")
"""The model has answered, but no client gets it whole."""


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Canned(_Table):
    """Fixed replies to the prompts that a pattern is found in."""

    pattern: str
    """Regular expression, searched in the whole conversation; `.` matches newlines too."""
    replies: tuple[str, ...] = Field(min_length=1)
    """One for each turn: the second answers the conversation that holds one assistant's message, and so on.
    The last one repeats."""

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"must be a regular expression: {error}") from None
        return pattern

    def reply(self, text: str, turn: int) -> str | None:
        """Return the reply to a conversation of that many earlier replies; None if it does not match."""
        if re.search(self.pattern, text, re.DOTALL) is None:
            return None
        return self.replies[min(turn, len(self.replies) - 1)]


class Script(_Table):
    """Everything that decides the server's answers. Equal scripts answer equal requests equally.

    What fails on the way is drawn from (seed, prompt, how often this prompt was seen before). What the
    model itself says, right or wrong, is drawn from (seed, prompt): asking again, as a resumed run
    does, gives the same text.
    """

    seed: int = 0
    """Seed of every draw."""
    shares: dict[Mode, float] = Field(default_factory=dict)
    """How often each mode is drawn, 0 to 1; what they leave of 1 is "ok"."""
    models: dict[str, dict[Mode, float]] = Field(default_factory=dict)
    """Shares of single models, in place of `shares`."""
    first: tuple[Mode, ...] = ()
    """Modes of the first times that each prompt is seen, before any draw."""
    canned: tuple[Canned, ...] = ()
    """Fixed replies, the first that matches, where a good one would be given."""
    vary: bool = False
    """Answer a repeated prompt with another text, as a model at a temperature above zero does."""
    swaps: float = Field(default=SWAPS, ge=0.0, le=1.0)
    """Share of the changes that exchange an operator. With 0 a small program's variants hardly repeat."""
    latency_s: float = Field(default=0.0, ge=0.0)
    """Seconds from a request to its answer."""
    latency_spread: float = Field(default=0.0, ge=0.0, le=1.0)
    """Largest deviation from the latency, as a share of it; drawn from the prompt."""
    retry_after_s: float = Field(default=1.0, ge=0.0)
    """What "rate_limit" asks for in its header."""
    stall_s: float = Field(default=600.0, gt=0.0)
    """How long "stalled" keeps silent before it ends the connection."""
    huge_bytes: int = Field(default=4 * 2**20, ge=0)
    """Size of the reply in mode "huge"."""

    @field_validator("shares", "models")
    @classmethod
    def _are_shares(cls, value: dict[str, Any]) -> dict[str, Any]:
        for shares in value.values() if any(isinstance(v, dict) for v in value.values()) else [value]:
            if any(share < 0 for share in shares.values()) or sum(shares.values()) > 1 + 1e-9:
                raise ValueError("must be shares, none negative and at most 1 in sum")
        return value

    @classmethod
    def load(cls, path: Path) -> Script:
        """Read a script from TOML; raises UsageError that names the key, the value and the fix."""
        return load_toml(path, cls, UsageError)


def always(mode: Mode, **settings: Any) -> Script:
    """Return a script that answers everything in one way.

    Args:
        mode: One of `MODES`.
        settings: Other fields of `Script`.
    """
    return Script(shares={mode: 1.0}, **settings)


def first(*modes: Mode, **settings: Any) -> Script:
    """Return a script that answers each prompt in these ways, one after the other, and well from then on.

    Args:
        modes: Some of `MODES`, one for each time that the prompt is seen.
        settings: Other fields of `Script`.
    """
    return Script(first=modes, **settings)


def mixed(failures: float, *, without: tuple[Mode, ...] = (), **settings: Any) -> Script:
    """Return a script that fails in every way, all equally often.

    Args:
        failures: Share of all requests that fail, 0 to 1.
        without: Modes to leave out, such as those that rightly end a run.
        settings: Other fields of `Script`.
    """
    modes = [mode for mode in (*TRANSPORT, *CONTENT) if mode not in without]
    return Script(shares={mode: failures / len(modes) for mode in modes}, **settings)
