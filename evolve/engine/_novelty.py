"""Novelty before evaluation: is a proposed program one that is known, or nearly one?"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np

from evolve.operators import fingerprint, similarity

_COMPARED = 256
"""Recent programs that a proposal is compared with."""


@dataclass(frozen=True, slots=True)
class Vectors:
    """Embeddings of the programs committed last, as of any commit within the window; see `Recent`."""

    programs: deque[tuple[int, int, np.ndarray]]

    @classmethod
    def kept(cls, window: int) -> Vectors:
        """Return an empty one for a window of so many tickets in flight."""
        return cls(deque(maxlen=_COMPARED + window))

    def commit(self, seq: int, program: int, vector: Sequence[float]) -> None:
        """Take in the vector of the next program that has one."""
        self.programs.append((seq, program, _unit(vector)))

    def nearest(
        self, vector: Sequence[float], *, saw: int, parents: tuple[int, ...]
    ) -> tuple[int, float] | None:
        """Return (program, cosine in -1 .. 1) of the nearest one that is no parent, or None."""
        known = [
            (program, unit) for seq, program, unit in self.programs if seq <= saw and program not in parents
        ]
        if not known:
            return None
        cosines = np.stack([unit for _, unit in known[-_COMPARED:]]) @ _unit(vector)
        best = int(np.argmax(cosines))
        return known[-_COMPARED:][best][0], float(cosines[best])


def _unit(vector: Sequence[float]) -> np.ndarray:
    values = np.asarray(vector, dtype=np.float64)
    norm = float(np.linalg.norm(values))
    return values / norm if norm > 0 else values


class Recent:
    """Fingerprints of the programs committed last, as of any commit within the window.

    A proposal is judged by the commits that its ticket saw, however many came since: what a model
    is asked must not depend on timing.
    """

    def __init__(self, window: int) -> None:
        self._programs: deque[tuple[int, int, frozenset[int]]] = deque(maxlen=_COMPARED + window)

    def commit(self, seq: int, program: int, text: str) -> None:
        """Take in the next evaluated program."""
        self._programs.append((seq, program, fingerprint(text)))

    def nearest(self, text: str, *, saw: int, parents: tuple[int, ...]) -> tuple[int, float] | None:
        """Return (program, similarity in 0 .. 1) of the most similar one that is no parent, or None.

        A small change of a parent is what an operator is for, so parents are not compared with.
        """
        mark = fingerprint(text)
        known = ((program, tokens) for seq, program, tokens in reversed(self._programs) if seq <= saw)
        likeness = [
            (similarity(mark, tokens), program)
            for program, tokens in islice(known, _COMPARED)
            if program not in parents
        ]
        if not likeness:
            return None
        best = max(likeness)
        return best[1], best[0]
