"""Which names are bound and which are still needed at each statement of a function.

Approximate in the safe direction where programs are unusual: too few names count as bound, too
many as needed.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable

Names = frozenset[str]

NONE: Names = frozenset()
BUILTINS: Names = frozenset(dir(builtins)) | {"__name__", "__file__", "__doc__"}

_FIELDS: dict[type, tuple[str, ...]] = {}
_SCOPES = (
    ast.FunctionDef,
    ast.AsyncFunctionDef,
    ast.ClassDef,
    ast.Lambda,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
)
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def children(node: ast.AST) -> list[ast.AST]:
    """Return the nodes directly below a node, but for operators and contexts."""
    kind = type(node)
    names = _FIELDS.get(kind)
    if names is None:
        skipped = {"ctx", "op", "ops", "type_params"}
        names = _FIELDS.setdefault(kind, tuple(name for name in kind._fields if name not in skipped))
    found: list[ast.AST] = []
    for name in names:
        value = getattr(node, name, None)
        if type(value) is list:
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
        elif isinstance(node, _SCOPES):
            reads |= _free(node)
            if isinstance(node, _DEFINITIONS):
                writes.add(node.name)
        else:
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


class Flow:
    """Names bound and needed along one statement list, usually a function's body.

    Attributes:
        bound: For each statement, the local names certainly bound before it.
        live_before: The names that it or what follows reads before binding them anew.
        live_after: The same, just after the statement.
        loose: Names read somewhere without certainly being bound by this body before.
    """

    def __init__(self, body: list[ast.stmt], arguments: Iterable[str] = ()) -> None:
        """Analyse `body`, in which `arguments` are bound from the start."""
        self.bound: dict[ast.stmt, Names] = {}
        self.live_before: dict[ast.stmt, Names] = {}
        self.live_after: dict[ast.stmt, Names] = {}
        self.loose: set[str] = set()
        self._names: dict[ast.AST, tuple[Names, Names]] = {}
        self._later: set[str] = set()
        self._loops: list[tuple[Names, Names]] = []
        self.written: Names = frozenset(names_in(body)[1])
        # What an inner function reads is needed whenever that function may be called.
        self._captured: Names = frozenset[str]().union(*(_free(node) for node in _inner_functions(body)))
        self._forward(body, frozenset(arguments))
        self._backward(body, self._captured)
        self.loose |= self._later - self.written.union(arguments)

    @classmethod
    def of(cls, function: ast.FunctionDef) -> Flow:
        """Analyse a function."""
        return cls(function.body, parameters(function.args))

    def reads(self, node: ast.AST) -> Names:
        """Return the names that a simple statement or an expression reads."""
        return self._of(node)[0]

    def writes(self, node: ast.AST) -> Names:
        """Return the names that a simple statement or a target binds."""
        return self._of(node)[1]

    def _of(self, node: ast.AST) -> tuple[Names, Names]:
        found = self._names.get(node)
        if found is None:
            reads, writes = names_in([node])
            found = self._names[node] = frozenset(reads), frozenset(writes)
        return found

    def _forward(self, body: list[ast.stmt], bound: Names) -> Names | None:
        """Follow the bound names to the end of a list; None when the end is never reached."""
        ended = False
        for statement in body:
            self.bound[statement] = bound
            after = self._bound_after(statement, bound)
            if after is None:
                ended = True
            else:
                bound = after
        return None if ended else bound

    def _bound_after(self, statement: ast.stmt, bound: Names) -> Names | None:
        match statement:
            case ast.If():
                self._check(statement.test, bound)
                bound |= self.writes(statement.test)
                return _meet([self._forward(statement.body, bound), self._forward(statement.orelse, bound)])
            case ast.For() | ast.AsyncFor():
                self._check(statement.iter, bound)
                self._forward(statement.body, bound | self.writes(statement.target))
                self._forward(statement.orelse, bound)
                return bound
            case ast.While():
                self._check(statement.test, bound)
                self._forward(statement.body, bound | self.writes(statement.test))
                self._forward(statement.orelse, bound)
                return bound
            case ast.With() | ast.AsyncWith():
                for item in statement.items:
                    self._check(item, bound)
                    bound |= self.writes(item)
                return self._forward(statement.body, bound)
            case ast.Try() | ast.TryStar():
                return self._bound_after_try(statement, bound)
            case ast.Match():
                self._check(statement.subject, bound)
                ends = [self._forward(c.body, bound | self.writes(c.pattern)) for c in statement.cases]
                return _meet([*ends, bound])
        if isinstance(statement, _DEFINITIONS):
            self._later |= self.reads(statement)  # its body runs later, when more is bound
        else:
            self._check(statement, bound)
        if isinstance(statement, ast.Return | ast.Raise | ast.Break | ast.Continue):
            return None
        return bound | self.writes(statement)

    def _bound_after_try(self, statement: ast.Try | ast.TryStar, bound: Names) -> Names | None:
        done = self._forward(statement.body, bound)
        if statement.orelse:
            done = self._forward(statement.orelse, bound if done is None else done)
        ends = [done]
        for handler in statement.handlers:
            caught = bound | {handler.name} if handler.name else bound
            if handler.type is not None:
                self._check(handler.type, bound)
            ends.append(self._forward(handler.body, caught))
        end = _meet(ends)
        if not statement.finalbody:
            return end
        last = self._forward(statement.finalbody, bound)
        return None if end is None or last is None else end | last

    def _check(self, node: ast.AST, bound: Names) -> None:
        self.loose |= self.reads(node) - bound

    def _backward(self, body: list[ast.stmt], live: Names) -> Names:
        for statement in reversed(body):
            self.live_after[statement] = live
            live = self._live_before(statement, live)
            self.live_before[statement] = live
        return live

    def _live_before(self, statement: ast.stmt, live: Names) -> Names:
        match statement:
            case ast.If():
                either = self._backward(statement.body, live) | self._backward(statement.orelse, live)
                return self.reads(statement.test) | either
            case ast.For() | ast.AsyncFor():
                head = self._live_in_loop(statement, live, NONE, self.writes(statement.target))
                return self.reads(statement.iter) | head
            case ast.While():
                return self._live_in_loop(statement, live, self.reads(statement.test), NONE)
            case ast.With() | ast.AsyncWith():
                live = self._backward(statement.body, live)
                return live.union(*(self.reads(item) for item in statement.items))
            case ast.Try() | ast.TryStar():
                end = self._backward(statement.finalbody, live)
                caught = end.union(*(self._backward(h.body, end) for h in statement.handlers))
                return caught | self._backward(statement.body, caught | self._backward(statement.orelse, end))
            case ast.Match():
                bodies = (self._backward(case.body, live) for case in statement.cases)
                return self.reads(statement.subject) | live.union(*bodies)
            case ast.Return() | ast.Raise():
                return self.reads(statement) | self._captured
            case ast.Break() if self._loops:
                return self._loops[-1][0]
            case ast.Continue() if self._loops:
                return self._loops[-1][1]
        return (live - self.writes(statement)) | self.reads(statement)

    def _live_in_loop(
        self, loop: ast.For | ast.AsyncFor | ast.While, live: Names, test: Names, target: Names
    ) -> Names:
        after = self._backward(loop.orelse, live)
        head = after | test
        # The second pass sees what the next turn of the loop reads.
        for _ in range(2):
            self._loops.append((live, head))
            head |= self._backward(loop.body, head) - target
            self._loops.pop()
        return head


def _inner_functions(body: list[ast.stmt]) -> list[ast.AST]:
    found: list[ast.AST] = []
    stack: list[ast.AST] = list(body)
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found.append(node)  # its own inner functions are part of what it reads
        elif not isinstance(node, ast.Name | ast.Constant):
            stack += children(node)
    return found


def _meet(ends: list[Names | None]) -> Names | None:
    reached = [names for names in ends if names is not None]
    return frozenset.intersection(*reached) if reached else None


def top_names(tree: ast.Module) -> Names:
    """Return the names bound at the top level of a program."""
    definitions = {node.name for node in tree.body if isinstance(node, _DEFINITIONS)}
    return frozenset(names_in(_plain_statements(tree))[1] | definitions)


def loose_names(tree: ast.Module, functions: Iterable[ast.FunctionDef]) -> set[str]:
    """Return the names that the functions, or top-level code, may find unbound."""
    top = top_names(tree)
    if "*" in top:
        return set()  # a star import hides what is bound
    known = top | BUILTINS
    definitions = [node.name for node in tree.body if isinstance(node, _DEFINITIONS)]
    loose = Flow(_plain_statements(tree), definitions).loose - BUILTINS
    return loose.union(*(Flow.of(function).loose - known for function in functions))


def _plain_statements(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if not isinstance(node, _DEFINITIONS)]
