"""Whole runs within one process: a model, a sandbox, a clock and kills that tests have in their hands.

Everything between them is real: the engine, the pipeline, the store, the model layer with its budget.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, Engine, Quiet, RunResult, arun
from evolve.errors import StoreError
from evolve.models import CommandSpec, Failure, Message, Models, ModelsConfig, ModelSpec, RawReply, RawVectors
from evolve.problem import Problem, Scalar
from evolve.sandbox import Limits, Verdict, decode, encode
from evolve.sandbox import RunResult as Ran
from evolve.store import Batch, Reader, Writer
from evolve.testing.model_server import Script
from evolve.testing.model_server._draw import draw_mode, generator, prompt_hash
from evolve.testing.model_server._prompt import Message as Said
from evolve.testing.model_server._prompt import Prompt
from evolve.testing.model_server._reply import compose
from evolve.testing.model_server._service import count_tokens
from tests.engine.helpers import SEED, write_problem

MODEL, OTHER = "openai/simulated", "openai/other"
_FAILURES = ("rate_limit", "server_error", "dropped", "empty", "refusal", "prose", "syntax_error")


class Killed(StoreError):  # noqa: N818 - no error of the store
    """The process is gone: nothing is written any more."""


@dataclass
class World:
    """What a run deals with, and what it did to it.

    Attributes:
        chance: Decides how long everything takes.
        failures: Share of the calls that fail.
        variety: How many answers there are to prompts about one program; None: one to each prompt.
        asked: Number of calls so far, over all sessions.
        tokens: What the model has charged.
        answered: How often each conversation was answered.
        on_call: Called with the number of each call, before it is answered.
        kill_at: Number of the write, counted from now, that is the first one not to happen; None: all happen.
        engine: Of the session that goes on, or was the last.
        now: Seconds that models believe to have passed.
        evaluated: Programs that were run.
        judge: Scores what a program returns.
        repeatable: Say the same of a program however often it is run.
        spoil: Let programs time out that did not when they were run before.
    """

    chance: random.Random = field(default_factory=lambda: random.Random(0))
    failures: float = 0.0
    variety: int | None = None
    asked: int = 0
    tokens: int = 0
    answered: Counter[str] = field(default_factory=Counter)
    on_call: Callable[[int], Any] = lambda _number: None
    kill_at: int | None = None
    engine: Engine | None = None
    now: float = 0.0
    evaluated: int = 0
    spoil: bool = False
    repeatable: bool = False
    judge: Callable[[float], dict[str, float]] = lambda value: {
        "value": value % 1.0,
        "size": value * 7.0 % 1.0,
    }
    _told: Iterator[int] = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        share = self.failures / len(_FAILURES)
        self.script = Script.model_validate({"shares": dict.fromkeys(_FAILURES, share)})
        self._sightings: Counter[str] = Counter()

    def told(self, what: str) -> str:
        """Return feedback: with something in it that no other evaluation says, as addresses and times are."""
        return what if self.repeatable else f"{what} ({id(self):x}, number {next(self._told)})"

    async def pause(self, most: int = 8) -> None:
        """Let others go first, as often as chance has it."""
        for _ in range(self.chance.randrange(most)):
            await asyncio.sleep(0)

    async def sleep(self, seconds: float) -> None:
        """Sleep in a time of its own, in which nobody waits for long."""
        await asyncio.sleep(0)
        self.now += seconds

    async def send(self, messages: Sequence[Message], spec: ModelSpec | CommandSpec) -> RawReply:
        """See `Backend.send`: answers like the scripted server; the other model is gone sooner or later."""
        self.asked += 1
        if spec.name == OTHER and self.chance.random() < 0.2:
            raise Failure("model", f"{spec.name}: gone")
        if asyncio.iscoroutine(waiting := self.on_call(self.asked)):
            await waiting
        await self.pause()
        prompt = Prompt([Said(message.role, message.content) for message in messages])
        name = prompt_hash([(message.role, message.content) for message in messages])
        sighting = self._sightings[name]
        self._sightings[name] += 1
        mode = draw_mode(self.script, spec.name, name, sighting)
        if mode in ("rate_limit", "server_error", "dropped"):
            raise Failure("rate_limit" if mode == "rate_limit" else "transient", f"{spec.name}: {mode}")
        text = name if self.variety is None else int(name, 16) % self.variety
        said = compose(prompt, self.script, mode, generator("text", text))
        tokens = sum(count_tokens(message.content) for message in messages)
        reply = RawReply(said.content or "", tokens, count_tokens(said.content or ""))
        self.tokens += reply.prompt_tokens + reply.reply_tokens
        self.answered[name] += 1
        return reply

    async def embed(self, texts: Sequence[str], spec: ModelSpec) -> RawVectors:  # noqa: ARG002
        """See `Embedder.embed`."""
        self.asked += 1
        await self.pause()
        vectors = [generator(text).choices((0.0, 1.0), k=6) for text in texts]
        return RawVectors(tuple((1.0, *map(float, vector)) for vector in vectors), len(texts))


class Sandbox:
    """Runs programs where it is: those of the tests are sums. Its feedback is never the same twice."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def __aenter__(self) -> Sandbox:
        return self

    async def __aexit__(self, *_error: object) -> None:
        pass

    async def run(
        self,
        program: str,
        entry: str,
        arguments: dict[str, Scalar] | Sequence[dict[str, Scalar]],
        limits: Limits,  # noqa: ARG002
    ) -> Ran:
        """See `Executor.run`."""
        await self._world.pause()
        self._world.evaluated += 1
        if self._world.spoil and program != SEED:
            return Ran("timeout", b"", "too slow", "", 0.0, 0.0, ())
        scope: dict[str, Any] = {}
        try:
            exec(program, scope)
            assert isinstance(arguments, dict)
            output = encode(scope[entry](**arguments))
        except Exception as error:  # noqa: BLE001 - whatever a program raises
            return Ran("failed", b"", self._world.told(str(error)), "", 0.0, 0.0, ())
        return Ran("ok", output, "", "", 0.0, 0.0, ())

    async def score(
        self,
        output: bytes,
        case: dict[str, Scalar],  # noqa: ARG002
        *,
        artifact: bool,  # noqa: ARG002
        timeout_s: float,  # noqa: ARG002
    ) -> Verdict:
        """See `Executor.score`."""
        value = decode(output)
        if not isinstance(value, int | float) or not abs(value) < 1e9:
            return Verdict("invalid", {}, self._world.told("must be a number"))
        metrics = self._world.judge(float(value))
        return Verdict("valid", metrics, self._world.told("looked at"))


