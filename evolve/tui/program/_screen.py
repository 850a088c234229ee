"""The page of one program: source, diff, results, stages and output, prompt, reply."""

from __future__ import annotations

from collections.abc import Callable

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.screen import Screen
from textual.widgets import Footer, Static

from evolve.errors import EvolveError
from evolve.tui._actions import bindings
from evolve.tui._desk import Desk
from evolve.tui._pane import SelectProgram, unless_left
from evolve.tui.control import AskEngine
from evolve.tui.data import _dossier as pages
from evolve.tui.data._dossier import Dossier
from evolve.tui.data._run import RunState
from evolve.tui.data._text import plain
from evolve.tui.widgets import Rows, Views

VIEWS = ("source", "diff", "results", "stages & output", "prompt", "reply")


class ProgramScreen(Screen[None]):
    """All about one program.

    Args:
        run: The run.
        desk: Where to ask.
        program: Its id.
        neighbour: Returns the program so many places further in the table, or None.
    """

    AREA = "program"
    BINDINGS = bindings("program")
    DEFAULT_CSS = """
    ProgramScreen #head { height: 3; padding: 0 1; background: $panel; }
    ProgramScreen Rows { height: 1fr; }
    """
    program: reactive[int] = reactive(0, init=False)
    view: reactive[str] = reactive("source", init=False)
    wrap: reactive[bool] = reactive(True, init=False)

    def __init__(
        self, run: RunState, desk: Desk, program: int, neighbour: Callable[[int, int], int | None]
    ) -> None:
        super().__init__()
        self.run, self.desk = run, desk
        self._neighbour = neighbour
        self._found: Dossier | None = None
        self._against = 0
        self.set_reactive(ProgramScreen.program, program)

    def compose(self) -> ComposeResult:
        """Lay out heading, views and text."""
        yield Static("", id="head", markup=False)
        yield Views(VIEWS, id="views")
        yield Rows(cursor=False, id="text")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Read the program."""
        self.query_one("#text").focus()
        self._load()

    def watch_program(self) -> None:
        """Read another program; the view stays."""
        self._against = 0
        self._load()

    @work(group="load", exclusive=True)
    @unless_left
    async def _load(self) -> None:
        program, best = self.program, self.run.best
        try:
            found = await self.desk.ask(
                lambda viewer: pages.dossier(viewer, program, best[0] if best else None)
            )
        except EvolveError as error:
            self._found = None
            self.query_one("#head", Static).update(plain(str(error), "bold red"))
            return
        self._found = found
        self.post_message(SelectProgram(program))
        self.query_one("#head", Static).update(Text("\n").join(pages.heading(found, self.run.about)))
        self._draw()

    # -- views -------------------------------------------------------------------------------------

    def watch_view(self) -> None:
        """Show another view, from its beginning."""
        self.query_one(Views).chosen = self.view
        self.query_one("#text", Rows).scroll_to(0, 0, animate=False)
        self._draw()

    def watch_wrap(self) -> None:
        """Fold long lines, or not."""
        self._draw()

    def on_resize(self) -> None:
        """Fold for another width."""
        self._draw()

    def on_views_chosen(self, event: Views.Chosen) -> None:
        """Show the view that was clicked."""
        event.stop()
        self.view = event.name

    @work(group="draw", exclusive=True)
    @unless_left
    async def _draw(self) -> None:
        found = self._found
        if found is None:
            return
        view, against, dark = self.view, self._against, self.app.current_theme.dark
        lines, head = await self.desk.ask(lambda _viewer: self._lines(found, view, against, dark))
        if (found, view, against) != (self._found, self.view, self._against):
            return  # the user has gone on
        rows = self.query_one("#text", Rows)
        if self.wrap:
            lines = pages.folded(lines, rows.size.width - 1)
        rows.show_lines(lines, heads=head)

    def _lines(self, found: Dossier, view: str, against: int, dark: bool) -> tuple[list[Text], list[Text]]:
        """Make a view; runs in the thread that asks, for big texts take their time."""
        if view == "source":
            return pages.source_lines(found.text, self.run.about.language, dark=dark), []
        if view == "diff":
            if not found.relatives:
                return [Text("there is no other program to compare with", "dim")], []
            other = found.relatives[against % len(found.relatives)]
            head = f"from {other.role}, program {other.id} ({against % len(found.relatives) + 1} of "
            head += f"{len(found.relatives)}), to this one: - taken away, + added"
            return pages.diff_lines(found, other), [plain(head)]
        if view == "results":
            return pages.result_lines(found, self.run.about), []
        if view == "stages & output":
            return pages.stage_lines(found), []
        return pages.call_lines(found.calls, prompts=view == "prompt"), []

    def _turn(self, step: int) -> None:
        self.view = VIEWS[(VIEWS.index(self.view) + step) % len(VIEWS)]

    def action_next_view(self) -> None:
        """Show the next view."""
        self._turn(1)

    def action_previous_view(self) -> None:
        """Show the previous view."""
        self._turn(-1)

    def action_against(self) -> None:
        """Compare with the next relative; shows the diff first."""
        if self.view != "diff":
            self.view = "diff"
            return
        self._against += 1
        self._draw()

    def action_wrap(self) -> None:
        """Fold long lines, or not."""
        self.wrap = not self.wrap

    # -- elsewhere ---------------------------------------------------------------------------------

    def action_back(self) -> None:
        """Leave this page."""
        self.dismiss()

    def action_parent(self) -> None:
        """Show the main parent."""
        parents = self._found.commit.parents if self._found else ()
        if parents:
            self.program = parents[0]
        else:
            self.notify("a seed has no parent", severity="warning", markup=False)

    def _step(self, step: int) -> None:
        other = self._neighbour(self.program, step)
        if other is None:
            self.notify("there is none further in the table", severity="warning", markup=False)
        else:
            self.program = other

    def action_next(self) -> None:
        """Show the next program of the table."""
        self._step(1)

    def action_previous(self) -> None:
        """Show the previous program of the table."""
        self._step(-1)

    def action_lineage(self) -> None:
        """Show how it came to be."""
        self.post_message(SelectProgram(self.program, "lineage"))
        self.dismiss()

    def action_picture(self) -> None:
        """Show what it produced."""
        self.post_message(SelectProgram(self.program, "picture"))
        self.dismiss()

    def action_pin(self) -> None:
        """Pin this program."""
        self.post_message(AskEngine("pin", self.program))

    def action_ban(self) -> None:
        """Ban this program."""
        self.post_message(AskEngine("ban", self.program))

    def action_export(self) -> None:
        """Export this program."""
        self.post_message(AskEngine("export", self.program))

    def action_inject(self) -> None:
        """Put in a changed copy of this program."""
        self.post_message(AskEngine("inject", self.program))

    def action_copy(self) -> None:
        """Copy the program's source, or the text of the view, to the clipboard."""
        if self._found is None:
            return
        self.app.copy_to_clipboard(self._found.text)
        self.notify("the program's text was handed to the terminal's clipboard", markup=False)
