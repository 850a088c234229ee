"""Kinds of archives, by the name that a preset gives."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from evolve.archive import Archive, CVTArchive, GridArchive
from evolve.islands._resolve import build, require_number, require_whole
from evolve.problem import Measure


class ArchiveKind(Protocol):
    """Settings of a kind of archive."""

    def make(self, measures: Sequence[Measure]) -> Archive:
        """Return an empty archive; raises ProblemError when a range cannot be divided."""
        ...


class GridKind:
    """A cell for every combination of bins.

    Args:
        floor: See `GridArchive`.
    """

    def __init__(self, *, floor: float | None = None) -> None:
        self.floor = _checked(floor)

    def make(self, measures: Sequence[Measure]) -> Archive:
        """See `ArchiveKind.make`."""
        return GridArchive(measures, floor=self.floor)


class CVTKind:
    """A chosen number of cells, spread evenly over the measures.

    Args:
        cells: 2 to 100,000.
        seed: Of the cells' places; not of the run, so that islands alike have cells alike.
        floor: See `CVTArchive`.
    """

    def __init__(self, *, cells: int = 256, seed: int = 0, floor: float | None = None) -> None:
        require_whole("cells", cells, 2, 100_000)
        require_whole("seed", seed, 0, 2**31)
        self.cells, self.seed, self.floor = int(cells), int(seed), _checked(floor)

    def make(self, measures: Sequence[Measure]) -> Archive:
        """See `ArchiveKind.make`."""
        return CVTArchive(measures, cells=self.cells, seed=self.seed, floor=self.floor)


ARCHIVES: Mapping[str, Callable[..., ArchiveKind]] = {"grid": GridKind, "cvt": CVTKind}
"""Kinds of archives by the `kind` that a preset names."""


def resolve_archive(choice: str | Mapping[str, Any]) -> ArchiveKind:
    """Return the settings that a name or a table stands for; raises UsageError as `build`."""
    return build("archive", choice, ARCHIVES)


def _checked(floor: float | None) -> float | None:
    if floor is None:
        return None
    require_number("floor", floor, -math.inf, math.inf)
    if not math.isfinite(floor):
        raise ValueError(f"floor must be finite, got {floor!r}.")
    return float(floor)
