"""What a pipeline may know about a program besides its text, fixed by the commits that its ticket saw."""

from __future__ import annotations

from collections.abc import Iterable

from evolve.archive import Archive, GridArchive
from evolve.engine._programs import Programs
from evolve.engine._tickets import Ticket
from evolve.pipeline import Ancestor, Bar, Surroundings


class EliteBar:
    """The objectives of a grid's elites at one commit; later insertions do not change it."""

    def __init__(self, archive: GridArchive, sign: float) -> None:
        elites = archive.elites()
        self._cell_of = archive.cell_of
        self._objectives = {
            int(cell): sign * float(fitness)
            for cell, fitness in zip(elites.cells, elites.fitness, strict=True)
        }

    def __call__(self, measures: tuple[float, ...]) -> float | None:
        """Return the objective of the elite in the cell of these measures; None when it is vacant."""
        return self._objectives.get(self._cell_of(measures))


def bar_of(archive: Archive, sign: float) -> Bar | None:
    """Return what a program has to reach; None where cells move: nothing is lost there."""
    return EliteBar(archive, sign) if type(archive) is GridArchive else None


def surroundings(ticket: Ticket, parents: Iterable[int], change: str, programs: Programs) -> Surroundings:
    """Return what is known about a ticket's program."""
    seen = (programs.view(parent) for parent in parents)
    ancestors = tuple(Ancestor(p.id, p.text, p.status, p.objective, p.metrics) for p in seen)
    return Surroundings(ancestors, change, ticket.calls, ticket.bar)
