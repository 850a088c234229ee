"""Commands: programs in any language, compiled once and run per case, each time in a sandbox of its own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import PurePath

from evolve.errors import ProblemError
from evolve.pipeline._cases import case_name, chosen_cases
from evolve.pipeline._declared import (
    flag_option,
    known_options,
    place,
    refuse,
    text_option,
    whole_option,
    words_option,
)
from evolve.pipeline._running import limits_of
from evolve.pipeline._stage import OK, Case, Outputs, Parsed, Ports, StageResult, Task
from evolve.problem import Problem, StageSpec, Value
from evolve.sandbox import CodecError, CommandResult, encode
from evolve.sandbox import Command as Order

SYSTEM_PATH = ("/usr/local/bin", "/usr/bin", "/bin")
_COMPILE_S = 60
_FEEDBACK_CHARS = 3000
_TEMPORARY = re.compile(r"\bcc[A-Za-z0-9]{6}(?=\.[os]\b)")
"""What C compilers call their files in between: random names, with which no message would repeat."""
_OPTIONS = (
    "compile",
    "run",
    "file",
    "files",
    "product",
    "input",
    "compile_timeout_s",
    "repeat",
    "cases",
    "subprocesses",
    "fresh",
)
_Ranges = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class _Plan:
    """What a stage declares, with the language's defaults filled in."""

    compile: tuple[str, ...]
    run: tuple[str, ...]
    file: str
    files: tuple[str, ...]
    product: str
    input: str
    compile_s: int
    repeat: int
    subprocesses: bool
    fresh: _Ranges

    @classmethod
    def of(cls, problem: Problem, spec: StageSpec) -> _Plan:
        """Read the options; raises ProblemError."""
        language = problem.language
        return cls(
            words_option(problem, spec, "compile", language.compile),
            words_option(problem, spec, "run", language.run),
            text_option(problem, spec, "file", language.file),
            words_option(problem, spec, "files", ()),
            text_option(problem, spec, "product", "program"),
            text_option(problem, spec, "input", "json"),
            whole_option(problem, spec, "compile_timeout_s", _COMPILE_S, 1, 3600),
            whole_option(problem, spec, "repeat", 1, 1, 1000),
            flag_option(problem, spec, "subprocesses", default=language.subprocesses),
            _ranges(problem, spec),
        )

    def case(self, task: Task, case: Case) -> Case:
        """Return a case with its fresh values, which follow from the program's text."""
        given = json.dumps([task.problem.digest, task.text, case], sort_keys=True)
        return {**case, **{name: _drawn(given + name, *ends) for name, ends in self.fresh.items()}}


