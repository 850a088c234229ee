"""The built-in kinds of stages: parse, run, score, complexity; and the table of all of them."""

from __future__ import annotations

import ast
import math
from dataclasses import dataclass, replace
from typing import Any

from evolve.errors import ProblemError
from evolve.pipeline._descriptors import Descriptors
from evolve.pipeline._evaluator import Evaluate
from evolve.pipeline._stage import OK, Stage, StageResult, Task
from evolve.problem import EVALUATOR, Problem, StageSpec, case_metric
from evolve.sandbox import CodecError, Limits, decode
from evolve.source import accepts, find_function, read

_MIB = 2**20


class Parse:
    """Check that the text is a program: its size, its syntax, its entry and the entry's parameters."""

    version = "1"
    needs_value = False

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`; the value is the syntax tree, to be looked at only."""
        candidate = task.problem.spec.candidate
        if len(task.text) > candidate.max_chars:
            return _refused(
                f"the program has {len(task.text):,} characters; at most {candidate.max_chars:,} are allowed"
            )
        try:
            tree = read(task.text)
        except SyntaxError as error:
            return _refused(f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg))
        entry = find_function(tree, candidate.entry)
        if entry is None:
            return _refused(f"the program must define `def {candidate.entry}(...)` at top level")
        if not accepts(entry, task.problem.arguments):
            names = ", ".join(task.problem.arguments) or "none"
            return _refused(f"`{candidate.entry}` must be callable with the keyword arguments {names}")
        return StageResult(value=tree)


class Run:
    """Run the entry in the sandbox, once per case."""

    version = "1"
    needs_value = False

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        # As for the scorer: enough to start a helper anew, whatever it preloads.
        return 150.0 + len(problem.cases) * ((spec.timeout_s or problem.spec.candidate.timeout_s) + 10.0)

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`; the value is the list of encoded outputs, a case each."""
        candidate = task.problem.spec.candidate
        limits = Limits(
            wall_s=task.spec.timeout_s or candidate.timeout_s,
            memory_mb=candidate.memory_mb,
            processes=candidate.processes,
            cpu_s=candidate.cpu_s,
            scratch_mb=candidate.scratch_mb,
            output_bytes=int(candidate.output_mb * _MIB),
        )
        if candidate.one_process and len(task.problem.cases) > 1:
            return await self._together(task, limits)
        outputs: list[bytes] = []
        wall = cpu = 0.0
        printed = ""
        layers: tuple[str, ...] = ()
        for case in task.problem.cases:
            arguments = task.problem.entry_arguments(case)
            ran = await task.executor.run(task.text, candidate.entry, arguments, limits)
            wall, cpu, layers = wall + ran.wall_s, cpu + ran.cpu_s, ran.layers
            printed = printed or ran.printed
            if ran.status != OK:
                where = f"case {case}: " if case else ""
                return StageResult(ran.status, {}, where + ran.feedback, None, printed, wall, cpu, layers)
            outputs.append(ran.output)
        return StageResult(value=outputs, printed=printed, wall_s=wall, cpu_s=cpu, layers=layers)

    @staticmethod
    async def _together(task: Task, limits: Limits) -> StageResult:
        """Run all cases in one process, within the sum of their times."""
        cases = [task.problem.entry_arguments(case) for case in task.problem.cases]
        limits = replace(
            limits, wall_s=limits.wall_s * len(cases), cpu_s=limits.cpu_s and limits.cpu_s * len(cases)
        )
        ran = await task.executor.run(task.text, task.problem.spec.candidate.entry, cases, limits)
        found = StageResult(
            ran.status, {}, ran.feedback, None, ran.printed, ran.wall_s, ran.cpu_s, ran.layers
        )
        if ran.status != OK:
            return found
        try:
            outputs = decode(ran.output, max_nodes=1 + len(cases))
        except CodecError as error:
            return replace(found, status="failed", feedback=f"returned unreadable data: {error}")
        if not (
            isinstance(outputs, list)
            and len(outputs) == len(cases)
            and all(type(o) is bytes for o in outputs)
        ):
            return replace(
                found, status="failed", feedback="returned something else than a result for every case"
            )
        return replace(found, value=outputs)


@dataclass(frozen=True, slots=True)
class Scored:
    """The value of a score stage: the encoded artifacts, a case each."""

    artifacts: list[bytes]


class ScoreOutputs:
    """Let the trusted scorer judge the outputs; metrics are means over the cases."""

    version = "2"
    needs_value = True

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)
        _the_run(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        return 150.0 + len(problem.cases) * self._limit(spec)

    @staticmethod
    def _limit(spec: StageSpec) -> float:
        return spec.timeout_s or 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        outputs: list[bytes] = task.inputs[_the_run(task.problem, task.spec)].value
        rows: list[dict[str, float]] = []
        feedback: list[str] = []
        artifacts: list[bytes] = []
        for case, output in zip(task.problem.cases, outputs, strict=True):
            where = f"case {case}: " if case else ""
            verdict = await task.executor.score(
                output, case, artifact=task.artifact, timeout_s=self._limit(task.spec)
            )
            if verdict.status != "valid":
                return StageResult(verdict.status, feedback=where + verdict.feedback)
            rows.append(verdict.metrics)
            feedback.append(where + verdict.feedback)
            artifacts.append(verdict.artifact)
        if any(row.keys() != rows[0].keys() for row in rows):
            return StageResult("error", feedback="the scorer returned different metrics for different cases")
        metrics = {name: sum(row[name] for row in rows) / len(rows) for name in rows[0]}
        objective = task.problem.spec.objective.metric
        if len(rows) > 1 and objective in metrics:  # selections may look at single cases
            metrics |= {case_metric(objective, case): row[objective] for case, row in enumerate(rows)}
        if not all(map(math.isfinite, metrics.values())):
            return StageResult("error", feedback="the mean of a metric over the cases is not finite")
        return StageResult(
            metrics=metrics, feedback="\n".join(filter(None, feedback)), value=Scored(artifacts)
        )


class Complexity:
    """Measure the program's text: code lines, syntax-tree nodes, cyclomatic complexity (McCabe 1976)."""

    version = "1"
    needs_value = True

    _BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)
        if not spec.needs or _kind_of(problem, spec.needs[0]) != "parse":
            raise ProblemError(_where(problem, spec) + 'must need a `parse` stage first: needs = ["parse"].')

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        tree: ast.Module = task.inputs[task.spec.needs[0]].value
        nodes = branches = 0
        lines: set[int] = set()
        for node in ast.walk(tree):
            nodes += 1
            if isinstance(node, ast.stmt):
                lines.add(node.lineno)
            if isinstance(node, self._BRANCHES):
                branches += 1
            elif isinstance(node, ast.BoolOp):
                branches += len(node.values) - 1
        return StageResult(
            metrics={"lines": float(len(lines)), "ast_nodes": float(nodes), "cyclomatic": 1.0 + branches}
        )


