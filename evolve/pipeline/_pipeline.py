"""The runner: a directed acyclic graph of stages turns a program into an evaluation."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from evolve.errors import ProblemError, SandboxError
from evolve.pipeline._declared import not_delivered, place
from evolve.pipeline._lanes import CPU, Lanes
from evolve.pipeline._load import asks, load_stages
from evolve.pipeline._recall import Recall
from evolve.pipeline._schedule import Results, metrics_of, run_graph
from evolve.pipeline._stage import (
    IDLE,
    NOT_RUN,
    OK,
    STATUSES,
    StageResult,
    Surroundings,
    Task,
)
from evolve.problem import Problem, StageSpec, declared_metrics
from evolve.sandbox import Executor

_MOST_BACKOFF_S = 60.0


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the pipeline found about a program.

    Attributes:
        status: "valid", or the status of the first stage that did not succeed.
        objective: Value of the objective metric in the problem's own direction; None unless valid.
        measures: Values of the measures in declared order; None unless valid.
        metrics: Everything measured, by name.
        feedback: Text for the next proposer.
        stages: Every stage's result by name, in execution order.
        wall_s: Wall-clock seconds of the whole evaluation.
        cases: Metrics by name, a value for each case, where there are several; empty unless valid.
    """

    status: str
    objective: float | None
    measures: tuple[float, ...] | None
    metrics: dict[str, float]
    feedback: str
    stages: dict[str, StageResult]
    wall_s: float
    cases: dict[str, tuple[float, ...]] = field(default_factory=dict)


