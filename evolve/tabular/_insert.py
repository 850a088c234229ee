"""Put features into the text of a program, and take them out again."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import dataclass, field

from evolve.source import check_compiles, find_function, parse


@dataclass(frozen=True, slots=True)
class Feature:
    """A column to add.

    Attributes:
        name: Its name in the data frame.
        value: Expression of the data frame `X` and, for what is learned, of `state[KEY]`.
        learned: Expressions of the training frame `X`, by key of the state.
    """

    name: str
    value: str
    learned: dict[str, str] = field(default_factory=dict)

    @property
    def reads(self) -> frozenset[str]:
        """Texts in its expression: the columns and the parts of the state that it needs are among them."""
        return frozenset(_constants(ast.parse(self.value)))

    @property
    def learns_from(self) -> frozenset[str]:
        """The same of the expressions that are learned."""
        return frozenset().union(*(_constants(ast.parse(value)) for value in self.learned.values()))


SEED = '''"""Features of a table: fit learns from training rows, transform adds columns row by row."""

import numpy as np
import pandas as pd


def fit(X):
    state = {}
    return state


def transform(state, X):
    X = X.copy()
    return X
'''
"""The table as it is, in the form that features can be put into."""


def insert(text: str, feature: Feature) -> str | None:
    """Return the program with one more feature; None when it is there already or has no place.

    There is a place in a `transform(state, X)` or `modify_features(df)` that ends with `return` of a name,
    and for what is learned in a `fit(X)` that ends with `return` of a name.
    """
    program = _Program.of(text)
    if program is None or feature.name in program.assigned:
        return None
    place = program.transform
    if place is None or (feature.learned and (place.state is None or program.fit is None)):
        return None
    names = {"X": place.variable, **({} if place.state is None else {"state": place.state})}
    edits = [
        (place.line, f"{place.indent}{place.variable}[{feature.name!r}] = {_renamed(feature.value, names)}")
    ]
    if feature.learned and program.fit is not None:
        fit = program.fit
        edits += [
            (fit.line, f"{fit.indent}{fit.variable}[{key!r}] = {_renamed(expression, {'X': fit.frame})}")
            for key, expression in feature.learned.items()
            if key not in program.learned
        ]
    return _checked(program.with_lines(edits))


def remove(text: str, name: str) -> str | None:
    """Return the program without the statement that makes a column; None if there is none or others read it.

    What was learned for it goes too, unless another feature needs it.
    """
    program = _Program.of(text)
    if program is None or name not in program.assigned:
        return None
    node = program.assigned[name]
    keys = _constants(node.value) & program.learned.keys()
    others = [other for other in program.assigned.values() if other is not node]
    needed = set().union(*(_constants(other.value) for other in others)) if others else set()
    if name in needed:
        return None
    gone = [node, *(program.learned[key] for key in keys - needed)]
    return _checked(program.without(gone))


def drop_column(text: str, name: str) -> str | None:
    """Return the program that leaves a column out at its end; None when there is no place for that."""
    program = _Program.of(text)
    if program is None or program.transform is None:
        return None
    place = program.transform
    line = f"{place.indent}{place.variable} = {place.variable}.drop(columns=[{name!r}], errors='ignore')"
    if line in program.text.split("\n"):
        return None
    return _checked(program.with_lines([(place.last, line)]))


def features_of(text: str) -> list[Feature]:
    """Return the features that stand on their own in a program, which `insert` could put into another."""
    program = _Program.of(text)
    if program is None or program.transform is None:
        return []
    found = []
    place = program.transform
    for name, node in program.assigned.items():
        keys = [key for key in program.learned if key in _constants(node.value)]
        frame = {} if program.fit is None else {program.fit.frame: "X"}
        learned = {key: _renamed(ast.unparse(program.learned[key].value), frame) for key in keys}
        names = {place.variable: "X", **({} if place.state is None else {place.state: "state"})}
        feature = Feature(name, _renamed(ast.unparse(node.value), names), learned)
        free = _free(feature.value) | set().union(set(), *map(_free, learned.values()))
        if free <= _KNOWN and ("state" not in _free(feature.value) or learned):
            found.append(feature)
    return found


_KNOWN = frozenset(
    {"X", "state", "np", "pd", "float", "int", "str", "bool", "len", "abs", "min", "max", "round"}
)


@dataclass(frozen=True, slots=True)
class _Place:
    """A function that ends with `return NAME`: features go before that and before columns are dropped.

    Attributes:
        line: Index of the line before which features go.
        last: Index of the line of `return`.
        indent: White space before both.
        variable: NAME.
        frame: The parameter that is the data frame.
        state: The parameter that is the state, if any.
    """

    line: int
    last: int
    indent: str
    variable: str
    frame: str
    state: str | None


@dataclass(frozen=True, slots=True)
class _Program:
    text: str
    tree: ast.Module
    transform: _Place | None
    fit: _Place | None
    assigned: dict[str, ast.Assign]
    learned: dict[str, ast.Assign]

    @classmethod
    def of(cls, text: str) -> _Program | None:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        try:
            tree = parse(text)
        except SyntaxError:
            return None
        transform = find_function(tree, "transform")
        stateful = transform is not None
        transform = transform or find_function(tree, "modify_features")
        fit = find_function(tree, "fit") if stateful else None
        return cls(
            text,
            tree,
            _place(transform, text, stateful=stateful),
            _place(fit, text, stateful=False),
            _assignments(transform),
            _assignments(fit),
        )

    def with_lines(self, edits: list[tuple[int, str]]) -> str:
        """Insert lines, and the imports that they need where the program lacks them."""
        lines = self.text.split("\n")
        for line, new in sorted(edits, key=lambda edit: edit[0], reverse=True):
            lines.insert(line, new)
        code = "\n".join(new for _, new in edits)
        imports = [node for node in self.tree.body if isinstance(node, ast.Import)]
        bound = {alias.asname or alias.name for node in imports for alias in node.names}
        needed = [
            f"import {module} as {alias}"
            for module, alias in (("numpy", "np"), ("pandas", "pd"))
            if alias not in bound and f"{alias}." in code
        ]
        first = self._first_line() if needed else 0
        lines[first:first] = needed
        return "\n".join(lines)

    def without(self, nodes: list[ast.Assign]) -> str:
        """Remove statements that have their lines to themselves."""
        lines: list[str | None] = [*self.text.split("\n")]
        for node in nodes:
            lines[node.lineno - 1 : node.end_lineno] = [None] * ((node.end_lineno or 0) - node.lineno + 1)
        return "\n".join(line for line in lines if line is not None)

    def _first_line(self) -> int:
        """Return the line below a docstring and imports from the future."""
        first = 0
        for index, node in enumerate(self.tree.body):
            docstring = index == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__"):
                first = node.end_lineno or 0
        return first


def _place(function: ast.FunctionDef | None, text: str, *, stateful: bool) -> _Place | None:
    wanted = 2 if stateful else 1
    if function is None or len(function.args.args) < wanted:
        return None
    *body, last = function.body
    if not isinstance(last, ast.Return) or not isinstance(last.value, ast.Name) or not body:
        return None
    line = text.split("\n")[last.lineno - 1]
    if not line.strip().startswith("return") or last.lineno == body[-1].end_lineno:
        return None  # behind a semicolon
    variable = last.value.id
    first = last.lineno
    for node in reversed(body):
        if not _drops(node, variable):
            break
        first = node.lineno
    names = [argument.arg for argument in function.args.args]
    indent = line[: len(line) - len(line.lstrip())]
    state = names[0] if stateful else None
    return _Place(first - 1, last.lineno - 1, indent, variable, names[wanted - 1], state)


def _drops(node: ast.stmt, variable: str) -> bool:
    """Tell whether a statement is `NAME = NAME.drop(...)`."""
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Call)
        and isinstance(node.value.func, ast.Attribute)
        and node.value.func.attr == "drop"
        and isinstance(node.value.func.value, ast.Name)
        and node.value.func.value.id == variable
    )


def _assignments(function: ast.FunctionDef | None) -> dict[str, ast.Assign]:
    """Return the statements `NAME[KEY] = ...` of a function by key: assigned once, on lines of their own."""
    body = [] if function is None else function.body
    lines = Counter(line for node in body for line in range(node.lineno, (node.end_lineno or 0) + 1))
    found: dict[str, list[ast.Assign]] = {}
    for node in body:
        alone = all(lines[line] == 1 for line in range(node.lineno, (node.end_lineno or 0) + 1))
        if isinstance(node, ast.Assign) and alone and (key := _key(node)):
            found.setdefault(key, []).append(node)
    return {key: nodes[0] for key, nodes in found.items() if len(nodes) == 1}


def _key(node: ast.Assign) -> str:
    """Return KEY of a statement `NAME[KEY] = ...`; empty for others."""
    target = node.targets[0]
    if (
        len(node.targets) != 1
        or not isinstance(target, ast.Subscript)
        or not isinstance(target.value, ast.Name)
    ):
        return ""
    key = target.slice
    return key.value if isinstance(key, ast.Constant) and isinstance(key.value, str) else ""


def _constants(node: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _free(expression: str) -> set[str]:
    return {node.id for node in ast.walk(ast.parse(expression)) if isinstance(node, ast.Name)}


def _renamed(expression: str, names: dict[str, str]) -> str:
    tree = ast.parse(expression, mode="eval")
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = names.get(node.id, node.id)
    return ast.unparse(tree)


def _checked(text: str) -> str | None:
    try:
        check_compiles(parse(text))
    except SyntaxError:
        return None
    return text
