"""Take a function of a notebook or a module as the text of a module that stands alone."""

from __future__ import annotations

import ast
import builtins
import inspect
import math
import symtable
import sys
import sysconfig
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from evolve.errors import UsageError

_MAX_VALUE_CHARS = 1_000_000
"""Longest text of one constant."""
_OWN_PACKAGE = "evolve"


@dataclass(frozen=True, slots=True)
class Source:
    """A function's module.

    Attributes:
        name: The function's name.
        text: The module: imports, constants, what the function uses, and last the function.
        modules: Modules that it imports, sorted.
        names: What else it defines or imports at module level, sorted.
        parameters: Names of its parameters.
        required: Those of them without a default.
    """

    name: str
    text: str
    modules: tuple[str, ...]
    names: tuple[str, ...]
    parameters: tuple[str, ...]
    required: tuple[str, ...]


def source_of(function: Any, what: str) -> Source:
    """Return the module that defines a function with everything that it needs.

    Names that the function looks up in its module are followed: imported modules and what is imported from
    installed packages become imports; functions and classes of one's own, wherever they are defined,
    are taken along; plain data and numeric arrays become constants with their value of this moment.

    Args:
        function: A function defined by `def` in a file or a notebook.
        what: What it is called in errors.

    Raises:
        UsageError: it is no such function, closes over local values, or needs what cannot be taken.
    """
    _check_kind(function, what)
    if inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function):
        raise UsageError(f"{what}: {function.__name__} must return its result: no `async def`, no `yield`.")
    collected = _Collected(what)
    collected.add_source(function.__name__, function)
    parameters = inspect.signature(function).parameters.values()
    if any(p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL) for p in parameters):
        raise UsageError(
            f"{what}: arguments are passed by name, so it must take no positional-only ones and no *args."
        )
    named = [p for p in parameters if p.kind != p.VAR_KEYWORD]
    return Source(
        function.__name__,
        collected.text(),
        tuple(sorted(collected.modules)),
        tuple(sorted(collected.names - {function.__name__})),
        tuple(p.name for p in named),
        tuple(p.name for p in named if p.default is p.empty),
    )


def _check_kind(function: Any, what: str) -> None:
    if inspect.isbuiltin(function) or isinstance(function, type) or inspect.ismethod(function):
        kind = (
            "a built-in function"
            if inspect.isbuiltin(function)
            else "a class"
            if isinstance(function, type)
            else "a method"
        )
        raise UsageError(
            f"{what}: must be a function defined by `def`, got {kind}, {function!r}. Wrap it in one."
        )
    if not isinstance(function, FunctionType):
        raise UsageError(
            f"{what}: must be a function defined by `def`, got {type(function).__name__}. Wrap it in one."
        )
    if function.__name__ == "<lambda>":
        raise UsageError(
            f"{what}: must be a function defined by `def`, got a lambda. Give it a name by `def`."
        )
    if hasattr(function, "__wrapped__"):
        raise UsageError(
            f"{what}: {function.__name__} is wrapped by a decorator, whose state cannot be taken along. "
            "Give the function without it."
        )
    if function.__code__.co_freevars:
        raise UsageError(
            f"{what}: {function.__name__} uses local values of the function around it: "
            f"{', '.join(function.__code__.co_freevars)}. Define it at module level, or pass them as cases."
        )


