"""The picture of the selected program's solution, in braille."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.containers import Container
from textual.reactive import reactive
from textual.widgets import Static

from evolve.problem import Shape, shapes_of_data
from evolve.tui._actions import bindings
from evolve.tui._pane import OpenProgram, Pane, SelectProgram, unless_left
from evolve.tui._process import run_python
from evolve.tui.data._format import score
from evolve.tui.data._picture import picture
from evolve.tui.data._text import laid_out, one_line, plain

_KEPT = 32
_PAUSE_S = 0.2
"""A program that is only passed on the way to another one is not evaluated."""


class Stage(Container, can_focus=True):
    """Holds the picture, so that keys reach the pane."""


class PicturePane(Pane):
    """What a program produced."""

    AREA = "picture"
    BINDINGS = bindings("picture")
    DEFAULT_CSS = """
    PicturePane #line { height: 1; padding: 0 1; text-wrap: nowrap; }
    PicturePane #stage { height: 1fr; padding: 0 1; }
    PicturePane #drawing { height: 1fr; }
    """
    program: reactive[int] = reactive(0, init=False)
    """Whose picture is shown; 0: nobody was chosen, the best is."""

    def compose(self) -> ComposeResult:
        """Lay out a line that says what is shown, and the picture."""
        yield Static("", id="line", markup=False)
        with Stage(id="stage"):
            yield Static("", id="drawing", markup=False)

    def on_mount(self) -> None:
        """Keep the last pictures: an evaluation takes seconds."""
        self._known: OrderedDict[int, list[Shape] | str] = OrderedDict()
        self._evaluating = 0

    def enter(self) -> None:
        """See `Pane.enter`."""
        self.query_one("#stage").focus()
        self._show()

    def draw(self) -> None:
        """See `Pane.draw`."""
        if self.display:
            self._show()

    def watch_selected(self) -> None:
        """Show the picture of the program that the user looks at."""
        self.program = self.selected

    def watch_program(self) -> None:
        """Show another picture."""
        self._show()

    @property
    def _wanted(self) -> int:
        best = self.run.best
        return self.program or (best[0] if best else 0)

    def _show(self) -> None:
        program = self._wanted
        if not program:
            self._say("no valid program yet" if self.run.loaded else "reading the run ...")
            return
        known = self._known.get(program)
        if known is None:
            if program != self._evaluating:
                self._evaluating = program
                self._evaluate(program)
            return
        size = self.query_one("#drawing", Static).size
        if isinstance(known, str):
            self._say(f"program {program}: no picture")
            lines = [Text(line, "yellow") for line in laid_out(known)]
        else:
            self._say(self._caption(program), "bold")
            lines = picture(known, size.width, size.height)
        self.query_one("#drawing", Static).update(Text("\n", no_wrap=isinstance(known, list)).join(lines))

    def _caption(self, program: int) -> str:
        row = self.run.ledger.row_of(program)
        value = None if row is None else float(self.run.ledger["objective"][row])
        best = self.run.best
        which = ", the best" if best and best[0] == program else ""
        return f"program {program}{which}: {one_line(self.run.about.metric, 40)} {score(value, 12)}"

    def _say(self, text: str, style: str = "dim") -> None:
        self.query_one("#line", Static).update(plain(text, style), layout=False)

    @work(group="evaluate", exclusive=True)
    @unless_left
    async def _evaluate(self, program: int) -> None:
        """Have the program evaluated by a process that ends when nobody wants its answer any more."""
        self._say(f"evaluating program {program} in the sandbox ...")
        self.query_one("#drawing", Static).update("")
        try:
            await asyncio.sleep(_PAUSE_S)
            folder = str(self.run.about.folder)
            module = ("-m", "evolve.tui.picture._evaluate")
            _, answer, trouble = await run_python(*module, folder, str(program))
            found = _shapes_in(answer, trouble)
        except OSError as error:
            found = f"the evaluation cannot be begun: {error}"
        finally:
            if self._evaluating == program:
                self._evaluating = 0
        self._known[program] = found
        if len(self._known) > _KEPT:
            self._known.popitem(last=False)
        self._show()

    # -- actions -----------------------------------------------------------------------------------

    def action_best(self) -> None:
        """Show the picture of the best program."""
        best = self.run.best
        self.program = best[0] if best else 0
        self._show()

    def action_open(self) -> None:
        """Show the program's page."""
        if self._wanted:
            self.post_message(OpenProgram(self._wanted))

    def action_again(self) -> None:
        """Evaluate the program again."""
        self._known.pop(self._wanted, None)
        self._show()

    def action_lineage(self) -> None:
        """Show the program's lineage."""
        if self._wanted:
            self.post_message(SelectProgram(self._wanted, "lineage"))


def _shapes_in(answer: bytes, trouble: bytes) -> list[Shape] | str:
    """Return the shapes that the process printed, or why there are none."""
    try:
        found = json.loads(answer)
        return str(found["error"]) if "error" in found else shapes_of_data(found["shapes"])
    except (ValueError, KeyError, TypeError):
        last = trouble.decode(errors="replace").strip().split("\n")[-1]
        return f"the evaluation ended without an answer: {last or 'it was stopped'}"
