"""A program's solution as shapes: evaluated afresh in the sandbox, drawn by the problem's own module."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

from evolve.engine import RunConfig
from evolve.errors import ProblemError, RunError, UsageError
from evolve.export._evaluate import artifact_of, evaluate_fresh
from evolve.problem import Problem, load_problem, shapes_as_data
from evolve.store import Reader


async def shapes_of(run: Path, program: int) -> list[dict[str, Any]]:
    """Evaluate a program of a run again and return what its solution looks like, as data.

    Args:
        run: The run's folder.
        program: Its id.

    Raises:
        UsageError: no such program, or the problem cannot be drawn as shapes.
        RunError: the program is not valid.
        ProblemError: the drawing failed.
    """
    config = RunConfig.load(run)
    problem = load_problem(config.problem, config.params)
    module = _drawing(problem)
    with Reader(run) as reader:
        text = reader.text(program)
    found = await evaluate_fresh(problem, text, config.sandbox)
    if found.status != "valid":
        raise RunError(f"program {program} is {found.status}: nothing to draw. {found.feedback}")
    artifact = artifact_of(found)
    if artifact is None:
        raise UsageError(f"{problem.scorer}: gives no artifact with the score: nothing to draw.")
    path = problem.folder / str(problem.spec.draw)
    try:
        return shapes_as_data(module.shapes(artifact, problem.params))
    except Exception as error:  # noqa: BLE001 - the problem author's module may raise anything
        raise ProblemError(f"{path}: `shapes` failed: {type(error).__name__}: {error}") from None


def _drawing(problem: Problem) -> ModuleType:
    if problem.spec.draw is None:
        raise UsageError(
            f"{problem.name} has no picture: its problem.toml names no `draw` module. Add one with a "
            "function `shapes(artifact, params)`."
        )
    path = problem.folder / problem.spec.draw
    spec = importlib.util.spec_from_file_location("problem_draw", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # noqa: BLE001 - the problem author's module may raise anything
        raise ProblemError(f"{path}: cannot be imported: {type(error).__name__}: {error}") from None
    if not hasattr(module, "shapes"):
        raise UsageError(
            f"{path}: draws for matplotlib only. Add `shapes(artifact, params)`, which returns Circle, "
            "Polygon, Path and Dots of evolve.problem, to see it here."
        )
    return module
