"""The server's log: one line of JSON a call, written before the call is answered."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, overload

from evolve.testing.model_server._script import BROKEN, Mode

Kind = Literal["chat", "embedding"]


@dataclass(frozen=True, slots=True)
class Call:
    """One call, as the log has it.

    Attributes:
        time: Seconds since 1970 at which the request was there.
        kind: What was asked for.
        model: Name of the model that was asked.
        prompt: Hash of the conversation, see `prompt_hash`.
        sighting: How often this prompt was seen before.
        mode: How it is answered.
        status: HTTP status; 0 when nothing is written.
        prompt_tokens: Tokens of the prompt that are charged.
        reply_tokens: Tokens of the reply that are charged.
        max_tokens: Most tokens that the request allowed; None: no limit.
        in_flight: Calls that were being answered at that moment, this one included.
    """

    time: float
    kind: Kind
    model: str
    prompt: str
    sighting: int
    mode: Mode
    status: int
    prompt_tokens: int
    reply_tokens: int
    max_tokens: int | None
    in_flight: int

    @property
    def charged(self) -> bool:
        """The model did the work."""
        return self.prompt_tokens > 0

    @property
    def whole(self) -> bool:
        """The model did the work and a client could read the reply."""
        return self.charged and self.mode not in BROKEN


class Log(Sequence[Call]):
    """The calls of a log file, in the order in which they came, and what they add up to."""

    def __init__(self, calls: Sequence[Call]) -> None:
        self._all = tuple(calls)

    @classmethod
    def read(cls, path: Path) -> Log:
        """Read a log; a last line that is still being written is left out."""
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return cls(())
        return cls(
            [Call(**json.loads(line)) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        )

    def __len__(self) -> int:
        return len(self._all)

    @overload
    def __getitem__(self, index: int) -> Call: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Call]: ...

    def __getitem__(self, index: int | slice) -> Call | Sequence[Call]:
        return self._all[index]

    def __iter__(self) -> Iterator[Call]:
        return iter(self._all)

    @property
    def calls(self) -> int:
        """How many chat completions were asked for, in whatever way they ended."""
        return sum(call.kind == "chat" for call in self._all)

    @property
    def tokens(self) -> int:
        """Tokens of prompts and replies that a client could read."""
        return sum(call.prompt_tokens + call.reply_tokens for call in self._all if call.whole)

    @property
    def lost_tokens(self) -> int:
        """Tokens of replies that broke off on their way: charged, but known to the server alone."""
        return sum(call.prompt_tokens + call.reply_tokens for call in self._all if not call.whole)

    @property
    def paid_prompts(self) -> Counter[str]:
        """How often each prompt, by its hash, was answered in full: more than once is paid twice."""
        return Counter(call.prompt for call in self._all if call.whole)

    @property
    def modes(self) -> Counter[Mode]:
        """How many calls were answered in each way."""
        return Counter(call.mode for call in self._all)

    @property
    def most_in_flight(self) -> int:
        """Most calls that were being answered at once."""
        return max((call.in_flight for call in self._all), default=0)


class LogWriter:
    """Appends to a log file; each line is with the operating system when `append` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)

    def append(self, call: Call) -> None:
        """Write one line."""
        os.write(
            self._file, (json.dumps({name: getattr(call, name) for name in Call.__slots__}) + "\n").encode()
        )

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)
