"""Novelty before evaluation: is a proposed program one that is known, or nearly one?"""

from __future__ import annotations

from collections import deque
from itertools import islice

from evolve.operators import fingerprint, similarity

_COMPARED = 256
"""Recent programs that a proposal is compared with."""


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
        """Return (program, similarity in 0 .. 1) of the most similar one that is no parent; None: there is none.

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
