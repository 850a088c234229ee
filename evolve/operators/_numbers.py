"""Numeric literals of a program: where they are, and how to draw a new value near an old one."""

from __future__ import annotations

import ast
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.operators._names import children
from evolve.operators._random import chance, pick

Number = int | float

MAX_SEED = 10**6
_OPAQUE = (ast.Name, ast.Constant, ast.JoinedStr)
_SEEDERS = frozenset({"default_rng", "RandomState", "SeedSequence", "Random", "seed"})
# Small integers here are shapes and axes: another value is an error, not a variation.
_SHAPED = frozenset(
    {"zeros", "ones", "empty", "full", "reshape", "transpose", "swapaxes", "moveaxis", "triu_indices"}
    | {"tril_indices", "expand_dims", "squeeze", "repeat", "tile", "round", "isinstance", "enumerate"}
)
_SHAPE_KEYWORDS = frozenset({"axis", "axes", "ndim", "ndmin", "shape", "size", "keepdims", "decimals"})


@dataclass(frozen=True, slots=True)
class Literal:
    """A number in the program, its minus sign included.

    Attributes:
        node: Where it is.
        value: What it is.
        label: The variable, parameter or keyword that it is the value of; may be empty.
        owner: The function that it is in, or "module".
    """

    node: ast.expr
    value: Number
    label: str
    owner: str


@dataclass(frozen=True, slots=True)
class Scale:
    """How far new values lie from old ones.

    Attributes:
        relative: Standard deviation relative to the value; of the logarithm when `factor` is set.
        factor: Largest ratio of new to old, for coarse draws; 0 for normal ones.
        digits: Significant digits of the new value.
        floats_first: Leave integers alone in programs that have floats.
    """

    relative: float
    factor: float
    digits: int
    floats_first: bool = False


FINE = Scale(relative=1e-3, factor=0.0, digits=6, floats_first=True)
MIDDLE = Scale(relative=0.05, factor=0.0, digits=4)
COARSE = Scale(relative=0.6, factor=3.0, digits=3)


def is_seed_name(name: str) -> bool:
    """Tell whether a variable of this name holds the seed of a random generator."""
    return "seed" in name.lower() or name == "random_state"


def draw_number(rng: np.random.Generator, value: Number, scale: Scale) -> Number:
    """Draw a value near `value`, of the same type and, but for coarse draws, of the same sign."""
    return _draw_int(rng, value, scale) if isinstance(value, int) else _draw_float(rng, value, scale)


def redraw(rng: np.random.Generator, name: str, value: Number, scale: Scale) -> Number:
    """Draw a value for a variable: near the old one, but any seed is as good as another."""
    seeded = isinstance(value, int) and is_seed_name(name)
    # A step by one now and then keeps seeds legible.
    if seeded and not chance(rng, 0.1):
        return int(rng.integers(MAX_SEED))
    return draw_number(rng, value, scale)


def write_number(value: Number, digits: int = 6) -> str:
    """Write a number readably, as a literal of its own type."""
    if isinstance(value, int):
        return str(value)
    text = f"{value:.{digits}g}"
    return text if set(text) & set(".en") else text + ".0"


def _draw_float(rng: np.random.Generator, value: float, scale: Scale) -> float:
    step = float(rng.standard_normal())
    if value == 0.0:
        return _rounded(step * min(1.0, scale.relative), scale.digits)
    if not scale.factor:
        new = _rounded(value * (1.0 + scale.relative * step), scale.digits)
        return new if new != value else value * (1.0 + 10.0 ** (1 - scale.digits))
    limit = math.log(scale.factor)
    new = value * math.exp(min(max(scale.relative * step, -limit), limit))
    return _rounded(-new if chance(rng, 0.05) else new, scale.digits)


