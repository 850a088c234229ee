"""What all panes have in common."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, ClassVar, ParamSpec

from textual.containers import Container
from textual.css.query import NoMatches
from textual.message import Message
from textual.reactive import reactive

from evolve.tui._desk import Desk
from evolve.tui.data._run import RunState

Asked = ParamSpec("Asked")


def unless_left(worker: Callable[Asked, Awaitable[None]]) -> Callable[Asked, Coroutine[Any, Any, None]]:
    """Let a worker end quietly when its screen was taken away while it waited for an answer."""

    @functools.wraps(worker)
    async def run(*arguments: Asked.args, **options: Asked.kwargs) -> None:
        with contextlib.suppress(NoMatches):
            await worker(*arguments, **options)

    return run


class OpenProgram(Message):
    """A program's page is wanted.

    Attributes:
        program: Its id.
    """

    def __init__(self, program: int) -> None:
        super().__init__()
        self.program = program


class SelectProgram(OpenProgram):
    """A program was selected; other panes show it from now on.

    Attributes:
        pane: The pane to go to; empty to stay.
    """

    def __init__(self, program: int, pane: str = "") -> None:
        super().__init__(program)
        self.pane = pane


class Pane(Container):
    """One of the screens of a run: draws itself anew when `revision` says that something is new.

    Args:
        run: What is known of the run.
        desk: Where to ask for more.
    """

    AREA: ClassVar[str] = ""
    """Of its actions and its help."""
    revision: reactive[int] = reactive(-1, init=False)
    """Of the run, as far as this pane has to show it."""
    selected: reactive[int] = reactive(0, init=False)
    """The program that the user looks at; 0 for none."""

    def __init__(self, run: RunState, desk: Desk) -> None:
        super().__init__(id=self.AREA)
        self.run, self.desk = run, desk

    def watch_revision(self) -> None:
        """Draw what is new."""
        self.draw()

    def on_resize(self) -> None:
        """Draw for another size."""
        self.draw()

    def draw(self) -> None:
        """Show the run as it stands."""
        raise NotImplementedError

    def enter(self) -> None:
        """Take the focus: the pane has come to the front."""
        raise NotImplementedError
