"""Which names statements and expressions read and bind."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

Names = frozenset[str]

BUILTINS = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}

_FIELDS: dict[type, tuple[str, ...]] = {}
_SCOPES = frozenset(
    {
        ast.FunctionDef,
        ast.AsyncFunctionDef,
        ast.ClassDef,
        ast.Lambda,
        ast.ListComp,
        ast.SetComp,
        ast.DictComp,
        ast.GeneratorExp,
    }
)
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# Nodes that bind or read a name by a plain text; all others do so by an `ast.Name` below them.
_NOTED = frozenset(
    {
        ast.AugAssign,
        ast.Import,
        ast.ImportFrom,
        ast.ExceptHandler,
        ast.MatchAs,
        ast.MatchStar,
        ast.Global,
        ast.Nonlocal,
    }
)
# Fields without a node that matters here.
_SKIPPED = frozenset(
    {"ctx", "op", "ops", "type_params", "id", "attr", "asname", "module", "level", "kind"}
    | {"type_comment", "conversion", "simple", "is_async", "type_ignores"}
)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below a node, but for operators and contexts."""
    kind = type(node)
    names = _FIELDS.get(kind)
    if names is None:
        names = _FIELDS.setdefault(kind, tuple(name for name in kind._fields if name not in _SKIPPED))
    found: list[ast.AST] = []
    for name in names:
        value = getattr(node, name, None)
        if type(value) is list:
            if value:
                found += [item for item in value if isinstance(item, ast.AST)]
        elif isinstance(value, ast.AST):
            found.append(value)
    return found


def names_in(nodes: Iterable[ast.AST]) -> tuple[set[str], set[str]]:
    """Return the names that the nodes read and those that they bind in their own scope."""
    reads: set[str] = set()
    writes: set[str] = set()
    stack = list(nodes)
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind is ast.Name:
            (writes if type(node.ctx) is ast.Store else reads).add(node.id)  # type: ignore[attr-defined]
        elif kind is ast.Constant:
            continue
        elif kind in _SCOPES:
            reads |= _free(node)
            if isinstance(node, DEFINITIONS):
                writes.add(node.name)
        else:
            if kind in _NOTED:
                _note_names(node, reads, writes)
            stack += children(node)
    return reads, writes


def _note_names(node: ast.AST, reads: set[str], writes: set[str]) -> None:
    """Note the names that a node other than a name or an inner scope reads or binds."""
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        reads.add(node.target.id)
    elif isinstance(node, ast.Import | ast.ImportFrom):
        writes.update(bound_name(alias) for alias in node.names)
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        writes.add(node.name)
    elif isinstance(node, ast.Global | ast.Nonlocal):
        writes.update(node.names)


def _free(scope: ast.AST) -> set[str]:
    """Return the names that an inner scope takes from outside."""
    reads, writes = names_in(children(scope))
    if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
        # A default is read outside; that it shares a name with a parameter is common: f(n=n).
        outside = [*scope.decorator_list, *scope.args.defaults, *filter(None, scope.args.kw_defaults)]
        return (reads - writes - set(parameters(scope.args))) | names_in(outside)[0]
    if isinstance(scope, ast.Lambda):
        outside = [*scope.args.defaults, *filter(None, scope.args.kw_defaults)]
        return (reads - set(parameters(scope.args))) | names_in(outside)[0]
    return reads - writes


def parameters(spec: ast.arguments) -> list[str]:
    """Return the names of all parameters."""
    every = [*spec.posonlyargs, *spec.args, *spec.kwonlyargs]
    every += [a for a in (spec.vararg, spec.kwarg) if a is not None]
    return [a.arg for a in every]


def bound_name(alias: ast.alias) -> str:
    """Return the name that an import binds."""
    return alias.asname or alias.name.partition(".")[0]


def binds_names_only(statement: ast.stmt) -> bool:
    """Tell whether the statement is an assignment to plain names, so that others cannot see it."""
    match statement:
        case ast.Assign(targets=targets):
            names = [part for t in targets for part in (t.elts if isinstance(t, ast.Tuple) else [t])]
            return all(isinstance(name, ast.Name) for name in names)
        case ast.AugAssign(target=ast.Name()) | ast.AnnAssign(target=ast.Name()):
            return True
    return False


def captured_names(body: list[ast.stmt]) -> frozenset[str]:
    """Return the names that others may read at any time: inner functions, or the whole module."""
    found: set[str] = set()
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found |= _free(node)
        elif isinstance(node, ast.Global | ast.Nonlocal):
            found.update(node.names)
        elif not isinstance(node, ast.Name | ast.Constant):
            stack += children(node)
    return frozenset(found)
