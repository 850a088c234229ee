"""The engine: tickets, budgets, commits, resume. The only writer to a run's store."""

from evolve.engine._config import DEFAULT_MAX_EVALS, Budget, RunConfig
from evolve.engine._engine import Engine
from evolve.engine._progress import Display, Progress, Quiet, Source
from evolve.engine._session import RunResult, aresume, arun, run

__all__ = [
    "DEFAULT_MAX_EVALS",
    "Budget",
    "Display",
    "Engine",
    "Progress",
    "Quiet",
    "RunConfig",
    "RunResult",
    "Source",
    "aresume",
    "arun",
    "run",
]