class Watching(Quiet):
    """Tells the world which engine is at work."""

    def __init__(self, world: World) -> None:
        self._world = world

    def started(self, source: Any) -> None:
        """See `Display.started`."""
        self._world.engine = source


@contextlib.contextmanager
def inside(world: World) -> Iterator[None]:
    """Let all sessions take place in a world."""
    write = Writer.write

    def dying(writer: Writer, batch: Batch) -> None:
        if world.kill_at is not None:
            world.kill_at -= 1
            if world.kill_at < 0:
                raise Killed("killed")
        write(writer, batch)

    def sandbox(_problem: Problem, _workers: int, *, policy: str | None = None) -> Sandbox:  # noqa: ARG001
        return Sandbox(world)

    models = partial(
        Models,
        backends={MODEL: world, OTHER: world},
        embedder=world,
        clock=lambda: world.now,
        sleep=world.sleep,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Writer, "write", dying)
        patch.setattr("evolve.engine._session.LocalExecutor", sandbox)
        patch.setattr("evolve.engine._setup.Models", models)
        for module in ("_session", "_replay"):  # its models have names of no provider
            patch.setattr(f"evolve.engine.{module}.preflight", accepted)
        yield


def models_of(*names: str, **settings: Any) -> ModelsConfig:
    """Return a configuration that asks the world."""
    free = {"usd_per_million_prompt": 1.0, "usd_per_million_reply": 4.0, "max_tokens": 300}
    quick = {"attempts": 2, "concurrency": 4, "reflect_every": 7, **free}
    return ModelsConfig.model_validate(
        {**quick, **settings, "use": [{"name": name} for name in names or (MODEL,)]}
    )


def begin(
    world: World, folder: Path, name: str = "run", problem: Path | None = None, **options: Any
) -> RunResult:
    """Begin a run in the world."""
    given: dict[str, Any] = {"models": models_of(), "budget": Budget(max_calls=30), "window": 6, **options}
    with inside(world):
        return asyncio.run(
            arun(
                problem or write_problem(folder / "sums"),
                runs=folder / "runs",
                run_id=name,
                sandbox="process",
                display=Watching(world),
                **given,
            )
        )


def paid_twice(folder: Path) -> list[tuple[int, int]]:
    """Return (ticket, turn) of all requests that were sent although their turn had ended on record."""
    ended: set[tuple[int, int]] = set()
    again = []
    with Reader(folder) as reader:
        for request, reply in reader.calls():
            name = (request.ticket, request.turn)  # another question there would be a loss as well
            if name in ended:
                again.append(name)
            if reply is not None and reply.status in ("ok", "no_reply"):
                ended.add(name)
    return again


async def accepted(*_: object) -> None:
    """Find nothing wrong with any model."""