BUILTIN_STAGES: dict[str, Stage] = {
    "parse": Parse(),
    "run": Run(),
    "score": ScoreOutputs(),
    "complexity": Complexity(),
    EVALUATOR: Evaluate(),
    "descriptors": Descriptors(),
}


def _refused(feedback: str) -> StageResult:
    return StageResult("refused", feedback=feedback)


def _kind_of(problem: Problem, stage: str) -> str:
    return next(spec.kind for spec in problem.spec.stages if spec.name == stage)


def _the_run(problem: Problem, spec: StageSpec) -> str:
    """Name the run stage that a score stage judges."""
    runs = [need for need in spec.needs if _kind_of(problem, need) == "run"]
    if len(runs) != 1:
        raise ProblemError(_where(problem, spec) + f"must need exactly one `run` stage, got {len(runs)}.")
    return runs[0]


def _known_options(problem: Problem, spec: StageSpec, *known: str) -> None:
    unknown: list[Any] = [key for key in spec.options if key not in known]
    if unknown:
        allowed = f"it knows {', '.join(known)}" if known else "remove it, this kind has none"
        raise ProblemError(_where(problem, spec) + f"has no option {unknown[0]!r}; {allowed}.")


def _where(problem: Problem, spec: StageSpec) -> str:
    return f"{problem.folder / 'problem.toml'}: stages.{spec.name}: kind {spec.kind!r} "
