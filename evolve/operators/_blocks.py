"""Insert the problem's own snippets into the entry, and take them out again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from evolve.operators._base import Context
from evolve.operators._flow import NONE
from evolve.operators._merge import bring_all
from evolve.operators._names import Names, names_in
from evolve.operators._numbers import (
    COARSE,
    free_numbers,
    is_seed_name,
    redraw,
    write_number,
)
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import chance, pick, weighted
from evolve.operators._source import Edit, Source
from evolve.problem import Block


@dataclass(frozen=True, slots=True)
class Snippet:
    """A block made ready to insert.

    Attributes:
        name: The block's name.
        source: Its module.
        function: The name of the function that its call calls.
        call: The assignment to insert.
        argument: The keyword argument that this proposal adds to the call, possibly empty.
        reads: Names that the arguments of the call read.
        writes: Names that the assignment binds.
    """

    name: str
    source: Source
    function: str
    call: str
    argument: str
    reads: Names
    writes: Names


@dataclass(frozen=True, slots=True)
class Spot:
    """One way to put a call into the entry: the edit and how to describe it."""

    edit: Edit
    summary: str


def block_operators() -> list[BuiltinOperator]:
    """Return the operators."""
    return [BuiltinOperator("insert_block", insert_block), BuiltinOperator("remove_block", remove_block)]


def insert_block(program: Program, context: Context) -> Change | None:
    """Draw a block and a place where its result matters."""
    if not context.blocks:
        return None
    block = pick(context.rng, context.blocks)
    try:
        snippet = _vary(program, context.rng, block)
    except SyntaxError:
        return None
    spots = _spots_by_kind(program, context, snippet)
    if not spots:
        return None
    spot = pick(context.rng, weighted(context.rng, spots))
    edits = [*bring_all(program, snippet.source), spot.edit]
    return Change.of(program, edits, spot.summary)


def remove_block(program: Program, context: Context) -> Change | None:
    """Draw a call of a block in the entry and delete its statement."""
    names = {function: block.name for block in context.blocks for function in (_called(block),) if function}
    found = []
    for statement in _statements(program):
        match statement:
            case ast.Assign(value=ast.Call(func=ast.Name(id=function))) if (
                function in names and program.is_removable(statement, program.entry)
            ):
                found.append((statement, function))
    if not found:
        return None
    statement, function = pick(context.rng, found)
    edits = program.source.remove([statement], program.entry)
    definition = program.definitions.get(function)
    if definition is not None and program.loads[function] == 1:
        edits.append(program.source.delete_definition(definition))
    return Change.of(program, edits, f"removed {names[function]} from line {statement.lineno}")


@lru_cache(maxsize=64)
def _parsed(text: str) -> Source:
    return Source(text)


def _called(block: Block) -> str:
    """Return the name of the function that a block's call calls, or an empty text."""
    try:
        return _call_of(_parsed(block.call))[1].func.id  # type: ignore[attr-defined,no-any-return]
    except (SyntaxError, AttributeError):
        return ""


def _call_of(source: Source) -> tuple[ast.Assign, ast.Call]:
    statement = source.tree.body[0]
    if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
        raise SyntaxError("a block's call must be an assignment of a call")
    return statement, statement.value


def _vary(program: Program, rng: np.random.Generator, block: Block) -> Snippet:
    """Prepare a block; about half the time give one of its keyword defaults another value."""
    source = _parsed(block.text)
    calling = _parsed(block.call)
    statement, call = _call_of(calling)
    function = _called(block)
    arguments = [*call.args, *(keyword.value for keyword in call.keywords)]
    text = calling.segment(statement)
    argument = _drawn_argument(program, rng, source, function, call)
    if argument:
        text = calling.apply([calling.add_argument(call, argument)]).rstrip()
    return Snippet(
        name=block.name,
        source=source,
        function=function,
        call=text,
        argument=argument,
        reads=frozenset(names_in(arguments)[0]),
        writes=frozenset(names_in(statement.targets)[1]),
    )