class Pipeline:
    """Runs a problem's stages, each as soon as what it needs is there.

    A stage that does not succeed ends its dependants ("skipped"), not the engine. Results known
    from before (by key) are not computed again. May evaluate any number of programs at once; the
    executor bounds what really runs.
    """

    def __init__(
        self,
        problem: Problem,
        executor: Executor,
        *,
        recall: Recall | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Check the declared stages.

        Args:
            problem: What programs are for.
            executor: Where untrusted code runs.
            recall: Results of other runs; None: none are used, and none are kept.
            clock: Seconds, of no particular beginning.
            sleep: Waits for some seconds.

        Raises:
            ProblemError: an unknown kind, a cycle, data that a stage cannot read, or what its kind refuses.
        """
        self._problem = problem
        self._executor = executor
        self._recall = recall
        self._clock = clock
        self._sleep = sleep
        self._lanes = Lanes()
        self._graph, self._kinds = load_stages(problem)
        self._fixed_keys = {name: self._fixed_key(spec) for name, spec in self._graph.specs.items()}
        self._repeatable = self._repeatable_stages()

    @property
    def stops_early(self) -> bool:
        """Whether a stage stops when a program cannot reach the elite of its cell any more."""
        return any(spec.options.get("early_stop") is True for spec in self._graph.specs.values())

    @property
    def asks(self) -> frozenset[str]:
        """Names of the stages that may ask a model."""
        return frozenset(name for name, kind in self._kinds.items() if asks(kind))

    @property
    def contextual(self) -> bool:
        """Whether results belong to one ticket: they depend on the program's parents, or ask a model."""
        looking = (getattr(kind, "contextual", False) for kind in self._kinds.values())
        return self.stops_early or bool(self.asks) or any(looking)

    def describe(self) -> list[dict[str, Any]]:
        """Return the graph as plain data, in the order of execution."""
        keep = {"name", "kind", "needs", "after", "on_failure", "always", "when"}
        return [
            {key: value for key, value in spec.model_dump(mode="json", include=keep).items() if value}
            for spec in self._graph.specs.values()
        ]

    def _fixed_key(self, spec: StageSpec) -> bytes:
        """Hash what a stage's result depends on besides the program and the stages before it."""
        version = self._kinds[spec.name].version
        content = [version, spec.model_dump(mode="json"), self._problem.digest, self._problem.params]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()

    def _repeatable_stages(self) -> frozenset[str]:
        """Name the stages whose results hold for later runs: equal programs get equal ones, all the way."""
        found: set[str] = set()
        for name, spec in self._graph.specs.items():
            kind = self._kinds[name]
            steady = (
                getattr(kind, "deterministic", True) if spec.deterministic is None else spec.deterministic
            )
            bound = name in self.asks or getattr(kind, "contextual", False) or spec.options.get("early_stop")
            if steady and not bound and found.issuperset(self._graph.before[name]):
                found.add(name)
        return frozenset(found)

    def keys(self, program: bytes) -> dict[str, str]:
        """Return, for each stage, the hash of all that its result depends on.

        The stage's kind and version, its declaration, the problem, its parameters, the program, by a hash of
        it, and the same of every stage before it.
        """
        keys: dict[str, str] = {}
        for name in self._graph.specs:
            needed = "".join(keys[earlier] for earlier in self._graph.before[name])
            keys[name] = hashlib.sha256(self._fixed_keys[name] + program + needed.encode()).hexdigest()[:32]
        return keys

    async def evaluate(
        self,
        text: str,
        *,
        known: Results | None = None,
        artifact: bool = False,
        recall: bool = False,
        around: Surroundings | None = None,
        watch: Callable[[str, bool], None] | None = None,
    ) -> Evaluation:
        """Evaluate a program.

        Args:
            text: The program.
            known: Results of earlier stages by stage name; used where no value of theirs is needed.
            artifact: Ask the scorer for the verified solution; it is in the score stage's value.
            recall: Use the results that other runs had for the very same text, and keep these for them. Not
                of another layout: a program can tell, and measures of the text differ.
            around: What is known about the program besides.
            watch: Called with a stage's name and True when it begins, False when it ends.

        Raises:
            SandboxError: the infrastructure failed in spite of the retries.
        """
        started = self._clock()
        recalling = self._recall if recall and not artifact else None
        keys = self.keys(_text_hash(text)) if recalling else {}
        if recalling is not None:
            recalled = recalling.get({name: keys[name] for name in self._repeatable})
            known = {**recalled, **(known or {})}
        usable = self._usable(known or {})
        around = around or Surroundings()

        async def execute(name: str, before: Results) -> StageResult:
            if name in usable:
                return usable[name]
            spec = self._graph.specs[name]
            inputs = {need: before[need] for need in spec.needs}
            metrics = metrics_of(before)
            task = Task(text, self._problem, spec, inputs, self._executor, artifact, metrics, around, before)
            if watch is None:
                return await self._attempt(task)
            watch(name, True)
            try:
                return await self._attempt(task)
            finally:
                watch(name, False)

        results = await run_graph(self._graph, execute)
        if recalling is not None:
            fresh = {name: results[name] for name in self._repeatable if name not in usable}
            recalling.put({keys[name]: result for name, result in fresh.items()})
        return self._conclude(results, self._clock() - started)

    def _usable(self, known: Results) -> dict[str, StageResult]:
        """Keep what can be recalled: not a result whose in-memory value somebody still has to read."""
        wanted: set[str] = set()
        specs = self._graph.specs
        for name in reversed(specs):
            if (name not in known or name in wanted) and self._kinds[name].needs_value:
                wanted.update(specs[name].needs)
        return {name: result for name, result in known.items() if name not in wanted or result.status != OK}

    async def _attempt(self, task: Task) -> StageResult:
        """Execute a stage; try again, later each time, after a failure that is not the program's."""
        kind, spec = self._kinds[task.spec.name], task.spec
        limit = kind.timeout_s(self._problem, spec)
        usual: str = getattr(kind, "concurrency", CPU)
        lane = spec.concurrency or usual
        for attempt in range(spec.retries + 1):
            try:
                async with self._lanes.enter(lane):
                    started = self._clock()
                    async with asyncio.timeout(limit):
                        result = _checked(self._problem, spec, await kind.execute(task))
                return result if result.wall_s else replace(result, wall_s=self._clock() - started)
            except (SandboxError, TimeoutError) as error:
                if attempt < spec.retries:
                    await self._sleep(min(spec.backoff_s * 2**attempt, _MOST_BACKOFF_S))
                    continue
                reason = str(error).rstrip(".") or f"no answer within {limit:g} s"
                if await self._works_for_a_seed(task):
                    # a program must not be able to end a run: with others all is well
                    feedback = f"the sandbox failed {attempt + 1} times on this program: {reason}"
                    return StageResult("failed", feedback=feedback)
                raise SandboxError(
                    f"stage {spec.name!r} failed {attempt + 1} times for reasons outside of the "
                    f"program: {reason}. The run can be resumed when the cause is mended."
                ) from error
            except Exception as error:
                error.add_note(f"raised by stage {spec.name!r} of kind {spec.kind!r}")
                raise
        raise AssertionError("unreachable: the last attempt returns or raises")

    async def _works_for_a_seed(self, task: Task) -> bool:
        """Tell whether the infrastructure is well: whether it gets through a seed program."""
        seed = self._problem.seeds[0][1]
        if task.text == seed:
            return False
        try:
            return (await self.evaluate(seed)).status == "valid"
        except SandboxError:
            return False

    def _conclude(self, results: dict[str, StageResult], wall_s: float) -> Evaluation:
        metrics = metrics_of(results)
        failure = next((r for r in results.values() if r.status not in (OK, *NOT_RUN)), None)
        said = [r.feedback for r in results.values() if r.feedback and r.status not in NOT_RUN]
        if failure is not None:
            # the failure first, then what stages said that run nevertheless
            more = [text for text in said if text != failure.feedback] if self._comments() else []
            feedback = "\n".join((failure.feedback, *more))
            return Evaluation(failure.status, None, None, metrics, feedback, results, wall_s)
        spec = self._problem.spec
        missing = declared_metrics(spec) - metrics.keys()
        if missing:
            text = _missed(min(missing), metrics, results, self._problem)
            return Evaluation("error", None, None, metrics, text, results, wall_s)
        measures = tuple(metrics[measure.metric] for measure in spec.measures)
        cases = {name: values for result in results.values() for name, values in result.cases.items()}
        return Evaluation(
            "valid",
            metrics[spec.objective.metric],
            measures,
            metrics,
            "\n".join(said),
            results,
            wall_s,
            cases,
        )

    def _comments(self) -> bool:
        """Tell whether there are stages that comment on failures."""
        return any(spec.always or spec.on_failure for spec in self._graph.specs.values())


def _text_hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _checked(problem: Problem, spec: StageSpec, result: StageResult) -> StageResult:
    """Turn a metric that is no finite number into an error: it could be compared with nothing.

    Raises:
        ProblemError: a kind that a package registers does not keep its contract.
    """
    if not isinstance(result, StageResult) or result.status not in STATUSES:
        found = result.status if isinstance(result, StageResult) else result
        raise ProblemError(
            place(problem, spec) + f"must answer a StageResult whose status is one of {', '.join(STATUSES)}, "
            f"got {found!r}. Have the package mended that registers this kind."
        )
    for name, value in result.metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return StageResult("error", feedback=f"stage {spec.name!r} gave the metric {name} = {value}")
    return result


def _missed(metric: str, delivered: Iterable[str], results: Results, problem: Problem) -> str:
    """Say that a declared metric is missing, and which stages had nothing to do."""
    idle = [f"{name} had nothing to do: {r.feedback}" for name, r in results.items() if r.status == IDLE]
    if not idle:
        return not_delivered(metric, delivered, problem)
    return "; ".join((f"no stage delivered the declared metric {metric!r}", *idle))
