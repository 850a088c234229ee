"""Problems: what to search for, declared as data, and how a program is scored."""

from evolve.problem._load import Block, Problem, list_problems, load_problem, needed_metrics
from evolve.problem._score import Invalid, Score
from evolve.problem._spec import (
    BUILTIN_METRICS,
    EVALUATOR,
    Candidate,
    Measure,
    Objective,
    ProblemSpec,
    Record,
    Scalar,
    StageSpec,
)

__all__ = [
    "BUILTIN_METRICS",
    "EVALUATOR",
    "Block",
    "Candidate",
    "Invalid",
    "Measure",
    "Objective",
    "Problem",
    "ProblemSpec",
    "Record",
    "Scalar",
    "Score",
    "StageSpec",
    "list_problems",
    "load_problem",
    "needed_metrics",
]
