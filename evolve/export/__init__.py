"""Take the best program home, and prove later that it still scores what it scored."""

from evolve.export._evaluate import evaluate_fresh
from evolve.export._export import Exported, export
from evolve.export._module import is_module, program_of
from evolve.export._shapes import shapes_of
from evolve.export._verify import Verification, verify

__all__ = [
    "Exported",
    "Verification",
    "evaluate_fresh",
    "export",
    "is_module",
    "program_of",
    "shapes_of",
    "verify",
]
