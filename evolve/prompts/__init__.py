"""Prompts: templates, rendered from one typed context."""

from evolve.prompts._context import (
    BlockView,
    Hypothesis,
    Lesson,
    ProblemView,
    ProgramView,
    PromptContext,
    Step,
)
from evolve.prompts._filters import fenced
from evolve.prompts._fit import PromptTooLong, estimate
from evolve.prompts._render import Prompts

__all__ = [
    "BlockView",
    "Hypothesis",
    "Lesson",
    "ProblemView",
    "ProgramView",
    "PromptContext",
    "PromptTooLong",
    "Prompts",
    "Step",
    "estimate",
    "fenced",
]