@dataclass
class _Collected:
    """What a function needs, in the order in which it has to be defined."""

    what: str
    modules: set[str] = field(default_factory=set)
    _imports: set[str] = field(default_factory=set)
    _future: set[str] = field(default_factory=set)
    _parts: list[str] = field(default_factory=list)
    _known: dict[str, Any] = field(default_factory=dict)

    @property
    def names(self) -> set[str]:
        """Everything that is defined at module level."""
        return set(self._known)

    def text(self) -> str:
        """Return the module."""
        heads = [*sorted(self._future), *sorted(self._imports)]
        blocks = ["\n".join(heads) + "\n"] if heads else []
        return "\n\n".join([*blocks, *self._parts])

    def add(self, name: str, value: Any) -> None:
        """Define a name, after what it needs itself."""
        if name in self._known:
            if self._known[name] is not value:
                raise UsageError(
                    f"{self.what}: two different things are called {name!r} in the modules that it "
                    "comes from. Rename one of them."
                )
            return
        self._known[name] = value
        if isinstance(value, ModuleType):
            self._import_module(name, value)
        elif isinstance(value, FunctionType | type) or callable(value):
            self._add_callable(name, value)
        else:
            self._parts.append(f"{name} = {self._constant(name, value)}\n")

    def _import_module(self, name: str, module: ModuleType) -> None:
        if not _is_installed(module.__name__):
            raise UsageError(
                f"{self.what}: uses the module {module.__name__!r}, which is not installed, so the sandbox "
                f"does not have it. Take what is needed from it: from {module.__name__} import ..."
            )
        self.modules.add(module.__name__)
        plain = module.__name__ == name
        self._imports.add(f"import {name}" if plain else f"import {module.__name__} as {name}")

    def _add_callable(self, name: str, value: Any) -> None:
        home: str = getattr(value, "__module__", None) or type(value).__module__
        known_as: str = getattr(value, "__qualname__", None) or name
        if _is_installed(home):
            self._import_from(name, value, home, known_as)
            return
        if not isinstance(value, FunctionType | type):
            raise UsageError(
                f"{self.what}: uses {name!r}, an object of type {type(value).__name__}, which cannot be "
                "written down. Create it inside of the function."
            )
        if isinstance(value, FunctionType):
            _check_kind(value, f"{self.what}: {name}")
        if value.__name__ != name:
            raise UsageError(f"{self.what}: {name!r} is another name of {value.__name__!r}. Use its own.")
        self.add_source(name, value)

    def _import_from(self, name: str, value: Any, home: str, known_as: str) -> None:
        home = _public_home(value, home, known_as)
        if not home:
            raise UsageError(
                f"{self.what}: uses {name!r}, which no module has under a name of its own. "
                "Create it inside of the function."
            )
        self.modules.add(home)
        self._imports.add(
            f"from {home} import {known_as}"
            if known_as == name
            else f"from {home} import {known_as} as {name}"
        )

    def add_source(self, name: str, value: Any) -> None:
        """Define a function or a class by its source, after what it needs itself."""
        self._known[name] = value
        text = _text_of(value, self.what)
        scope = value.__globals__ if isinstance(value, FunctionType) else vars(sys.modules[value.__module__])
        if isinstance(value, FunctionType) and value.__code__.co_flags & _FUTURE_ANNOTATIONS:
            self._future.add("from __future__ import annotations")
        for needed in sorted(_free_names(text) - {name}):
            if needed in scope:
                self.add(needed, scope[needed])
                self._add_submodules(needed, scope[needed], text)
            elif not hasattr(builtins, needed):
                raise UsageError(
                    f"{self.what}: {name} uses {needed!r}, which is not defined. Define it before."
                )
        self._parts.append(text)

    def _add_submodules(self, name: str, value: Any, text: str) -> None:
        """Import `scipy.optimize` too where `scipy.optimize.linprog` is used and `scipy` is known."""
        if not isinstance(value, ModuleType):
            return
        for path in _attribute_paths(text, name):
            dotted = ".".join([value.__name__, *path])
            if isinstance(sys.modules.get(dotted), ModuleType):
                self.modules.add(dotted)
                self._imports.add(f"import {dotted}")

    def _constant(self, name: str, value: Any) -> str:
        if isinstance(value, np.ndarray | np.generic):
            if value.dtype.kind not in "biuf" or not np.isfinite(value).all():
                raise UsageError(
                    f"{self.what}: the array {name!r} must hold finite real numbers to be taken along, "
                    f"got dtype {value.dtype}."
                )
            self.modules.add("numpy")
            self._imports.add("import numpy")
            text = f"numpy.array({value.tolist()!r}, dtype={value.dtype.name!r})"
        elif _is_plain(value):
            text = repr(value)
        else:
            raise UsageError(
                f"{self.what}: uses {name!r} of type {type(value).__name__}, which cannot be written down. "
                "Plain data (finite numbers, text, lists, tuples, dicts, sets of these) and numeric arrays "
                "can; create anything else inside of the function."
            )
        if len(text) > _MAX_VALUE_CHARS:
            raise UsageError(
                f"{self.what}: the text of {name!r} has {len(text):,} characters; at most "
                f"{_MAX_VALUE_CHARS:,} can be taken along. "
                "Declare a problem folder with `readable` data: `evolve new`."
            )
        return text


