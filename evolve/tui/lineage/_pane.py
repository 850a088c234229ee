"""The lineage of the selected program: as a tree to walk along, or as a story."""

from __future__ import annotations

from textual import on, work
from textual.app import ComposeResult
from textual.reactive import reactive
from textual.widgets import Static

from evolve.errors import EvolveError
from evolve.tui._actions import bindings
from evolve.tui._pane import OpenProgram, Pane, SelectProgram, unless_left
from evolve.tui.data._dossier import folded
from evolve.tui.data._lineage import Branch, Lineage, lineage, story, tree
from evolve.tui.data._text import plain
from evolve.tui.widgets import Rows


class LineagePane(Pane):
    """How a program came to be."""

    AREA = "lineage"
    BINDINGS = bindings("lineage")
    DEFAULT_CSS = """
    LineagePane #line { height: 1; padding: 0 1; text-wrap: nowrap; }
    LineagePane Rows { height: 1fr; }
    """
    root: reactive[int] = reactive(0, init=False)
    """Whose lineage is shown; 0: nobody was chosen, the best is."""
    told: reactive[bool] = reactive(False, init=False)

    def compose(self) -> ComposeResult:
        """Lay out a line that says what is shown, and the rows."""
        yield Static("", id="line", markup=False)
        yield Rows(id="rows")

    def on_mount(self) -> None:
        """Remember the way that the user came."""
        self._way: list[int] = []
        self._found: Lineage | None = None
        self._branches: list[Branch] = []

    @property
    def rows(self) -> Rows:
        """The rows."""
        return self.query_one("#rows", Rows)

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.rows.focus()

    def draw(self) -> None:
        """See `Pane.draw`: a new best may have come, or new children."""
        self._read()

    def watch_selected(self) -> None:
        """Show the lineage of the program that the user looks at."""
        if self.selected and self.selected not in {branch.program for branch in self._branches}:
            self.root = self.selected

    def watch_root(self) -> None:
        """Show another lineage."""
        self._read(fresh=True)

    def watch_told(self) -> None:
        """Show a story, or a tree."""
        self._show(fresh=True)

    @work(group="read", exclusive=True)
    @unless_left
    async def _read(self, *, fresh: bool = False) -> None:
        best = self.run.best
        program = self.root or (best[0] if best else 0)
        if not program:
            self._say("no valid program yet" if self.run.loaded else "reading the run ...")
            return
        about = self.run.about
        try:
            found = await self.desk.ask(lambda viewer: lineage(viewer, program, about))
        except EvolveError as error:
            self._say(str(error), "bold red")
            return
        if found != self._found:
            fresh = fresh or self._found is None or self._found.program != found.program
            self._found = found
            self._show(fresh=fresh)

    def _show(self, *, fresh: bool) -> None:
        found = self._found
        if found is None:
            return
        best = self.run.best
        which = "the best program" if best and best[0] == found.program else f"program {found.program}"
        kind = "story" if self.told else "lineage"
        self._say(
            f"{kind} of {which}: {len(found.steps) - 1} steps from the seed, "
            f"{len(found.children)} made from it",
            "bold",
        )
        if self.told:
            self._branches = self._wrapped(story(found, self.run.about))
        else:
            self._branches = tree(found, self.run.about)
        at = self.rows.cursor
        if fresh:
            at = next((i for i, row in enumerate(self._branches) if row.program == found.program), 0)
        width = max((row.text.cell_len for row in self._branches), default=0)
        rows = self._branches
        self.rows.show(len(rows), lambda index: rows[index].text, width=width, cursor=at)
        if fresh:
            self.rows.move_to(at, tell=False)

    def _wrapped(self, branches: list[Branch]) -> list[Branch]:
        """Fold sentences at the width of the screen."""
        width = max(20, self.rows.size.width - 2)
        return [Branch(branch.program, line) for branch in branches for line in folded([branch.text], width)]

    def _say(self, text: str, style: str = "dim") -> None:
        self.query_one("#line", Static).update(plain(text, style))

    def _at(self, index: int) -> int:
        return self._branches[index].program if index < len(self._branches) else 0

    @on(Rows.Moved)
    def _moved(self, event: Rows.Moved) -> None:
        event.stop()
        if self._at(event.index):
            self.post_message(SelectProgram(self._at(event.index)))

    @on(Rows.Chosen)
    def _chosen(self, event: Rows.Chosen) -> None:
        event.stop()
        if self._at(event.index):
            self.post_message(OpenProgram(self._at(event.index)))

    # -- actions -----------------------------------------------------------------------------------

    def action_follow(self) -> None:
        """Show the lineage of the program in the selected row."""
        program = self._at(self.rows.cursor)
        if program and self._found is not None and program != self._found.program:
            self._way.append(self._found.program)
            self.root = program

    def action_return(self) -> None:
        """Show the lineage that was shown before."""
        if self._way:
            self.root = self._way.pop()
        else:
            self.notify("this is where you began", severity="warning", markup=False)

    def action_best(self) -> None:
        """Show the line from the seed to the best program."""
        best = self.run.best
        if best is not None and self._found is not None and best[0] != self._found.program:
            self._way.append(self._found.program)
        self.root = best[0] if best else 0

    def action_story(self) -> None:
        """Tell the line as a story, or draw it as a tree."""
        self.told = not self.told

    def action_picture(self) -> None:
        """Show the picture of the selected program."""
        program = self._at(self.rows.cursor)
        if program:
            self.post_message(SelectProgram(program, "picture"))
