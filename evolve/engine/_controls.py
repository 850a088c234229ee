"""The mailbox of a run in progress: looked at a few times a second, beside the loop and never in its way."""

from __future__ import annotations

import asyncio
import contextlib
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from evolve.engine._engine import Engine
from evolve.engine._obey import Obedience
from evolve.errors import StoreError
from evolve.store import (
    ENDED,
    REQUEST,
    Mailbox,
    Pulse,
    Reader,
    Request,
    Unreadable,
    live_since,
    remove_pulse,
    write_pulse,
)

_PERIOD_S = 0.25
_LOOKS_A_PULSE = 4
_LOOKS_AFTER_TROUBLE = 20
"""How many looks are left out after the file could not be read or written."""
_FRESH_S = 1.0
"""A file that changed less than this ago may have changed again without another time."""
_ANSWER_S = 0.2
_SLOW = ("export", "workers")
_MOST_AT_ONCE = 8
_LAST_JOBS_S, _LOOK_UP_S = 10.0, 0.1
"""How long a run that ends waits for exports, unless it is interrupted, which it looks for as often."""

Mark = tuple[tuple[int, int, int] | None, ...]
Answer = tuple[bool, str]


class Controls:
    """Hands requests to the engine and its answers back, and shows its pulse.

    A look is two calls of `stat`; the file is read when they tell of a change, in a thread of its own.
    Whatever is wrong with the file is said once, and the run goes on as if nobody had asked.
    Entered before the engine runs, left when it has ended: what waits then is refused.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        obedience: Obedience,
        reader: Reader,
        *,
        message: Callable[[str], None],
        period_s: float = _PERIOD_S,
    ) -> None:
        """Prepare.

        Args:
            folder: The run's.
            engine: What goes on in it.
            obedience: Does what is asked.
            reader: Of the run.
            message: Says one line to the user.
            period_s: From one look to the next.
        """
        self._folder = folder
        self._engine = engine
        self._obedience = obedience
        self._reader = reader
        self._message = message
        self._period_s = period_s
        self._mailbox = Mailbox(folder, timeout_s=_ANSWER_S)
        self._seen: Mark | None = None
        self._answers: dict[tuple[int, str], Answer] = {}
        self._jobs: dict[tuple[int, str], asyncio.Task[None]] = {}
        self._complained = False
        self._pulses = True
        self._looks = 0
        self._next_look = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Answer what an earlier session has left, and begin to look."""
        for event in self._reader.events(kind=REQUEST):
            said = event.data["status"] == "done", event.data["answer"]
            self._answers[event.data["id"], event.data["asked_at"]] = said
        try:
            if self._mailbox.path.exists():
                await asyncio.to_thread(self._mailbox.settle, live_since(self._folder))
        except (StoreError, OSError) as error:
            self._complain(error)
        self._task = asyncio.get_running_loop().create_task(self._watch())
        return self

    async def __aexit__(self, *_error: object) -> None:
        """Wait for exports, refuse what is left, and look no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._end_jobs()
        with contextlib.suppress(StoreError):
            if self._mailbox.path.exists():
                await asyncio.to_thread(self._mailbox.settle)
        with contextlib.suppress(OSError):
            remove_pulse(self._folder)

    async def _end_jobs(self) -> None:
        if not self._jobs:
            return
        if not self._engine.hurries:
            self._message(f"Waiting for what was asked for, {_LAST_JOBS_S:g} s at most.")
        late, left = set(self._jobs.values()), _LAST_JOBS_S
        while late and left > 0 and not self._engine.hurries:
            _, late = await asyncio.wait(late, timeout=_LOOK_UP_S)
            left -= _LOOK_UP_S
        for job in late:
            job.cancel()
        await asyncio.gather(*late, return_exceptions=True)

    # -- looking -----------------------------------------------------------------------------------

    async def _watch(self) -> None:
        try:
            while True:
                if self._engine.at_work:
                    if self._looks % _LOOKS_A_PULSE == 0:
                        self._show_pulse()
                    if self._looks >= self._next_look:
                        await self._look()
                    self._looks += 1
                await asyncio.sleep(self._period_s)
        except Exception:  # noqa: BLE001 - whatever somebody put into the file must not end a run
            self._engine.log("requests", {"error": traceback.format_exc()})
            self._message("Requests are not answered any more: a bug, see the run's event `requests`.")

    async def _look(self) -> None:
        mark = self._mark()
        if mark == self._seen:
            return
        try:
            waiting = await asyncio.to_thread(self._mailbox.waiting) if mark[0] is not None else []
            for row in waiting:
                if not self._engine.at_work:
                    return  # it has ended meanwhile
                await self._deal(row)
        except StoreError as error:
            self._complain(error)
            self._next_look = self._looks + _LOOKS_AFTER_TROUBLE
            return
        self._seen = mark if not self._is_fresh(mark) else None

    def _mark(self) -> Mark:
        """Return what changes when somebody writes to the file."""
        path = self._mailbox.path
        return _stamp(path), _stamp(path.with_name(path.name + "-wal"))

    @staticmethod
    def _is_fresh(mark: Mark) -> bool:
        now = datetime.now(UTC).timestamp()
        return any(stamp is not None and now - stamp[0] / 1e9 < _FRESH_S for stamp in mark)

    def _complain(self, error: StoreError | OSError) -> None:
        """Say that the file cannot be used, once."""
        if self._complained:
            return
        self._complained = True
        self._message(f"Requests cannot be read or answered: {error} The run goes on.")
        with contextlib.suppress(StoreError):
            self._engine.log("requests", {"error": str(error)})

    # -- answering ---------------------------------------------------------------------------------

    async def _deal(self, row: Request | Unreadable) -> None:
        """Obey a request that was not obeyed yet, and answer it."""
        if isinstance(row, Unreadable):
            await self._tell(row.id, (False, f"this is no request: {row.why}"))
            return
        name = row.id, row.asked_at
        if name in self._jobs:
            return
        if name in self._answers:  # obeyed already, but it could not be said
            await self._tell(row.id, self._answers[name])
        elif row.kind not in _SLOW:
            await self._obey(row)
        elif len(self._jobs) >= _MOST_AT_ONCE:
            why = f"{_MOST_AT_ONCE} such requests are under way already; ask again later"
            self._answers[name] = self._obedience.refuse(row, why)
            await self._tell(row.id, self._answers[name])
        else:
            job = asyncio.get_running_loop().create_task(self._obey_apart(row))
            self._jobs[name] = job
            job.add_done_callback(lambda _: self._jobs.pop(name, None))

    async def _obey(self, request: Request) -> None:
        answer = await self._obedience.obey(request)
        self._answers[request.id, request.asked_at] = answer
        await self._tell(request.id, answer)

    async def _obey_apart(self, request: Request) -> None:
        try:
            await self._obey(request)
        except asyncio.CancelledError:
            with contextlib.suppress(StoreError):
                self._answers[request.id, request.asked_at] = self._obedience.refuse(request, ENDED)
            raise
        except StoreError as error:
            self._complain(error)
            self._seen = None

    async def _tell(self, request: int, answer: Answer) -> None:
        await asyncio.to_thread(self._mailbox.answer, request, "done" if answer[0] else "refused", answer[1])

    # -- the pulse ---------------------------------------------------------------------------------

    def _show_pulse(self) -> None:
        if not self._pulses:
            return
        engine = self._engine
        progress = engine.progress()
        pulse = Pulse(
            at=datetime.now(UTC).isoformat(),
            state="stopping" if engine.stopping else "paused" if engine.paused else "running",
            workers=engine.seats.count,
            evaluating=engine.flights.doing(),
            asking=engine.asking,
            queued=engine.queued,
            commits=progress.tickets,
            rate=max(0.0, progress.rate),
        )
        try:
            write_pulse(self._folder, pulse)
        except OSError as error:
            self._pulses = False
            self._message(
                f"{self._folder}: what goes on cannot be shown ({error.strerror}). The run goes on."
            )


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
