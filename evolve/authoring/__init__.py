"""Bring a problem of one's own: write it from a template, prove that it holds, or begin from a function."""

from evolve.authoring._new import NewProblem, new_problem
from evolve.authoring._optimize import Optimized, optimize
from evolve.authoring._score import evaluate_file
from evolve.authoring._templates import TEMPLATES, Template

__all__ = ["TEMPLATES", "NewProblem", "Optimized", "Template", "evaluate_file", "new_problem", "optimize"]