def _draw_int(rng: np.random.Generator, value: int, scale: Scale) -> int:
    size = abs(value)
    if size <= 8 or size * scale.relative < 2:
        new = size + pick(rng, (-2, -1, -1, 1, 1, 2))
        new = new if new > 0 else 1 + size  # zero steps, points or turns seldom help
    else:
        new = round(abs(_draw_float(rng, float(size), scale)))
        new = new if new != size else size + 1
    return int(math.copysign(new, value))


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def literals(nodes: Sequence[ast.stmt]) -> list[Literal]:
    """List the numbers of top-level statements that can sensibly be changed, in the order of the text.

    Left out: booleans, indices, annotations, shapes and axes, and what is inside of f-strings,
    whose positions older Pythons do not report.
    """
    found: list[Literal] = []
    stack: list[tuple[ast.AST, str, str, bool]] = [(node, "", "module", True) for node in nodes]
    while stack:
        node, label, owner, integers = stack.pop()
        value = number_of(node)
        if value is not None:
            if isinstance(value, float) or integers:
                assert isinstance(node, ast.expr)
                found.append(Literal(node, value, label, owner))
        elif not isinstance(node, _OPAQUE):
            stack += [
                (child, name, _owner(node, owner), integers and whole) for child, name, whole in _parts(node)
            ]
    return sorted(found, key=lambda item: (item.node.lineno, item.node.col_offset))


def number_of(node: ast.AST) -> Number | None:
    """Return the value of a finite real literal, possibly with a minus sign."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = number_of(node.operand) if isinstance(node.operand, ast.Constant) else None
        return None if value is None else -value
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        # Beyond this an integer is a bit pattern, and has no float near it.
        return node.value if abs(node.value) < 1e18 else None
    return None


def free_numbers(function: ast.FunctionDef, call: ast.Call) -> list[tuple[str, Number]]:
    """List the parameters with a numeric default that a call of the function leaves at it."""
    plain = [*function.args.posonlyargs, *function.args.args]
    given = {keyword.arg for keyword in call.keywords} | {a.arg for a in plain[: len(call.args)]}
    given |= {a.arg for a in function.args.posonlyargs}
    if None in given or any(isinstance(argument, ast.Starred) for argument in call.args):
        return []
    numbers = [(name, number_of(default)) for name, default in defaults(function.args) if name not in given]
    return [(name, value) for name, value in numbers if value is not None]


def defaults(spec: ast.arguments) -> list[tuple[str, ast.expr]]:
    """Return the parameters that have a default, with it."""
    plain = [*spec.posonlyargs, *spec.args]
    pairs = list(zip(plain[len(plain) - len(spec.defaults) :], spec.defaults, strict=True))
    pairs += [(a, d) for a, d in zip(spec.kwonlyargs, spec.kw_defaults, strict=True) if d is not None]
    return [(a.arg, default) for a, default in pairs]


def _owner(node: ast.AST, owner: str) -> str:
    return node.name if isinstance(node, ast.FunctionDef) and owner == "module" else owner


def _parts(node: ast.AST) -> list[tuple[ast.AST, str, bool]]:
    """Return what to look at below a node: (child, label, whether integers may change)."""
    match node:
        case ast.arguments():
            return [(default, name, True) for name, default in defaults(node)]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AugAssign(target=ast.Name(id=name)):
            return [(node.value, name, True)]
        case ast.AnnAssign():
            name = node.target.id if isinstance(node.target, ast.Name) else ""
            return [(node.value, name, True)] if node.value else []
        case ast.keyword():
            return [(node.value, node.arg or "", node.arg not in _SHAPE_KEYWORDS)]
        case ast.Subscript():
            return [(node.value, "", True)]
        case ast.Call():
            name = _called(node)
            label = "seed" if name in _SEEDERS else ""
            return [
                (node.func, "", True),
                *((argument, label, name not in _SHAPED) for argument in node.args),
                *((keyword, "", True) for keyword in node.keywords),
            ]
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return [(node.args, "", True), *((statement, "", True) for statement in node.body)]
    return [(child, "", True) for child in children(node)]


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", "") or getattr(node.func, "id", "")
