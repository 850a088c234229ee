"""The runner: a directed acyclic graph of stages turns a program into an evaluation."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import entry_points

from evolve._toml import suggest
from evolve.errors import ProblemError, SandboxError
from evolve.pipeline._stage import OK, Stage, StageResult, Task
from evolve.pipeline._stages import BUILTIN_STAGES
from evolve.problem import Problem, StageSpec, declared_metrics
from evolve.sandbox import Executor

SKIPPED = "skipped"


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
    """

    status: str
    objective: float | None
    measures: tuple[float, ...] | None
    metrics: dict[str, float]
    feedback: str
    stages: dict[str, StageResult]
    wall_s: float


class Pipeline:
    """Runs a problem's stages, each as soon as what it needs is there.

    A stage that does not succeed ends its dependants ("skipped"), not the engine. Results known
    from before (by key) are not computed again. May evaluate any number of programs at once; the
    executor bounds what really runs.
    """

    def __init__(
        self, problem: Problem, executor: Executor, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Check the declared stages.

        Raises:
            ProblemError: an unknown kind, a cycle, or a stage that its kind refuses.
        """
        self._problem = problem
        self._executor = executor
        self._clock = clock
        self._specs = _in_order(problem)
        self._kinds: dict[str, Stage] = {}
        for spec in self._specs.values():
            kind = _resolve_kind(problem, spec)
            kind.check(problem, spec)
            self._kinds[spec.name] = kind
        self._fixed_keys = {name: self._fixed_key(spec) for name, spec in self._specs.items()}

    def _fixed_key(self, spec: StageSpec) -> bytes:
        """Hash what a stage's result depends on besides the program and the stages it needs."""
        version = self._kinds[spec.name].version
        content = [version, spec.model_dump(mode="json"), self._problem.digest, self._problem.params]
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).digest()

    def keys(self, code_hash: bytes) -> dict[str, str]:
        """Return, for each stage, the hash of all that its result depends on.

        The stage's kind and version, its declaration, the problem, its parameters, the program's
        normalised code, and the same of every stage that it needs.
        """
        keys: dict[str, str] = {}
        for name, spec in self._specs.items():
            needed = "".join(keys[need] for need in spec.needs)
            keys[name] = hashlib.sha256(self._fixed_keys[name] + code_hash + needed.encode()).hexdigest()[:32]
        return keys

    async def evaluate(
        self, text: str, *, known: Mapping[str, StageResult] | None = None, artifact: bool = False
    ) -> Evaluation:
        """Evaluate a program.

        Args:
            text: The program.
            known: Results of earlier stages by stage name; used where no value of theirs is needed.
            artifact: Ask the scorer for the verified solution; it is in the score stage's value.

        Raises:
            SandboxError: the infrastructure failed in spite of the retries.
        """
        started = self._clock()
        known = self._usable(known or {})
        tasks: dict[str, asyncio.Task[StageResult]] = {}
        try:
            async with asyncio.TaskGroup() as group:
                for name, spec in self._specs.items():
                    tasks[name] = group.create_task(self._node(spec, text, tasks, known, artifact))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from None
        results = {name: task.result() for name, task in tasks.items()}
        return self._conclude(results, self._clock() - started)

    def _usable(self, known: Mapping[str, StageResult]) -> dict[str, StageResult]:
        """Keep what can be recalled: not a result whose in-memory value somebody still has to read."""
        wanted: set[str] = set()
        for name in reversed(self._specs):
            if (name not in known or name in wanted) and self._kinds[name].needs_value:
                wanted.update(self._specs[name].needs)
        return {name: result for name, result in known.items() if name not in wanted or result.status != OK}

    async def _node(
        self,
        spec: StageSpec,
        text: str,
        tasks: Mapping[str, asyncio.Task[StageResult]],
        known: Mapping[str, StageResult],
        artifact: bool,
    ) -> StageResult:
        inputs = {need: await tasks[need] for need in spec.needs}
        for earlier in spec.after:
            await tasks[earlier]
        if spec.name in known:
            return known[spec.name]
        if any(result.status != OK for result in inputs.values()):
            return StageResult(SKIPPED)
        return await self._attempt(Task(text, self._problem, spec, inputs, self._executor, artifact))

    async def _attempt(self, task: Task) -> StageResult:
        """Execute a stage; try again after a failure that is not the program's."""
        kind = self._kinds[task.spec.name]
        limit = kind.timeout_s(self._problem, task.spec)
        for attempt in range(task.spec.retries + 1):
            started = self._clock()
            try:
                async with asyncio.timeout(limit):
                    result = await kind.execute(task)
                return result if result.wall_s else replace(result, wall_s=self._clock() - started)
            except (SandboxError, TimeoutError) as error:
                if attempt < task.spec.retries:
                    continue
                reason = str(error).rstrip(".") or f"no answer within {limit:g} s"
                if await self._works_for_a_seed(task):
                    # a program must not be able to end a run: with others all is well
                    feedback = f"the sandbox failed {attempt + 1} times on this program: {reason}"
                    return StageResult("failed", feedback=feedback)
                raise SandboxError(
                    f"stage {task.spec.name!r} failed {attempt + 1} times for reasons outside of the "
                    f"program: {reason}. The run can be resumed when the cause is mended."
                ) from error
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
        metrics = {name: value for result in results.values() for name, value in result.metrics.items()}
        failure = next((r for r in results.values() if r.status not in (OK, SKIPPED)), None)
        if failure is not None:
            return Evaluation(failure.status, None, None, metrics, failure.feedback, results, wall_s)
        spec = self._problem.spec
        missing = declared_metrics(spec) - metrics.keys()
        if missing:
            text = f"no stage delivered the declared metric {min(missing)!r}; add it in the scorer"
            return Evaluation("error", None, None, metrics, text, results, wall_s)
        feedback = "\n".join(result.feedback for result in results.values() if result.feedback)
        measures = tuple(metrics[measure.metric] for measure in spec.measures)
        return Evaluation(
            "valid", metrics[spec.objective.metric], measures, metrics, feedback, results, wall_s
        )


def _in_order(problem: Problem) -> dict[str, StageSpec]:
    """Sort the stages so that each comes after what it needs; declared order otherwise."""
    specs = {spec.name: spec for spec in problem.spec.stages}
    sorter = TopologicalSorter({name: (*spec.needs, *spec.after) for name, spec in specs.items()})
    try:
        return {name: specs[name] for name in sorter.static_order()}
    except CycleError as error:
        raise ProblemError(
            f"{problem.folder / 'problem.toml'}: stages: they need each other in a circle: "
            f"{' -> '.join(error.args[1])}. Remove one of these needs."
        ) from None


def _resolve_kind(problem: Problem, spec: StageSpec) -> Stage:
    if spec.kind in BUILTIN_STAGES:
        return BUILTIN_STAGES[spec.kind]
    plugins = {point.name: point for point in entry_points(group="evolve.stages")}
    if spec.kind in plugins:
        stage: Stage = plugins[spec.kind].load()()
        return stage
    kinds = [*BUILTIN_STAGES, *plugins]
    raise ProblemError(
        f"{problem.folder / 'problem.toml'}: stages.{spec.name}: unknown kind {spec.kind!r}."
        f"{suggest(spec.kind, kinds)} Known: {', '.join(kinds)}; "
        "others come with a package that registers them."
    )
