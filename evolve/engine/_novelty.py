"""Novelty before evaluation: is a proposed program one that is known, or nearly one?"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.operators import fingerprint, similarity

_COMPARED = 256
"""Recent programs that a proposal is compared with."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The programs committed last, as one ticket saw them; nothing that is committed later changes it.

    Attributes:
        programs: (program, fingerprint) of each, the latest last.
        vectors: (program, unit vector) of the last ones that have a vector.
    """

    programs: tuple[tuple[int, frozenset[int]], ...]
    vectors: tuple[tuple[int, np.ndarray], ...]

    def nearest(self, text: str, *, parents: tuple[int, ...]) -> tuple[int, float] | None:
        """Return (program, similarity in 0 .. 1) of the most similar one that is no parent, or None.

        A small change of a parent is what an operator is for, so parents are not compared with.
        """
        mark = fingerprint(text)
        likeness = [
            (similarity(mark, other), program) for program, other in self.programs if program not in parents
        ]
        if not likeness:
            return None
        best = max(likeness)
        return best[1], best[0]

    def closest(self, vector: Sequence[float], *, parents: tuple[int, ...]) -> tuple[int, float] | None:
        """Return (program, cosine in -1 .. 1) of the one nearest in meaning that is no parent, or None."""
        unit = _unit(vector)
        # A server may change its mind about the length.
        known = [pair for pair in self.vectors if pair[0] not in parents and pair[1].shape == unit.shape]
        if not known:
            return None
        cosines = np.stack([other for _, other in known]) @ unit
        best = int(np.argmax(cosines))
        return known[best][0], float(cosines[best])


class Recent:
    """Fingerprints and vectors of the programs committed last.

    A proposal is judged by the commits that its ticket saw, however many came since: what a model is asked
    must not depend on timing. In arrival order that can be any number, so a ticket takes along what it saw.
    """

    def __init__(self) -> None:
        self._programs: deque[tuple[int, frozenset[int]]] = deque(maxlen=_COMPARED)
        self._vectors: deque[tuple[int, np.ndarray]] = deque(maxlen=_COMPARED)

    def commit(self, program: int, text: str, vector: Sequence[float] | None) -> None:
        """Take in the next evaluated program, with its vector when it has one."""
        self._programs.append((program, fingerprint(text)))
        if vector is not None:
            self._vectors.append((program, _unit(vector)))

    def seen(self) -> Seen:
        """Return what a ticket that is prepared now compares with."""
        return Seen(tuple(self._programs), tuple(self._vectors))


def _unit(vector: Sequence[float]) -> np.ndarray:
    values = np.asarray(vector, dtype=np.float64)
    norm = float(np.linalg.norm(values))
    return values / norm if norm > 0 else values
