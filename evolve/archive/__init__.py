"""Archives: keep the best program of every cell of the measure space.

An archive knows numbers only: program ids, fitness (always higher-is-better; the caller multiplies
the objective by its sign) and measures. Source text stays in the store.
"""

from __future__ import annotations

from evolve.archive._admit import Added, AddResult, Status
from evolve.archive._bins import Bins, bins_for
from evolve.archive._columns import Elite, Elites
from evolve.archive._cvt import CVTArchive
from evolve.archive._errors import NonFiniteError, ShapeError
from evolve.archive._grid import GridArchive
from evolve.archive._protocol import Archive

__all__ = [
    "AddResult",
    "Added",
    "Archive",
    "Bins",
    "CVTArchive",
    "Elite",
    "Elites",
    "GridArchive",
    "NonFiniteError",
    "ShapeError",
    "Status",
    "bins_for",
]
