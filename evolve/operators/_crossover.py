"""Combine two programs: a function of the other, or a part of the other's entry."""

from __future__ import annotations

import ast

from evolve.operators._base import Context
from evolve.operators._flow import NONE, Flow
from evolve.operators._merge import bring_needed
from evolve.operators._names import Names, names_in
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import pick, weighted
from evolve.operators._source import Edit, is_text


def crossover_operator() -> BuiltinOperator:
    """Return the operator."""
    return BuiltinOperator("crossover", mutate, parents_wanted=2)


def mutate(program: Program, context: Context) -> Change | None:
    """Draw a way to combine the two parents."""
    other = Program.of(context.parents[1], context)
    if other.parts.keys() == program.parts.keys():
        return None
    return weighted(context.rng, _WAYS)(program, other, context)


def take_function(program: Program, other: Program, context: Context) -> Change | None:
    """Replace a function by the other parent's version of it."""
    mine = {f.name: f for f in program.source.tree.body if isinstance(f, ast.FunctionDef)}
    theirs = {f.name: f for f in other.source.tree.body if isinstance(f, ast.FunctionDef)}
    names = [
        name
        for name in mine
        if name in theirs
        and program.source.may_edit(mine[name])
        and _differ(program, mine[name], other, theirs[name])
    ]
    if not names:
        return None
    name = pick(context.rng, names)
    new = theirs[name]
    edits = [
        program.source.replace_lines(mine[name], mine[name], other.source.lines(new, new)),
        *bring_needed(program, other.source, _sorted_reads([new])),
    ]
    return Change(program.source.apply(edits), f"took {name} from program {context.parents[1].id}", other)


def _differ(program: Program, mine: ast.stmt, other: Program, theirs: ast.stmt) -> bool:
    return program.source.segment(mine) != other.source.segment(theirs)


def one_point(program: Program, other: Program, context: Context) -> Change | None:
    """Continue the first parent's entry as the other parent's does from some statement on."""
    mine, theirs = _top_level(program), _top_level(other)
    cuts = _cuts(program, other, mine, theirs)
    if not cuts or program.source.indent(mine[0]) != other.source.indent(theirs[0]):
        return None
    head, tail = pick(context.rng, cuts)
    code = other.source.lines(tail, other.entry.body[-1], comments=True)
    start = program.source.insert_before(head, "", comments=True).start
    end = program.source.after_lines(program.entry)
    following = theirs[theirs.index(tail) :]
    edits = [Edit(start, end, code), *bring_needed(program, other.source, _sorted_reads(following))]
    name = f"program {context.parents[1].id}"
    summary = f"{context.entry}: from line {head.lineno} on as in {name} from its line {tail.lineno} on"
    return Change(program.source.apply(edits), summary, other)


def _cuts(
    program: Program, other: Program, mine: list[ast.stmt], theirs: list[ast.stmt]
) -> list[tuple[ast.stmt, ast.stmt]]:
    """List the pairs (first statement to drop, first to take) after which every name needed is bound."""
    local = _local(other)
    heads = [head for head in mine[1:] if program.source.may_edit(head)]
    found = []
    for tail in theirs[1:]:
        needed = other.flow.live_before[tail] & local
        found += [(head, tail) for head in heads if needed <= program.flow.bound[head]]
    return found


def graft(program: Program, other: Program, context: Context) -> Change | None:
    """Insert one statement of the other's entry where its result is used."""
    found: list[tuple[ast.stmt, ast.stmt]] = []
    spots = [s for block in program.blocks(program.entry) for s in block]
    known = {program.source.segment(spot) for spot in spots}
    local = _local(other)
    for statement in _top_level(other):
        if not isinstance(statement, ast.Return) and other.source.segment(statement) not in known:
            reads, writes = other.source.names_of(statement)
            found += [
                (statement, spot) for spot in spots if _joins(program.flow, spot, reads & local, writes)
            ]
    if not found:
        return None
    statement, spot = pick(context.rng, found)
    indent = other.source.indent(statement)
    lines = other.source.lines(statement, statement, comments=True).splitlines(keepends=True)
    edits = [
        program.source.insert_before(spot, "".join(line.removeprefix(indent) for line in lines)),
        *bring_needed(program, other.source, _sorted_reads([statement])),
    ]
    name = f"program {context.parents[1].id}"
    summary = f"{context.entry}: line {statement.lineno} of {name} before line {spot.lineno}"
    return Change(program.source.apply(edits), summary, other)


def _joins(flow: Flow, spot: ast.stmt, reads: Names, writes: Names) -> bool:
    bound, live = flow.bound.get(spot, NONE), flow.live_before.get(spot, NONE)
    return not live.isdisjoint(writes) and reads - writes <= bound


def _top_level(program: Program) -> list[ast.stmt]:
    source = program.source
    return [s for s in program.entry.body if not is_text(s) and source.owns_lines(s)]


def _local(program: Program) -> Names:
    """Return the names that are the entry's own."""
    flow = program.flow
    return flow.written | flow.bound[program.entry.body[0]]


def _sorted_reads(statements: list[ast.stmt]) -> list[str]:
    return sorted(names_in(statements)[0])


_WAYS = [(1.0, take_function), (1.5, one_point), (1.0, graft)]
