"""The engine: tickets, budgets, commits, resume. The only writer to a run's store."""

from evolve.engine._again import MeasuredAgain
from evolve.engine._budget import CALL_LIMITS, explain
from evolve.engine._config import DEFAULT_MAX_EVALS, Budget, RunConfig, RunFile
from evolve.engine._engine import Engine
from evolve.engine._journal import usage_of_rows
from evolve.engine._order import OrderName
from evolve.engine._plan import Plan
from evolve.engine._planning import aplan
from evolve.engine._progress import Display, Progress, Quiet, Source
from evolve.engine._replay import Replayed, afork, areplay
from evolve.engine._resumed import resumed_models
from evolve.engine._session import FAILED, RunOptions, RunResult, aresume, arun, run
from evolve.engine._setup import default_window

__all__ = [
    "CALL_LIMITS",
    "DEFAULT_MAX_EVALS",
    "FAILED",
    "Budget",
    "Display",
    "Engine",
    "MeasuredAgain",
    "OrderName",
    "Plan",
    "Progress",
    "Quiet",
    "Replayed",
    "RunConfig",
    "RunFile",
    "RunOptions",
    "RunResult",
    "Source",
    "afork",
    "aplan",
    "areplay",
    "aresume",
    "arun",
    "default_window",
    "explain",
    "resumed_models",
    "run",
    "usage_of_rows",
]
