"""The kinds of stages that every problem uses: parse, run, text, score, complexity; and the list of all."""

from __future__ import annotations

import ast
import re
from dataclasses import replace

from evolve.languages import PYTHON, code_lines, tokens
from evolve.pipeline._cases import Row, case_name, chosen_cases, odd_cases, united, with_printed
from evolve.pipeline._command import Command
from evolve.pipeline._declared import known_options as _known_options
from evolve.pipeline._descriptors import Descriptors
from evolve.pipeline._evaluator import Evaluate
from evolve.pipeline._gate import Gate
from evolve.pipeline._lineage import Lineage
from evolve.pipeline._opinions import Insight, Judge
from evolve.pipeline._repeat import Repeat
from evolve.pipeline._running import limits_of, run_case
from evolve.pipeline._stage import OK, Outputs, Parsed, Ports, Scored, Stage, StageResult, Task
from evolve.problem import EVALUATOR, Problem, StageSpec
from evolve.sandbox import CodecError, decode, encode
from evolve.source import accepts, find_function, read


class Parse:
    """Check that the text is a program: its size, its syntax, its entry and the entry's parameters.

    Of other languages than Python the size is checked, and that the entry's name occurs.
    """

    version = "1"
    needs_value = False
    ignores = ("timeout_s", "aggregate")
    ports = Ports(gives=Parsed)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`; the tree is to be looked at only."""
        candidate = task.problem.spec.candidate
        if len(task.text) > candidate.max_chars:
            return _refused(
                f"the program has {len(task.text):,} characters; at most {candidate.max_chars:,} are allowed"
            )
        if candidate.language != PYTHON:
            return self._surface(task)
        try:
            tree = read(task.text)
        except SyntaxError as error:
            return _refused(f"line {error.lineno}: {error.msg}" if error.lineno else str(error.msg))
        entry = find_function(tree, candidate.entry)
        if entry is None:
            return _refused(f"the program must define `def {candidate.entry}(...)` at top level")
        if not accepts(entry, task.problem.arguments):
            names = ", ".join(task.problem.arguments) or "none"
            text = f"`{candidate.entry}` must be callable with the keyword arguments {names}"
            return _refused(text + odd_cases(task.problem))
        return StageResult(value=Parsed(tree))

    @staticmethod
    def _surface(task: Task) -> StageResult:
        entry = task.problem.spec.candidate.entry
        if not task.text.strip():
            return _refused("the text is empty")
        if "\0" in task.text:
            return _refused("the text holds a NUL character")
        if entry and not re.search(rf"\b{re.escape(entry)}\b", task.text):
            return _refused(f"the program must define `{entry}`")
        return StageResult(value=Parsed(None))


class Run:
    """Run the entry in the sandbox, once per case."""

    version = "1"
    needs_value = False
    ignores = ("aggregate",)
    ports = Ports(accepts=(Parsed,), gives=Outputs)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec, "cases")
        chosen_cases(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        # As for the scorer: enough to start a helper anew, whatever it preloads.
        return 150.0 + len(problem.cases) * ((spec.timeout_s or problem.spec.candidate.timeout_s) + 10.0)

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        cases = chosen_cases(task.problem, task.spec)
        if task.problem.spec.candidate.one_process and len(cases) > 1:
            return await self._together(task)
        outputs = []
        total = StageResult()
        for case in cases:
            ran, total = await run_case(task, case, total)
            if ran.status != OK:
                return replace(total, status=ran.status, feedback=case_name(case) + ran.feedback)
            outputs.append((case, ran.output))
        return replace(total, value=Outputs(tuple(outputs)))

    @staticmethod
    async def _together(task: Task) -> StageResult:
        """Run all cases in one process, within the sum of their times."""
        cases = chosen_cases(task.problem, task.spec)
        arguments = [task.problem.entry_arguments(case) for case in cases]
        limits = limits_of(task)
        limits = replace(
            limits, wall_s=limits.wall_s * len(cases), cpu_s=limits.cpu_s and limits.cpu_s * len(cases)
        )
        ran = await task.executor.run(task.text, task.problem.spec.candidate.entry, arguments, limits)
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
        return replace(found, value=Outputs(tuple(zip(cases, outputs, strict=True))))


class Text:
    """Hand the text itself to the scorer, as the output of every case: for prose, prompts and data."""

    version = "1"
    needs_value = False
    ignores = ("timeout_s", "aggregate")
    ports = Ports(accepts=(Parsed,), gives=Outputs)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec, "cases")
        chosen_cases(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        try:
            output = encode(task.text)
        except CodecError as error:
            return _refused(f"the text cannot be passed on: {error}")
        return StageResult(
            value=Outputs(tuple((case, output) for case in chosen_cases(task.problem, task.spec)))
        )


class ScoreOutputs:
    """Let the trusted scorer judge the outputs; metrics of several cases become one as declared."""

    version = "2"
    needs_value = True
    ports = Ports(reads=(Outputs,), accepts=(Parsed,), gives=Scored)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        return 150.0 + len(problem.cases) * self._limit(spec)

    @staticmethod
    def _limit(spec: StageSpec) -> float:
        return spec.timeout_s or 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        rows: list[Row] = []
        artifacts: list[bytes] = []
        printed = ""
        for case, output in task.read(Outputs).cases:
            verdict = await task.executor.score(
                output, case, artifact=task.artifact, timeout_s=self._limit(task.spec)
            )
            where = case_name(case)
            printed = with_printed(task.problem, printed, case, verdict)
            if verdict.status != "valid":
                return StageResult(verdict.status, feedback=where + verdict.feedback, printed=printed)
            rows.append(Row(verdict.metrics, verdict.feedback and where + verdict.feedback))
            artifacts.append(verdict.artifact)
        found = replace(united(task.problem, task.spec, rows), printed=printed)
        return replace(found, value=Scored(artifacts)) if found.status == OK else found


class Complexity:
    """Measure the program's text.

    Python: code lines, syntax-tree nodes, cyclomatic complexity (McCabe 1976). Other languages: lines that
    hold more than comments, tokens, characters.
    """

    version = "1"
    needs_value = True
    ignores = ("timeout_s", "aggregate")
    ports = Ports(reads=(Parsed,))

    _BRANCHES = (ast.If, ast.IfExp, ast.For, ast.While, ast.ExceptHandler, ast.comprehension, ast.match_case)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        _known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 30.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        tree = task.read(Parsed).tree
        if tree is None:
            language = task.problem.language
            sizes = len(code_lines(task.text, language)), len(tokens(task.text, language)), len(task.text)
            return StageResult(
                metrics=dict(zip(("lines", "tokens", "chars"), map(float, sizes), strict=True))
            )
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
    "text": Text(),
    "score": ScoreOutputs(),
    "complexity": Complexity(),
    EVALUATOR: Evaluate(),
    "descriptors": Descriptors(),
    "gate": Gate(),
    "repeat": Repeat(),
    "command": Command(),
    "lineage": Lineage(),
    "judge": Judge(),
    "insight": Insight(),
}


def _refused(feedback: str) -> StageResult:
    return StageResult("refused", feedback=feedback)
