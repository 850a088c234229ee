"""Programs by id: the ones asked for lately are kept in memory, the others are read from the store."""

from __future__ import annotations

from collections import OrderedDict

from evolve.operators import Parent
from evolve.prompts import ProgramView
from evolve.store import Reader

_KEPT = 4096


class Programs:
    """Committed programs with text and evaluation; those in a batch that is not written yet included."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: OrderedDict[int, ProgramView] = OrderedDict()

    def remember(self, program: ProgramView) -> None:
        """Keep a program that is being committed."""
        self._kept[program.id] = program
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def view(self, program: int) -> ProgramView:
        """Return a committed program."""
        found = self._kept.get(program)
        if found is None:
            commit = self._reader.commit(program)
            row = commit.evaluation
            text = self._reader.text(program)
            found = ProgramView(program, text, row.status, row.objective, row.metrics, row.feedback)
            self.remember(found)
        self._kept.move_to_end(program)
        return found

    def parent(self, program: int) -> Parent:
        """Return a committed valid program as an operator sees it."""
        found = self.view(program)
        assert found.objective is not None
        return Parent(found.id, found.text, found.objective, found.feedback)
