"""The program to change, and the checks that every proposal passes."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from evolve.languages import PYTHON
from evolve.operators._base import Context, NoProposal, Parent, Proposal
from evolve.operators._flow import NONE, Flow, loose_names, top_names
from evolve.operators._markers import outside_unchanged
from evolve.operators._names import Names, names_in
from evolve.operators._random import chance, weighted
from evolve.operators._sites import Site, sites
from evolve.operators._source import Edit, Source, blocks_of, functions
from evolve.operators._text import propose_text
from evolve.source import accepts, check_compiles, find_function, may_return, parse, tree_hash

TRIES = 16
"""Edits that an operator tries on one program before it gives up."""


class Program:
    """A parsed program with its entry; everything else is worked out when first asked for.

    A function of the text alone, and shared by all proposals that change this text: nobody may alter
    a node of the tree, or a list or dictionary that an attribute holds.
    """

    def __init__(self, source: Source, entry: ast.FunctionDef) -> None:
        """Take over a parsed text and its entry."""
        self.source = source
        self.entry = entry
        self._flows: dict[ast.FunctionDef, Flow] = {}
        self._blocks: dict[ast.FunctionDef, list[list[ast.stmt]]] = {}
        self._sites: dict[ast.FunctionDef, list[Site]] = {}
        self._hashes: dict[tuple[ast.stmt, ...], bytes] = {}

    @classmethod
    def of(cls, parent: Parent, context: Context) -> Program:
        """Return what is known about a parent's text.

        Raises:
            NoProposal: the text does not parse or does not define the entry.
        """
        try:
            found = _program(parent.text, context.entry)
        except SyntaxError as error:
            raise NoProposal(f"program {parent.id} does not parse: {error.msg}") from None
        if found is None:
            raise NoProposal(f"program {parent.id} does not define {context.entry!r} at top level")
        return found

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

    def blocks(self, function: ast.FunctionDef) -> list[list[ast.stmt]]:
        """Return `blocks_of` a function."""
        found = self._blocks.get(function)
        if found is None:
            found = self._blocks[function] = blocks_of(self.source, function)
        return found

    def sites(self, function: ast.FunctionDef) -> list[Site]:
        """Return those `sites` of a function that may change."""
        found = self._sites.get(function)
        if found is None:
            every = sites(function)
            found = self._sites[function] = [site for site in every if self.source.may_edit(site.node)]
        return found

    @cached_property
    def loads(self) -> Counter[str]:
        """How often each name is read."""
        nodes = ast.walk(self.source.tree)
        return Counter(n.id for n in nodes if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load))

    def hash_of(self, nodes: list[ast.stmt]) -> bytes:
        """Return the `tree_hash` of some of the top-level statements."""
        key = tuple(nodes)
        found = self._hashes.get(key)
        if found is None:
            found = self._hashes[key] = tree_hash(ast.Module([*nodes], []))
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
                more = self.source.names_of(node)[0] - needed
                needed |= more
                queue += sorted(more)
        return sorted(found, key=lambda node: node.lineno)

    @cached_property
    def _others(self) -> list[ast.FunctionDef]:
        return [f for f in functions(ast.Module(self.active, [])) if self.source.touches(f)]

    def pick_function(self, rng: np.random.Generator, entry_share: float = 0.5) -> ast.FunctionDef:
        """Draw a function: the entry with probability `entry_share`, other active ones by their length.

        The entry is where blocks are composed; in a long program it would else hardly be drawn.
        """
        others = self._others
        if not others or (chance(rng, entry_share) and self.source.touches(self.entry)):
            return self.entry
        return weighted(rng, [((f.end_lineno or 0) - f.lineno + 1.0, f) for f in others])


# Parents repeat, and to analyse one costs more than to change it. What is kept of a program of 150 lines
# takes about half a megabyte.
@lru_cache(maxsize=128)
def _program(text: str, entry: str) -> Program | None:
    source = Source(text)
    found = find_function(source.tree, entry)
    return None if found is None else Program(source, found)


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
        if context.language.name != PYTHON:
            return propose_text(self.name, context)
        if len(context.parents) < self.parents_wanted:
            raise NoProposal(f"{self.name}: needs {self.parents_wanted} parents, got {len(context.parents)}")
        program = Program.of(context.parents[0], context)
        for _ in range(TRIES):
            change = self.mutate(program, context)
            if change is not None and is_sound(change, program, context):
                ids = tuple(parent.id for parent in context.parents[: 1 if change.other is None else 2])
                return Proposal(text=change.text, parents=ids, change=change.summary)
        raise NoProposal(
            f"{self.name}: found no sound change to program {context.parents[0].id} in {TRIES} tries"
        )


def is_sound(change: Change, program: Program, context: Context) -> bool:
    """Tell whether a change gives a new program that keeps the entry and binds its names."""
    if len(change.text) > context.max_chars or change.text == program.source.text:
        return False
    if outside_unchanged(program.source.text, change.text):
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
    return tree_hash(ast.Module(new, [])) != parent.hash_of(gone)


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
