"""The exported module: the program, a note on where it comes from, and a main part."""

from __future__ import annotations

import evolve
from evolve.languages import PYTHON
from evolve.problem import Problem

_ORIGIN = "# Found by Evolve "
_MAIN = '\n\n\nif __name__ == "__main__":\n    import pprint\n\n    pprint.pprint('


def module_text(problem: Problem, text: str, objective: float | None, run: str, program: int) -> str:
    """Return a module that can be imported and, run by itself, prints what the entry returns.

    Where a stage calls the entry in its own way nobody knows its arguments: if it needs any, there is no
    main part. Programs in other languages than Python are returned as they are.
    """
    if problem.language.name != PYTHON:
        return text
    arguments = ", ".join(f"{k}={v!r}" for k, v in problem.entry_arguments(problem.cases[0]).items())
    title = " ".join(problem.spec.problem.title.split())
    called = problem.spec.candidate.entry
    main = "" if problem.spec.called_by_stage and problem.arguments else f"{_MAIN}{called}({arguments}))"
    return (
        f"# {title}: {problem.spec.objective.metric} = {objective!r}\n"
        f"{_ORIGIN}{evolve.__version__}: run {run}, program {program}. See result.json.\n"
        f"{text.rstrip()}{main}\n"
    )


def program_of(module: str) -> str:
    """Return the part that is evaluated: all but the main part, which would count as code of the program."""
    return module.rpartition(_MAIN)[0] or module


def is_module(text: str) -> bool:
    """Tell whether an export wrote this."""
    return any(line.startswith(_ORIGIN) for line in text.splitlines()[:2])
