"""What the texts of a folder tell about it without being run."""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from evolve.errors import ProblemError
from evolve.source import parse

_PRELOADED = ("numpy", "scipy", "pandas", "sklearn", "networkx", "sympy")
"""Packages that are worth importing once instead of once a program, besides the standard library."""
_NOT_PRELOADED = (
    "__future__",
    "__main__",
    "antigravity",
    "idlelib",
    "site",
    "test",
    "this",
    "tkinter",
    "turtle",
)
"""Modules of the standard library that do something when they are imported, or need a display."""
_STARTS_PROGRAMS = re.compile(
    r"\b(subprocess|create_subprocess_\w+|joblib|loky|pexpect|get_context|set_start_method|"
    r"os\.(system|popen|exec\w+|spawn\w+|posix_spawn\w*))\b"
)
_CLOCK = re.compile(r"(^|_)(times?|duration|seconds|runtime|latency|elapsed|timestamp)(_|$)")
_MOST_BYTES = 4 * 2**20
"""Largest text that is looked into."""
_NETWORK = ("requests", "httpx", "aiohttp", "urllib.request", "socket", "openai", "anthropic", "litellm")
_FRAMEWORKS = ("openevolve", "shinka", "gigaevo")
_STANDINS = ("openevolve.evaluation_result", "shinka.core", "shinka.core.wrap_eval")


def python_seed(folder: Path, name: str) -> Path:
    """Return the path of a layout's seed program; raises ProblemError when it is of another language."""
    seed = folder / name
    if not seed.is_file():
        others = ", ".join(path.name for path in folder.glob(f"{seed.stem}.*"))
        raise ProblemError(
            f"{folder}: the seed program must be {name}: only Python is imported. It has {others}."
        )
    return seed


def read_text(path: Path, root: Path | None = None, most: int = _MOST_BYTES) -> str:
    """Return the text of a file that somebody else has put there.

    What a text says may go to a model: so nothing is read that lies elsewhere, whatever a link says.

    Args:
        path: The file.
        root: The folder that it must not lead out of; its own when omitted.
        most: Largest size in bytes.

    Raises:
        ProblemError: it leads out of the folder, is no plain file, too large, or no UTF-8 text.
    """
    try:
        real = path.resolve(strict=True)
        if not real.is_relative_to((root or path.parent).resolve()):
            raise ProblemError(f"{path}: leads out of the folder, to {real}. Put a copy of the file there.")
        if not real.is_file():
            raise ProblemError(f"{path}: must be a plain file.")
        size = real.stat().st_size
        if size > most:
            raise ProblemError(f"{path}: has {size:,} bytes; at most {most:,} are read. Shorten it.")
        return real.read_text(encoding="utf-8")
    except (OSError, RuntimeError, UnicodeDecodeError) as error:  # RuntimeError: links in a circle
        raise ProblemError(f"{path}: cannot be read: {error}.") from None


def read_python(path: Path, root: Path | None = None) -> ast.Module:
    """Return the syntax tree of a file; see `read_text`."""
    try:
        return parse(read_text(path, root))
    except SyntaxError as error:
        raise ProblemError(f"{path}, line {error.lineno}: is not valid Python: {error.msg}.") from None


def functions(tree: ast.Module) -> list[str]:
    """Name the functions that a module defines at top level."""
    return [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]


def find_entry(seed: Path, evaluator: Path, wanted: str | None) -> str:
    """Return the function that an evaluator calls: of the seed's, the one that it names most often.

    Of functions that are named equally often, the last one is taken.

    Args:
        seed: The seed program.
        evaluator: The evaluator, in whose text function names count wherever they stand.
        wanted: The user's word on it.

    Raises:
        ProblemError: the seed has no such function.
    """
    defined = functions(read_python(seed))
    if wanted is not None:
        if wanted not in defined:
            raise ProblemError(
                f"{seed}: defines no function {wanted!r}; it has {', '.join(defined) or 'none'}."
            )
        return wanted
    words = re.findall(r"\w+", read_text(evaluator))
    counts = {name: words.count(name) for name in defined}
    if not any(counts.values()):
        raise ProblemError(
            f"{seed}: which function the evaluator calls cannot be told: {evaluator.name} names none of "
            f"{', '.join(defined) or 'its functions (there is none)'}. Name it with --entry."
        )
    return max(reversed(defined), key=lambda name: counts[name])


