"""What a display may know of a running engine: a snapshot, polled at the display's own pace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from evolve.models import Usage


@dataclass(frozen=True, slots=True)
class Progress:
    """A snapshot of a run.

    Attributes:
        evaluations: Programs evaluated so far.
        tickets: Tickets committed so far.
        in_flight: Tickets being proposed, evaluated or waiting for their turn.
        elapsed_s: Run time in seconds, over all sessions.
        rate: Evaluations per second of this session.
        best: (program id, objective) of the best program, or None.
        since_best: Evaluations since then.
        statuses: Number of commits by status.
        coverage: Share of occupied archive cells, per island.
        done: Share of the budget used up, 0 to 1, by the limit that is nearest; None without one.
        left_s: Estimate of the seconds until the budget ends; None when it cannot be told.
        spent: What models were asked and what that cost, over all sessions; None without models.
    """

    evaluations: int
    tickets: int
    in_flight: int
    elapsed_s: float
    rate: float
    best: tuple[int, float] | None
    since_best: int
    statuses: dict[str, int]
    coverage: tuple[float, ...]
    done: float | None
    left_s: float | None
    spent: Usage | None = None


class Source(Protocol):
    """Where a display gets its snapshots."""

    def progress(self) -> Progress:
        """Return a snapshot of this moment."""
        ...


class Display(Protocol):
    """Shows a run while it goes on; all that the engine knows of the user interface."""

    def started(self, source: Source) -> None:
        """The loop begins; poll `source` from now on."""
        ...

    def message(self, text: str) -> None:
        """Say one line to the user now."""
        ...

    def stopped(self) -> None:
        """The loop has ended; do not poll any more."""
        ...


class Quiet:
    """A display that shows nothing."""

    def started(self, source: Source) -> None:
        """See `Display.started`."""

    def message(self, text: str) -> None:
        """See `Display.message`."""

    def stopped(self) -> None:
        """See `Display.stopped`."""