class Command:
    """Run a program by a command: compiled once, then run once per case.

    Options, with defaults that depend on the language: `compile` (a command that makes `product`, the file
    "program" when omitted; an empty list: nothing is compiled), `run`, `file` (the name that the text is
    stored under), `files` (of the problem, laid beside it), `input` ("json": the case's arguments as an
    object; or a template such as "{n} {seed}"), `compile_timeout_s`, `repeat` (runs of each case, of which
    the least time counts), `cases`, `subprocesses` (whether what is run may start processes), `fresh` (ranges
    of arguments by name, whose values follow from the program's text: an answer that is written into a
    program is the answer to another question). Words of the commands may hold "{file}" and the names of
    arguments.

    The scorer gets for each case a dictionary: `stdout` (text), `wall_s` (from start to end of the command)
    and `cpu_s` (processor time of all threads, counted by the kernel). Processes could hide their time, so
    there is no `cpu_s` with `subprocesses`.
    """

    version = "2"
    needs_value = False
    ignores = ("aggregate",)
    ports = Ports(accepts=(Parsed,), gives=Outputs)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        known_options(problem, spec, *_OPTIONS)
        chosen_cases(problem, spec)
        plan = _Plan.of(problem, spec)
        if not plan.run:
            raise refuse(problem, spec, "run", 'a command, such as ["./program"]')
        names = (plan.file, plan.product, *(PurePath(name).name for name in plan.files))
        for name in names:
            if (
                name in (".", "..")
                or "/" in name
                or names.count(name) > 1 + (name == plan.product != plan.file)
            ):
                raise ProblemError(
                    place(problem, spec) + f"file names must be plain and differ, got {name!r}."
                )
        example = problem.entry_arguments(problem.cases[0])
        try:
            words = [_filled(word, plan, example) for word in (*plan.compile, *plan.run)]
            _check_fresh(problem, spec, plan, example)
            _stdin(plan, example)
        except (KeyError, IndexError, ValueError) as error:
            known = ", ".join(["file", *example])
            raise ProblemError(
                place(problem, spec)
                + f"a command or `input` names {error}, which is no argument; known: {known}. "
                "Write a brace itself as {{ or }}."
            ) from None
        for tool in [words[0], words[len(plan.compile)]]:
            _check_tool(problem, spec, tool)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        plan = _Plan.of(problem, spec)
        each = (spec.timeout_s or problem.spec.candidate.timeout_s) + 10.0
        return 150.0 + plan.compile_s + len(problem.cases) * plan.repeat * each

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        plan = _Plan.of(task.problem, task.spec)
        files = {PurePath(name).name: (task.problem.folder / name).read_bytes() for name in plan.files}
        files[plan.file] = task.text.encode("utf-8", "replace")
        total = StageResult()
        if plan.compile:
            made = await self._compile(task, plan, files)
            total = _added(total, made)
            if made.status != OK:
                return replace(
                    total, status=made.status, feedback=_told("the program does not compile", made)
                )
            files = {**files, plan.product: made.files[plan.product]}
        outputs = []
        for chosen in chosen_cases(task.problem, task.spec):
            case = plan.case(task, chosen)
            output, total = await self._run(task, plan, files, case, total)
            if output is None:
                return total
            outputs.append((case, output))
        return replace(total, value=Outputs(tuple(outputs)))

    @staticmethod
    async def _compile(task: Task, plan: _Plan, files: dict[str, bytes]) -> CommandResult:
        words = tuple(_filled(word, plan, {}) for word in plan.compile)
        limits = replace(limits_of(task), wall_s=float(plan.compile_s), cpu_s=None)
        made = await task.executor.command(Order(words, files, (), b"", (plan.product,)), limits)
        if made.status == OK and plan.product not in made.files:
            return replace(made, status="failed", feedback=f"the compiler made no file {plan.product!r}")
        return made

    @staticmethod
    async def _run(
        task: Task, plan: _Plan, files: dict[str, bytes], case: Case, total: StageResult
    ) -> tuple[bytes | None, StageResult]:
        """Run one case; return what the scorer gets, or None with the result of the whole."""
        arguments = task.problem.entry_arguments(case)
        words = tuple(_filled(word, plan, arguments) for word in plan.run)
        alone = not plan.subprocesses
        order = Order(words, files, (plan.product,), _stdin(plan, arguments), one_process=alone)
        best: CommandResult | None = None
        for _ in range(plan.repeat):
            ran = await task.executor.command(order, limits_of(task))
            total = _added(total, ran)
            if ran.status != OK:
                return None, replace(total, status=ran.status, feedback=case_name(case) + _told("", ran))
            if best is not None and best.stdout != ran.stdout:
                text = "two runs of the same case printed different results; make the program deterministic"
                return None, replace(total, status="failed", feedback=case_name(case) + text)
            best = ran if best is None or ran.cpu_s < best.cpu_s else best
        assert best is not None
        data = {"stdout": best.stdout.decode("utf-8", "replace"), "wall_s": best.command_s}
        try:
            return encode(data if plan.subprocesses else {**data, "cpu_s": best.cpu_s}), total
        except CodecError as error:
            return None, replace(total, status="failed", feedback=f"{case_name(case)}cannot be read: {error}")


def _filled(word: str, plan: _Plan, arguments: Mapping[str, Value]) -> str:
    """Fill in the names of a word; only plain names, so that no attribute of anything can be reached."""
    if "{" not in word and "}" not in word:
        return word
    return _format(word, {"file": plan.file, **arguments})