def tree_nodes(seed: Path) -> int:
    """Count the nodes of a program's syntax tree."""
    return sum(1 for _ in ast.walk(read_python(seed)))


def size_measure(seed: Path, bins: int) -> dict[str, object]:
    """Return a measure of program size whose range leaves room to grow."""
    most = max(400, 4 * tree_nodes(seed))
    return {"metric": "ast_nodes", "range": [0.0, float(-(-most // 100) * 100)], "bins": bins}


def text_argument(tree: ast.Module, name: str) -> str | None:
    """Return the text that is passed as a keyword argument somewhere, directly or by a module's variable."""
    texts = {
        target.id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == name:
            if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                return node.value.value
            if isinstance(node.value, ast.Name) and node.value.id in texts:
                return texts[node.value.id]
    return None


def literal_argument(tree: ast.Module, name: str) -> object:
    """Return the literal that is passed as a keyword argument somewhere; None when there is none."""
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == name:
            try:
                return ast.literal_eval(node.value)
            except ValueError:
                return None
    return None


def starts_programs(texts: Iterable[str]) -> bool:
    """Tell whether some text looks as if it started programs."""
    return any(_STARTS_PROGRAMS.search(text) for text in texts)


def clock_metrics(trees: Iterable[ast.Module], kept: Iterable[str]) -> list[str]:
    """Name the keys of dicts that sound like measured times, without those that are needed."""
    keys = {key for tree in trees for key in _keys(tree) if _CLOCK.search(key)}
    return sorted(keys.difference(kept))


def _keys(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            nodes: list[ast.expr | None] = node.keys
        elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            nodes = [node.slice]
        else:
            continue
        yield from (k.value for k in nodes if isinstance(k, ast.Constant) and isinstance(k.value, str))


def imported_modules(tree: ast.Module) -> set[str]:
    """Name the modules that a text imports, wherever in it; `from a import b` names both `a` and `a.b`."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def worth_preloading(modules: Iterable[str]) -> list[str]:
    """Choose the modules that every evaluation would import again, of those that are installed."""
    return sorted(name for name in modules if _is_preloaded(name) and _is_module(name))


def _is_preloaded(name: str) -> bool:
    root, *parts = name.split(".")
    if "__main__" in parts:  # it runs a program when it is imported
        return False
    return root in _PRELOADED or (root in sys.stdlib_module_names and root not in _NOT_PRELOADED)


def missing_modules(folder: Path, modules: Iterable[str]) -> list[str]:
    """Name the packages that are imported and neither installed, nor the folder's own, nor stood in for."""
    missing = set()
    for name in modules:
        root = name.split(".")[0]
        own = (folder / f"{root}.py").is_file() or (folder / root).is_dir()
        if root in _FRAMEWORKS and not _is_module(root):
            if not any(_same_or_inside(name, known) for known in _STANDINS) and name not in _FRAMEWORKS:
                missing.add(name)
        elif (
            root not in sys.stdlib_module_names
            and root not in _FRAMEWORKS
            and not own
            and not _is_module(root)
        ):
            missing.add(root)
    return sorted(missing)


def network_modules(modules: Iterable[str]) -> list[str]:
    """Name what is imported to speak over a network."""
    return sorted({known for known in _NETWORK for name in modules if _same_or_inside(name, known)})


def _same_or_inside(name: str, module: str) -> bool:
    return name == module or name.startswith(module + ".") or module.startswith(name + ".")


def _is_module(name: str) -> bool:
    """Tell whether a module is installed; nothing of it is executed."""
    root, *parts = name.split(".")
    try:
        spec = find_spec(root)
    except (ImportError, ValueError):
        return False
    if spec is None:
        return False
    places = list(spec.submodule_search_locations or ())
    for number, part in enumerate(parts, start=1):
        packages = [p for p in (os.path.join(place, part) for place in places) if os.path.isdir(p)]
        if not packages:
            return number == len(parts) and any(
                name.split(".")[0] == part and name.endswith((".py", ".so"))
                for place in filter(os.path.isdir, places)
                for name in os.listdir(place)
            )
        places = packages
    return True
