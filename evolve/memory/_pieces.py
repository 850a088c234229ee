"""Read a program piece by piece, so that what many programs share is analysed once.

Most programs differ from their parents in a few lines. A program is therefore cut at its top-level
definitions, and what a piece says is cached by its text; the bodies of the entry and of functions that
are too long to keep are not read at all.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from functools import lru_cache

from evolve.models import scrub
from evolve.operators._names import bound_name, children, names_in
from evolve.source import parse, tree_hash

MAX_LINES = 80
"""Longest function worth keeping."""
MAX_CHARS = 6000

_MAX_DEPTH = 120  # far below where the parser gives up, which depends on who calls it
_MAX_PIECES = 256
_MAX_NEEDS = 64
_MAX_LITERAL = 200
_MAX_DOC = 120

_DEFINITION = re.compile(r"^(?:def |async def |class |@)", re.MULTILINE)
_HEADER = re.compile(r"def (\w+)")
_STATEMENT = re.compile(r"^[^\s#)\]}]", re.MULTILINE)
_GLOBAL = re.compile(r"(?:^|[;:])[ \t]*global[ \t]+([\w, \t]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Function:
    """A top-level function.

    Attributes:
        name: Its name.
        text: Its lines, decorators included.
        doc: First line of its docstring, possibly empty.
        hash: Hash of its tree, whatever its name.
        needs: The names that it takes from outside, builtins included, in order.
        trivial: It does no more than one simple statement.
    """

    name: str
    text: str
    doc: str
    hash: bytes
    needs: tuple[str, ...]
    trivial: bool


@dataclass(frozen=True, slots=True)
class Import:
    """The import statements that bind a name: several for `import a.b` and `import a.c`."""

    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Literal:
    """A name that is bound to a number, a text or a tuple of such."""

    line: str


Definition = Function | Import | Literal
Names = dict[str, Definition | None]
"""What the names at the top level of a program stand for; None when that cannot be told."""

_Piece = tuple[tuple[str, Definition | None], ...]


def read_names(text: str, entry: str) -> Names:
    """Return what the names at the top level of a program stand for; nothing when it cannot be read.

    The program counts as valid Python: a text that is not may give some of its names.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    texts, unread = _cut(text, entry)
    pieces = _read_all(texts)
    if pieces is None:  # such as a string over several lines that looks like a definition
        pieces, unread = _read_all([text]), [entry]
    found: Names = {}
    for piece in pieces or ():
        for name, definition in piece:
            found[name] = _joined(found[name], definition) if name in found else definition
    if "*" in found:
        return {}  # a star import hides what is bound
    for names in _GLOBAL.findall(text) if "global" in text else ():
        unread += re.findall(r"\w+", names)
    return found | dict.fromkeys(unread)


def _cut(text: str, entry: str) -> tuple[list[str], list[str]]:
    """Cut at the top-level definitions; leave out, and name, the functions whose bodies nobody needs."""
    cuts = [0]
    decorated = False
    for match in _DEFINITION.finditer(text):
        if not decorated:
            cuts.append(match.start())
        decorated = match[0] == "@"
    pieces, unread = [], [entry]
    for start, end in zip(cuts, [*cuts[1:], len(text)], strict=True):
        piece = text[start:end]
        header = _HEADER.match(piece)
        if header:
            following = _STATEMENT.search(piece, 1)
            body = piece[: following.start() if following else None].rstrip()
            if header[1] == entry or _is_long(body):
                unread.append(header[1])
                piece = piece[following.start() :] if following else ""
        pieces.append(piece)
    return pieces, unread


def _is_long(text: str) -> bool:
    return text.count("\n") >= MAX_LINES or len(text) > MAX_CHARS


def _read_all(texts: list[str]) -> list[_Piece] | None:
    if len(texts) > _MAX_PIECES:
        return None
    pieces = []
    for text in texts:
        piece = _read(text)
        if piece is None:
            return None
        pieces.append(piece)
    return pieces


@lru_cache(maxsize=512)
def _read(text: str) -> _Piece | None:
    """Return the names that a piece binds, in order; None when it cannot be read by itself."""
    try:
        tree = parse(text)
    except SyntaxError:
        return None
    if _is_deep(tree):
        return None
    lines = text.split("\n")
    return tuple(pair for node in tree.body for pair in _bindings(node, lines))