_FUTURE_ANNOTATIONS = 0x1000000
"""`CO_FUTURE_ANNOTATIONS` of CPython's code objects."""


def _text_of(value: Any, what: str) -> str:
    try:
        text = textwrap.dedent(inspect.getsource(value))
    except (OSError, TypeError):
        raise UsageError(
            f"{what}: the source of {value.__name__!r} cannot be found, as of what is typed at Python's "
            "prompt or made by exec. Put it into a file or a notebook cell."
        ) from None
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise UsageError(
            f"{what}: the source of {value.__name__!r} cannot be taken out of its place ({error.msg}). "
            "Define it at module level."
        ) from None
    if len(tree.body) != 1 or not isinstance(tree.body[0], ast.FunctionDef | ast.ClassDef):
        raise UsageError(f"{what}: the source of {value.__name__!r} is no single `def` or `class`.")
    return text.rstrip() + "\n"


def _free_names(text: str) -> set[str]:
    """Return the names that a definition looks up outside of itself, from the compiler's own tables."""

    def walk(table: symtable.SymbolTable) -> Iterator[str]:
        top = table.get_type() == "module"
        for symbol in table.get_symbols():
            outside = symbol.is_global() or (top and not symbol.is_assigned())
            if (symbol.is_referenced() and outside) or symbol.is_declared_global():
                yield symbol.get_name()
        for child in table.get_children():
            yield from walk(child)

    return set(walk(symtable.symtable(text, "<function>", "exec")))


def _attribute_paths(text: str, name: str) -> Iterator[tuple[str, ...]]:
    """Yield (a,), (a, b)... for every `name.a.b` in a text."""
    for node in ast.walk(ast.parse(text)):
        path: list[str] = []
        inner: ast.expr | ast.AST = node
        while isinstance(inner, ast.Attribute):
            path.insert(0, inner.attr)
            inner = inner.value
        if path and isinstance(inner, ast.Name) and inner.id == name:
            yield tuple(path)


def _is_installed(module: str) -> bool:
    """Tell whether other processes can import a module: the standard library's, installed ones, and ours."""
    top = module.partition(".")[0]
    if top in ("", "__main__"):
        return False
    if top == _OWN_PACKAGE or top in sys.stdlib_module_names:
        return True
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None:
        return top in sys.builtin_module_names
    places = (sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    return any(Path(file).resolve().is_relative_to(Path(place).resolve()) for place in places)


def _public_home(value: Any, home: str, known_as: str) -> str:
    """Return the shortest module path by which an object can be imported; empty when there is none."""
    path = ""
    for part in home.split("."):
        path = f"{path}.{part}" if path else part
        if getattr(sys.modules.get(path), known_as, None) is value:
            return path
    return ""


def _is_plain(value: Any) -> bool:
    """Tell whether repr() is an expression for the value."""
    if value is None or type(value) in (bool, int, str, bytes):
        return True
    if type(value) is float:
        return math.isfinite(value)
    if type(value) in (list, tuple, set):
        return (type(value) is not set or bool(value)) and all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, value)) and all(map(_is_plain, value.values()))
    return False
