"""The archives: a heat map of an island, the elite under the cursor, coverage and QD score over time."""

from __future__ import annotations

from itertools import permutations
from typing import TYPE_CHECKING

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.reactive import reactive
from textual.widgets import Static

from evolve.errors import EvolveError
from evolve.store import Viewer
from evolve.tui._actions import bindings
from evolve.tui._pane import OpenProgram, Pane, SelectProgram, unless_left
from evolve.tui.archive._map import MapView
from evolve.tui.data._about import config_of
from evolve.tui.data._elite import COVERAGE, QD_SCORE, elite_lines, history, island_line
from evolve.tui.data._heat import HeatMap, heat_map, legend, room
from evolve.tui.data._island_map import IslandMap
from evolve.tui.data._text import plain
from evolve.tui.widgets import Board, Panel

if TYPE_CHECKING:
    from evolve.tui.data._atlas import Atlas


class ArchivePane(Pane):
    """The elites of each island as a map."""

    AREA = "archive"
    BINDINGS = bindings("archive")
    DEFAULT_CSS = """
    ArchivePane #line { height: 1; padding: 0 1; text-wrap: nowrap; }
    ArchivePane #note { height: 1; padding: 0 1; text-wrap: nowrap; color: $foreground; }
    ArchivePane #body { height: 1fr; }
    ArchivePane #map { width: 1fr; }
    ArchivePane #beside { width: 34; }
    ArchivePane.-narrow #beside { width: 29; }
    ArchivePane #curves { height: 1fr; display: none; }
    ArchivePane.-curves #curves { display: block; }
    ArchivePane.-curves #body { display: none; }
    ArchivePane #elite { height: auto; }
    """
    island: reactive[int] = reactive(0, init=False)
    pair: reactive[int] = reactive(0, init=False)
    curves: reactive[bool] = reactive(False, init=False)

    def compose(self) -> ComposeResult:
        """Lay out the map, what is beside it, and the curves in its place."""
        yield Static("", id="line", markup=False)
        with Horizontal(id="body"):
            yield MapView(id="map")
            with Vertical(id="beside"):
                yield Panel("under the cursor", id="elite")
                yield Panel("score by rank", id="legend")
        with Board(id="curves"):
            yield Panel("coverage in per cent of the cells", id="coverage")
            yield Panel("QD score", id="qd")
        yield Static("", id="note", markup=False)

    def on_mount(self) -> None:
        """Nothing is read before somebody looks."""
        self._atlas: Atlas | None = None
        self._shown: IslandMap | None = None
        self._heat: HeatMap | None = None

    @property
    def map(self) -> MapView:
        """The map."""
        return self.query_one("#map", MapView)

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.query_one("#curves" if self.curves else "#map").focus()
        self.draw()

    def draw(self) -> None:
        """See `Pane.draw`."""
        self.set_class(self.size.width < 100, "-narrow")
        if self.curves:
            self._draw_curves()
        elif self.display:
            self._read()

    # -- reading -----------------------------------------------------------------------------------

    @work(group="read", exclusive=True)
    @unless_left
    async def _read(self) -> None:
        """Bring the archives up to date, some thousand commits at a time, and show the island."""
        if not self.run.loaded:
            self._say("reading the run ...")
            return
        up_to, island = self.run.ledger.size, self.island
        if self._shown is None:
            self._say("reading what the archives were offered ...")
        try:
            while (found := await self.desk.ask(lambda viewer: self._fold(viewer, up_to, island))) is None:
                pass  # the map is drawn once, when all is read
            self._shown = found
            if not self.curves:
                self._place()
        except EvolveError as error:
            self._say(str(error), "bold red")

    def _fold(self, viewer: Viewer, up_to: int, island: int) -> IslandMap | None:
        """Take in a page of commits; None: there are more. Runs in the thread that asks."""
        from evolve.tui.data._atlas import Atlas, preset_of  # the islands' library: not for the first screen

        if self._atlas is None:
            about = self.run.about
            self._atlas = Atlas(about, preset_of(config_of(about.folder)))
        return None if self._atlas.advance(viewer, up_to) else self._atlas.island(island)

    def _say(self, text: str, style: str = "dim") -> None:
        self.query_one("#note", Static).update(plain(text, style), layout=False)

    # -- drawing -----------------------------------------------------------------------------------

    def _pairs(self, island: IslandMap) -> list[tuple[int, int | None]]:
        count = len(island.measures)
        if count == 1:
            return [(0, None)]
        return [(b, a) for a, b in permutations(range(count), 2)]

    def _place(self) -> None:
        """Place the elites for the size of the screen, and draw."""
        island = self._shown
        if island is None or not self.map.size.width:
            return
        pairs = self._pairs(island)
        across, up = pairs[self.pair % len(pairs)]
        columns, rows = room(self.map.size.width, self.map.size.height, flat=up is None)
        maximize = self.run.about.maximize
        heat = heat_map(island, across, up, columns, rows, maximize=maximize)
        anew = self._heat is None or (self._heat.island.island, self._heat.across) != (
            island.island,
            heat.across,
        )
        self._heat = heat
        self.map.show(heat, maximize=maximize, anew=anew)
        self.query_one("#line", Static).update(island_line(island, len(self.run.about.islands)), layout=False)
        self.query_one("#legend", Panel).show(legend(heat, maximize=maximize))
        self._say(heat.note)
        self._describe()

    def _describe(self) -> None:
        if self._heat is not None:
            lines = elite_lines(self._heat, self.map.cursor, self.run)
            self.query_one("#elite", Panel).show(lines)

    def _draw_curves(self) -> None:
        width, height = self.size.width - 4, max(6, (self.size.height - 6) // 2)
        self.query_one("#coverage", Panel).show(history(self.run, COVERAGE, width, height))
        self.query_one("#qd", Panel).show(history(self.run, QD_SCORE, width, height))
        self.query_one("#line", Static).update(
            Text("all islands over the programs made", "bold"), layout=False
        )
        self._say("noted every 10 programs, in longer runs less often")

    @on(MapView.Moved)
    def _moved(self, event: MapView.Moved) -> None:
        event.stop()
        self._describe()
        program = self.program
        if program is not None:
            self.post_message(SelectProgram(program))

    @on(MapView.Opened)
    def _opened(self, event: MapView.Opened) -> None:
        event.stop()
        self.action_open()

    @on(MapView.Sized)
    def _sized(self, event: MapView.Sized) -> None:
        event.stop()
        self._place()

    @property
    def program(self) -> int | None:
        """The elite under the cursor."""
        if self._heat is None:
            return None
        index = self._heat.elite_at(*self.map.cursor)
        return None if index is None else int(self._heat.island.ids[index])

    # -- actions -----------------------------------------------------------------------------------

    def watch_island(self) -> None:
        """Show another island."""
        self._read()

    def watch_pair(self) -> None:
        """Show other measures."""
        self._place()

    def watch_curves(self) -> None:
        """Show curves in place of the map, or the map again."""
        self.set_class(self.curves, "-curves")
        self.enter()

    def _turn(self, step: int) -> None:
        self.island = (self.island + step) % len(self.run.about.islands)

    def action_next_island(self) -> None:
        """Show the next island."""
        self._turn(1)

    def action_previous_island(self) -> None:
        """Show the previous island."""
        self._turn(-1)

    def action_measures(self) -> None:
        """Show the next pair of measures."""
        self.pair += 1

    def action_curves(self) -> None:
        """Show coverage and QD score over time, or the map."""
        self.curves = not self.curves

    def action_best(self) -> None:
        """Move to the island's best elite."""
        self.map.to_best()

    def action_open(self) -> None:
        """Open the elite under the cursor."""
        program = self.program
        if program is None:
            self.notify("no program here yet", severity="warning", markup=False)
        else:
            self.post_message(OpenProgram(program))

    def _elsewhere(self, pane: str) -> None:
        if self.program is not None:
            self.post_message(SelectProgram(self.program, pane))

    def action_lineage(self) -> None:
        """Show the lineage of the elite under the cursor."""
        self._elsewhere("lineage")

    def action_picture(self) -> None:
        """Show the picture of the elite under the cursor."""
        self._elsewhere("picture")
