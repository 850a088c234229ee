"""What prompts tell of the past: a pure fold over the commits, kept only when models are asked."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from evolve.prompts import Hypothesis, Step

_ANCESTORS = 5
_SIBLINGS = 6
_RECENT = 12
_FAILURES = 16
_HYPOTHESES = 8

REPAIRABLE = ("failed", "invalid", "timeout", "memory")


@dataclass(frozen=True, slots=True)
class Past:
    """The part of a commit that later prompts may tell.

    Attributes:
        id: The program.
        island: Its island; None for a seed and for a reflection.
        parents: Ids of the programs it was made from.
        change: What was done.
        status: What became of it.
        objective: None unless valid.
        kept: An archive took it.
        hypothesis: What it was to show, settled.
    """

    id: int
    island: int | None
    parents: tuple[int, ...]
    change: str
    status: str
    objective: float | None
    kept: bool
    hypothesis: Hypothesis | None = None


class History:
    """Answers what was tried before, as of the commits taken in so far.

    Equal commits give equal answers. Owned by the engine's thread.
    """

    def __init__(self) -> None:
        self._past: dict[int, Past] = {}
        self._children: dict[int, deque[int]] = {}
        self._failures: dict[int, deque[int]] = {}
        self._wins: deque[int] = deque(maxlen=_RECENT)
        self._losses: deque[int] = deque(maxlen=_RECENT)
        self._hypotheses: deque[Hypothesis] = deque(maxlen=_HYPOTHESES)
        self.banned: set[int] = set()
        """Programs that are told of no more."""

    def commit(self, past: Past) -> None:
        """Take in the next commit."""
        self._past[past.id] = past
        if past.hypothesis is not None:
            self._hypotheses.append(past.hypothesis)
        if not past.parents:
            return
        self._children.setdefault(past.parents[0], deque(maxlen=_SIBLINGS)).append(past.id)
        if past.status in REPAIRABLE and past.island is not None:
            self._failures.setdefault(past.island, deque(maxlen=_FAILURES)).append(past.id)
        if past.status != "duplicate":
            (self._wins if past.kept else self._losses).append(past.id)

    def ancestors(self, program: int) -> tuple[Step, ...]:
        """Return the last changes that led to a program, its own change last."""
        steps: list[Step] = []
        current = self._past.get(program)
        while current is not None and current.parents and len(steps) < _ANCESTORS:
            steps += self._steps((current.id,))
            current = self._past.get(current.parents[0])
        return tuple(reversed(steps))

    def siblings(self, program: int) -> tuple[Step, ...]:
        """Return the last changes that were made to a program, oldest first."""
        return self._steps(self._children.get(program, ()))

    def failures(self, island: int) -> tuple[int, ...]:
        """Return the last programs of an island that failed, oldest first."""
        return tuple(program for program in self._failures.get(island, ()) if program not in self.banned)

    def hypotheses(self) -> tuple[Hypothesis, ...]:
        """Return the last hypotheses, oldest first."""
        return tuple(found for found in self._hypotheses if found.program not in self.banned)

    def wins(self) -> tuple[Step, ...]:
        """Return the last changes that an archive took, oldest first."""
        return self._steps(self._wins)

    def losses(self) -> tuple[Step, ...]:
        """Return the last changes that no archive took, oldest first."""
        return self._steps(self._losses)

    def _steps(self, programs: Iterable[int]) -> tuple[Step, ...]:
        return tuple(self._step(self._past[program]) for program in programs if program not in self.banned)

    def _step(self, past: Past) -> Step:
        parent = self._past.get(past.parents[0])
        before = parent.objective if parent is not None else None
        return Step(past.id, past.change, past.status, before, past.objective)
