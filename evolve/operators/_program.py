"""The program to change, and the checks that every proposal passes."""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evolve.operators._base import Context, NoProposal, Parent, Proposal
from evolve.operators._flow import NONE, Flow, Names, loose_names, top_names
from evolve.operators._names import names_in
from evolve.operators._random import chance, weighted
from evolve.operators._source import Edit, Source, functions
from evolve.source import accepts, check_compiles, find_function, may_return, parse, tree_hash

TRIES = 16
"""Edits that an operator tries on one program before it gives up."""


class Program:
    """A parsed parent with its entry; everything else is worked out when asked for."""

    def __init__(self, parent: Parent, context: Context) -> None:
        """Parse the parent's text.

        Raises:
            NoProposal: the text does not parse or does not define the entry.
        """
        self.id = parent.id
        self.arguments = context.arguments
        try:
            self.source = Source(parent.text)
        except SyntaxError as error:
            raise NoProposal(f"program {parent.id} does not parse: {error.msg}") from None
        entry = find_function(self.source.tree, context.entry)
        if entry is None:
            raise NoProposal(f"program {parent.id} does not define {context.entry!r} at top level")
        self.entry = entry
        self._flows: dict[ast.FunctionDef, Flow] = {}
        self._mate: Program | None = None

    def mate(self, context: Context) -> Program:
        """Return the second parent, parsed once however many changes are tried.

        Raises:
            NoProposal: its text does not parse or does not define the entry.
        """
        self._mate = self._mate or Program(context.parents[1], context)
        return self._mate

    @cached_property
    def functions(self) -> list[ast.FunctionDef]:
        """Top-level functions and methods, in order."""
        return list(functions(self.source.tree))

    @cached_property
    def top(self) -> Names:
        """Names bound at the top level."""
        return top_names(self.source.tree)

    @cached_property
    def definitions(self) -> dict[str, ast.stmt]:
        """Top-level definitions and assignments of one name, by name; the last one counts."""
        return {name: node for node in self.source.tree.body if (name := defined_name(node))}

    @cached_property
    def loose(self) -> set[str]:
        """Names that may be unbound when the program reads them."""
        return loose_names(self.source.tree, self.functions)

    @cached_property
    def parts(self) -> dict[str, ast.stmt]:
        """Top-level statements by their text."""
        return _parts(self.source.tree, self.source.text)

    @property
    def flow(self) -> Flow:
        """Bound and needed names along the entry."""
        return self.flow_of(self.entry)

    def flow_of(self, function: ast.FunctionDef) -> Flow:
        """Return bound and needed names along a function."""
        found = self._flows.get(function)
        if found is None:
            found = self._flows[function] = Flow.of(function)
        return found

    def is_removable(self, statement: ast.stmt, function: ast.FunctionDef) -> bool:
        """Tell whether the names that a statement binds are bound before or not needed afterwards."""
        flow = self.flow_of(function)
        gone = flow.writes(statement) - flow.bound.get(statement, NONE)
        return gone.isdisjoint(flow.live_after.get(statement, NONE))

    @cached_property
    def active(self) -> list[ast.stmt]:
        """The other top-level definitions whose change can change what the entry returns, in order."""
        needed = set(self.flow.live_before[self.entry.body[0]])
        found: list[ast.stmt] = []
        queue = sorted(needed)
        for name in queue:
            node = self.definitions.get(name)
            if node is not None and node is not self.entry:
                found.append(node)
                more = names_in([node])[0] - needed
                needed |= more
                queue += sorted(more)
        return sorted(found, key=lambda node: node.lineno)

    def pick_function(self, rng: np.random.Generator, entry_share: float = 0.5) -> ast.FunctionDef:
        """Draw a function: the entry with probability `entry_share`, other active ones by their length.

        The entry is where blocks are composed; in a long program it would else hardly be drawn.
        """
        others = list(functions(ast.Module(self.active, [])))
        if not others or chance(rng, entry_share):
            return self.entry
        return weighted(rng, [((f.end_lineno or 0) - f.lineno + 1.0, f) for f in others])


@dataclass(frozen=True, slots=True)
class Change:
    """A candidate for a proposal.

    Attributes:
        text: The new program.
        summary: One line that says what was done.
        other: The second parent, when it had a part in this.
    """

    text: str
    summary: str
    other: Program | None = None

    @classmethod
    def of(cls, program: Program, edits: list[Edit], summary: str) -> Change:
        """Make edits to a program."""
        return cls(program.source.apply(edits), summary)


Mutate = Callable[[Program, Context], Change | None]


@dataclass(slots=True)
class BuiltinOperator:
    """An operator that needs no model: draws changes until one passes the checks."""

    name: str
    mutate: Mutate
    parents_wanted: int = 1

    async def propose(self, context: Context) -> Proposal:
        """Propose one program.

        Raises:
            NoProposal: nothing applicable in this context.
        """
        if len(context.parents) < self.parents_wanted:
            raise NoProposal(f"{self.name}: needs {self.parents_wanted} parents, got {len(context.parents)}")
        program = Program(context.parents[0], context)
        for _ in range(TRIES):
            change = self.mutate(program, context)
            if change is not None and is_sound(change, program, context):
                ids = (program.id,) if change.other is None else (program.id, change.other.id)
                return Proposal(text=change.text, parents=ids, change=change.summary)
        raise NoProposal(f"{self.name}: found no sound change to program {program.id} in {TRIES} tries")


def is_sound(change: Change, program: Program, context: Context) -> bool:
    """Tell whether a change gives a new program that keeps the entry and binds its names."""
    if len(change.text) > context.max_chars or change.text == program.source.text:
        return False
    try:
        tree = parse(change.text)
    except SyntaxError:
        return False
    entry = find_function(tree, context.entry)
    if entry is None or not accepts(entry, context.arguments) or not may_return(entry):
        return False
    parts = _parts(tree, change.text)
    parents = [program] if change.other is None else [program, change.other]
    if not all(_differs(parts, parent) for parent in parents):
        return False
    # Only what has a new text is looked at: the rest was sound or unsound before.
    changed = ast.Module([node for text, node in parts.items() if text not in program.parts], [])
    try:
        check_compiles(changed)
    except SyntaxError:
        return False
    return _binds_names(tree, changed, program)


def _differs(parts: dict[str, ast.stmt], parent: Program) -> bool:
    """Tell whether a program says something else than a parent, comments and layout aside."""
    new = [node for text, node in parts.items() if text not in parent.parts]
    gone = [node for text, node in parent.parts.items() if text not in parts]
    return tree_hash(ast.Module(new, [])) != tree_hash(ast.Module(gone, []))


def _binds_names(tree: ast.Module, changed: ast.Module, program: Program) -> bool:
    """Tell whether the change leaves no name unbound that was bound before."""
    loose = loose_names(tree, functions(changed))
    if loose and not loose <= program.loose:
        return False
    gone = program.top - top_names(tree)
    return not gone or gone.isdisjoint(names_in(tree.body)[0])


def _parts(tree: ast.Module, text: str) -> dict[str, ast.stmt]:
    lines = text.split("\n")
    return {"\n".join(lines[node.lineno - 1 : node.end_lineno]): node for node in tree.body}


def defined_name(statement: ast.stmt) -> str | None:
    """Return the one name that a top-level definition or assignment binds, if it is such a statement."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return statement.name
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    if isinstance(statement, ast.Assign | ast.AnnAssign) and len(targets) == 1:
        return targets[0].id if isinstance(targets[0], ast.Name) else None
    return None
