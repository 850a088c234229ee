"""The steady-state loop: tickets in flight up to the window, commits in the run's order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count, islice
from typing import Any

import numpy as np
from asyncio_pool import AioPool

from evolve.engine import _rows
from evolve.engine._archive_events import ARCHIVES, archive_events, archives_now
from evolve.engine._background import Background, reward_of, settle
from evolve.engine._budget import CALL_LIMITS, Uses, reached, seconds_left, share_used, uses
from evolve.engine._config import RunConfig
from evolve.engine._flights import Flights
from evolve.engine._history import Past
from evolve.engine._journal import recorded_vectors
from evolve.engine._model_news import said_of_model
from evolve.engine._order import Order, Script, resolve_order
from evolve.engine._programs import Programs
from evolve.engine._progress import Progress
from evolve.engine._run_clock import RunClock
from evolve.engine._seats import Seats
from evolve.engine._state import INJECT, REFLECT, SEED, Applied, State, Steer, Verdict
from evolve.engine._steering import Injected, Steering
from evolve.engine._surroundings import bar_of, surroundings
from evolve.engine._tickets import STARVED, TOO_DEEP, Outcome, Ticket, identity, ticket_seed
from evolve.errors import ModelError, ProblemError, StoreError
from evolve.islands import Arm, Held
from evolve.models import NoReply, Stopped, TicketCalls, Usage
from evolve.operators import Context, NoProposal, Operator, Proposal
from evolve.pipeline import Evaluation, Pipeline, StageResult
from evolve.problem import Problem
from evolve.prompts import Hypothesis, Lesson, ProgramView, PromptTooLong
from evolve.store import REQUEST, Batch, Reader, Writer

_NOVELTY_ATTEMPTS = 4
"""How often a built-in operator may draw again when it proposes a program that is known."""
_PROPOSALS_AT_ONCE = 64
INTERRUPTED = "interrupted"
"""Why a session ended that somebody stopped."""
_ARM_DRAWS = 8
"""How often the bandit draws again when it chose an operator that has nothing to work on."""
_BANDITS_EVERY = 50
"""Commits between two snapshots of what the bandits have learned; nothing is rebuilt from them."""


class _Dropped(Exception):  # noqa: N818 - a ticket given up because the run is stopping
    pass


class Engine:
    """Evolves programs until a budget ends or somebody stops it.

    One instance is one session of a run. It lives in one event loop and is the only writer of the
    run's store. Nothing is used before it is on disk: requests and replies of models, results of stages that
    finish out of order are written at once, commits are written together with what they did to the
    archives, and only then the tickets that saw them are launched.
    """

    def __init__(
        self,
        config: RunConfig,
        problem: Problem,
        pipeline: Pipeline,
        state: State,
        operators: Mapping[str, Operator],
        writer: Writer,
        reader: Reader,
        *,
        programs: Programs | None = None,
        background: Background | None = None,
        script: Script | None = None,
        message: Callable[[str], None] = lambda _text: None,
        seeded: Callable[[ProgramView, float], dict[str, Any]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepare a session.

        Args:
            config: The run's configuration.
            problem: What is to be solved.
            pipeline: Evaluates programs.
            state: Empty; the engine fills it.
            operators: All that the state's arms name.
            writer: Of the run's store.
            reader: Of the same.
            programs: Cache of committed programs, when shared with the background.
            background: What models need; None without any.
            script: The recorded order to repeat; None to make a new one.
            message: Says one line to the user.
            seeded: Called once in a run when the first seed is committed, with it and the seconds of its
                evaluation; what it returns is kept as the event "plan".
            clock: Seconds, of no particular beginning.
        """
        self.state = state
        self._config = config
        self._budget = config.budget.or_default()
        self._problem = problem
        self._pipeline = pipeline
        self._single = _rows.Single.of(problem)
        self._operators = operators
        self._writer = writer
        self._reader = reader
        self._programs = programs or Programs(reader)
        self._background = background
        self._script = script
        self._message = message
        self._seeded = seeded
        self._order: Order = script or resolve_order(config.order, ())
        self._time = RunClock(clock)
        self.steering = Steering()
        self.flights = Flights(clock)
        self.seats = Seats(config.workers)
        self._evaluated_before = 0
        self._used_before: Uses = []
        self._committed_before: set[int] = set()
        self._launched_at: dict[int, int] = {}
        self._next = 1
        self._waiting: list[Ticket] = []
        self._in_flight: dict[asyncio.Task[Outcome], int] = {}
        self._arrived: dict[int, Outcome] = {}
        self._stashed: set[int] = set()
        self._running: dict[bytes, asyncio.Future[Evaluation]] = {}
        self._known: dict[int, dict[str, StageResult]] = {}
        self._known_keys: dict[int, dict[str, str]] = {}
        self._proposals = AioPool(size=max(_PROPOSALS_AT_ONCE, config.window))
        self._evaluations = AioPool(size=max(_PROPOSALS_AT_ONCE, config.window))
        self._paused = False
        self.at_work = False
        """Whether requests can be obeyed: from the first ticket to the last commit of a session."""
        self._broken: StoreError | None = None
        self._changed = asyncio.Event()
        self._stop: str | None = None
        self._starved: str | None = None
        self._abort = asyncio.Event()
        if background is not None:
            background.listener = self._model_event

    # -- what others may call while it runs --------------------------------------------------------

    def request_stop(self, reason: str) -> None:
        """Stop soon: begin no more evaluations, let the running ones end, commit what is in order."""
        self._stop = self._stop or reason
        self._changed.set()
        if self._background is not None:
            self._background.models.stop()

    def abort(self, reason: str) -> None:
        """Stop now: kill what is running; it is evaluated again when the run is resumed."""
        self.request_stop(reason)
        self._abort.set()

    def pause(self) -> None:
        """Begin no more tickets; those in flight are finished and committed, then run time stands still."""
        self._paused = True
        self._changed.set()

    def unpause(self) -> None:
        """Go on after a pause."""
        self._paused = False
        self._time.go()
        if self._stop is None:
            self._launch()
        self._changed.set()

    @property
    def paused(self) -> bool:
        """Whether it is paused; what was in flight may still go on."""
        return self._paused

    @property
    def stopping(self) -> bool:
        """Whether it was asked to stop, or has come to its end."""
        return self._stop is not None

    @property
    def hurries(self) -> bool:
        """Whether somebody wants it to end at once."""
        return self._abort.is_set() and self._stop == INTERRUPTED

    @property
    def repeats(self) -> bool:
        """Whether it repeats a recorded run."""
        return self._script is not None

    @property
    def queued(self) -> int:
        """How many tickets are prepared or proposed and wait for a worker, or for the end of a pause."""
        return len(self._waiting) + self.seats.waiting

    @property
    def asking(self) -> int:
        """How many calls to models are in flight."""
        return self._background.models.in_flight if self._background is not None else 0

    def place_for(self) -> int | None:
        """Return the next ticket that a user's program can have; None: the budget has no room for it."""
        reserved = [ticket for ticket in self.steering.injected if ticket >= self._next]
        ticket = max(self._next, len(self._problem.seeds) + 1)
        taken = {*reserved, *self._committed_before, *self._launched_at}
        while ticket in taken:
            ticket += 1
        limit, ahead = self._budget.max_evals, self._next - 1 - self.state.committed + len(reserved)
        if self._starved is not None or (limit is not None and self.state.evaluations + ahead >= limit):
            return None
        return ticket

    def obey(self, data: dict[str, Any]) -> None:
        """Record what a user asked for and was granted, then do it; see `_steering`.

        Called between two commits. Raises StoreError: it could not be recorded, and the session ends.
        """
        batch, step = Batch(), self.steering.add(data)
        cells = [] if step is None else self._steer(step, batch)
        told = {**data, "cells": cells} if cells else data
        batch.events.insert(0, _rows.event_row(REQUEST, self.state.committed or None, self.elapsed_s(), told))
        try:
            self._writer.write(batch)
        except StoreError as error:  # what is in memory is not on record: nothing may follow from it
            self._broken = error
            self._changed.set()
            raise

    def progress(self) -> Progress:
        """Return a snapshot for a display."""
        state, elapsed = self.state, self.elapsed_s()
        session = max(1e-9, self._time.session_s())
        spent = self._spent()
        rate = (state.evaluations - self._evaluated_before) / session
        return Progress(
            evaluations=state.evaluations,
            tickets=state.committed,
            in_flight=len(self._in_flight),
            elapsed_s=elapsed,
            rate=rate,
            best=state.best,
            since_best=state.since_best,
            statuses=dict(state.statuses),
            coverage=tuple(island.archive.coverage for island in state.archipelago.islands),
            done=share_used(self._budget, state, elapsed, spent),
            left_s=seconds_left(self._budget, state, elapsed, session, self._used_before, spent),
            spent=spent,
        )

    def _spent(self) -> Usage | None:
        return None if self._background is None else self._background.models.spent.total

    def elapsed_s(self) -> float:
        """Return the run time in seconds, over all sessions."""
        return self._time.elapsed_s()

    # -- one session -------------------------------------------------------------------------------

    async def run(self) -> str:
        """Run until the budget ends or a stop is asked for; return the reason. To be called after `restore`.

        Raises:
            ProblemError: a seed program is not valid.
            SandboxError, StoreError: the infrastructure failed; what is committed is safe.
        """
        self._evaluated_before = self.state.evaluations
        earlier_s = self._reader.last_at_s()
        self._used_before = uses(self._budget, self.state, earlier_s, self._spent())
        self._time.begin(earlier_s)
        resumed = "resumed" if self._committed_before else "started"
        self.log(resumed, {"workers": self._config.workers, "pipeline": self._pipeline.describe()})
        try:
            reason = await self._loop()
        except BaseException:
            with contextlib.suppress(StoreError):  # the first error is the one to tell
                await self._give_up_flights()
            raise
        await self._give_up_flights()
        self.log("bandits", self._bandits())
        self.log(ARCHIVES, archives_now(self.state))
        self.log("stopped", {"reason": reason, "limit": getattr(self._budget, reason, None)})
        return reason

    async def _loop(self) -> str:
        over = self._over()
        if over is not None:
            return over
        self._launch()
        self.at_work = True
        aborted = asyncio.ensure_future(self._abort.wait())
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            while (self._in_flight or self._is_held()) and not self._abort.is_set():
                if not self._in_flight:
                    self._time.stand()
                done, _ = await asyncio.wait(
                    {*self._in_flight, aborted, changed},
                    timeout=self._time_left(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if changed.done():  # what is in flight is, or whether to wait without anything in flight
                    self._changed.clear()
                    changed = asyncio.ensure_future(self._changed.wait())
                if self._broken is not None:
                    raise self._broken
                if self._time_left() == 0:
                    self.abort("max_seconds")
                self._take_in(done)
                self._settle()
        finally:
            self.at_work = False
            aborted.cancel()
            changed.cancel()
        return self._stop or self._limit() or self._starved or "exhausted"

    def _is_held(self) -> bool:
        """Tell whether to wait for the end of a pause."""
        return self._paused and self._stop is None

    def _over(self) -> str | None:
        """Name the limit that earlier sessions reached: whatever is begun beyond it would be paid for."""
        if self._script is None and self._time_left() == 0:
            return "max_seconds"
        return self._limit() or self._starved

    def _time_left(self) -> float | None:
        if self._budget.max_seconds is None or self._script is not None or self._time.stands:
            return None  # a replay takes as long as it takes
        return max(0.0, self._budget.max_seconds - self.elapsed_s())

    def _take_in(self, done: Iterable[asyncio.Future[Any]]) -> None:
        landed = {self._in_flight.pop(task): task for task in done if task in self._in_flight}
        errors = []
        for ticket in sorted(landed):
            error = landed[ticket].exception()  # of all of them: asyncio complains about those not looked at
            if error is None:
                self._arrived[ticket] = landed[ticket].result()
            elif not isinstance(error, _Dropped):
                errors.append(error)
        if errors:
            raise errors[0]

    async def _give_up_flights(self) -> None:
        """Cancel what is in flight; results that had come are stored, the rest is repeated on resume."""
        if self._background is not None:
            self._background.models.stop()
        for task in self._in_flight:
            task.cancel()
        await asyncio.sleep(
            0
        )  # what a pool has only just begun must start before it can be cancelled cleanly
        await self._evaluations.cancel()
        await self._proposals.cancel()
        for found in await asyncio.gather(*self._in_flight, return_exceptions=True):
            if isinstance(found, Outcome):
                self._arrived[found.ticket.id] = found
        self._in_flight.clear()
        batch = Batch()
        self._add_early_stages(batch)
        self._writer.write(batch)

    # -- resume ------------------------------------------------------------------------------------

    def restore(self) -> None:
        """Repeat the stored commits, and prepare the tickets that come next.

        Those that were in flight are prepared at the very commits that they had seen, so that they
        select the same parents and propose the same programs. Replies and results of their stages that had
        been stored are used, not asked for or computed again.
        """
        self._committed_before = self._reader.committed_ids()
        self._launched_at = self._reader.launched()
        self._order = self._script or resolve_order(self._config.order, self._committed_before)
        self._starved = self._used_up()
        self._recall_stages()
        hypotheses, lessons = self._recall_ideas()
        if self._background is not None:
            for ticket, vector in recorded_vectors(self._reader):
                self._background.embedded(ticket, vector)
        self.steering.load(self._reader.events(kind=REQUEST))
        quiet = self._quiet()
        if quiet <= 0:
            self._fill()
            self._steer_due()
        commits = self._reader.briefs(metrics=bool(self.state.archipelago.metrics))
        if self._background is None:
            early = islice(commits, max(0, quiet - 1))
            self.state.catch_up(_rows.verdict_of_commit(commit, self._single) for commit in early)
        for commit in commits:
            applied = self.state.apply(_rows.verdict_of_commit(commit, self._single))
            if self._background is not None:
                found = hypotheses.get(commit.id)
                self._remember(_rows.past_of_commit(commit, applied, found), applied, None)
                self._background.paid(commit.usd)
                if commit.operator == REFLECT:
                    self._background.memory.learn(lessons.get(commit.id, ()))
            if self.state.committed >= quiet:
                self._fill()
                self._steer_due()

    def _quiet(self) -> int:
        """Return a number of commits before which nothing else happens: what was then due is committed."""
        if self._script is not None:
            return 0
        first = next(number for number in count(1) if number not in self._committed_before)
        return min([first - self._config.window, *self._launched_at.values(), *self.steering.first_due])

    def _steer_due(self, batch: Batch | None = None) -> None:
        """Repeat what users had asked for after this commit; a batch records what that changes."""
        for step in self.steering.due(self.state.committed):
            self._steer(step, batch)

    def _steer(self, step: Steer, batch: Batch | None) -> list[Held]:
        before = self.state.best
        cells = self.state.steer(step)
        if self._background is not None and step.kind == "ban":
            self._background.ban(step.program)
        if self._background is not None and step.kind == "unban":
            self._background.unban(step.program)
        best, commits = self.state.best, self.state.committed
        if batch is not None and best is not None and best != before:
            data = {"objective": best[1], "commits": commits}
            batch.events.append(_rows.event_row("best", best[0], self.elapsed_s(), data))
        return cells

    def _used_up(self) -> str | None:
        """Name the limit of calls that the last session ended by, unless it has been changed since."""
        stops = self._reader.events(kind="stopped")
        if not stops or self._script is not None:
            return None
        reason, limit = stops[-1].data["reason"], stops[-1].data.get("limit")
        return reason if reason in CALL_LIMITS and limit == getattr(self._budget, reason) else None

    def _recall_stages(self) -> None:
        for row in self._reader.early_stage_results():
            layers = tuple(row.layers.split())
            cases = {name: tuple(values) for name, values in row.cases.items()}
            times = (row.wall_s, row.cpu_s)
            result = StageResult(
                row.status, row.metrics, row.feedback, None, row.printed, *times, layers, cases, row.recalled
            )
            self._known.setdefault(row.ticket, {})[row.stage] = result
            self._known_keys.setdefault(row.ticket, {})[row.stage] = row.key

    def _recall_ideas(self) -> tuple[dict[int, Hypothesis], dict[int, tuple[Lesson, ...]]]:
        hypotheses = {row.program: _rows.hypothesis_of(row) for row in self._reader.hypotheses()}
        lessons: dict[int, tuple[Lesson, ...]] = {}
        for row in self._reader.lessons():
            lesson = Lesson(row.text, tuple(row.support))
            lessons[row.ticket] = (*lessons.get(row.ticket, ()), lesson)
        return hypotheses, lessons

    # -- selection ---------------------------------------------------------------------------------

    def _limit(self) -> str | None:
        if self._script is not None:
            return "replayed" if self.state.committed >= len(self._script) else None
        return reached(self._budget, self._problem.spec.objective, self.state)

    def _may_prepare(self) -> bool:
        """Tell whether the next ticket may select its parents from the archive as it stands now.

        A function of the commits alone. Those in flight may all turn out to be evaluations, so no
        more are prepared than the budget of evaluations has room for.
        """
        if self._next > self.state.committed + self._config.window or self._limit() is not None:
            return False
        seeds = len(self._problem.seeds)
        if self._next > seeds and self.state.committed < seeds:
            return False  # parents exist once all seeds are in
        in_flight = self._next - 1 - self.state.committed
        limit = self._budget.max_evals
        return limit is None or self.state.evaluations + in_flight < limit

    def _fill(self) -> None:
        """Prepare as many tickets as the window and the budget allow."""
        if self._script is not None:
            for number in self._script.due(self.state.committed):
                if number not in self._committed_before:  # else taken over from the run forked from
                    self._waiting.append(self._prepare(number))
            return
        for number, saw in self._launched_at.items():
            if saw == self.state.committed:  # its requests are on record: it must ask the same again
                self._waiting.append(self._prepare(number))
        while self._starved is None and self._may_prepare():
            if self._next not in self._committed_before and self._next not in self._launched_at:
                self._waiting.append(self._prepare(self._next))
            self._next += 1

    def _prepare(self, number: int) -> Ticket:
        seed = ticket_seed(self._config.seed, number)
        saw = self.state.committed
        if number <= len(self._problem.seeds):
            name, text = self._problem.seeds[number - 1]
            change = f"seed program {name}"
            asking = self._calls_of_stages(number, saw)
            return Ticket(number, None, SEED, SEED, seed, saw, calls=asking, text=text, change=change)
        if number in self.steering.injected:
            return self._prepare_injected(self.steering.injected[number], seed, saw)
        background = self._background
        if background is not None and background.reflects(number):
            asking, view = background.calls(number, saw, None), background.reflection()
            return Ticket(number, None, REFLECT, REFLECT, seed, saw, calls=asking, view=view)
        rng = np.random.default_rng(seed)
        island = self.state.archipelago.island_of(number)
        arm = self._choose_arm(island, rng)
        operator = self._operators[arm.operator]
        chosen = self._select(island, rng, operator)
        parents, others = chosen[: operator.parents_wanted], chosen[operator.parents_wanted :]
        calls, side = self._calls_of_stages(number, saw), None
        if arm.model is not None and background is not None:
            calls = background.calls(number, saw, arm.model)
            side = background.side(calls, operator, island, parents, others, rng)
        context = Context(
            entry=self._problem.spec.candidate.entry,
            arguments=self._problem.arguments,
            returns=self._problem.spec.candidate.returns,
            parents=tuple(self._programs.parent(parent) for parent in parents),
            blocks=self._problem.blocks,
            rng=rng,
            max_chars=self._problem.spec.candidate.max_chars,
            language=self._problem.language,
            model=side,
        )
        sign, early = self._problem.spec.objective.sign, self._pipeline.stops_early
        bar = bar_of(self.state.archipelago, island, sign) if early else None
        return Ticket(number, island, arm.operator, arm.name, seed, saw, operator, context, calls, bar=bar)

    def _prepare_injected(self, given: Injected, seed: int, saw: int) -> Ticket:
        change = f"injected: {given.note}" if given.note else "injected"
        asking = self._calls_of_stages(given.ticket, saw)
        return Ticket(
            given.ticket,
            given.island,
            INJECT,
            INJECT,
            seed,
            saw,
            calls=asking,
            text=given.text,
            change=change,
        )

    def _calls_of_stages(self, number: int, saw: int) -> TicketCalls | None:
        """Return the asking of a ticket whose stages ask a model, whatever its operator does."""
        if self._background is None or not self._pipeline.asks:
            return None
        return self._background.calls(number, saw, None)

    def _choose_arm(self, island: int, rng: np.random.Generator) -> Arm:
        """Let the bandit choose, again when the operator would have nothing to work on."""
        for _ in range(_ARM_DRAWS):
            arm = self.state.archipelago.choose_arm(island, rng)
            if self._has_work(self._operators[arm.operator], island):
                break
        return arm

    def _has_work(self, operator: Operator, island: int) -> bool:
        if operator.parents_wanted > self.state.archipelago.source_of(island).archive.size:
            return False
        failures = self._background.history.failures(island) if self._background is not None else ()
        return bool(failures) or not getattr(operator, "needs_failure", False)

    def _select(self, island: int, rng: np.random.Generator, operator: Operator) -> tuple[int, ...]:
        wanted = operator.parents_wanted + getattr(operator, "inspirations_wanted", 0)
        return tuple(self.state.archipelago.select(island, rng, wanted))

    # -- proposal and evaluation -------------------------------------------------------------------

    def _launch(self) -> None:
        """Set the prepared tickets going."""
        for ticket in self._waiting:
            self._in_flight[asyncio.create_task(self._outcome(ticket))] = ticket.id
        self._waiting.clear()

    async def _outcome(self, ticket: Ticket) -> Outcome:
        try:
            if ticket.view is not None and self._background is not None:
                lessons = await self._background.reflect(ticket)
                return Outcome(ticket, "", b"", (), _told(lessons), lessons=lessons)
            return await self._proposed(ticket)
        except (NoProposal, NoReply, PromptTooLong) as reason:
            return _nothing(ticket, str(reason))
        except RecursionError:
            return _nothing(ticket, TOO_DEEP)
        except Stopped:
            return self._without_call(ticket)
        except ModelError:
            if self._script is None or ticket.id not in self._script.starved:
                raise
            return self._without_call(ticket)  # as on record: its next question was never sent

    async def _proposed(self, ticket: Ticket) -> Outcome:
        """Have a program proposed, and evaluated unless it is known."""
        proposal, hashed = await self._proposals.exec(self._propose(ticket))
        outcome = Outcome(
            ticket,
            proposal.text,
            hashed,
            proposal.parents,
            proposal.change,
            model=proposal.model,
            idea=proposal.idea,
        )
        if (
            self._pipeline.contextual
        ):  # what it finds belongs to this ticket: timing must not decide whether it asks
            if self.state.first_with(hashed, up_to=ticket.saw) is not None:
                return outcome
            evaluated = self._evaluate_seated(ticket, proposal, hashed)
            return replace(outcome, evaluation=await self._evaluations.exec(evaluated))
        if self.state.first_with(hashed) is not None:
            return outcome
        running = self._running.get(hashed)
        if running is not None:  # another ticket in flight proposed the same: once is enough
            return replace(outcome, evaluation=await running, shared=True)
        self._running[hashed] = running = asyncio.get_running_loop().create_future()
        try:
            evaluation = await self._evaluations.exec(self._evaluate_seated(ticket, proposal, hashed))
        except RecursionError:
            if not running.done():
                running.set_exception(_Dropped())
                running.exception()
            return replace(outcome, refusal=TOO_DEEP)
        except BaseException:
            if not running.done():
                running.set_exception(_Dropped())
                running.exception()  # it may be that nobody waits for it
            raise
        if not running.done():  # whoever waited may have been cancelled, and this with it
            running.set_result(evaluation)
        return replace(outcome, evaluation=evaluation)

    def _without_call(self, ticket: Ticket) -> Outcome:
        """Give up a ticket that may not ask: an exhausted budget settles it, after a stop it is repeated."""
        exhausted = self._background.models.exhausted if self._background is not None else None
        if exhausted is not None:
            self._starved = exhausted
        if self._stop is not None or (self._config.order == "arrival" and self._script is None):
            raise _Dropped
        # in ticket order the tickets after this one, whose replies are paid for, wait for it
        return _nothing(ticket, STARVED)

    async def _propose(self, ticket: Ticket) -> tuple[Proposal, bytes]:
        """Let the operator propose, again when the program was known at the commit that the ticket saw.

        One that asks a model looks itself whether what came is new, for it can tell the model why.
        """
        if ticket.proposer is None or ticket.context is None:
            return Proposal(ticket.text, (), ticket.change), identity(ticket.text, self._problem.language)
        for _ in range(_NOVELTY_ATTEMPTS if ticket.context.model is None else 1):
            proposal = await ticket.proposer.propose(ticket.context)
            hashed = identity(proposal.text, self._problem.language)
            if self.state.first_with(hashed, up_to=ticket.saw) is None:
                break
        return proposal, hashed

    async def _evaluate_seated(self, ticket: Ticket, proposal: Proposal, hashed: bytes) -> Evaluation:
        if self._pipeline.asks:  # who waits for a model needs no worker; what really runs the executor bounds
            return await self._evaluate(ticket, proposal, hashed)
        async with self.seats.seat():
            return await self._evaluate(ticket, proposal, hashed)

    async def _evaluate(self, ticket: Ticket, proposal: Proposal, hashed: bytes) -> Evaluation:
        if self._stop is not None:
            raise _Dropped
        keys = self._pipeline.keys(hashed)
        stored = self._known_keys.get(ticket.id, {})
        known = {
            name: result
            for name, result in self._known.get(ticket.id, {}).items()
            # stages that ask do so again, and find the answers on record: so the ticket's calls are counted
            if stored[name] == keys.get(name) and name not in self._pipeline.asks
        }
        around = None
        if self._pipeline.contextual:
            around = surroundings(ticket, proposal.parents, proposal.change, self._programs)
        # A seed is always evaluated in full: whoever begins a run wants to know that it works, and how
        # long it takes.
        recall, watch = ticket.operator != SEED, self.flights.watch(ticket.id)
        return await self._pipeline.evaluate(
            proposal.text, known=known, recall=recall, around=around, watch=watch
        )

    # -- commit ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Commit every outcome whose turn has come, in one transaction; then launch what saw them."""
        batch = Batch()
        while self._limit() is None and (outcome := self._order.take(self._arrived, self.state.committed)):
            self._commit(batch, outcome)
            if self._stop is None:
                self._fill()
            self._steer_due(batch)
        self._add_early_stages(batch)
        self._writer.write(batch)
        limit = self._limit()
        if limit is not None:
            self.abort(limit)  # what is still in flight lies beyond the end of the run
        elif self._stop is None and not self._paused:
            self._launch()

    def _commit(self, batch: Batch, outcome: Outcome) -> None:
        ticket, found = outcome.ticket, outcome.evaluation
        first = self.state.first_with(outcome.code_hash) if outcome.code_hash else None
        cost = self._background.cost(ticket) if self._background is not None else 0.0
        verdict = _rows.verdict_of(outcome, first, cost, self._single)
        if ticket.operator == SEED:
            self._check_seed(outcome, first)
        applied = self.state.apply(verdict)
        at_s = self.elapsed_s()
        if verdict.status != "duplicate":
            self._add_stages(batch, outcome)
        _rows.add_commit(batch, outcome, verdict, applied, first, seq=self.state.committed, at_s=at_s)
        if found is not None and verdict.status != "duplicate":
            view = ProgramView(
                ticket.id, outcome.text, found.status, found.objective, found.metrics, found.feedback
            )
            self._programs.remember(view)
        self._learn(batch, outcome, verdict, applied)
        if ticket.id == 1 and self._seeded is not None and found is not None:
            batch.events.append(_rows.event_row("plan", 1, at_s, self._seeded(view, found.wall_s)))
        if applied.is_best:
            batch.events.append(_rows.event_row("best", ticket.id, at_s, {"objective": verdict.objective}))
        batch.events += archive_events(self.state, applied, ticket.id, at_s)
        if self.state.committed % _BANDITS_EVERY == 0:
            batch.events.append(_rows.event_row("bandits", ticket.id, at_s, self._bandits()))
        self._stashed.discard(ticket.id)
        self._running.pop(outcome.code_hash, None)

    def _learn(self, batch: Batch, outcome: Outcome, verdict: Verdict, applied: Applied) -> None:
        """Tell the background of a commit; add what it learned to the batch."""
        if self._background is None:
            return
        hypothesis = None
        if outcome.idea is not None and verdict.status != "duplicate" and outcome.parents:
            before = self._programs.view(outcome.parents[0]).metrics
            after = outcome.evaluation.metrics if outcome.evaluation and verdict.objective is not None else {}
            hypothesis = settle(outcome.ticket.id, outcome.idea, before, after)
            batch.hypotheses.append(_rows.hypothesis_row(hypothesis))
        self._remember(_rows.past_of(outcome, verdict, applied, hypothesis), applied, outcome.text)
        self._background.paid(outcome.ticket.calls.usd if outcome.ticket.calls is not None else 0.0)
        if outcome.lessons is not None:
            self._background.memory.learn(outcome.lessons)
            batch.lessons += _rows.lesson_rows(outcome)

    def _remember(self, past: Past, applied: Applied, text: str | None) -> None:
        """Fold a commit into the background; `text` None: it is in the store."""
        if self._background is None:
            return
        evaluated = past.status not in _rows.NOT_EVALUATED
        if evaluated and text is None:
            text = self._reader.text(past.id)
        statuses = [int(answer.status) for _, answer in applied.insertions]
        reward = reward_of(statuses, is_best=applied.is_best)
        self._background.commit(past, text if evaluated else None, reward)

    def _check_seed(self, outcome: Outcome, first: int | None) -> None:
        found = outcome.evaluation
        if found is None or found.status != "valid" or first is not None:
            status = found.status if found is not None and first is None else "a duplicate of another seed"
            why = outcome.refusal or (found.feedback if found else "")
            raise ProblemError(
                f"{self._problem.folder}: {outcome.change}: must be valid, but is {status}: {why}\n"
                "Mend the seed (or the scorer, or the parameters given for this run) and start again."
            )

    def _add_early_stages(self, batch: Batch) -> None:
        """Add the results of those that finished before their turn: what was computed is never lost."""
        for outcome in self._arrived.values():
            if not outcome.shared:
                self._add_stages(batch, outcome)
                self._stashed.add(outcome.ticket.id)

    def _add_stages(self, batch: Batch, outcome: Outcome) -> None:
        found, ticket = outcome.evaluation, outcome.ticket.id
        if found is not None and ticket not in self._stashed:
            recalled = self._known.get(ticket, {})
            fresh = {name: result for name, result in found.stages.items() if name not in recalled}
            _rows.add_stages(batch, ticket, self._pipeline.keys(outcome.code_hash), fresh)

    def _bandits(self) -> dict[str, Any]:
        """Return what the islands' bandits have learned, for whoever looks at the run."""
        islands = self.state.archipelago.islands
        return {"islands": [{**island.bandit.state(), "means": island.bandit.means()} for island in islands]}

    def _model_event(self, kind: str, data: dict[str, Any]) -> None:
        """Record what became of a model, and say it."""
        self.log(kind, data)
        self._message(said_of_model(kind, data))

    def log(self, kind: str, data: dict[str, Any]) -> None:
        """Write an event."""
        event = _rows.event_row(kind, self.state.committed or None, self.elapsed_s(), data)
        self._writer.write(Batch(events=[event]))


def _nothing(ticket: Ticket, why: str) -> Outcome:
    lessons = () if ticket.view is not None else None
    return Outcome(ticket, "", b"", (), "nothing proposed", refusal=why, lessons=lessons)


def _told(lessons: tuple[Lesson, ...]) -> str:
    return f"learned {len(lessons)} lesson{'' if len(lessons) == 1 else 's'}"
