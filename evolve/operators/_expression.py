"""Change one expression."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable

from evolve.operators._base import Context
from evolve.operators._names import BUILTINS
from evolve.operators._numbers import number_of, write_number
from evolve.operators._program import BuiltinOperator, Change, Program
from evolve.operators._random import chance, pick, weighted
from evolve.operators._siblings import (
    ARITHMETIC,
    COMPARISONS,
    OTHER_ARITHMETIC,
    OTHER_COMPARISONS,
    SIBLINGS,
)
from evolve.operators._sites import ATOM, PRODUCT, UNARY, Site, copy_text, put
from evolve.operators._source import Edit

Variation = Callable[[Program, Context, list[Site]], Edit | None]

_MAX_COPY = 160  # longest expression that is copied elsewhere, in characters


def expression_operator() -> BuiltinOperator:
    """Return the operator."""
    return BuiltinOperator("expression", mutate)


def mutate(program: Program, context: Context) -> Change | None:
    """Draw a function and a kind of change, then a place for it."""
    function = program.pick_function(context.rng, entry_share=0.35)
    places = program.sites(function)
    edit = weighted(context.rng, _VARIATIONS)(program, context, places) if places else None
    if edit is None:
        return None
    text = program.source.apply([edit])
    return Change(text, f"{function.name}: {_summary(program, edit, places)}")


def _summary(program: Program, edit: Edit, places: list[Site]) -> str:
    """Describe an edit by the smallest expression that contains it."""
    source = program.source
    holders = [site.node for site in places if _contains(source.span(site.node), edit)]
    node = min(holders, key=lambda node: source.span(node)[1] - source.span(node)[0])
    start = source.span(node)[0]
    old = source.segment(node)
    data = old.encode()
    new = (data[: edit.start - start] + edit.text.encode() + data[edit.end - start :]).decode()
    return f"line {node.lineno}: {_short(old)} -> {_short(new)}"


def _contains(span: tuple[int, int], edit: Edit) -> bool:
    return span[0] <= edit.start and edit.end <= span[1]


def _short(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def swap_operator(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Exchange an arithmetic operator."""
    nodes = [s.node for s in places if isinstance(s.node, ast.BinOp) and type(s.node.op) in ARITHMETIC]
    if not nodes:
        return None
    node = pick(context.rng, nodes)
    assert isinstance(node, ast.BinOp)
    old = ARITHMETIC[type(node.op)]
    return _swap_token(program, node.left, node.right, old, pick(context.rng, OTHER_ARITHMETIC[old]))


