"""Places in a function where an expression can be exchanged, and how to write one there."""

from __future__ import annotations

import ast
from dataclasses import dataclass

from evolve.operators._source import Edit, Source, inner_bodies

ATOM = 15
PRODUCT = 11
UNARY = 12

_BINARY = {
    ast.BitOr: 6,
    ast.BitXor: 7,
    ast.BitAnd: 8,
    ast.LShift: 9,
    ast.RShift: 9,
    ast.Add: 10,
    ast.Sub: 10,
    ast.Mult: PRODUCT,
    ast.Div: PRODUCT,
    ast.FloorDiv: PRODUCT,
    ast.Mod: PRODUCT,
    ast.MatMult: PRODUCT,
    ast.Pow: 13,
}


@dataclass(frozen=True, slots=True)
class Site:
    """An expression and where it stands.

    Attributes:
        node: The expression.
        parent: The node right above it.
        slot: The parent's field that holds it.
        statement: The statement that it is part of.
    """

    node: ast.expr
    parent: ast.AST
    slot: str
    statement: ast.stmt


def sites(function: ast.FunctionDef) -> list[Site]:
    """List the expressions of a function's statements, in the order of the text.

    Left out: targets of assignments, annotations, the inside of f-strings, lambdas and nested
    definitions, and text of several lines.
    """
    found: list[Site] = []
    queue = list(function.body)
    while queue:
        statement = queue.pop()
        queue += [inner for body in inner_bodies(statement) for inner in body]
        if not isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Match):
            _add_sites(found, statement)
    found.sort(key=lambda site: (site.node.lineno, site.node.col_offset, -(site.node.end_col_offset or 0)))
    return found


def _add_sites(found: list[Site], statement: ast.stmt) -> None:
    stack: list[ast.AST] = [statement]
    while stack:
        parent = stack.pop()
        for slot, value in ast.iter_fields(parent):
            if slot == "annotation":
                continue
            for node in value if isinstance(value, list) else [value]:
                if isinstance(node, ast.expr):
                    if _is_value(node):
                        found.append(Site(node, parent, slot, statement))
                    if not isinstance(node, ast.JoinedStr | ast.Lambda | ast.Constant | ast.Name):
                        stack.append(node)
                elif isinstance(node, ast.comprehension | ast.keyword | ast.withitem):
                    stack.append(node)


def _is_value(node: ast.expr) -> bool:
    if isinstance(node, ast.Slice | ast.Starred | ast.GeneratorExp | ast.JoinedStr):
        return False
    if isinstance(node, ast.Tuple) and any(isinstance(part, ast.Slice) for part in node.elts):
        return False  # an index of several dimensions: x[:, 0]
    return isinstance(getattr(node, "ctx", None), ast.Load | None)


def rank(node: ast.AST) -> int:
    """Return how tightly an expression holds together, from 0 (a bare tuple) to `ATOM`."""
    match node:
        case ast.BinOp():
            return _BINARY[type(node.op)]
        case ast.UnaryOp():
            return 4 if isinstance(node.op, ast.Not) else UNARY
        case ast.Compare():
            return 5
        case ast.BoolOp():
            return 2 if isinstance(node.op, ast.Or) else 3
        case ast.IfExp() | ast.Lambda() | ast.NamedExpr():
            return 1
        case ast.Await():
            return 14
        case ast.Yield() | ast.YieldFrom() | ast.Starred():
            return 0
    return ATOM


def put(source: Source, site: Site, text: str, text_rank: int) -> Edit:
    """Write `text` in place of the site, in parentheses where its rank needs them."""
    if text_rank < ATOM and not source.enclosed(site.node) and text_rank < _rank_needed(site):
        text = f"({text})"
    return source.replace(site.node, text)


def _rank_needed(site: Site) -> int:
    """Return the lowest rank that stands at a site without parentheses."""
    match site.parent:
        case ast.BinOp(op=ast.Pow()):
            return UNARY if site.slot == "right" else ATOM
        case ast.BinOp():
            return rank(site.parent) + (site.slot == "right")
        case ast.UnaryOp():
            return rank(site.parent)
        case ast.Compare() | ast.BoolOp():
            return rank(site.parent) + 1
        case ast.IfExp():
            return 2
        case ast.Attribute() | ast.Subscript() | ast.Call() if site.slot in {"value", "func"}:
            return ATOM
        case ast.Starred() | ast.Await():
            return ATOM
    return 1


def copy_text(source: Source, node: ast.expr) -> tuple[str, int]:
    """Return the text of an expression, to be used elsewhere, and its rank."""
    text = source.one_line(node)
    bare = isinstance(node, ast.Tuple) and not text.startswith("(")
    return text, 0 if bare else rank(node)
