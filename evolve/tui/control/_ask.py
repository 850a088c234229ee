"""What can be asked of an engine, wherever in the app the user is."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from typing import Any

from textual import work
from textual.message import Message
from textual.widget import Widget

from evolve.errors import EvolveError, UsageError
from evolve.languages import LANGUAGES
from evolve.store import Mailbox
from evolve.tui._desk import Desk
from evolve.tui._process import run_python
from evolve.tui.data._control import READ_ONLY, asked
from evolve.tui.data._run import RunState
from evolve.tui.data._text import one_line, shown
from evolve.tui.dialogs import AskText, Choose, Draft, Editor

_MOST_WORKERS = 1024
MAY_ALWAYS = ("export",)
"""Kinds that a run without an engine obeys too."""


class AskEngine(Message):
    """Something is wanted of the engine, or of a program.

    Attributes:
        kind: As `Mailbox.ask` names it.
        program: Whose turn it is; 0 where none is.
    """

    def __init__(self, kind: str, program: int = 0) -> None:
        super().__init__()
        self.kind, self.program = kind, program


class Steering(Widget):
    """Asks what is missing, leaves the request, and says that it is on its way. Shows nothing itself.

    Args:
        run: What is known of the run.
        desk: Where to ask the store.
    """

    DEFAULT_CSS = "Steering { display: none; }"

    def __init__(self, run: RunState, desk: Desk) -> None:
        super().__init__(id="steering")
        self.run, self.desk = run, desk

    @work(group="ask")
    async def ask(self, kind: str, program: int = 0) -> None:
        """Do what a user wants."""
        if not self.run.running and kind not in MAY_ALWAYS:
            self._say(READ_ONLY, "warning")
            return
        if kind in ("pin", "unpin", "ban", "unban", "export") and not program:
            self._say("select a program first", "warning")
            return
        if kind == "export":
            await self._export(program)
            return
        arguments = await self._arguments(kind, program)
        if arguments is not None:
            await self._leave(kind, arguments)

    async def _arguments(self, kind: str, program: int) -> dict[str, Any] | None:
        """Ask the user what the request lacks; None: the user went back."""
        if kind == "stop":
            sure = await self.app.push_screen_wait(
                Choose(
                    "stop the run?",
                    (("no", "No, let it go on"), ("yes", "Yes, stop it cleanly")),
                    about="The running evaluations may end, nothing is lost, and `evolve resume` goes on.",
                )
            )
            return {} if sure == "yes" else None
        if kind == "workers":
            now = str(self.run.pulse.workers) if self.run.pulse else ""
            answer = await self.app.push_screen_wait(
                AskText(
                    "workers",
                    now,
                    about="Programs evaluated at once. It changes speed, not results.",
                    check=_workers,
                )
            )
            return None if answer is None else {"count": _workers(answer)}
        if kind == "inject":
            return await self._draft(program)
        return {"program": program} if program and kind not in ("pause", "resume") else {}

    async def _draft(self, program: int) -> dict[str, Any] | None:
        """Let the user write a program; the selected one, or the best, stands there at first."""
        best = self.run.best
        start = program or (best[0] if best else 1)
        try:
            text = await self.desk.ask(lambda viewer: viewer.reader.text(start))
        except EvolveError:
            text = ""
        about = self.run.about
        suffix = Path(LANGUAGES[about.language].file).suffix if about.language in LANGUAGES else ".txt"
        draft: Draft | None = await self.app.push_screen_wait(Editor(text, len(about.islands), suffix))
        if draft is None:
            return None
        return {"text": draft.text, "island": draft.island, "note": draft.note}

    async def _leave(self, kind: str, arguments: dict[str, Any]) -> None:
        mailbox = Mailbox(self.run.about.folder)
        try:
            number = await to_thread(mailbox.ask, kind, **arguments)
        except EvolveError as error:
            self._say(str(error), "error")
            return
        self._say(f"request {number}: {asked(kind, arguments)}; the engine answers soon")

    async def _export(self, program: int) -> None:
        """Export a program: by the engine while there is one, else by the command that does it."""
        folder = self.run.about.folder
        target = await self.app.push_screen_wait(
            AskText(
                f"export program {program}",
                str(folder / f"program-{program}"),
                about="Folder to write: the program, its score measured again, its provenance and picture.",
                check=_folder,
            )
        )
        if target is None:
            return
        if self.run.running:
            await self._leave("export", {"program": program, "target": target})
            return
        self._say(f"exporting program {program} ...")
        command = ("-m", "evolve", "export", str(folder), str(program), "--out", target)
        code, _, trouble = await run_python(*command)
        if code:
            self._say(one_line(trouble.decode(errors="replace"), 400), "error")
        else:
            self._say(f"program {program} is exported to {target}")

    def _say(self, text: str, severity: Any = "information") -> None:
        self.app.notify(shown(text), severity=severity, markup=False)


def _workers(text: str) -> int:
    try:
        count = int(text)
    except ValueError:
        count = 0
    if not 1 <= count <= _MOST_WORKERS:
        raise UsageError(f"must be a whole number from 1 to {_MOST_WORKERS}, got {text!r}.")
    return count


def _folder(text: str) -> None:
    if not text.strip() or "\0" in text:
        raise UsageError("must be the path of a folder.")
