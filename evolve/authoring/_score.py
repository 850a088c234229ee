"""Score one program file, apart from any run."""

from __future__ import annotations

from pathlib import Path

from evolve.errors import UsageError
from evolve.export import evaluate_fresh, is_module, program_of
from evolve.pipeline import Evaluation, Pipeline
from evolve.problem import Problem
from evolve.sandbox import LocalExecutor


async def evaluate_file(problem: Problem, file: Path, policy: str | None = None) -> Evaluation:
    """Evaluate the program in a file with a new zygote and a new scorer.

    Of a module that `evolve export` wrote, the program in it is evaluated.

    Args:
        problem: What it is a program for.
        file: The program.
        policy: Sandbox policy; the system's default when omitted.

    Raises:
        UsageError: the file cannot be read.
        ProblemError: the scorer or a preloaded module cannot be imported.
        SandboxError: the sandbox cannot be started.
    """
    text = _read(file)
    if is_module(text):
        return await evaluate_fresh(problem, program_of(text), policy)
    async with LocalExecutor(problem, workers=1, policy=policy) as executor:
        return await Pipeline(problem, executor).evaluate(text)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror}). Give the file of a program.") from None
    except UnicodeDecodeError:
        raise UsageError(f"{file}: must be UTF-8 text. Give the file of a program.") from None
