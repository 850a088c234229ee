"""Operators: propose a changed program from the programs of an archive.

The built-in ones need no language model. They edit the text by the spans of its syntax tree, so
the author's layout and comments survive; what they propose parses, compiles, keeps the entry and
leaves no name unbound that was bound before. The others ask a model, and check its replies before anything
is evaluated.
"""

from evolve.operators._base import Context, Idea, ModelSide, NoProposal, Operator, Parent, Proposal
from evolve.operators._markers import has_markers, marker_fault, outside_unchanged
from evolve.operators._model_operators import ModelOperator, model_operators
from evolve.operators._registry import builtin_operators, resolve_operator
from evolve.operators._similar import fingerprint, similarity
from evolve.operators._text import TEXT_EDITS

__all__ = [
    "TEXT_EDITS",
    "Context",
    "Idea",
    "ModelOperator",
    "ModelSide",
    "NoProposal",
    "Operator",
    "Parent",
    "Proposal",
    "builtin_operators",
    "fingerprint",
    "has_markers",
    "marker_fault",
    "model_operators",
    "outside_unchanged",
    "resolve_operator",
    "similarity",
]