def _is_deep(tree: ast.Module) -> bool:
    """Tell whether the tree nests too deeply for functions that call themselves."""
    level: list[ast.AST] = [tree]
    for _ in range(_MAX_DEPTH):
        level = [child for node in level for child in children(node)]
        if not level:
            return False
    return True


def _bindings(node: ast.stmt, lines: list[str]) -> list[tuple[str, Definition | None]]:
    match node:
        case ast.FunctionDef():
            return [(node.name, _function(node, lines))]
        case ast.Import():
            return [(bound_name(a), Import((ast.unparse(ast.Import([a])),))) for a in node.names]
        case ast.ImportFrom(module="__future__"):
            return []
        case ast.ImportFrom(module=module, level=0):
            return [
                (bound_name(a), Import((ast.unparse(ast.ImportFrom(module, [a], 0)),))) for a in node.names
            ]
        case ast.Assign(targets=[ast.Name(id=name)], value=value) if _is_literal(value):
            return [(name, _literal(name, value))]
        case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if _is_literal(value):
            return [(name, _literal(name, value))]
    return [(name, None) for name in sorted(names_in([node])[1])]


def _function(node: ast.FunctionDef, lines: list[str]) -> Function | None:
    """Describe a function; None when it is of no use elsewhere."""
    assert node.end_lineno is not None
    first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
    text = "\n".join(lines[first - 1 : node.end_lineno])
    if _is_long(text) or not _is_portable(text):
        return None
    if "global" in text and any(isinstance(part, ast.Global) for part in ast.walk(node)):
        return None
    needs = sorted(names_in([node])[0])
    if len(needs) > _MAX_NEEDS:
        return None
    doc, trivial = _first_line(node), _is_trivial(node)
    return Function(node.name, text, doc, _hash(node, needs), tuple(needs), trivial)


def _is_portable(text: str) -> bool:
    """Tell whether the text shows all that it says, and carries no marks for another program."""
    return text.replace("\n", "").replace("\t", "").isprintable() and "EVOLVE-BLOCK" not in text


def _first_line(node: ast.FunctionDef) -> str:
    doc = (ast.get_docstring(node) or "").strip().partition("\n")[0]
    # As the text of a program a key may be written in pieces or with escapes.
    shown = scrub("".join(c for c in doc if c.isprintable())) if doc else ""
    return shown if len(shown) <= _MAX_DOC else shown[: _MAX_DOC - 3] + "..."


def _is_trivial(node: ast.FunctionDef) -> bool:
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    return not body or (len(body) == 1 and body[0].lineno == body[0].end_lineno)


def _hash(node: ast.FunctionDef, needs: list[str]) -> bytes:
    """Hash the tree with the function's name left blank, which takes the name out of the tree."""
    name, node.name = node.name, ""
    if name in needs:
        for part in ast.walk(node):
            if isinstance(part, ast.Name) and part.id == name:
                part.id = ""
    return tree_hash(ast.Module([node], []))


def _is_literal(value: ast.expr, depth: int = 4) -> bool:
    """Tell whether an expression is made of constants alone and cannot be changed once it is bound."""
    match value:
        case ast.Constant():
            return True
        case ast.UnaryOp(operand=operand):
            return depth > 0 and _is_literal(operand, depth - 1)
        case ast.BinOp(left=left, right=right):
            return depth > 0 and _is_literal(left, depth - 1) and _is_literal(right, depth - 1)
        case ast.Tuple(elts=elts):
            return depth > 0 and all(_is_literal(item, depth - 1) for item in elts)
    return False


def _literal(name: str, value: ast.expr) -> Literal | None:
    try:
        line = f"{name} = {ast.unparse(value)}"
    except ValueError:  # an integer too long to be written as a decimal
        return None
    return Literal(line) if len(line) <= _MAX_LITERAL and line.isprintable() else None


def _joined(first: Definition | None, second: Definition | None) -> Definition | None:
    """Return what a name stands for that is bound twice: known for imports that add to each other."""
    if isinstance(first, Import) and isinstance(second, Import):
        lines = dict.fromkeys([*first.lines, *second.lines])
        if len(lines) == 1 or all(line.startswith("import ") and " as " not in line for line in lines):
            return Import(tuple(lines))
    return None
