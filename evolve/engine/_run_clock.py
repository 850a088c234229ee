"""Run time: what a budget of seconds is spent on. It stands still while a pause has nothing in flight."""

from __future__ import annotations

from collections.abc import Callable


class RunClock:
    """Seconds of work, over all sessions of a run.

    Before `begin` it runs like the clock that it is made of, from 0 on.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = clock()
        self._earlier_s = 0.0
        self._stood_s = 0.0
        self._stands_since: float | None = None

    def begin(self, earlier_s: float) -> None:
        """Begin a session after earlier ones of that many seconds."""
        self._began, self._earlier_s = self._clock(), earlier_s
        self._stood_s, self._stands_since = 0.0, None

    def stand(self) -> None:
        """Stand still from now on; standing already: no effect."""
        if self._stands_since is None:
            self._stands_since = self._clock()

    def go(self) -> None:
        """Go on; no effect on a clock that goes."""
        if self._stands_since is not None:
            self._stood_s += self._clock() - self._stands_since
            self._stands_since = None

    @property
    def stands(self) -> bool:
        """Whether it stands still."""
        return self._stands_since is not None

    def session_s(self) -> float:
        """Return the run time of this session in seconds."""
        now = self._clock() if self._stands_since is None else self._stands_since
        return now - self._began - self._stood_s

    def elapsed_s(self) -> float:
        """Return the run time in seconds, over all sessions."""
        return self._earlier_s + self.session_s()