def _drawn_argument(
    program: Program, rng: np.random.Generator, source: Source, function: str, call: ast.Call
) -> str:
    """Draw `keyword=value` near one of the function's defaults, or nothing; seeds come first."""
    # The program may hold its own version of the function, which is the one that will be called.
    definition = program.definitions.get(function) or next(
        (node for node in source.tree.body if getattr(node, "name", "") == function), None
    )
    if not isinstance(definition, ast.FunctionDef) or not chance(rng, 0.6):
        return ""
    free = free_numbers(definition, call)
    if not free:
        return ""
    seeds = [(name, value) for name, value in free if is_seed_name(name)]
    name, value = pick(rng, seeds if seeds and chance(rng, 0.7) else free)
    return f"{name}={write_number(redraw(rng, name, value, COARSE))}"


def _spots_by_kind(program: Program, context: Context, snippet: Snippet) -> list[tuple[float, list[Spot]]]:
    """Return the possible places with the weight of their kind."""
    # A block that reads only the entry's arguments makes a start: it replaces one best.
    starts = snippet.reads <= set(context.arguments)
    kinds = [
        (0.6 if starts else 0.2, list(_replacing(program, snippet))),
        (0.3 if starts else 0.35, list(_inside(program, context, snippet))),
        (0.1 if starts else 0.45, list(_before_return(program, context, snippet))),
    ]
    return [(weight, spots) for weight, spots in kinds if spots]


def _statements(program: Program) -> list[ast.stmt]:
    return [statement for block in program.blocks(program.entry) for statement in block]


def _replacing(program: Program, snippet: Snippet) -> Iterator[Spot]:
    """Put the call in place of an assignment of the same names."""
    flow = program.flow
    for statement in _statements(program):
        plain = isinstance(statement, ast.Assign) and flow.writes(statement) == snippet.writes
        if plain and _is_bound(program, snippet, flow.bound.get(statement, NONE)):
            line = f"line {statement.lineno}"
            edit = program.source.replace_lines(statement, statement, snippet.call)
            yield Spot(edit, f"replaced {line} by {_title(snippet)}")


def _inside(program: Program, context: Context, snippet: Snippet) -> Iterator[Spot]:
    """Put the call where its arguments are bound and its result is used later."""
    flow = program.flow
    returned = not snippet.writes.isdisjoint(context.returns)
    for statement in _statements(program):
        if returned and isinstance(statement, ast.Return):
            continue  # see `_before_return`
        live = flow.live_before.get(statement, NONE)
        bound = flow.bound.get(statement, NONE)
        if not live.isdisjoint(snippet.writes) and _is_bound(program, snippet, bound):
            edit = program.source.insert_before(statement, snippet.call)
            yield Spot(edit, f"inserted {_title(snippet)} before line {statement.lineno}")


def _before_return(program: Program, context: Context, snippet: Snippet) -> Iterator[Spot]:
    """Bind the returned values to the problem's names and put the call between."""
    returns = context.returns
    if snippet.writes.isdisjoint(returns):
        return
    source, flow = program.source, program.flow
    target = ", ".join(returns)
    for statement in _statements(program):
        if not isinstance(statement, ast.Return) or statement.value is None:
            continue
        if not _is_bound(program, snippet, flow.bound.get(statement, NONE).union(returns)):
            continue
        if _names_of(statement.value) == list(returns):
            edit = source.insert_before(statement, snippet.call)
        else:
            binding = target + " =" + source.segment(statement).removeprefix("return")
            lines = [binding, snippet.call, f"return {target}"]
            edit = source.replace(statement, ("\n" + source.indent(statement)).join(lines))
        where = "" if statement is program.entry.body[-1] else f" in line {statement.lineno}"
        yield Spot(edit, f"inserted {_title(snippet)} before return{where}")


def _names_of(value: ast.expr) -> list[str]:
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    return [part.id if isinstance(part, ast.Name) else "" for part in parts]


def _is_bound(program: Program, snippet: Snippet, bound: Names) -> bool:
    return snippet.reads <= bound | program.top


def _title(snippet: Snippet) -> str:
    return f"{snippet.name}({snippet.argument})" if snippet.argument else snippet.name
