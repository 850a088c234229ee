"""The screen of one run: a line that says how it stands, the panes, and who gets the news."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from textual import work
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import ContentSwitcher, Footer, Static

from evolve.errors import EvolveError
from evolve.store import Request
from evolve.tui._desk import Desk
from evolve.tui._pane import OpenProgram, Pane, SelectProgram, unless_left
from evolve.tui.archive import ArchivePane
from evolve.tui.control import AskEngine, ControlPane, Steering
from evolve.tui.data._about import about
from evolve.tui.data._control import asked
from evolve.tui.data._overview import headline
from evolve.tui.data._run import RunState
from evolve.tui.data._text import one_line, plain, shown
from evolve.tui.lineage import LineagePane
from evolve.tui.overview import Overview
from evolve.tui.picture import PicturePane
from evolve.tui.program import ProgramScreen
from evolve.tui.programs import Programs
from evolve.tui.runs import RunsPane
from evolve.tui.widgets import Views

PANES: tuple[type[Pane], ...] = (
    Overview,
    ArchivePane,
    Programs,
    LineagePane,
    PicturePane,
    ControlPane,
    RunsPane,
)
NAMES = tuple(pane.AREA for pane in PANES)
_AFTER_ERROR_S = 5.0
_AWAY = 5
"""Periods that are left out while the terminal has not the focus."""


class RunScreen(Screen[None]):
    """Everything about one run.

    Args:
        folder: Of the run.
        runs: The folder of all runs.
        clock: Monotonic seconds.
        period_s: Seconds between two looks at the store.
    """

    DEFAULT_CSS = """
    RunScreen #headline { height: 1; background: $panel; color: $foreground;
                          text-wrap: nowrap; text-overflow: ellipsis; }
    RunScreen ContentSwitcher { height: 1fr; }
    RunScreen Pane { height: 1fr; }
    """
    pane: reactive[str] = reactive("overview", init=False)
    selected: reactive[int] = reactive(0, init=False)

    def __init__(self, folder: Path, runs: Path, clock: Callable[[], float], period_s: float) -> None:
        super().__init__()
        self.run = RunState.begin(about(folder), clock)
        self.desk = Desk(folder)
        self._runs, self._period_s = runs, period_s

    def compose(self) -> ComposeResult:
        """Lay out headline, names of the panes, the panes and the keys."""
        yield Static("", id="headline", markup=False)
        yield Views(NAMES, numbered=True, id="panes")
        with ContentSwitcher(initial="overview"):
            for pane in PANES:
                yield (
                    RunsPane(self.run, self.desk, self._runs)
                    if pane is RunsPane
                    else pane(self.run, self.desk)
                )
        yield Steering(self.run, self.desk)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin to follow the run."""
        self.shown_pane.enter()
        self._follow()
        if self.run.about.trouble:
            self.notify(shown(self.run.about.trouble), severity="warning", markup=False)

    def on_unmount(self) -> None:
        """Close the connections."""
        self.desk.close()

    @property
    def shown_pane(self) -> Pane:
        """The pane in front."""
        return self.query_one(f"#{self.pane}", Pane)

    # -- news --------------------------------------------------------------------------------------

    @work(group="news", exclusive=True)
    @unless_left
    async def _follow(self) -> None:
        """Look at the store again and again; draw only when there is something new."""
        while True:
            try:
                news = await self.desk.news()
            except EvolveError as error:
                words = str(error).replace(f"{self.run.about.folder}/", "")
                self.query_one("#headline", Static).update(plain(f" ✗ {words}", "bold red"), layout=False)
                await asyncio.sleep(_AFTER_ERROR_S)
                continue
            first = not self.run.loaded
            waiting = {number for number, one in self.run.asked.items() if one.status == "waiting"}
            changed = self.run.take(news)
            if not first:
                self._tell([one for one in news.requests if one.id in waiting and one.status != "waiting"])
            if not news.more:
                if changed or self.run.running:
                    self._say()
                if changed:
                    self.shown_pane.revision = self.run.revision
            if first and not news.more:
                await self.desk.warm()
            await self._rest(0 if news.more else self._period_s)

    async def _rest(self, seconds: float) -> None:
        """Wait until the next look; longer where the terminal says that nobody looks, until somebody does."""
        await asyncio.sleep(seconds)
        for _ in range(_AWAY):
            if self.app.app_focus or not seconds:
                return
            await asyncio.sleep(seconds)

    def _tell(self, answered: list[Request]) -> None:
        """Say what the engine answered."""
        for one in answered:
            severity = "information" if one.status == "done" else "error"
            words = f"{asked(one.kind, one.arguments)}: {one_line(one.answer, 300)}"
            self.app.notify(f"request {one.id}, {words}", severity=severity, markup=False)  # type: ignore[arg-type]

    def _say(self) -> None:
        self.query_one("#headline", Static).update(headline(self.run, self.size.width), layout=False)

    def on_resize(self) -> None:
        """Fit the headline to the width."""
        self._say()

    # -- panes -------------------------------------------------------------------------------------

    def watch_pane(self) -> None:
        """Bring a pane to the front; it draws what it missed meanwhile."""
        self.query_one(Views).chosen = self.pane
        self.query_one(ContentSwitcher).current = self.pane
        shown = self.shown_pane
        shown.selected = self.selected
        shown.revision = self.run.revision
        shown.enter()

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """Go to the pane that was clicked."""
        event.stop()
        self.pane = event.name

    def turn(self, step: int) -> None:
        """Go so many panes to the right."""
        self.pane = NAMES[(NAMES.index(self.pane) + step) % len(NAMES)]

    # -- programs ----------------------------------------------------------------------------------

    def on_select_program(self, event: SelectProgram) -> None:
        """Remember the program that the user looks at; go where it is wanted."""
        event.stop()
        self.select(event.program, event.pane)

    def select(self, program: int, pane: str = "") -> None:
        """Select a program, and go to a pane if one is named."""
        self.selected = program
        if pane in NAMES:
            self.pane = pane
        self.shown_pane.selected = program

    def on_open_program(self, event: OpenProgram) -> None:
        """Show a program's page."""
        event.stop()
        self.open_program(event.program)

    def open_program(self, program: int) -> None:
        """Show a program's page."""
        self.selected = program
        neighbour = self.query_one(Programs).neighbour
        self.app.push_screen(ProgramScreen(self.run, self.desk, program, neighbour))

    def on_ask_engine(self, event: AskEngine) -> None:
        """Have something asked of the engine."""
        event.stop()
        self.ask(event)

    def ask(self, event: AskEngine) -> None:
        """Have something asked of the engine."""
        self.query_one(Steering).ask(event.kind, event.program)
