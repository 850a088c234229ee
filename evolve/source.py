"""Program text as data: parse it safely, compare it by what it says, look up its entry.

Everything that reads untrusted program text goes through `parse`, which fails in one way only.
"""

from __future__ import annotations

import ast
import hashlib
import warnings
from collections.abc import Iterable
from functools import lru_cache

__all__ = [
    "accepts",
    "check_compiles",
    "code_hash",
    "find_function",
    "may_return",
    "normalise",
    "parse",
    "read",
    "tree_hash",
    "tree_tokens",
]

_DOCUMENTED = (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
# `ctx` follows from the position and `kind` is the u of u"text": neither says anything of its own.
_IGNORED_FIELDS = frozenset({"ctx", "kind", "type_comment", "type_ignores"})


def parse(text: str) -> ast.Module:
    """Parse program text.

    Warnings about dubious but legal code (`x is 1`) are dropped: they concern the
    program's author.

    Raises:
        SyntaxError: the text is not Python, holds null bytes or lone surrogates, or nests too deeply.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except SyntaxError:
        raise
    except (RecursionError, MemoryError):
        raise SyntaxError("the program nests too deeply to be parsed") from None
    except (ValueError, OverflowError) as error:
        raise SyntaxError(str(error)) from None


def read(text: str) -> ast.Module:
    """Parse program text to be looked at only: a new program is read at several places in a row.

    The tree is shared and must not be changed; see `parse` for one of the caller's own.

    Raises:
        SyntaxError: see `parse`.
    """
    return _read(text) if len(text) <= _SHARED_CHARS else parse(text)


_SHARED_CHARS = 50_000
_read = lru_cache(maxsize=16)(parse)


def check_compiles(tree: ast.Module) -> None:
    """Check what the parser does not, such as a `break` outside of a loop.

    Raises:
        SyntaxError: the program cannot be compiled.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(tree, "<program>", "exec", dont_inherit=True)
    except SyntaxError:
        raise
    except (RecursionError, MemoryError):
        raise SyntaxError("the program nests too deeply to be compiled") from None
    except (ValueError, OverflowError) as error:
        raise SyntaxError(str(error)) from None


def normalise(text: str) -> str:
    """Return the program without comments, docstrings and the author's layout.

    For display and text distances. Its layout is that of the running Python, so use
    `code_hash` where programs of different machines are compared.

    Raises:
        SyntaxError: see `parse`.
    """
    tree = parse(text)
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED):
            node.body = _without_docstring(node.body)
    try:
        return ast.unparse(tree) + "\n"
    except (RecursionError, MemoryError):
        raise SyntaxError("the program nests too deeply to be written out") from None


@lru_cache(maxsize=256)
def code_hash(text: str) -> bytes:
    """Return 16 bytes that are equal for programs that differ in comments, docstrings or layout only.

    Equal on every supported Python for programs that all of them parse.

    Raises:
        SyntaxError: see `parse`.
    """
    return tree_hash(read(text))


def tree_hash(tree: ast.Module) -> bytes:
    """Return `code_hash` of a program that is parsed already."""
    return hashlib.blake2b("\n".join(tree_tokens(tree)).encode(), digest_size=16).digest()


def tree_tokens(tree: ast.Module) -> list[str]:
    """Return what a program says as a list: equal for programs that differ in comments or layout only."""
    # Every node writes its own name and the number of its children, so the order in which a
    # stack visits them can be decoded and needs neither recursion nor closing brackets.
    out: list[str] = []
    stack: list[object] = [tree]
    write = out.append
    while stack:
        item = stack.pop()
        kind = type(item)
        if kind is ast.Name:
            write("$" + item.id)  # type: ignore[attr-defined]
            continue
        if kind is ast.Constant:
            write(_constant(item.value))  # type: ignore[attr-defined]
            continue
        fields = _FIELDS.get(kind)
        if fields is None:
            if not isinstance(item, ast.AST):
                write(":" + ascii(item))
                continue
            fields = _fields_of(kind)
        write(kind.__name__)
        for name in fields:
            value = getattr(item, name, None)
            if type(value) is list:
                if name == "body" and isinstance(item, _DOCUMENTED):
                    value = _without_docstring(value)
                elif kind is ast.JoinedStr:
                    value = [part for part in value if not _is_empty_text(part)]  # some Pythons add it
                if value:
                    write(f"{name}{len(value)}")
                    stack += value
            elif value is not None:
                write(name)
                stack.append(value)
    return out


def find_function(tree: ast.Module, name: str) -> ast.FunctionDef | None:
    """Return the top-level function of this name that calls would reach: the last one."""
    for node in reversed(tree.body):
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return node
    return None


def accepts(function: ast.FunctionDef, arguments: Iterable[str]) -> bool:
    """Tell whether the function can be called with just these keyword arguments."""
    wanted = set(arguments)
    spec = function.args
    plain, keyword_only = [a.arg for a in spec.args], [a.arg for a in spec.kwonlyargs]
    if spec.kwarg is None and not wanted <= {*plain, *keyword_only}:
        return False
    positional = [*(a.arg for a in spec.posonlyargs), *plain]
    required = positional[: len(positional) - len(spec.defaults)]
    required += [
        name for name, default in zip(keyword_only, spec.kw_defaults, strict=True) if default is None
    ]
    return wanted.issuperset(required) and not any(a.arg in required for a in spec.posonlyargs)


def may_return(function: ast.FunctionDef) -> bool:
    """Tell whether some path through the function reaches a `return` with a value."""
    return _reaches_return(function.body)


def _reaches_return(body: list[ast.stmt]) -> bool:
    for statement in body:
        if isinstance(statement, ast.Return):
            return statement.value is not None
        if isinstance(statement, ast.Raise | ast.Break | ast.Continue):
            return False
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            continue
        parts = [getattr(statement, name, []) for name in ("body", "orelse", "finalbody")]
        parts += [part.body for name in ("handlers", "cases") for part in getattr(statement, name, [])]
        if any(_reaches_return(part) for part in parts):
            return True
    return False


_FIELDS: dict[type, tuple[str, ...]] = {}


def _fields_of(kind: type) -> tuple[str, ...]:
    names: tuple[str, ...] = getattr(kind, "_fields", ())
    return _FIELDS.setdefault(kind, tuple(name for name in names if name not in _IGNORED_FIELDS))


def _constant(value: object) -> str:
    # Hexadecimal because Python refuses to write very long integers as decimals; ascii because
    # which characters repr() escapes depends on the Unicode tables of the running Python.
    return f"int {value:x}" if type(value) is int else f"{type(value).__name__} {value!a}"


def _is_empty_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _without_docstring(body: list[ast.stmt]) -> list[ast.stmt]:
    first = body[0] if body else None
    if (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    ):
        return body[1:] or [ast.Pass()]
    return body
