"""Problems: what to search for, declared as data, and how a program is scored."""

from evolve.problem._load import (
    Block,
    Problem,
    declared_metrics,
    list_problems,
    load_problem,
    needed_metrics,
)
from evolve.problem._score import Invalid, Score
from evolve.problem._spec import (
    BUILTIN_METRICS,
    EVALUATOR,
    TEXT_METRICS,
    Candidate,
    FurtherObjective,
    Measure,
    Objective,
    ProblemSpec,
    Record,
    Scalar,
    StageSpec,
    case_metric,
    with_text_stage,
)

__all__ = [
    "BUILTIN_METRICS",
    "EVALUATOR",
    "TEXT_METRICS",
    "Block",
    "Candidate",
    "FurtherObjective",
    "Invalid",
    "Measure",
    "Objective",
    "Problem",
    "ProblemSpec",
    "Record",
    "Scalar",
    "Score",
    "StageSpec",
    "case_metric",
    "declared_metrics",
    "list_problems",
    "load_problem",
    "needed_metrics",
    "with_text_stage",
]
