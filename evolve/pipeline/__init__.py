"""The pipeline: stages, wired as a graph, that turn a program into an evaluation."""

from evolve.pipeline._evaluator import SHARED_TRUST
from evolve.pipeline._load import asks, load_stages, scored_cases
from evolve.pipeline._pipeline import Evaluation, Pipeline
from evolve.pipeline._recall import Recall, Shelf
from evolve.pipeline._running import limits_of
from evolve.pipeline._stage import (
    IDLE,
    NOT_RUN,
    OK,
    SKIPPED,
    Ancestor,
    Bar,
    Outputs,
    Parsed,
    Ports,
    Scored,
    Signal,
    Stage,
    StageResult,
    Surroundings,
    Task,
)

__all__ = [
    "IDLE",
    "NOT_RUN",
    "OK",
    "SHARED_TRUST",
    "SKIPPED",
    "Ancestor",
    "Bar",
    "Evaluation",
    "Outputs",
    "Parsed",
    "Pipeline",
    "Ports",
    "Recall",
    "Scored",
    "Shelf",
    "Signal",
    "Stage",
    "StageResult",
    "Surroundings",
    "Task",
    "asks",
    "limits_of",
    "load_stages",
    "scored_cases",
]
