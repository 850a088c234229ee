"""Improve a function of a notebook or a script."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import tempfile
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

import tomli_w

from evolve._brief import brief
from evolve._toml import suggest
from evolve.authoring._new import direction_named
from evolve.authoring._source import Source, source_of
from evolve.authoring._templates import DIRECTIONS
from evolve.engine import RunOptions, RunResult, arun
from evolve.errors import UsageError
from evolve.problem import Measure, Value, check_value

_ORIGIN = "# Written by evolve.optimize; it may be written anew.\n"
_ADAPTER = '''

# -- what the engine calls ---------------------------------------------------------------------------

import math as _evolve_math  # noqa: E402

import evolve.problem as _evolve_problem  # noqa: E402

_evolve_given = {name}


def score(output, params, case):
    """Hand the result to the given function; what it raises counts as a broken rule."""
    try:
        found = _evolve_given(output, **{{name: case[name] for name in {arguments!r} if name in case}})
    except _evolve_problem.Invalid:
        raise
    except Exception as error:
        reason = f"the score function raised {{type(error).__name__}}: {{error}}"
        raise _evolve_problem.Invalid(reason) from error
    if isinstance(found, _evolve_problem.Score):
        return found
    metrics = found if isinstance(found, dict) else {{{metric!r}: found}}
    if {metric!r} not in metrics:
        keys = ", ".join(map(repr, metrics)) or "none"
        raise KeyError(f"the dict has no key {metric!r} but {{keys}}: say metric=... to evolve.optimize")
    for name, value in metrics.items():
        if not _evolve_math.isfinite(value):
            raise _evolve_problem.Invalid(f"the score function returned {{name}} = {{value}}")
    return _evolve_problem.Score(metrics)
'''


@dataclass(frozen=True, slots=True)
class Optimized:
    """What `optimize` found.

    Attributes:
        run: How the run ended; everything about it is in `run.folder`.
        problem: The problem's folder, for `evolve.arun` and the command line.
        entry: Name of the function.
    """

    run: RunResult
    problem: Path
    entry: str

    @property
    def objective(self) -> float | None:
        """The best value found; None when nothing was valid."""
        return self.run.best_objective

    @property
    def text(self) -> str:
        """The best program's text: a module that defines the function."""
        return self.run.best_program

    def load(self) -> Callable[..., Any]:
        """Run the best program's text in this process and return its function.

        It runs unconfined, with all of your rights. The search, or a model, wrote it: read `text` first.

        Raises:
            UsageError: nothing valid was found.
        """
        if self.run.best_id is None:
            raise UsageError(f"{self.run.folder}: no valid program was found, so there is nothing to load.")
        space: dict[str, Any] = {"__name__": f"program_{self.run.best_id}"}
        exec(compile(self.text, f"<program {self.run.best_id}>", "exec", dont_inherit=True), space)
        function: Callable[..., Any] = space[self.entry]
        return function


def optimize(
    function: Callable[..., Any],
    score: Callable[..., Any],
    *,
    direction: str = "maximize",
    metric: str = "score",
    cases: Sequence[Mapping[str, Value]] = (),
    measures: Mapping[str, tuple[float, float, int]] | None = None,
    title: str | None = None,
    statement: str | None = None,
    timeout_s: float = 10.0,
    memory_mb: int = 1024,
    folder: str | Path | None = None,
    **options: Unpack[RunOptions],
) -> Optimized:
    """Search for a better version of a function.

    The source of both functions is taken, with the imports, functions and constants that they use, and
    written as a problem's folder. Programs run in the sandbox; the score function runs in the trusted
    scorer's process and sees only the plain data that a program returned. Waits until the run's budget
    ends, also where an event loop is running, as in a notebook; an interruption stops the run.

    Args:
        function: Where the search begins. Called with the values of a case by name; returns plain data.
        score: `score(result)` or `score(result, name_of_a_case_value, ...)`: returns a finite number, a dict
            of them, or an `evolve.Score`; raises `evolve.Invalid`, or anything, for a wrong result.
        direction: "maximize" or "minimize" what it returns.
        metric: What a single number is called, or which key of the dict is the objective.
        cases: Arguments of one call each: numbers, text, truth values and lists of these; the objective
            is the mean over them. Without any, the function is called once, without arguments.
        measures: Dimensions of the archive: (low, high, bins) by metric; omitted: the program's size and
            branches.
        title: A line for listings.
        statement: What a model is told; omitted: the docstrings.
        timeout_s: Wall-clock limit of a case, in seconds.
        memory_mb: Memory of a program, in MiB.
        folder: Where to write the problem; a new temporary folder, which stays, when omitted.
        options: Those of `evolve.arun`: budget, seed, models, islands, workers, runs...

    Raises:
        UsageError: a function's source cannot be taken (a lambda, a closure, a method, typed at a
            prompt), an argument is wrong, or the folder holds something else.
        ProblemError: the function or its score does not work.
        ModelError, StoreError, SandboxError: see `evolve.arun`.
    """
    _check_arguments(direction, cases, options)
    program, judge = source_of(function, "function"), source_of(score, "score")
    settled = [_case(number, case, program, judge) for number, case in enumerate(cases or ({},), start=1)]
    declaration: dict[str, Any] = {
        "problem": {
            "name": _problem_name(program.name),
            "title": title or f"A better {program.name}",
            "statement": statement or _statement(function, score, program),
        },
        "candidate": {
            "entry": program.name,
            "seeds": ["seed.py"],
            "preload": list(program.modules),
            "timeout_s": timeout_s,
            "memory_mb": memory_mb,
        },
        "objective": {"metric": metric, "direction": direction_named(direction)},
        "measures": _measures(measures, program),
    }
    if cases:
        declaration["cases"] = settled
    files = {
        "problem.toml": _ORIGIN + tomli_w.dumps(declaration),
        "seed.py": program.text,
        "score.py": _scorer(judge, metric),
    }
    home = _write(Path(folder) if folder is not None else None, files)
    return Optimized(_wait(arun(home, **options)), home, program.name)


