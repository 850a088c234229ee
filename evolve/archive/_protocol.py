"""The contract of an archive."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from evolve.archive._admit import Added, AddResult
from evolve.archive._bins import Bins
from evolve.archive._columns import Elite, Elites


@runtime_checkable
class Archive(Protocol):
    """Keeps the fittest program of every cell.

    Concurrency: an archive belongs to the engine and is used from the engine's one thread only; it takes
    no locks. `ids`, `fitness` and `measures` are views of live state, to be used up before the next
    insertion; everything else that is returned is a copy or immutable. Nothing here survives a crash: the
    engine rebuilds an archive by adding the stored programs again in the order of their commits.

    Determinism: the state is a pure function of the sequence of rows added, however it was cut into batches,
    and of where in it programs were removed.
    """

    @property
    def size(self) -> int:
        """Number of elites."""
        ...

    @property
    def cells(self) -> int:
        """Number of cells, occupied or not."""
        ...

    @property
    def coverage(self) -> float:
        """Share of the cells that are occupied: 0 .. 1."""
        ...

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, fitness) of the fittest elite, the earliest admitted of equals; None when empty."""
        ...

    @property
    def qd_score(self) -> float:
        """Sum over the elites of fitness above the given floor (above 0 when none was given)."""
        ...

    @property
    def bins(self) -> tuple[Bins, ...]:
        """The bins of every measure: its range, and what is linear in it."""
        ...

    @property
    def revision(self) -> int:
        """How often ranges were fitted to what was seen; 0 when none adapts."""
        ...

    @property
    def measures(self) -> np.ndarray:
        """(size, k) float64 in the order of `elites`: a read-only view, valid until the next insertion."""
        ...

    @property
    def ids(self) -> np.ndarray:
        """(size,) int64 in the order of `elites`: a read-only view, valid until the next insertion."""
        ...

    @property
    def fitness(self) -> np.ndarray:
        """(size,) float64 in the order of `elites`: a read-only view, valid until the next insertion."""
        ...

    def add(self, ids: ArrayLike, fitness: ArrayLike, measures: ArrayLike) -> AddResult:
        """Insert a batch; see `GridArchive.add`."""
        ...

    def add_single(self, program_id: int, fitness: float, measures: Sequence[float] | np.ndarray) -> Added:
        """Insert one program: `add` with one row, but faster."""
        ...

    @property
    def offered(self) -> np.ndarray:
        """(n,) int64 ids of all programs offered and not removed, in order: a read-only view."""
        ...

    def remove(self, program_id: int) -> Elite | None:
        """Take a program out as if it had never been offered; see `CellArchive.remove`."""
        ...

    def elites(self) -> Elites:
        """Return all elites in the order in which their cells were first occupied."""
        ...

    def elite_in(self, cell: int) -> Elite | None:
        """Return the elite of a cell, or None when it is vacant."""
        ...
