"""The steady-state loop: tickets in flight up to the window, commits in ticket order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from asyncio_pool import AioPool

from evolve.engine import _rows
from evolve.engine._budget import reached, seconds_left, share_used
from evolve.engine._config import RunConfig
from evolve.engine._progress import Progress
from evolve.engine._state import State
from evolve.engine._tickets import Outcome, Ticket, identity, ticket_seed
from evolve.errors import ProblemError, StoreError
from evolve.operators import Context, NoProposal, Operator, Parent, Proposal
from evolve.pipeline import Evaluation, Pipeline, StageResult
from evolve.problem import Problem
from evolve.store import Batch, Reader, Writer

_NOVELTY_ATTEMPTS = 4
"""How often an operator may draw again when it proposes a program that is known."""
_PROPOSALS_AT_ONCE = 64
_PARENTS_KEPT = 4096


class _Dropped(Exception):  # noqa: N818 - a ticket given up because the run is stopping
    pass


class Engine:
    """Evolves programs until a budget ends or somebody stops it.

    One instance is one session of a run. It lives in one event loop and is the only writer of the
    run's store. Nothing is used before it is on disk: results of stages that finish out of
    order are written at once, commits are written together with what they did to the archives, and only
    then the tickets that saw them are launched.
    """

    def __init__(
        self,
        config: RunConfig,
        problem: Problem,
        pipeline: Pipeline,
        operators: dict[str, Operator],
        writer: Writer,
        reader: Reader,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state = State(problem, config, list(operators))
        self._config = config
        self._budget = config.budget.or_default()
        self._problem = problem
        self._pipeline = pipeline
        self._operators = operators
        self._writer = writer
        self._reader = reader
        self._clock = clock
        self._started = clock()
        self._earlier_s = 0.0
        self._evaluated_before = 0
        self._restored = 0
        self._next = 1
        self._waiting: list[Ticket] = []
        self._in_flight: dict[asyncio.Task[Outcome], int] = {}
        self._arrived: dict[int, Outcome] = {}
        self._stashed: set[int] = set()
        self._claims: dict[bytes, int] = {}
        self._known: dict[int, dict[str, StageResult]] = {}
        self._known_keys: dict[int, dict[str, str]] = {}
        self._parents: OrderedDict[int, Parent] = OrderedDict()
        self._proposals = AioPool(size=_PROPOSALS_AT_ONCE)
        self._evaluations = AioPool(size=config.workers)
        self._stop: str | None = None
        self._abort = asyncio.Event()

    # -- what others may call while it runs --------------------------------------------------------

    def request_stop(self, reason: str) -> None:
        """Stop soon: begin no more evaluations, let the running ones end, commit what is in order."""
        self._stop = self._stop or reason

    def abort(self, reason: str) -> None:
        """Stop now: kill what is running; it is evaluated again when the run is resumed."""
        self.request_stop(reason)
        self._abort.set()

    def progress(self) -> Progress:
        """Return a snapshot for a display."""
        state, elapsed = self.state, self.elapsed_s()
        session = max(1e-9, self._clock() - self._started)
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
            done=share_used(self._budget, state, elapsed),
            left_s=seconds_left(self._budget, state, elapsed, rate),
        )

    def elapsed_s(self) -> float:
        """Return the run time in seconds, over all sessions."""
        return self._earlier_s + self._clock() - self._started

    # -- one session -------------------------------------------------------------------------------

    async def run(self) -> str:
        """Run until the budget ends or a stop is asked for; return the reason.

        Raises:
            ProblemError: a seed program is not valid.
            SandboxError, StoreError: the infrastructure failed; what is committed is safe.
        """
        self._restore()
        self._evaluated_before = self.state.evaluations
        self._started = self._clock()
        self._log("resumed" if self._restored else "started", {"workers": self._config.workers})
        try:
            reason = await self._loop()
        except BaseException:
            with contextlib.suppress(StoreError):  # the first error is the one to tell
                await self._give_up_flights()
            raise
        await self._give_up_flights()
        self._log("stopped", {"reason": reason})
        return reason

    async def _loop(self) -> str:
        self._launch()
        aborted = asyncio.ensure_future(self._abort.wait())
        try:
            while self._in_flight and not self._abort.is_set():
                done, _ = await asyncio.wait(
                    {*self._in_flight, aborted},
                    timeout=self._time_left(),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if self._time_left() == 0:
                    self.abort("max_seconds")
                self._take_in(done)
                self._settle()
        finally:
            aborted.cancel()
        return self._stop or self._limit() or "exhausted"

    def _time_left(self) -> float | None:
        if self._budget.max_seconds is None:
            return None
        return max(0.0, self._budget.max_seconds - self.elapsed_s())

    def _take_in(self, done: Iterable[asyncio.Future[Any]]) -> None:
        for task in done:
            if task in self._in_flight:
                del self._in_flight[task]
                with contextlib.suppress(_Dropped):
                    outcome: Outcome = task.result()
                    self._arrived[outcome.ticket.id] = outcome

    async def _give_up_flights(self) -> None:
        """Cancel what is in flight; results that had come are stored, the rest is repeated on resume."""
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

    def _restore(self) -> None:
        """Repeat the stored commits, and prepare the tickets that come next.

        Those that were in flight are prepared at the very commits that they had seen, so that they
        select the same parents and propose the same programs. Results of their stages that had been
        stored are used, not computed again.
        """
        self._restored = self._reader.last_id()
        self._recall_stages(self._restored)
        self._earlier_s = self._reader.last_at_s()
        self._fill()
        for commit in self._reader.commits():
            self.state.apply(_rows.verdict_of_commit(commit))
            self._fill()

    def _recall_stages(self, last: int) -> None:
        for row in self._reader.stage_results(after=last):
            layers = tuple(row.layers.split())
            result = StageResult(
                row.status, row.metrics, row.feedback, None, row.printed, row.wall_s, row.cpu_s, layers
            )
            self._known.setdefault(row.ticket, {})[row.stage] = result
            self._known_keys.setdefault(row.ticket, {})[row.stage] = row.key

    # -- selection ---------------------------------------------------------------------------------

    def _limit(self) -> str | None:
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
        while self._may_prepare():
            if self._next > self._restored:
                self._waiting.append(self._prepare(self._next))
            self._next += 1

    def _prepare(self, number: int) -> Ticket:
        seed = ticket_seed(self._config.seed, number)
        saw = self.state.committed
        if number <= len(self._problem.seeds):
            name, text = self._problem.seeds[number - 1]
            return Ticket(number, None, "seed", seed, saw, text=text, change=f"seed program {name}")
        rng = np.random.default_rng(seed)
        archipelago = self.state.archipelago
        island = archipelago.island_of(number)
        name = archipelago.choose_operator(island, rng)
        operator = self._operators[name]
        parents = archipelago.select(island, rng, operator.parents_wanted)
        context = Context(
            entry=self._problem.spec.candidate.entry,
            arguments=self._problem.arguments,
            returns=self._problem.spec.candidate.returns,
            parents=tuple(self._parent(parent) for parent in parents),
            blocks=self._problem.blocks,
            rng=rng,
            max_chars=self._problem.spec.candidate.max_chars,
        )
        return Ticket(number, island, name, seed, saw, operator, context)

    def _parent(self, program: int) -> Parent:
        parent = self._parents.get(program)
        if parent is None:
            commit = self._reader.commit(program)
            assert commit.evaluation.objective is not None
            text = self._reader.text(program)
            parent = Parent(program, text, commit.evaluation.objective, commit.evaluation.feedback)
            self._remember(parent)
        self._parents.move_to_end(program)
        return parent

    def _remember(self, parent: Parent) -> None:
        self._parents[parent.id] = parent
        if len(self._parents) > _PARENTS_KEPT:
            self._parents.popitem(last=False)

    # -- proposal and evaluation -------------------------------------------------------------------

    def _launch(self) -> None:
        """Set the prepared tickets going."""
        for ticket in self._waiting:
            self._in_flight[asyncio.create_task(self._outcome(ticket))] = ticket.id
        self._waiting.clear()

    async def _outcome(self, ticket: Ticket) -> Outcome:
        try:
            proposal, hashed = await self._proposals.exec(self._propose(ticket))
        except NoProposal as reason:
            return Outcome(ticket, "", b"", (), "nothing proposed", refusal=str(reason))
        text, parents, change = proposal.text, proposal.parents, proposal.change
        first = self._first_with(hashed, ticket.id)
        if first is not None:
            return Outcome(ticket, text, hashed, parents, change, duplicate_of=first)
        self._claims[hashed] = ticket.id
        evaluation = await self._evaluations.exec(self._evaluate(ticket, text, hashed))
        return Outcome(ticket, text, hashed, parents, change, evaluation)

    def _first_with(self, hashed: bytes, ticket: int) -> int | None:
        """Return an earlier ticket that made the same program, committed or in flight; None: it is new."""
        claimed = self._claims.get(hashed, ticket)
        return claimed if claimed < ticket else self.state.first_with(hashed, up_to=ticket - 1)

    async def _propose(self, ticket: Ticket) -> tuple[Proposal, bytes]:
        """Let the operator propose, again when the program was known at the commit that the ticket saw."""
        if ticket.proposer is None or ticket.context is None:
            return Proposal(ticket.text, (), ticket.change), identity(ticket.text)
        for _ in range(_NOVELTY_ATTEMPTS):
            proposal = await ticket.proposer.propose(ticket.context)
            hashed = identity(proposal.text)
            if self.state.first_with(hashed, up_to=ticket.saw) is None:
                break
        return proposal, hashed

    async def _evaluate(self, ticket: Ticket, text: str, hashed: bytes) -> Evaluation:
        if self._stop is not None:
            raise _Dropped
        keys = self._pipeline.keys(hashed)
        stored = self._known_keys.get(ticket.id, {})
        known = {
            name: result
            for name, result in self._known.get(ticket.id, {}).items()
            if stored[name] == keys.get(name)
        }
        return await self._pipeline.evaluate(text, known=known)

    # -- commit ------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Commit every outcome whose turn has come, in one transaction; then launch what saw them."""
        batch = Batch()
        while self._limit() is None and (outcome := self._arrived.pop(self.state.committed + 1, None)):
            self._commit(batch, outcome)
            if self._stop is None:
                self._fill()
        self._add_early_stages(batch)
        self._writer.write(batch)
        limit = self._limit()
        if limit is not None:
            self.abort(limit)  # what is still in flight lies beyond the end of the run
        elif self._stop is None:
            self._launch()

    def _commit(self, batch: Batch, outcome: Outcome) -> None:
        ticket = outcome.ticket
        first = self.state.first_with(outcome.code_hash, up_to=ticket.id - 1) if outcome.code_hash else None
        verdict = _rows.verdict_of(outcome, first)
        if ticket.operator == "seed":
            self._check_seed(outcome)
        applied = self.state.apply(verdict)
        at_s = self.elapsed_s()
        self._add_stages(batch, outcome)
        _rows.add_commit(batch, outcome, verdict, applied, first, at_s)
        if verdict.objective is not None and outcome.evaluation is not None:
            self._remember(Parent(ticket.id, outcome.text, verdict.objective, outcome.evaluation.feedback))
        if applied.is_best:
            batch.events.append(_rows.event_row("best", ticket.id, at_s, {"objective": verdict.objective}))
        self._stashed.discard(ticket.id)
        self._claims.pop(outcome.code_hash, None)

    def _check_seed(self, outcome: Outcome) -> None:
        found = outcome.evaluation
        if found is None or found.status != "valid":
            status = "a duplicate of another seed" if found is None else found.status
            why = outcome.refusal or (found.feedback if found else "")
            raise ProblemError(
                f"{self._problem.folder}: {outcome.change}: must be valid, but is {status}: {why}\n"
                "Mend the seed (or the scorer, or the parameters given for this run) and start again."
            )

    def _add_early_stages(self, batch: Batch) -> None:
        """Add the results of those that finished before their turn: what was computed is never lost."""
        for outcome in self._arrived.values():
            self._add_stages(batch, outcome)
            self._stashed.add(outcome.ticket.id)

    def _add_stages(self, batch: Batch, outcome: Outcome) -> None:
        found, ticket = outcome.evaluation, outcome.ticket.id
        if found is not None and ticket not in self._stashed:
            recalled = self._known.get(ticket, {})
            fresh = {name: result for name, result in found.stages.items() if name not in recalled}
            _rows.add_stages(batch, ticket, self._pipeline.keys(outcome.code_hash), fresh)

    def _log(self, kind: str, data: dict[str, Any]) -> None:
        event = _rows.event_row(kind, self.state.committed or None, self.elapsed_s(), data)
        self._writer.write(Batch(events=[event]))