def _check_arguments(direction: str, cases: object, options: Mapping[str, object]) -> None:
    """Refuse what Python would refuse in words about something else."""
    known = [*inspect.signature(optimize).parameters, *RunOptions.__annotations__]
    known.remove("options")
    for name in options:
        if name not in RunOptions.__annotations__:
            raise UsageError(
                f"evolve.optimize has no argument {name!r}.{suggest(name, known)} It has {', '.join(known)}."
            )
    if direction not in DIRECTIONS:
        raise UsageError(
            f"direction: must be 'maximize' or 'minimize', got {direction!r}.{suggest(direction, DIRECTIONS)}"
        )
    if isinstance(cases, str | Mapping) or not all(isinstance(case, Mapping) for case in _items(cases)):
        raise UsageError(
            "cases: must be a list of dicts, one for each call, such as cases=[{'x': 1}], "
            f"got {brief(cases)}."
        )


def _items(cases: object) -> Sequence[object]:
    return cases if isinstance(cases, Sequence) else [cases]


def _case(number: int, case: Mapping[str, Value], program: Source, judge: Source) -> dict[str, Value]:
    """Check that both functions can be called with a case."""
    for name, value in case.items():
        try:
            check_value(value)
        except ValueError as error:
            raise UsageError(
                f"cases: {name!r} of case {number} {error}, got {brief(value)}. Convert it, as by "
                "`array.tolist()`, or build it inside of the function, from a number."
            ) from None
    missing = [name for name in program.required if name not in case]
    unknown = [name for name in case if name not in program.parameters]
    if missing or unknown:
        raise UsageError(
            f"cases: case {number} must have the arguments of {program.name}"
            f"({', '.join(program.parameters)}), got {', '.join(case) or 'none'}. "
            "Add or rename them, such as cases=[{...}, ...]."
        )
    for name in judge.required[1:]:
        if name not in case:
            raise UsageError(
                f"score: {judge.name} wants {name!r}, which case {number} does not have. Its first parameter "
                "gets the result, others get values of the case by name."
            )
    if not judge.parameters:
        raise UsageError(f"score: {judge.name} must take the result as its first parameter.")
    return dict(case)


def _scorer(judge: Source, metric: str) -> str:
    """Return the text of score.py: the given function and what the engine calls."""
    if "score" in judge.names:
        raise UsageError(
            f"score: {judge.name} uses something called `score`, which is the name of what the engine calls. "
            "Rename it."
        )
    arguments = judge.parameters[1:]
    if judge.name == "score" and "score" in _read_names(judge.text):
        raise UsageError("score: a function named `score` must not call itself. Rename it.")
    return judge.text + _ADAPTER.format(name=judge.name, arguments=arguments, metric=metric)


def _read_names(text: str) -> set[str]:
    return {
        node.id
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
    }


def _measures(given: Mapping[str, tuple[float, float, int]] | None, program: Source) -> list[dict[str, Any]]:
    if given is None:
        nodes = sum(1 for _ in ast.walk(ast.parse(program.text)))
        given = {"ast_nodes": (0, max(100, 4 * nodes), 20), "cyclomatic": (1, 21, 10)}
    found = []
    for name, bounds in given.items():
        if not isinstance(bounds, tuple | list) or len(bounds) != 3:
            raise UsageError(f"measures: {name!r} must be (low, high, bins), got {bounds!r}.")
        low, high, bins = bounds
        found.append(Measure(metric=name, range=(low, high), bins=bins).model_dump(exclude_none=True))
    return found


def _problem_name(function: str) -> str:
    name = re.sub(r"[^a-z0-9_]", "_", function.lower()).strip("_")
    return name if re.match("[a-z]", name) else f"problem_{name}".rstrip("_")


def _statement(function: Callable[..., Any], score: Callable[..., Any], program: Source) -> str:
    parts = [f"Improve the function `{program.name}({', '.join(program.parameters)})`."]
    if about := inspect.getdoc(function):
        parts.append(about)
    if about := inspect.getdoc(score):
        parts.append(f"How its result is judged: {about}")
    return "\n\n".join(parts)


def _write(folder: Path | None, files: Mapping[str, str]) -> Path:
    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="evolve-problem-"))
    path = folder / "problem.toml"
    try:
        if folder.exists() and any(folder.iterdir()) and not _is_ours(path):
            raise UsageError(
                f"folder {folder}: holds something that evolve.optimize has not written. Choose another."
            )
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"folder {folder}: cannot be written ({error.strerror}). Choose another.") from None
    return folder


def _is_ours(path: Path) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace").startswith(_ORIGIN)


def _wait(session: Coroutine[Any, Any, RunResult]) -> RunResult:
    """Run to the end: here, or in a thread of its own where an event loop is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(session)
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def cancellable() -> RunResult:
        task = asyncio.current_task()
        assert task is not None
        running.append((asyncio.get_running_loop(), task))
        return await session

    with ThreadPoolExecutor(1, thread_name_prefix="evolve") as pool:
        future = pool.submit(asyncio.run, cancellable())
        try:
            return future.result()
        except BaseException:
            for loop, task in running:
                if not future.done():
                    loop.call_soon_threadsafe(task.cancel)
            raise