def swap_comparison(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Exchange a comparison, or `and` with `or`."""
    found: list[tuple[ast.expr, ast.expr, str, tuple[str, ...]]] = []
    for site in places:
        node = site.node
        if isinstance(node, ast.Compare) and type(node.ops[0]) in COMPARISONS:
            old = COMPARISONS[type(node.ops[0])]
            found.append((node.left, node.comparators[0], old, OTHER_COMPARISONS[old]))
        elif isinstance(node, ast.BoolOp) and len(node.values) == 2:
            old = "and" if isinstance(node.op, ast.And) else "or"
            found.append((*node.values, old, ("or",) if old == "and" else ("and",)))  # type: ignore[arg-type]
    if not found:
        return None
    left, right, old, others = pick(context.rng, found)
    return _swap_token(program, left, right, old, pick(context.rng, others))


def _swap_token(program: Program, left: ast.expr, right: ast.expr, old: str, new: str) -> Edit | None:
    start, between = program.source.between(left, right)
    at = between.find(old)
    if at < 0 or "#" in between:
        return None
    return Edit(start + at, start + at + len(old), new)


def swap_operands(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Exchange the operands of a subtraction or division, or two arguments of a call."""
    pairs: list[tuple[Site, Site, Site]] = []
    for site in places:
        match site.node:
            case ast.BinOp(left=left, right=right, op=ast.Sub() | ast.Div() | ast.Pow()):
                pairs.append((site, _site(site, left, "left"), _site(site, right, "right")))
            case ast.Call(args=[*_, first, second]) if not isinstance(first, ast.Starred):
                pairs.append((site, _site(site, first, "args"), _site(site, second, "args")))
    if not pairs:
        return None
    whole, first_site, second_site = pick(context.rng, pairs)
    source = program.source
    start = source.span(whole.node)[0]
    edits = [
        put(source, first_site, *copy_text(source, second_site.node)),
        put(source, second_site, *copy_text(source, first_site.node)),
    ]
    data = source.segment(whole.node).encode()
    for edit in reversed(edits):
        data = data[: edit.start - start] + edit.text.encode() + data[edit.end - start :]
    return source.replace(whole.node, data.decode())


def _site(parent: Site, node: ast.expr, slot: str) -> Site:
    return Site(node, parent.node, slot, parent.statement)


def transplant(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Put a copy of another expression of the same rough kind in place of one."""
    target = pick(context.rng, places)
    if target.slot == "func" or _structural(target):
        return None
    kind, text = _kind(target.node), program.source.segment(target.node)
    donors = [
        site.node
        for site in places
        if site.slot != "func" and _kind(site.node) == kind and not _inside(site.node, target.node)
    ]
    donors = [node for node in donors if program.source.segment(node) != text]
    if not donors:
        return None
    donor, donor_rank = copy_text(program.source, pick(context.rng, donors))
    return put(program.source, target, donor, donor_rank) if len(donor) <= _MAX_COPY else None


def _inside(node: ast.expr, outer: ast.expr) -> bool:
    start = (outer.lineno, outer.col_offset)
    end = (outer.end_lineno or 0, outer.end_col_offset or 0)
    return start <= (node.lineno, node.col_offset) and (node.end_lineno or 0, node.end_col_offset or 0) <= end


def _kind(node: ast.expr) -> str:
    match node:
        case ast.Compare() | ast.BoolOp() | ast.UnaryOp(op=ast.Not()):
            return "truth"
        case ast.Constant(value=bool() | None) | ast.Constant(value=str() | bytes()):
            return f"constant {type(node.value).__name__}"
        case ast.Tuple() | ast.List() | ast.ListComp() | ast.Set() | ast.SetComp():
            return "sequence"
        case ast.Dict() | ast.DictComp() | ast.Lambda():
            return type(node).__name__
    return "value"


def _structural(site: Site) -> bool:
    """Tell whether any other value would surely break the statement."""
    match site.parent:
        case ast.Expr():
            return True
        case ast.Assign(targets=[ast.Tuple()]) | ast.Return(value=ast.Tuple()):
            return True
    return False


def scale(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Multiply a value by a factor near one, or add a small number to it."""
    fitting = [site for site in places if _scalable(site)]
    if not fitting:
        return None
    site = pick(context.rng, fitting)
    text, text_rank = copy_text(program.source, site.node)
    step = float(context.rng.standard_normal())
    if chance(context.rng, 0.2):
        amount = write_number(float(f"{0.02 * abs(step):.2g}"))
        return put(program.source, site, f"{text} {'+' if step > 0 else '-'} {amount}", 10)
    factor = write_number(round(max(0.1, 1.0 + 0.08 * step), 3))
    text = text if text_rank > PRODUCT else f"({text})"
    return put(program.source, site, f"{factor} * {text}", PRODUCT)


def _scalable(site: Site) -> bool:
    node = site.node
    if not isinstance(node, ast.Name | ast.Call | ast.BinOp | ast.Subscript | ast.Attribute):
        return False
    if isinstance(node, ast.BinOp) and number_of(node.left) is not None:
        return False  # scaled or shifted already: jitter can change that number
    match site.parent:
        case ast.Assign(targets=[ast.Name()]) | ast.BinOp() | ast.Compare() | ast.IfExp():
            return site.slot not in {"test"} and not isinstance(getattr(site.parent, "op", None), ast.Mod)
        case ast.Call(func=ast.Attribute()):
            return site.slot == "args"
        case ast.Tuple() | ast.List():
            return True
    return False


def rename(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Read another local variable instead of one."""
    names = [s for s in places if isinstance(s.node, ast.Name) and s.slot != "func"]
    if not names:
        return None
    site = pick(context.rng, names)
    assert isinstance(site.node, ast.Name)
    function = next(f for f in program.functions if f.lineno <= site.node.lineno <= (f.end_lineno or 0))
    bound = program.flow_of(function).bound.get(site.statement, frozenset())
    if site.node.id not in bound:
        return None  # a module, a function, or a name of a comprehension
    others = sorted(bound - {site.node.id, "_", "self"})
    return put(program.source, site, pick(context.rng, others), ATOM) if others else None


def swap_function(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Call a sibling of the function that is called."""
    found: list[tuple[ast.expr, str, str]] = []
    for site in places:
        if site.slot != "func":
            continue
        name = getattr(site.node, "attr", "") or getattr(site.node, "id", "")
        others = [other for group in SIBLINGS if name in group for other in group if other != name]
        if isinstance(site.node, ast.Name):
            others = [other for other in others if other in BUILTINS | program.top]
        found += [(site.node, name, other) for other in others]
    if not found:
        return None
    node, name, other = pick(context.rng, found)
    end = program.source.span(node)[1]
    return Edit(end - len(name), end, other)


def negate(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Turn a condition round, or the sign of a value."""
    tests = [s for s in places if s.slot == "test" or isinstance(s.parent, ast.BoolOp)]
    values = [s for s in places if _scalable(s) and not isinstance(s.parent, ast.Tuple | ast.List)]
    fitting = tests or values
    if not fitting:
        return None
    site = pick(context.rng, fitting)
    text, text_rank = copy_text(program.source, site.node)
    if isinstance(site.node, ast.UnaryOp):
        inner = copy_text(program.source, site.node.operand)
        return put(program.source, site, *inner)
    word, own = ("not ", 4) if tests else ("-", UNARY)
    return put(program.source, site, f"{word}{text}" if text_rank >= own else f"{word}({text})", own)


def simplify_to_operand(program: Program, context: Context, places: list[Site]) -> Edit | None:
    """Leave only one operand of an arithmetic expression."""
    fitting = [
        s for s in places if isinstance(s.node, ast.BinOp) and not re.match(r"\(?\d", _left(program, s))
    ]
    if not fitting:
        return None
    site = pick(context.rng, fitting)
    assert isinstance(site.node, ast.BinOp)
    side = site.node.left if chance(context.rng, 0.5) else site.node.right
    return put(program.source, site, *copy_text(program.source, side))


def _left(program: Program, site: Site) -> str:
    return program.source.segment(site.node.left) if isinstance(site.node, ast.BinOp) else ""


_VARIATIONS: list[tuple[float, Variation]] = [
    (2.0, swap_operator),
    (1.0, swap_comparison),
    (1.0, swap_operands),
    (2.5, transplant),
    (2.5, scale),
    (2.0, rename),
    (1.5, swap_function),
    (0.5, negate),
    (0.5, simplify_to_operand),
]
