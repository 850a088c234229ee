"""Problems: what to search for, declared as data, and how a program is scored."""

from evolve.problem._aggregate import Aggregate, spread
from evolve.problem._condition import Condition
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
    DESCRIPTORS,
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
    Value,
    case_metric,
    check_cells,
    check_value,
    with_descriptors,
)

__all__ = [
    "BUILTIN_METRICS",
    "DESCRIPTORS",
    "EVALUATOR",
    "TEXT_METRICS",
    "Aggregate",
    "Block",
    "Candidate",
    "Condition",
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
    "Value",
    "case_metric",
    "check_cells",
    "check_value",
    "declared_metrics",
    "list_problems",
    "load_problem",
    "needed_metrics",
    "spread",
    "with_descriptors",
]
