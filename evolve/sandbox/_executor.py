"""Where sandboxes live: the executor contract, and this machine's implementation."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import tempfile
from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar

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

    async def __aenter__(self) -> LocalExecutor:
        """Start every helper; raises ProblemError for a preload or a scorer that cannot be imported."""
        self._scratch = tempfile.mkdtemp(prefix="evolve-")
        self._lock = os.open(self._scratch, os.O_RDONLY)
        fcntl.flock(self._lock, fcntl.LOCK_EX)  # who can share it knows that this process is gone
        self._subtree = claim()  # before anything is started that would have to be moved
        learned = Learned(self._problem.spec.candidate.modules)
        for _ in range(self._workers):
            zygote = Zygote(self._problem, self._scratch, self.policy, learned, self._subtree)
            scorer = Scorer(self._problem)
            self._all += [zygote, scorer]
            self._zygotes.put_nowait(zygote)
            self._scorers.put_nowait(scorer)
        try:
            async with asyncio.TaskGroup() as group:
                for helper in self._all:
                    if isinstance(helper, Zygote) or self._problem.spec.has_scorer:
                        group.create_task(helper.ensure())
        except BaseExceptionGroup as errors:
            self._close()
            raise errors.exceptions[0] from None
        except BaseException:
            self._close()
            raise
        return self

    async def __aexit__(self, *_error: object) -> None:
        """End every helper and remove the scratch folders."""
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
        async with _borrowed(self._zygotes) as zygote:
            return await zygote.run(program, entry, arguments, limits)

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        """See `Executor.command`."""
        async with _borrowed(self._zygotes) as zygote:
            return await zygote.command(command, limits)

    async def score(
        self, output: bytes, case: dict[str, Value], *, artifact: bool, timeout_s: float
    ) -> Verdict:
        """See `Executor.score`."""
        async with _borrowed(self._scorers) as scorer:
            return await scorer.score(output, case, artifact=artifact, timeout_s=timeout_s)


@contextlib.asynccontextmanager
async def _borrowed(queue: asyncio.Queue[T]) -> AsyncIterator[T]:
    item = await queue.get()
    try:
        yield item
    finally:
        queue.put_nowait(item)
