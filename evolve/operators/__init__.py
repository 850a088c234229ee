"""Operators: propose a changed program from the programs of an archive.

The built-in ones need no language model. They edit the text by the spans of its syntax tree, so
the author's layout and comments survive; what they propose parses, compiles, keeps the entry and
leaves no name unbound that was bound before.
"""

from evolve.operators._base import Context, NoProposal, Operator, Parent, Proposal
from evolve.operators._registry import builtin_operators, resolve_operator

__all__ = [
    "Context",
    "NoProposal",
    "Operator",
    "Parent",
    "Proposal",
    "builtin_operators",
    "resolve_operator",
]
