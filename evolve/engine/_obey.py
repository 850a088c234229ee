"""What each request means to the engine: what it does, and the sentence that answers it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

from evolve.engine._engine import INTERRUPTED, Engine
from evolve.engine._exporting import export_apart
from evolve.engine._state import INJECT
from evolve.engine._steering import STEERING, request_data
from evolve.errors import ProblemError, SandboxError, UsageError
from evolve.problem import Problem
from evolve.sandbox import Resizable
from evolve.store import Commit, Reader, Request

PAUSE_LAG = "what is in flight is finished first"


class Refused(Exception):  # noqa: N818 - an answer
    """The request cannot be obeyed; the text says why and what to do."""


class Obedience:
    """Does what is asked of an engine. Belongs to the engine's loop; one request at a time.

    Every request that is obeyed or refused becomes an event of the run. What changes the search is recorded
    before it is used.
    """

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        problem: Problem,
        reader: Reader,
        executor: object,
        *,
        window: int,
        message: Callable[[str], None],
    ) -> None:
        """Prepare.

        Args:
            folder: The run's.
            engine: Obeys.
            problem: Of the run.
            reader: Of the run.
            executor: Where programs run.
            window: Tickets in flight.
            message: Says one line to the user at the engine.
        """
        self._folder = folder.absolute()
        self._engine = engine
        self._problem = problem
        self._reader = reader
        self._executor = executor
        self._window = window
        self._message = message
        self._resizing = asyncio.Lock()

    async def obey(self, request: Request) -> tuple[bool, str]:
        """Do what is asked; return whether it was done, and the answer.

        Raises:
            StoreError: it could not be recorded.
        """
        try:
            if request.kind in STEERING:
                return True, self._steer(request)
            answer = await self._do(request)
        except (Refused, UsageError) as refusal:
            return self.refuse(request, str(refusal))
        self._record(request, "done", answer)
        return True, answer

    def refuse(self, request: Request, why: str) -> tuple[bool, str]:
        """Record that a request is refused; return that answer."""
        self._record(request, "refused", why)
        return False, why

    def _record(self, request: Request, status: str, answer: str) -> None:
        self._engine.log("request", request_data(request, status, answer, {}))

    # -- what changes nothing that is found --------------------------------------------------------

    async def _do(self, request: Request) -> str:
        if request.kind == "pause":
            return self._pause()
        if request.kind == "resume":
            return self._resume()
        if request.kind == "stop":
            return self._stop()
        if request.kind == "workers":
            return await self._workers(request.arguments["count"])
        done, answer = await export_apart(self._folder, request)
        if not done:
            raise Refused(answer)
        return answer

    def _pause(self) -> str:
        self._refuse_at_the_end()
        if self._engine.paused:
            raise Refused("the run is paused already; `resume` goes on")
        self._engine.pause()
        self._message(f"Paused: {PAUSE_LAG}.")
        return f"paused; {PAUSE_LAG}"

    def _resume(self) -> str:
        self._refuse_at_the_end()
        if not self._engine.paused:
            raise Refused("the run is not paused, there is nothing to resume")
        self._engine.unpause()
        self._message("The pause is over.")
        return "the run goes on"

    def _stop(self) -> str:
        if self._engine.stopping:
            raise Refused("the run is stopping already")
        self._engine.request_stop(INTERRUPTED)
        self._message("Asked to stop: the running evaluations may end.")
        return "stopping; the running evaluations may end, then `evolve resume` can go on"

    async def _workers(self, count: int) -> str:
        self._refuse_at_the_end()
        if not isinstance(self._executor, Resizable):
            raise Refused("the number of these sandboxes cannot be changed while they work")
        async with self._resizing:
            was = self._engine.seats.count
            if count < was:
                self._engine.seats.resize(count)
            try:
                await self._executor.resize(count)
            except (SandboxError, ProblemError) as error:
                raise Refused(f"more sandboxes cannot be started, it stays at {was}: {error}") from None
            self._engine.seats.resize(count)
        self._message(f"{count} programs may be evaluated at once now.")
        idle = (
            f"; the window of {self._window} tickets leaves the others idle" if count > self._window else ""
        )
        return f"{count} programs may be evaluated at once, {was} before{idle}"

    def _refuse_at_the_end(self) -> None:
        if self._engine.stopping:
            raise Refused("the run is stopping; ask again after `evolve resume`")

    # -- what belongs to what the run is -----------------------------------------------------------

    def _steer(self, request: Request) -> str:
        self._refuse_at_the_end()
        if self._engine.repeats:
            raise Refused("this is a replay: it repeats what is on record and nothing else")
        effect: dict[str, Any] = {"commits": self._engine.state.committed}
        if request.kind == INJECT:
            answer, more = self._injection(request)
        else:
            answer, more = self._hand_on(request)
        self._engine.obey(request_data(request, "done", answer, {**effect, **more}))
        return answer

    def _injection(self, request: Request) -> tuple[str, dict[str, Any]]:
        text, island = request.arguments["text"], request.arguments["island"]
        most, islands = self._problem.spec.candidate.max_chars, self._count_of_islands()
        if len(text) > most:
            raise Refused(
                f"the program has {len(text):,} characters; this problem allows {most:,}. Shorten it"
            )
        if island is not None and island >= islands:
            raise Refused(f"there is no island {island}; this run has islands 0 to {islands - 1}")
        ticket = self._engine.place_for()
        if ticket is None:
            raise Refused(
                "the rest of the budget is in flight already; `evolve resume` with a larger one and ask again"
            )
        return f"it becomes program {ticket}", {"ticket": ticket}

    def _hand_on(self, request: Request) -> tuple[str, dict[str, Any]]:
        program, archipelago = request.arguments["program"], self._engine.state.archipelago
        if request.kind == "unpin":
            if program not in archipelago.pinned:
                raise Refused(f"program {program} is not pinned")
            return f"program {program} is not pinned any more", {}
        if request.kind == "unban":
            if program not in archipelago.banned:
                raise Refused(f"program {program} is not banned")
            return f"program {program} is offered to its archives again", {}
        commit = self._reader.commit(program)
        if program in archipelago.banned:
            hint = "" if request.kind == "ban" else "; `unban` it first"
            raise Refused(f"program {program} is banned already{hint}")
        return self._pin(commit) if request.kind == "pin" else self._ban(commit)

    def _pin(self, commit: Commit) -> tuple[str, dict[str, Any]]:
        program, island = commit.program.id, commit.program.island
        if program in self._engine.state.archipelago.pinned:
            raise Refused(f"program {program} is pinned already")
        if commit.evaluation.objective is None:
            status = commit.evaluation.status
            raise Refused(f"program {program} is {status}, and only a valid one can be a parent")
        islands = list(range(self._count_of_islands())) if island is None else [island]
        where = "all islands" if island is None else f"island {island}"
        return f"program {program} stays a possible parent on {where}", {"islands": islands}

    def _ban(self, commit: Commit) -> tuple[str, dict[str, Any]]:
        program = commit.program.id
        if not self._engine.state.archipelago.may_ban(program):
            raise Refused(
                f"program {program} is the last that the archives could hold; inject another, then ban it"
            )
        return f"program {program} is in no archive any more, and will be no parent again", {}

    def _count_of_islands(self) -> int:
        return len(self._engine.state.archipelago.islands)
