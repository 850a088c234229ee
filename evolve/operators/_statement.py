"""Delete, repeat, move or wrap statements."""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Callable
from itertools import pairwise

from evolve.operators._base import Context
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import chance, pick, weighted
from evolve.operators._source import rigid

Blocks = list[list[ast.stmt]]
Variation = Callable[[Program, Context, ast.FunctionDef, Blocks], Change | None]

_LEAVING = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Import,
    ast.ImportFrom,
    ast.Return,
    ast.Break,
    ast.Continue,
    ast.Global,
    ast.Nonlocal,
)


def statement_operator() -> BuiltinOperator:
    """Return the operator."""
    return BuiltinOperator("statement", mutate)


def mutate(program: Program, context: Context) -> Change | None:
    """Draw a function and a kind of change, then statements for it."""
    function = program.pick_function(context.rng)
    blocks = [*program.blocks(function)]
    if blocks and isinstance(blocks[0][-1], ast.Return):
        blocks[0] = blocks[0][:-1]  # the function's last word stays
    blocks = [block for block in blocks if block]
    if not blocks:
        return None
    return weighted(context.rng, _VARIATIONS)(program, context, function, blocks)


def delete(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Delete a statement; the last one of a block becomes `pass`."""
    statements = [s for block in blocks for s in block if program.is_removable(s, function)]
    if not statements:
        return None
    statement = pick(context.rng, statements)
    summary = f"{function.name}: deleted {_where(statement)}: {program.source.headline(statement)}"
    return Change.of(program, program.source.remove([statement], function), summary)


def duplicate(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Repeat a statement right after itself, or later in its block."""
    found = [(block, s) for block in blocks for s in block if _matters_twice(program, function, [s])]
    if not found:
        return None
    block, statement = pick(context.rng, found)
    later = block[block.index(statement) :]
    after = statement if chance(context.rng, 0.5) else pick(context.rng, later)
    edit = program.source.insert_after(after, _code(program, statement, statement))
    summary = f"{function.name}: repeated {_where(statement)} after {_where(after)}"
    return Change.of(program, [edit], summary)


def swap(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Exchange two adjacent statements."""
    pairs = [(a, b) for block in blocks for a, b in pairwise(block) if _may_swap(program, function, a, b)]
    if not pairs:
        return None
    first, second = pick(context.rng, pairs)
    source = program.source
    edits = [
        source.replace_lines(first, first, _code(program, second, second)),
        source.replace_lines(second, second, _code(program, first, first)),
    ]
    summary = f"{function.name}: swapped {_where(first)} and {_where(second)}"
    return Change.of(program, edits, summary)


def move(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Move a statement to another place, in its own block or another one."""
    every = sorted((s for block in blocks for s in block), key=lambda s: s.lineno)
    statement = pick(context.rng, every)
    targets = [s for s in every if _may_move(program, function, every, statement, s)]
    if not targets or rigid(statement):
        return None
    target = pick(context.rng, targets)
    code = _code(program, statement, statement)
    edits = [*program.source.remove([statement], function), program.source.insert_before(target, code)]
    summary = f"{function.name}: moved {_where(statement)} before {_where(target)}"
    return Change.of(program, edits, summary)


def loop(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Do one to three adjacent statements several times."""
    runs = [run for run in _runs(blocks) if _matters_twice(program, function, run)]
    if not runs:
        return None
    run = pick(context.rng, runs)
    turns = int(context.rng.integers(2, 5))
    return _wrap(program, function, run, f"for _ in range({turns}):", f"in a loop of {turns}")


def guard(program: Program, context: Context, function: ast.FunctionDef, blocks: Blocks) -> Change | None:
    """Do a statement only under a condition that the function states elsewhere."""
    flow = program.flow_of(function)
    tests = [site.node for site in program.sites(function) if isinstance(site.node, ast.Compare)]
    runs = [run for run in _runs(blocks) if len(run) == 1 and program.is_removable(run[0], function)]
    if not tests or not runs:
        return None
    test, run = pick(context.rng, tests), pick(context.rng, runs)
    if not flow.reads(test) - program.top <= flow.bound.get(run[0], frozenset()):
        return None
    text = program.source.one_line(test)
    text = f"not ({text})" if chance(context.rng, 0.25) else text
    return _wrap(program, function, run, f"if {text}:", f"in `if {text}`")


def _wrap(
    program: Program, function: ast.FunctionDef, run: list[ast.stmt], header: str, how: str
) -> Change | None:
    if any(rigid(statement) for statement in run):
        return None
    code = header + "\n" + textwrap.indent(_code(program, run[0], run[-1]), "    ")
    edit = program.source.replace_lines(run[0], run[-1], code)
    return Change.of(program, [edit], f"{function.name}: wrapped {_where(run[0], run[-1])} {how}")


def _runs(blocks: Blocks) -> Blocks:
    """List the runs of one to three adjacent statements that can be wrapped."""
    found = []
    for block in blocks:
        repeatable = [not any(isinstance(node, _LEAVING) for node in ast.walk(s)) for s in block]
        for start in range(len(block)):
            for end in range(start + 1, min(start + 3, len(block)) + 1):
                if not repeatable[end - 1]:
                    break
                found.append(block[start:end])
    return found


def _matters_twice(program: Program, function: ast.FunctionDef, run: list[ast.stmt]) -> bool:
    """Tell whether doing the statements once more may change something."""
    if any(isinstance(s, ast.AugAssign | ast.Expr) for s in run):
        return True
    flow = program.flow_of(function)
    reads = frozenset[str]().union(*(flow.reads(s) for s in run))
    loops = [flow.writes(s.target) for s in run if isinstance(s, ast.For)]
    writes = frozenset[str]().union(*(flow.writes(s) for s in run)).difference(*loops)
    return not reads.isdisjoint(writes)


def _may_swap(program: Program, function: ast.FunctionDef, first: ast.stmt, second: ast.stmt) -> bool:
    """Tell whether the second statement needs nothing that the first binds for the first time."""
    flow = program.flow_of(function)
    new = flow.writes(first) - flow.bound.get(first, frozenset())
    return new.isdisjoint(flow.reads(second))


def _may_move(
    program: Program, function: ast.FunctionDef, every: list[ast.stmt], statement: ast.stmt, target: ast.stmt
) -> bool:
    """Tell whether every name stays bound when a statement goes before another one."""
    if _within(target, statement):
        return False
    flow = program.flow_of(function)
    if target.lineno < statement.lineno:
        return flow.reads(statement) & flow.written <= flow.bound[target]
    new = flow.writes(statement) - flow.bound[statement]
    skipped = [s for s in every if statement.lineno < s.lineno < target.lineno]
    return all(new.isdisjoint(flow.reads(s)) for s in skipped)


def _within(statement: ast.stmt, outer: ast.stmt) -> bool:
    return outer.lineno <= statement.lineno <= (outer.end_lineno or 0)


def _code(program: Program, first: ast.stmt, last: ast.stmt) -> str:
    """Return the lines of adjacent statements without their common indentation."""
    indent = program.source.indent(first)
    lines = program.source.lines(first, last).splitlines(keepends=True)
    return "".join(line.removeprefix(indent) for line in lines)


def _where(first: ast.stmt, last: ast.stmt | None = None) -> str:
    end = (last or first).end_lineno
    return f"line {first.lineno}" if end == first.lineno else f"lines {first.lineno}-{end}"


_VARIATIONS: list[tuple[float, Variation]] = [
    (2.0, delete),
    (1.5, duplicate),
    (2.0, swap),
    (2.0, move),
    (2.0, loop),
    (0.7, guard),
]
