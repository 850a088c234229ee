"""Where checks evaluate programs, and what has been measured of the seeds."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from evolve._spread import Spread
from evolve.pipeline import Evaluation, Pipeline
from evolve.problem import Problem, StageSpec
from evolve.sandbox import CodecError, Executor, LocalExecutor, decode

_EXTRA_CHARS = 100_000
"""Room for what checks add to a seed's text."""


@dataclass(frozen=True, slots=True)
class Seed:
    """What was measured of a seed program.

    Attributes:
        file: Its path, relative to the problem's folder.
        text: The program.
        runs: Evaluations of it; the last of them in processes of its own.
    """

    file: str
    text: str
    runs: tuple[Evaluation, ...]

    @property
    def valid(self) -> bool:
        """Whether every evaluation was valid."""
        return all(run.status == "valid" for run in self.runs)

    @property
    def objectives(self) -> list[float]:
        """The objective of every valid evaluation."""
        return [run.objective for run in self.runs if run.objective is not None]

    @property
    def spread(self) -> float:
        """Largest minus smallest objective; 0 for a program and a scorer that repeat."""
        return self.measured.width

    @property
    def measured(self) -> Spread:
        """All that was measured of the objective."""
        return Spread(tuple(self.objectives))


@dataclass(frozen=True, slots=True)
class Base:
    """The program that wrong candidates are made from, on the first case alone.

    Attributes:
        text: A seed's text.
        objective: Its objective on the first case.
        spread: How much its objective varies between evaluations.
        output: What it returns for the first case, decoded.
    """

    text: str
    objective: float
    spread: float
    output: Any


class Bench:
    """Evaluates programs for checks, one at a time.

    Used by one coroutine at a time.
    """

    def __init__(self, problem: Problem, executor: Executor, policy: str | None, repeats: int) -> None:
        """Work on a problem.

        Args:
            problem: Which one.
            executor: Started for it.
            policy: Sandbox policy for further executors.
            repeats: How often each seed is evaluated, at least 2.
        """
        self.problem = problem
        self._executor = executor
        self._policy = policy
        self._repeats = repeats
        self._seeds: dict[str, Seed] = {}
        self._base: Base | None = None

    async def evaluate(self, text: str, *, first_case: bool = False, **limits: object) -> Evaluation:
        """Evaluate a program.

        Args:
            text: The program.
            first_case: On the first case alone.
            limits: Keys of `[candidate]` with other values, such as `memory_mb=64`.
        """
        return await Pipeline(self._variant(first_case, limits), self._executor).evaluate(text)

    def _variant(self, first_case: bool, limits: dict[str, object]) -> Problem:
        spec = self.problem.spec
        roomy = {"max_chars": spec.candidate.max_chars + _EXTRA_CHARS}
        changes: dict[str, object] = {"candidate": spec.candidate.model_copy(update=roomy | limits)}
        if first_case:
            changes["cases"] = spec.cases[:1]
            changes["stages"] = tuple(map(_on_all_cases, spec.stages))
        return dataclasses.replace(self.problem, spec=spec.model_copy(update=changes))

    async def seed(self, file: str) -> Seed:
        """Return what is measured of a seed, evaluating it the first time it is asked for."""
        if file not in self._seeds:
            text = dict(self.problem.seeds)[file]
            runs = [await self.evaluate(text) for _ in range(self._repeats - 1)]
            async with LocalExecutor(self.problem, workers=1, policy=self._policy) as fresh:
                runs.append(await Pipeline(self.problem, fresh).evaluate(text))
            self._seeds[file] = Seed(file, text, tuple(runs))
        return self._seeds[file]

    async def seeds(self) -> list[Seed]:
        """Return what is measured of all seeds."""
        return [await self.seed(file) for file, _ in self.problem.seeds]

    async def base(self) -> Base | None:
        """Return what wrong candidates are made from: the fastest valid seed; None when there is none."""
        valid = [seed for seed in await self.seeds() if seed.valid]
        if self._base is None and valid:
            quickest = min(valid, key=lambda seed: seed.runs[0].wall_s)
            found = await self.evaluate(quickest.text, first_case=True)
            if found.objective is not None:
                outputs = [*self.outputs(found), b""]
                self._base = Base(quickest.text, found.objective, quickest.spread, _decoded(outputs[0]))
        return self._base

    def outputs(self, evaluation: Evaluation) -> Iterator[bytes]:
        """Yield the encoded results of a program, a case each; none where nothing returns data."""
        for spec in self.problem.spec.stages:
            result = evaluation.stages.get(spec.name)
            if spec.kind == "run" and result is not None:
                yield from _encoded(result.value)

    @property
    def language(self) -> str:
        """What programs are written in."""
        return self.problem.spec.candidate.language

    @property
    def steady(self) -> bool:
        """Whether the problem claims that an evaluation repeats."""
        return self.problem.steady

    def stage_seconds(self, evaluation: Evaluation, *kinds: str) -> float:
        """Return the wall-clock seconds of the stages of some kinds."""
        names = {spec.name for spec in self.problem.spec.stages if spec.kind in kinds}
        return sum(result.wall_s for name, result in evaluation.stages.items() if name in names)


def _on_all_cases(stage: StageSpec) -> StageSpec:
    """Return a stage without its choice of cases, which numbers those that are declared."""
    options = {name: value for name, value in stage.options.items() if name != "cases"}
    return stage.model_copy(update={"options": options})


def _encoded(value: Any) -> Iterator[bytes]:
    """Yield the encoded results of a run stage: bytes, or pairs of a case and bytes."""
    for item in getattr(value, "cases", value) or ():
        encoded = item[1] if isinstance(item, tuple) else item
        if isinstance(encoded, bytes):
            yield encoded


def _decoded(output: bytes) -> Any:
    try:
        return decode(output) if output else None
    except CodecError:
        return None
