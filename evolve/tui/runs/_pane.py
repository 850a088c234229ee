"""The list of runs: switch between them, compare their curves."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual import on, work
from textual.app import ComposeResult
from textual.message import Message
from textual.reactive import reactive

from evolve.tui._actions import bindings
from evolve.tui._desk import Desk
from evolve.tui._pane import Pane, unless_left
from evolve.tui.data import _runs as listed
from evolve.tui.data._runs import RunBrief
from evolve.tui.data._chart import MARKS
from evolve.tui.data._run import RunState
from evolve.tui.data._text import shown
from evolve.tui.widgets import Panel, Rows

_MOST_COMPARED = len(MARKS) - 1


class OpenRun(Message):
    """Another run is wanted.

    Attributes:
        folder: Its folder.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


class RunsPane(Pane):
    """Other runs, and a comparison with them.

    Args:
        run: The run that is shown.
        desk: Where to ask.
        runs: The folder of all runs.
    """

    AREA = "runs"
    BINDINGS = bindings("runs")
    DEFAULT_CSS = """
    RunsPane #comparison { height: auto; }
    RunsPane Rows { height: 1fr; min-height: 5; }
    """
    late: reactive[bool] = reactive(False, init=False)

    def __init__(self, run: RunState, desk: Desk, runs: Path) -> None:
        super().__init__(run, desk)
        self._runs = runs
        self._found: list[RunBrief] = []
        self._compared: list[Path] = []

    def compose(self) -> ComposeResult:
        """Lay out the curves and the list."""
        yield Panel("best score of this run and those compared with it", id="comparison")
        yield Rows(id="list")

    @property
    def list(self) -> Rows:
        """The rows."""
        return self.query_one("#list", Rows)

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.list.focus()
        self._read()

    @work(group="read", exclusive=True)
    @unless_left
    async def _read(self) -> None:
        """Read the runs one by one in a thread; each appears when it is read."""
        folder = self.run.about.folder
        found = await asyncio.to_thread(listed.folders, self._runs)
        known = {run.folder: run for run in self._found}
        fresh: list[RunBrief] = []
        for path in found:
            fresh.append(await asyncio.to_thread(listed.brief, path))
            known[path] = fresh[-1]
            self._found = sorted(known.values(), key=lambda run: (run.created_at, run.folder.name), reverse=True)
            self._list()
        if all(path.resolve() != folder.resolve() for path in found):
            fresh.append(await asyncio.to_thread(listed.brief, folder))
        self._found = sorted(fresh, key=lambda run: (run.created_at, run.folder.name), reverse=True)
        self.draw()

    def draw(self) -> None:
        """See `Pane.draw`."""
        self._list()
        width, height = self.size.width, self.size.height
        if not width:
            return
        others = [run for run in self._found if run.folder in self._compared]
        others.sort(key=lambda run: self._compared.index(run.folder))
        lines = listed.comparison(self.run, others, width - 6, max(8, height // 2 - 2), late=self.late)
        self.query_one("#comparison", Panel).show(lines)

    def _list(self) -> None:
        here = self.run.about.folder.resolve()
        marks = listed.marks(here, [folder.resolve() for folder in self._compared])
        rows = self._found
        self.list.show(
            len(rows),
            lambda index: listed.row(
                rows[index],
                here=rows[index].folder.resolve() == here,
                mark=marks.get(rows[index].folder.resolve(), ""),
            ),
            heads=[listed.head()],
            width=140,
        )

    def watch_late(self) -> None:
        """Draw another part of the curves."""
        self.draw()

    @property
    def _at_cursor(self) -> RunBrief | None:
        return self._found[self.list.cursor] if self.list.cursor < len(self._found) else None

    @on(Rows.Chosen)
    def _chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        self.action_open()

    # -- actions -----------------------------------------------------------------------------------

    def action_open(self) -> None:
        """Watch the selected run in place of this one."""
        run = self._at_cursor
        if run is None:
            return
        if run.trouble:
            self.notify(shown(run.trouble), severity="error", markup=False)
        elif run.folder.resolve() == self.run.about.folder.resolve():
            self.notify("this run is shown already", markup=False)
        else:
            self.post_message(OpenRun(run.folder))

    def action_mark(self) -> None:
        """Compare with the selected run, or do not any more."""
        run = self._at_cursor
        if run is None or run.folder.resolve() == self.run.about.folder.resolve():
            return
        if run.folder in self._compared:
            self._compared.remove(run.folder)
        elif not listed.comparable(run, self.run.about):
            self.notify(
                "only runs of the same problem and parameters can be compared", severity="warning", markup=False
            )
        elif len(self._compared) >= _MOST_COMPARED:
            self.notify(f"at most {_MOST_COMPARED} others fit into one chart", severity="warning", markup=False)
        else:
            self._compared.append(run.folder)
        self.draw()

    def action_zoom(self) -> None:
        """Change the scale of the comparison."""
        self.late = not self.late

    def action_refresh(self) -> None:
        """Read the list again."""
        self._read()
