"""The app."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from textual.app import App, SystemCommand
from textual.screen import ModalScreen, Screen
from textual.theme import BUILTIN_THEMES

from evolve.errors import UsageError
from evolve.store import is_live
from evolve.tui._actions import bindings
from evolve.tui._commands import Commands
from evolve.tui._help import Help
from evolve.tui._pane import OpenProgram, Pane, SelectProgram
from evolve.tui._run_screen import NAMES, RunScreen
from evolve.tui._settings import Settings, load_settings
from evolve.tui.control import AskEngine
from evolve.tui.dialogs import AskText, Choose, Editor
from evolve.tui.runs import OpenRun

_NEAR = {"archive": ("map", "board"), "overview": ("board",), "editor": (), "picture": ()}
"""Areas of keys that work beside those of a pane; in all others: lists."""
_ELSEWHERE = ("pane", "next_pane", "previous_pane", "open_best", "open_number", "quit")
"""Actions that would leave a question without its answer."""
Ending = Literal["stop", "leave"]


class EvolveApp(App[Ending]):
    """Watches runs, live and finished.

    Args:
        folder: The run to show first.
        runs: Where other runs are.
        ask_to_stop: Ask at the end whether the run shall go on, while it is in progress.
        settings: Keys and colours; None: those of the user's file.
        clock: Monotonic seconds.

    Raises:
        UsageError: the user's file of settings does not fit.
    """

    TITLE = "Evolve"
    BINDINGS = bindings("app")
    COMMANDS = {Commands}  # noqa: RUF012 - as the base class has it
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        folder: Path,
        runs: Path,
        *,
        ask_to_stop: bool = False,
        settings: Settings | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.settings = settings or load_settings(tuple(BUILTIN_THEMES))
        super().__init__()
        self.folder, self.runs, self.clock = folder, runs, clock
        self._ask_to_stop = ask_to_stop

    def on_mount(self) -> None:
        """Put the user's settings into force and show the run."""
        self.theme = self.settings.theme
        if self.settings.keys:
            self.set_keymap(self.settings.keys)
        self.push_screen(self._screen_of(self.folder))

    def get_system_commands(self, _screen: Screen[object]) -> Iterable[SystemCommand]:
        """See `textual.app.App.get_system_commands`: ours are in the table of actions."""
        return ()

    def _screen_of(self, folder: Path) -> RunScreen:
        return RunScreen(folder, self.runs, self.clock, self.settings.period_s)

    @property
    def run_screen(self) -> RunScreen:
        """The screen of the run, whatever lies on top of it."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, RunScreen))

    def _to_run(self) -> RunScreen:
        while not isinstance(self.screen, RunScreen):
            self.pop_screen()
        return self.run_screen

    # -- what screens on top of the run's ask for ---------------------------------------------------

    def on_select_program(self, event: SelectProgram) -> None:
        """Hand it to the run's screen."""
        self.run_screen.select(event.program, event.pane)

    def on_open_program(self, event: OpenProgram) -> None:
        """Hand it to the run's screen."""
        self.run_screen.open_program(event.program)

    def on_ask_engine(self, event: AskEngine) -> None:
        """Hand it to the run's screen."""
        self.run_screen.ask(event)

    def on_open_run(self, event: OpenRun) -> None:
        """Watch another run in place of this one."""
        self._to_run()
        self.switch_screen(self._screen_of(event.folder))

    # -- actions -----------------------------------------------------------------------------------

    async def perform(self, area: str, name: str) -> None:
        """Do an action of an area, from wherever the user is: go to its pane first."""
        if self._is_asking and (area in NAMES or name.split("(")[0] in _ELSEWHERE):
            self.notify("answer the question in front first", severity="warning", markup=False)
        elif area in NAMES:
            screen = self._to_run()
            screen.pane = area
            await self.run_action(name, screen.query_one(f"#{area}", Pane))
        elif area == "app":
            await self.run_action(name, self)
        elif getattr(self.screen, "AREA", "") == area:
            await self.run_action(name, self.screen)
        else:
            self.notify(f"this works on the {area}'s page only", severity="warning", markup=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """See `textual.dom.DOMNode.check_action`: an open question is answered before anything else."""
        if self._is_asking and action in _ELSEWHERE:
            return False
        return super().check_action(action, parameters)

    @property
    def _is_asking(self) -> bool:
        return bool(self.screen_stack) and isinstance(self.screen_stack[-1], ModalScreen | Editor)

    def action_pane(self, name: str) -> None:
        """Go to a pane."""
        self._to_run().pane = name

    def action_next_pane(self) -> None:
        """Go to the pane at the right."""
        self._to_run().turn(1)

    def action_previous_pane(self) -> None:
        """Go to the pane at the left."""
        self._to_run().turn(-1)

    def action_help(self) -> None:
        """Explain the screen in front."""
        front = self.screen
        area = front.pane if isinstance(front, RunScreen) else str(getattr(front, "AREA", ""))
        if area in ("dialog", "help", ""):
            return
        near = _NEAR.get(area, ("list",))
        self.push_screen(Help(area, [area, *near, "app"], self.settings.keys))

    def action_open_best(self) -> None:
        """Show the page of the best program."""
        best = self.run_screen.run.best
        if best is None:
            self.notify("no valid program yet", severity="warning", markup=False)
        else:
            self._to_run().open_program(best[0])

    def action_open_number(self) -> None:
        """Ask for a program's number and show its page."""
        ledger = self.run_screen.run.ledger

        def check(text: str) -> int:
            if not text.strip().isdigit() or ledger.row_of(int(text)) is None:
                last = int(ledger["id"].max()) if ledger.size else 0
                raise UsageError(f"must be the number of a committed program, 1 to {last}, got {text!r}.")
            return int(text)

        def opened(text: str | None) -> None:
            if text is not None:
                self._to_run().open_program(int(text))

        self.push_screen(AskText("program number", about="Which program?", check=check), opened)

    def action_dark(self) -> None:
        """Switch between light and dark."""
        self.theme = "textual-light" if self.current_theme.dark else "textual-dark"

    async def action_quit(self) -> None:
        """Leave the app; a run that was begun with it may be stopped."""
        if not (self._ask_to_stop and is_live(self.folder)):
            self.exit("leave")
            return
        ways = (
            ("leave", "Leave it running: it goes on without the app"),
            ("stop", "Stop it cleanly: `evolve resume` can go on later"),
        )
        about = f"{self.folder.name} is in progress."

        def decided(way: str | None) -> None:
            if way is not None:
                self.exit("stop" if way == "stop" else "leave")

        self.push_screen(Choose("leave the app", ways, about=about), decided)

    def action_snapshot(self) -> None:
        """Save the screen as an SVG file."""
        try:
            path = self.save_screenshot()
        except OSError as error:
            self.notify(f"the picture cannot be written: {error}", severity="error", markup=False)
        else:
            self.notify(f"saved as {path}", markup=False)
