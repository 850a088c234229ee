"""Requests and tokens in any minute."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

WINDOW_S = 60.0


class Entry:
    """One call in the window; its tokens are an estimate until the call has ended."""

    __slots__ = ("at", "tokens")

    def __init__(self, at: float, tokens: int) -> None:
        self.at = at
        self.tokens = tokens


class RateLimit:
    """A sliding window: never more than `rpm` calls and `tpm` tokens are sent in any 60 s.

    Used by one event loop; no method waits. A limit of None is none.
    """

    def __init__(self, rpm: int | None, tpm: int | None, *, clock: Callable[[], float]) -> None:
        self._rpm = rpm
        self._tpm = tpm
        self._clock = clock
        self._window: deque[Entry] = deque()
        self._tokens = 0

    def wait_s(self, tokens: int) -> float:
        """Return the seconds until a call of that many tokens may be sent; 0.0 means now.

        A call that is larger than the whole limit may be sent when the window is empty.
        """
        self._expire()
        if not self._window:
            return 0.0
        calls, used, wait = len(self._window), self._tokens, 0.0
        for entry in self._window:
            if not self._over(calls, used, tokens):
                break
            calls, used, wait = calls - 1, used - entry.tokens, entry.at + WINDOW_S - self._clock()
        return max(0.0, wait)

    def take(self, tokens: int) -> Entry:
        """Count a call that is sent now."""
        entry = Entry(self._clock(), tokens)
        if self._rpm is not None or self._tpm is not None:
            self._window.append(entry)
            self._tokens += tokens
        return entry

    def correct(self, entry: Entry, tokens: int) -> None:
        """Replace the estimate of a call by what it has used."""
        if entry in self._window:
            self._tokens += tokens - entry.tokens
            entry.tokens = tokens

    def _over(self, calls: int, used: int, tokens: int) -> bool:
        if calls == 0:
            return False
        if self._rpm is not None and calls + 1 > self._rpm:
            return True
        return self._tpm is not None and used + tokens > self._tpm

    def _expire(self) -> None:
        now = self._clock()
        while self._window and self._window[0].at + WINDOW_S <= now:
            self._tokens -= self._window.popleft().tokens
