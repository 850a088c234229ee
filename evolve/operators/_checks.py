"""The checks that a program written by a model passes before it is evaluated.

Cheap ones only, each with a sentence for the model: what was expected, what came, what to do.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable

from evolve import languages
from evolve.languages import PYTHON
from evolve.operators._base import Context
from evolve.operators._flow import top_names
from evolve.operators._markers import outside_unchanged
from evolve.operators._names import BUILTINS, names_in
from evolve.operators._reply import Unusable
from evolve.operators._similar import tokens
from evolve.source import accepts, check_compiles, code_hash, find_function, may_return, read


def check_program(text: str, context: Context, base: str, others: Iterable[str] = ()) -> None:
    """Check a program that a model made of another one.

    Args:
        text: The program.
        context: What the operator looks at.
        base: The program that was to be changed.
        others: Further programs that it may not repeat.

    Raises:
        Unusable: it fails a check.
    """
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise Unusable(f"The program holds a NUL character in line {line}. Write it as an escape, `\\0`.")
    if len(text) > context.max_chars:
        raise Unusable(
            f"The program must have at most {context.max_chars} characters, got {len(text)}. Make it shorter."
        )
    reason = outside_unchanged(base, text)
    if reason:
        raise Unusable(reason)
    if context.language.name != PYTHON:
        _check_text(text, context, (base, *others))
        return
    tree = _compiled(text)
    _check_entry(tree, context)
    _check_complete(tree, base)
    new = code_hash(text)
    for other in (base, *others):
        if new == _hash(other):
            raise Unusable(
                "The program says the same as one that it was made from; comments and layout do not count. "
                "Change what it does."
            )


def _check_text(text: str, context: Context, others: Iterable[str]) -> None:
    """Check what can be told of a program without a syntax tree."""
    if not text.strip():
        raise Unusable("The program is empty. Give the whole program.")
    if context.entry and not re.search(rf"\b{re.escape(context.entry)}\b", text):
        raise Unusable(f"The program must define `{context.entry}`. Give the whole program.")
    new = languages.code_hash(text, context.language)
    if any(languages.code_hash(other, context.language) == new for other in others):
        raise Unusable(
            "The program says the same as one that it was made from; comments and layout do not count. "
            "Change what it does."
        )


def check_shorter(text: str, base: str) -> None:
    """Check that a program got shorter, comments and layout aside.

    Raises:
        Unusable: it did not.
    """
    new, old = len(tokens(text)), len(tokens(base))
    if new >= old:
        raise Unusable(
            f"The program must get shorter than its {old} tokens of code (names, numbers and signs; "
            f"comments, docstrings and layout do not count), got {new}. Remove more, and keep what it does."
        )


def _compiled(text: str) -> ast.Module:
    try:
        tree = read(text)
        check_compiles(tree)
    except SyntaxError as error:
        raise Unusable(f"The program is no valid Python: {_fault(error, text)}. Mend it.") from None
    return tree


def _fault(error: SyntaxError, text: str) -> str:
    if error.lineno is None:
        return error.msg
    lines = text.split("\n")
    shown = lines[error.lineno - 1].strip()[:120] if 0 < error.lineno <= len(lines) else ""
    return f"line {error.lineno}: {error.msg}" + (f": `{shown}`" if shown else "")


def _check_entry(tree: ast.Module, context: Context) -> None:
    entry = find_function(tree, context.entry)
    arguments = ", ".join(context.arguments)
    if entry is None:
        names = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
        defined = f"it defines {', '.join(names[:8])}" if names else "it defines no function"
        raise Unusable(
            f"The program must define `def {context.entry}({arguments})` at the top level, but {defined}. "
            "Give the whole program."
        )
    if not accepts(entry, context.arguments):
        call = ", ".join(f"{name}=..." for name in context.arguments)
        raise Unusable(
            f"`{context.entry}` must accept the call {context.entry}({call}), "
            f"but is defined as `def {entry.name}({ast.unparse(entry.args)})`. Keep its parameters."
        )
    if not may_return(entry):
        raise Unusable(f"`{context.entry}` never returns a value. End it by a `return` with its result.")


def _check_complete(tree: ast.Module, base: str) -> None:
    """Check that the program is no fragment: it brings along what it still uses of its parent."""
    top = top_names(tree)
    if "*" in top:
        return
    missing = names_in(tree.body)[0] - top - BUILTINS
    if missing:
        try:
            missing &= top_names(read(base))
        except SyntaxError:
            return
    if missing:
        names = ", ".join(f"`{name}`" for name in sorted(missing)[:8])
        raise Unusable(
            f"The program uses {names}, as its parent does, but does not define or import it. "
            "Give the whole program, also the parts that stay as they are."
        )


def _hash(text: str) -> bytes:
    try:
        return code_hash(text)
    except SyntaxError:
        return b""
