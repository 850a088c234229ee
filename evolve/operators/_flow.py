"""Which names are bound and which are still needed at each statement of a function.

Approximate in the safe direction where programs are unusual: too few names count as bound, too
many as needed.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from functools import cached_property

from evolve.operators._names import (
    BUILTINS,
    DEFINITIONS,
    Names,
    binds_names_only,
    captured_names,
    names_in,
    parameters,
)

NONE: Names = frozenset()


class Flow:
    """Names bound and needed along one statement list, usually a function's body.

    Attributes:
        bound: For each statement, the local names certainly bound before it.
        live_before: The names that it or what follows reads before binding them anew; what is
            read only to bind names that nobody needs does not count.
        live_after: The same, just after the statement.
        loose: Names read somewhere without certainly being bound by this body before.
    """

    def __init__(self, body: list[ast.stmt], arguments: Iterable[str] = ()) -> None:
        """Analyse `body`, in which `arguments` are bound from the start."""
        self.bound: dict[ast.stmt, Names] = {}
        self.loose: set[str] = set()
        self._body = body
        self._names: dict[ast.AST, tuple[Names, Names]] = {}
        self._later: set[str] = set()
        self._loops: list[tuple[Names, Names]] = []
        self._before: dict[ast.stmt, Names] = {}
        self._after: dict[ast.stmt, Names] = {}
        self._forward(body, frozenset(arguments))
        if self._later:
            self.loose |= self._later - self.written.union(arguments)

    @property
    def live_before(self) -> dict[ast.stmt, Names]:
        """The names that a statement or what follows it needs."""
        self._look_back()
        return self._before

    @property
    def live_after(self) -> dict[ast.stmt, Names]:
        """The names that what follows a statement needs."""
        self._look_back()
        return self._after

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
                end = self._forward(statement.body, bound | self.writes(statement.target))
                self._forward(statement.orelse, bound)
                return end if end is not None and _runs_once(statement) else bound
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
        if isinstance(statement, DEFINITIONS):
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

    @cached_property
    def written(self) -> Names:
        """The names that the body binds somewhere."""
        return frozenset(names_in(self._body)[1])

    def _look_back(self) -> None:
        # Most flows are looked at for their loose names only.
        if self._body and not self._before:
            self._backward(self._body, self._captured)

    @cached_property
    def _captured(self) -> Names:
        return captured_names(self._body)

    def _backward(self, body: list[ast.stmt], live: Names) -> Names:
        for statement in reversed(body):
            self._after[statement] = live
            live = self._live_before(statement, live)
            self._before[statement] = live
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
                for item in reversed(statement.items):
                    live = (live - self.writes(item)) | self.reads(item)
                return live
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
        writes = self.writes(statement)
        if binds_names_only(statement) and live.isdisjoint(writes):
            return live  # what only a dead statement reads is not needed either
        return (live - writes) | self.reads(statement)

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


def _runs_once(loop: ast.For | ast.AsyncFor) -> bool:
    """Tell whether the loop's body surely runs to its end: `for _ in range(3)` without a `break`."""
    match loop.iter:
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=int(turns))]) if turns > 0:
            leaving = (ast.Break, ast.Continue)
            return not any(isinstance(node, leaving) for part in loop.body for node in ast.walk(part))
    return False


def _meet(ends: list[Names | None]) -> Names | None:
    reached = [names for names in ends if names is not None]
    return frozenset.intersection(*reached) if reached else None


def top_names(tree: ast.Module) -> Names:
    """Return the names bound at the top level of a program."""
    definitions = {node.name for node in tree.body if isinstance(node, DEFINITIONS)}
    return frozenset(names_in(_plain_statements(tree))[1] | definitions)


def loose_names(tree: ast.Module, functions: Iterable[ast.FunctionDef]) -> set[str]:
    """Return the names that the functions, or top-level code, may find unbound."""
    top = top_names(tree)
    if "*" in top:
        return set()  # a star import hides what is bound
    known = top | BUILTINS
    definitions = [node.name for node in tree.body if isinstance(node, DEFINITIONS)]
    loose = Flow(_plain_statements(tree), definitions).loose - BUILTINS
    return loose.union(*(Flow.of(function).loose - known for function in functions))


def _plain_statements(tree: ast.Module) -> list[ast.stmt]:
    return [node for node in tree.body if not isinstance(node, DEFINITIONS)]
