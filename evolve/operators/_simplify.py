"""Make the program shorter: drop what has no effect, or one statement that may have some."""

from __future__ import annotations

import ast
from collections import Counter

from evolve.operators._base import Context
from evolve.operators._flow import NONE, Flow
from evolve.operators._names import binds_names_only, bound_name
from evolve.operators._numbers import number_of
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import pick, weighted
from evolve.operators._sites import copy_text, put
from evolve.operators._source import Edit, rigid


def simplify_operator() -> BuiltinOperator:
    """Return the operator."""
    return BuiltinOperator("simplify", mutate)


def mutate(program: Program, context: Context) -> Change | None:
    """Draw what to simplify."""
    return weighted(context.rng, _WAYS)(program, context)


def tidy(program: Program, context: Context) -> Change | None:  # noqa: ARG001 - draws nothing
    """Drop everything that has no effect, at once: one by one would cost an evaluation each."""
    parts = {
        "unused functions": unused_definitions(program),
        "unused imports": unused_imports(program),
        "dead assignments": dead_assignments(program),
        "neutral operations": neutral_operations(program),
    }
    edits = [edit for part in parts.values() for edit in part]
    if not edits:
        return None
    return Change.of(program, edits, "dropped " + ", ".join(what for what, part in parts.items() if part))


def unused_definitions(program: Program) -> list[Edit]:
    """Find functions, classes and constants of the top level that nothing else reads."""
    used: Counter[str] = Counter()
    for node in program.source.tree.body:
        used.update(program.source.names_of(node)[0] - {getattr(node, "name", "")})
    return [
        program.source.delete_definition(node)
        for name, node in program.definitions.items()
        if not used[name] and node is not program.entry and _is_own(program, node)
    ]


def unused_imports(program: Program) -> list[Edit]:
    """Find imports of the top level that nothing reads."""
    reads = NONE.union(*(program.source.names_of(node)[0] for node in program.source.tree.body))
    edits = []
    for node in program.source.tree.body:
        if not isinstance(node, ast.Import | ast.ImportFrom) or not _is_own(program, node):
            continue
        if isinstance(node, ast.ImportFrom) and node.module == "__future__":
            continue
        kept = [alias for alias in node.names if alias.name == "*" or bound_name(alias) in reads]
        if not kept:
            edits.append(program.source.delete(node))
        elif len(kept) < len(node.names):
            edits.append(program.source.replace(node, _import_of(node, kept)))
    return edits


def _is_own(program: Program, node: ast.stmt) -> bool:
    return program.source.owns_lines(node) and program.source.may_edit(node)


def _import_of(node: ast.Import | ast.ImportFrom, names: list[ast.alias]) -> str:
    if isinstance(node, ast.Import):
        return ast.unparse(ast.Import(names=names))
    return ast.unparse(ast.ImportFrom(module=node.module, names=names, level=node.level))


def dead_assignments(program: Program) -> list[Edit]:
    """Find assignments whose names are bound anew, or never read, afterwards."""
    edits = []
    for function in program.functions:
        flow = program.flow_of(function)
        dead = []
        for block in program.blocks(function):
            for statement in block:
                live = flow.live_after.get(statement, NONE)
                if binds_names_only(statement) and live.isdisjoint(flow.writes(statement)):
                    dead.append(statement)
        edits += program.source.remove(dead, function)
    return edits


def neutral_operations(program: Program) -> list[Edit]:
    """Find `1 * x`, `x + 0` and their like."""
    edits = []
    for function in program.functions:
        for site in program.sites(function):
            rest = _neutral_rest(site.node)
            if rest is not None:
                edits.append(put(program.source, site, *copy_text(program.source, rest)))
    return edits


def _neutral_rest(node: ast.expr) -> ast.expr | None:
    match node:
        case ast.BinOp(left=left, op=ast.Mult(), right=right) if number_of(left) == 1:
            return right
        case ast.BinOp(left=left, op=ast.Add(), right=right) if number_of(left) == 0:
            return right
        case ast.BinOp(left=left, op=ast.Mult() | ast.Div() | ast.Pow(), right=right) if (
            number_of(right) == 1
        ):
            return left
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right) if number_of(right) == 0:
            return left
    return None


def unroll(program: Program, context: Context) -> Change | None:
    """Do the body of a loop or of a condition once, always."""
    found: list[tuple[ast.FunctionDef, ast.For | ast.If]] = []
    for function in program.functions:
        flow = program.flow_of(function)
        for block in program.blocks(function):
            found += [
                (function, s) for s in block if isinstance(s, ast.For | ast.If) and _is_unrollable(flow, s)
            ]
    if not found:
        return None
    function, statement = pick(context.rng, found)
    source, body = program.source, statement.body
    if rigid(statement) or not source.owns_lines(body[0]):
        return None
    indent = source.indent(body[0])
    lines = source.lines(body[0], body[-1], comments=True).splitlines(keepends=True)
    edit = source.replace_lines(statement, statement, "".join(line.removeprefix(indent) for line in lines))
    summary = f"{function.name}: unrolled line {statement.lineno}: {source.headline(statement)}"
    return Change.of(program, [edit], summary)


def _is_unrollable(flow: Flow, statement: ast.For | ast.If) -> bool:
    """Tell whether the body can stand alone: there is no `else`, and no loop variable is needed."""
    if statement.orelse:
        return False
    if isinstance(statement, ast.If):
        return True
    needed = flow.live_before[statement.body[0]] | flow.live_after[statement]
    return needed.isdisjoint(flow.writes(statement.target))


def drop(program: Program, context: Context) -> Change | None:
    """Delete a statement of the entry; the checks see to it that names stay bound."""
    statements = [s for block in program.blocks(program.entry) for s in block]
    last = program.entry.body[-1]
    statements = [s for s in statements if s is not last and program.is_removable(s, program.entry)]
    if not statements:
        return None
    statement = pick(context.rng, statements)
    edits = program.source.remove([statement], program.entry)
    summary = f"{context.entry}: dropped line {statement.lineno}: {program.source.headline(statement)}"
    return Change.of(program, edits, summary)


_WAYS = [(1.0, tidy), (1.0, unroll), (2.0, drop)]