def _stdin(plan: _Plan, arguments: Mapping[str, Value]) -> bytes:
    if plan.input == "json":
        return (json.dumps(dict(arguments)) + "\n").encode()
    text = _format(plan.input, arguments)
    return (text if text.endswith("\n") else text + "\n").encode("utf-8", "replace")


def _format(template: str, values: Mapping[str, Value]) -> str:
    plain = {name: json.dumps(v) if isinstance(v, list) else str(v) for name, v in values.items()}
    return template.format_map(plain)


def _added(total: StageResult, ran: CommandResult) -> StageResult:
    printed = total.printed or _said(ran)
    return replace(
        total,
        wall_s=total.wall_s + ran.wall_s,
        cpu_s=total.cpu_s + ran.cpu_s,
        layers=ran.layers,
        printed=printed,
    )


def _told(what: str, ran: CommandResult) -> str:
    """Say why a command did not succeed, with the beginning of what it said about it."""
    said = _said(ran).strip()[:_FEEDBACK_CHARS]
    head = ": ".join(part for part in (what, ran.feedback) if part)
    return f"{head}\n{said}" if said else head


def _said(ran: CommandResult) -> str:
    return _TEMPORARY.sub("cc", ran.stderr.decode("utf-8", "replace"))


def _ranges(problem: Problem, spec: StageSpec) -> _Ranges:
    """Read the option `fresh`; raises ProblemError."""
    given = spec.options.get("fresh", {})
    pairs = given.values() if isinstance(given, dict) else [None]
    for ends in pairs:
        if not isinstance(ends, list) or [type(end) for end in ends] != [int, int] or ends[0] > ends[1]:
            raise refuse(problem, spec, "fresh", "a table of [lowest, highest], such as { seed = [0, 999] }")
    return {name: (low, high) for name, (low, high) in given.items()}


def _check_fresh(problem: Problem, spec: StageSpec, plan: _Plan, example: Mapping[str, Value]) -> None:
    for name in plan.fresh:
        if type(example.get(name)) is not int:
            raise ProblemError(
                place(problem, spec) + f"draws {name!r} anew, which has to be an argument that is a whole "
                "number: declare it in [params] or [[cases]]."
            )


def _drawn(given: str, low: int, high: int) -> int:
    """Draw a whole number from low to high that follows from a text."""
    digest = hashlib.blake2b(given.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    return low + int.from_bytes(digest) % (high - low + 1)


def _check_tool(problem: Problem, spec: StageSpec, tool: str) -> None:
    """Refuse a tool that the sandbox will not find; raises ProblemError."""
    if "/" in tool:
        return
    for folder in problem.toolchains:
        if not os.path.isdir(folder):
            raise ProblemError(
                f"{problem.folder / 'problem.toml'}: candidate.toolchains: there is no folder {folder}. "
                "Install the tools there, or correct the path."
            )
    if _tool_path(problem, tool) is None:
        raise ProblemError(
            place(problem, spec)
            + f"needs the tool {tool!r}, which is in none of {', '.join(_folders(problem))}. Install it "
            "there, or name its folder (the one that holds `bin`) in candidate.toolchains."
        )


def tools_of(problem: Problem) -> list[str]:
    """Return the paths of the tools that a problem's stages of this kind start; raises ProblemError."""
    plans = [_Plan.of(problem, spec) for spec in problem.spec.stages if spec.kind == "command"]
    words = [command[0] for plan in plans for command in (plan.compile, plan.run) if command]
    return [path for word in words if (path := _tool_path(problem, word))]


def _tool_path(problem: Problem, tool: str) -> str | None:
    """Return where a tool is found; None for a program's own file, and for what is not there."""
    return None if "/" in tool else shutil.which(tool, path=":".join(_folders(problem)))


def _folders(problem: Problem) -> list[str]:
    return [*SYSTEM_PATH, *(f"{folder}/bin" for folder in problem.toolchains)]
