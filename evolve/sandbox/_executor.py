"""Where sandboxes live: the executor contract, and this machine's implementation."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar, runtime_checkable

from evolve.problem import Problem, Value
from evolve.sandbox._answers import Command, CommandResult, RunResult, Verdict
from evolve.sandbox._learned import Learned
from evolve.sandbox._limits import Limits
from evolve.sandbox._policy import default_policy
from evolve.sandbox._scorer_client import Scorer
from evolve.sandbox._scratch import remove_tree
from evolve.sandbox._zygote_client import Arguments, Zygote
from evolve.sandbox.layers._delegation import Subtree, claim

T = TypeVar("T")


class Executor(Protocol):
    """Runs programs in sandboxes and outputs through the scorer.

    All methods may be called by as many coroutines at once as the executor has workers; more
    wait their turn. Cancelling a call ends the program at once. A program can fail a call's
    result, never the executor.
    """

    async def run(
        self, program: str, entry: str, arguments: Arguments | Sequence[Arguments], limits: Limits
    ) -> RunResult:
        """Run `entry(**arguments)` of a program; for a list of arguments, one call each in one process.

        Raises:
            SandboxError: the sandbox itself failed.
        """
        ...

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        """Run a command in a sandbox of its own; raises SandboxError when the sandbox itself failed."""
        ...

    async def score(
        self, output: bytes, case: dict[str, Value], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        """Judge an output; raises SandboxError when the scorer's process dies."""
        ...


@runtime_checkable
class Resizable(Protocol):
    """An executor whose number of workers may change while it works."""

    async def resize(self, workers: int) -> None:
        """Have that many workers, at least 1, without ending anything that runs; one call at a time.

        Raises:
            SandboxError, ProblemError: more cannot be started; there are as many as before.
        """
        ...


class LocalExecutor:
    """Zygotes and scorers on this machine, one of each per worker."""

    def __init__(self, problem: Problem, workers: int, *, policy: str | None = None) -> None:
        self._problem = problem
        self._workers = workers
        self.policy = policy or default_policy()
        self._scratch = ""
        self._lock = -1
        self._subtree = Subtree()
        self._zygotes: asyncio.LifoQueue[Zygote] = asyncio.LifoQueue()
        self._scorers: asyncio.LifoQueue[Scorer] = asyncio.LifoQueue()
        self._all: list[Zygote | Scorer] = []
        self._learned = Learned(problem.spec.candidate.modules)
        self._ending: set[asyncio.Future[None]] = set()

    async def __aenter__(self) -> LocalExecutor:
        """Start every helper; raises ProblemError for a preload or a scorer that cannot be imported."""
        self._scratch = tempfile.mkdtemp(prefix="evolve-")
        self._lock = os.open(self._scratch, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # who can share it knows that this process is gone
        self._subtree = claim()  # before anything is started that would have to be moved
        try:
            await self._hire(self._workers, self._workers)
        except BaseException:
            await asyncio.gather(*self._ending, return_exceptions=True)
            self._close()
            raise
        return self

    async def _hire(self, zygotes: int, scorers: int) -> None:
        """Start more helpers; when one cannot be started, none of them stays."""
        shared = (self._problem, self._scratch, self.policy, self._learned, self._subtree)
        runners = [Zygote(*shared) for _ in range(zygotes)]
        judges = [Scorer(self._problem) for _ in range(scorers)]
        started = [*runners, *(judges if self._problem.spec.has_scorer else ())]
        try:
            async with asyncio.TaskGroup() as group:
                for helper in started:
                    group.create_task(helper.ensure())
        except BaseException as error:
            for helper in started:
                self._end(helper)
            if isinstance(error, BaseExceptionGroup):
                raise error.exceptions[0] from None
            raise
        self._all += [*runners, *judges]
        for runner in runners:
            self._zygotes.put_nowait(runner)
        for judge in judges:
            self._scorers.put_nowait(judge)

    async def resize(self, workers: int) -> None:
        """See `Resizable.resize`."""
        before = self._workers
        self._workers = workers  # first: who is done meanwhile must not be dismissed
        more = [max(0, workers - self._number_of(kind)) for kind in (Zygote, Scorer)]
        try:
            if any(more):
                await self._hire(*more)
        except BaseException:
            self._workers = before
            raise
        finally:
            self._let_go()

    def _number_of(self, kind: type[Zygote | Scorer]) -> int:
        return sum(isinstance(helper, kind) for helper in self._all)

    def _let_go(self) -> None:
        """End idle helpers of which there are too many; the others follow when they have nothing to do."""
        for _ in range(min(self._number_of(Zygote) - self._workers, self._zygotes.qsize())):
            self._dismiss(self._zygotes.get_nowait())
        for _ in range(min(self._number_of(Scorer) - self._workers, self._scorers.qsize())):
            self._dismiss(self._scorers.get_nowait())

    def _dismiss(self, helper: Zygote | Scorer) -> None:
        self._all.remove(helper)
        self._end(helper)

    def _end(self, helper: Zygote | Scorer) -> None:
        """End a helper beside the loop: one that is slow to clean up must not hold it."""
        ending = asyncio.get_running_loop().run_in_executor(None, helper.close)
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    @contextlib.asynccontextmanager
    async def _lent(self, queue: asyncio.LifoQueue[T]) -> AsyncIterator[T]:
        helper = await queue.get()
        try:
            yield helper
        finally:
            queue.put_nowait(helper)
            if len(self._all) > 2 * self._workers:
                self._let_go()

    async def __aexit__(self, *_error: object) -> None:
        """End every helper and remove the scratch folders."""
        await asyncio.gather(*self._ending, return_exceptions=True)
        self._close()

    def _close(self) -> None:
        for helper in self._all:
            helper.close()
        remove_tree(self._scratch)
        self._subtree.tidy()
        os.close(self._lock)

    async def run(
        self, program: str, entry: str, arguments: Arguments | Sequence[Arguments], limits: Limits
    ) -> RunResult:
        """See `Executor.run`."""
        async with self._lent(self._zygotes) as zygote:
            return await zygote.run(program, entry, arguments, limits)

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        """See `Executor.command`."""
        async with self._lent(self._zygotes) as zygote:
            return await zygote.command(command, limits)

    async def score(
        self, output: bytes, case: dict[str, Value], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        """See `Executor.score`."""
        async with self._lent(self._scorers) as scorer:
            return await scorer.score(output, case, artifact=artifact, timeout_s=timeout_s)
