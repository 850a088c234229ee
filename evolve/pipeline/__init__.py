"""The pipeline: stages, wired as a graph, that turn a program into an evaluation."""

from evolve.pipeline._evaluator import SHARED_TRUST
from evolve.pipeline._pipeline import Evaluation, Pipeline
from evolve.pipeline._stage import OK, Stage, StageResult, Task
from evolve.pipeline._stages import Scored

__all__ = ["OK", "SHARED_TRUST", "Evaluation", "Pipeline", "Scored", "Stage", "StageResult", "Task"]
