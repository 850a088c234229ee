"""What a pipeline may know about a program besides its text, fixed by the commits that its ticket saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from evolve.archive import GridArchive
from evolve.engine._programs import Programs
from evolve.engine._tickets import Ticket
from evolve.islands import Archipelago
from evolve.pipeline import Ancestor, Bar, Surroundings


class EliteBar:
    """The objectives of a grid's elites at one commit; later insertions do not change it.

    Attributes:
        measures: Names of the grid's measures.
    """

    def __init__(self, archive: GridArchive, sign: float) -> None:
        elites = archive.elites()
        self.measures = tuple(bins.metric for bins in archive.bins)
        self._cell_of = archive.cell_of
        self._objectives = {
            int(cell): sign * float(fitness)
            for cell, fitness in zip(elites.cells, elites.fitness, strict=True)
        }

    def __call__(self, metrics: Mapping[str, float]) -> float | None:
        """See `Bar`."""
        if not metrics.keys() >= {*self.measures}:
            return None
        return self._objectives.get(self._cell_of([metrics[name] for name in self.measures]))


def bar_of(archipelago: Archipelago, island: int, sign: float) -> Bar | None:
    """Return what a program has to reach on an island; None where missing it may not be the end of it."""
    archive = archipelago.islands[island].archive
    if type(archive) is not GridArchive or not archipelago.rejects_for_good(island):
        return None
    return EliteBar(archive, sign)


def surroundings(ticket: Ticket, parents: Iterable[int], change: str, programs: Programs) -> Surroundings:
    """Return what is known about a ticket's program."""
    seen = (programs.view(parent) for parent in parents)
    ancestors = tuple(Ancestor(p.id, p.text, p.status, p.objective, p.metrics) for p in seen)
    return Surroundings(ancestors, change, ticket.calls, ticket.bar)
