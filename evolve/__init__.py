"""Evolve: search for better programs by evolution.

    import evolve
    result = evolve.run("circle_packing", seed=1, budget=evolve.Budget(max_evals=200))
    print(result.best_objective, result.best_program)

Everything below is imported on first use, so that `import evolve` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.authoring import Optimized, optimize
    from evolve.engine import Budget, RunResult, afork, areplay, aresume, arun, run
    from evolve.errors import EvolveError
    from evolve.problem import Invalid, Problem, Score, load_problem

__version__ = "0.1.0"

__all__ = [
    "Budget",
    "EvolveError",
    "Invalid",
    "Optimized",
    "Problem",
    "RunResult",
    "Score",
    "afork",
    "areplay",
    "aresume",
    "arun",
    "load_problem",
    "optimize",
    "run",
]

_HOMES = {
    "Budget": "evolve.engine",
    "EvolveError": "evolve.errors",
    "Invalid": "evolve.problem",
    "Optimized": "evolve.authoring",
    "Problem": "evolve.problem",
    "RunResult": "evolve.engine",
    "Score": "evolve.problem",
    "afork": "evolve.engine",
    "areplay": "evolve.engine",
    "aresume": "evolve.engine",
    "arun": "evolve.engine",
    "load_problem": "evolve.problem",
    "optimize": "evolve.authoring",
    "run": "evolve.engine",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evolve' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
