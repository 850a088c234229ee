"""Write an imported problem's folder: declaration, seeds, the evaluator's files unchanged, and a report."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tomli_w

from evolve.errors import ProblemError
from evolve.interop._draft import PROCESSES, SCRATCH_MB, TITLES, Draft
from evolve.interop._source import (
    clock_metrics,
    imported_modules,
    missing_modules,
    network_modules,
    read_python,
    read_text,
    starts_programs,
    worth_preloading,
)

PEER, SEEDS, REPORT = "peer", "seeds", "IMPORTED.md"
_SKIPPED = re.compile(r"\..*|__pycache__|.*\.pyc|openevolve_output|results(_.*)?|checkpoints|logs?")
"""What other engines leave behind in a folder, and hidden files, which may hold keys."""
_MOST_FILES, _MOST_BYTES, _MOST_LEVELS = 20_000, 2**30, 32
"""A folder with more is not meant to be copied."""

_ALWAYS_IMPORTED = {
    "openevolve": {"dataclasses", "importlib.util", "json", "pkgutil", "runpy", "traceback"},
    "shinka": {"importlib.util", "json", "pickle", "pkgutil", "runpy", "statistics", "traceback"},
    "gigaevo": {"importlib.util", "json", "runpy", "traceback"},
}
"""What calling an evaluator of this layout imports in the sandbox, besides the evaluator's own modules."""


def name_of(source: Path) -> str:
    """Make a problem's name of a folder's."""
    name = re.sub(r"[^a-z0-9]+", "_", source.name.lower()).strip("_") or "problem"
    return name if name[0].isalpha() else f"p_{name}"


def sayable(name: str) -> str:
    """Return a file's name without what cannot be stored as text or seen."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in name)


def shown_files(source: Path, private: frozenset[str]) -> tuple[list[Path], list[str]]:
    """Return the files that evaluators may read, relative to the folder, and the names of those left out."""
    left: list[str] = []
    found: list[Path] = []
    size = 0
    for file in _walk(source, source.resolve(), private, left):
        found.append(file)
        size += (source / file).stat().st_size
        if len(found) > _MOST_FILES or size > _MOST_BYTES:
            raise ProblemError(
                f"{source}: holds more than {_MOST_FILES:,} files or {_MOST_BYTES / 2**20:,.0f} MiB, which "
                "would all be copied. Remove what its evaluator does not read."
            )
    return sorted(found), sorted(left)


def _walk(folder: Path, root: Path, private: frozenset[str], left: list[str], at: str = "") -> Iterator[Path]:
    for path in folder.iterdir():
        name = at + path.name
        if not path.name.isprintable():  # nobody's honest name, and nothing could say it
            left.append(ascii(name))
        elif _SKIPPED.fullmatch(path.name) or name in private or not is_inside(path, root):
            if path.name != "__pycache__":
                left.append(name)
        elif path.is_dir():
            if at.count("/") >= _MOST_LEVELS:
                left.append(f"{name}/")
            elif not path.is_symlink():
                yield from _walk(path, root, private, left, f"{name}/")
        elif path.is_file():
            yield Path(name)


def is_inside(path: Path, root: Path) -> bool:
    """Tell whether a path leads to something in a folder, given without links."""
    try:
        return path.resolve().is_relative_to(root)
    except (OSError, RuntimeError):  # a link that leads in a circle, or nowhere that can be looked at
        return False


def write(draft: Draft, source: Path, target: Path, digest: str) -> None:
    """Write the problem into an empty folder.

    Args:
        draft: What was read.
        source: The other engine's folder.
        target: Where to write.
        digest: Hash of the source, for the report.

    Raises:
        OSError: something cannot be read or written.
        ProblemError: a Python file of the source is none.
    """
    files, left = shown_files(source, draft.private)
    for file in files:
        copy = target / PEER / file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / file, copy)
    for name, text in draft.seeds.items():
        (target / SEEDS).mkdir(exist_ok=True)
        (target / SEEDS / name).write_text(text, encoding="utf-8")
    if left:
        draft.left.append(
            f"Files that programs must not see or that belong to the other engine: {', '.join(left[:20])}"
            + (f" and {len(left) - 20} more." if len(left) > 20 else ".")
        )
    declaration = _declare(draft, source, files)
    (target / "problem.toml").write_bytes(tomli_w.dumps(declaration, multiline_strings=True).encode())
    (target / REPORT).write_text(_report(draft, source, files, digest), encoding="utf-8")
    for folder, folders, names in os.walk(target):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o755)
        for name in names:  # in the sandbox they are read as the user `nobody`
            os.chmod(os.path.join(folder, name), 0o644)
    target.chmod(0o755)


def _declare(draft: Draft, source: Path, files: list[Path]) -> dict[str, Any]:
    options = {"layout": draft.layout, "file": f"{PEER}/{draft.evaluator}", **draft.options}
    preload = _look_into(draft, source, files, options)
    title = sayable(source.name).replace("_", " ").replace("-", " ").strip() or draft.layout
    return {
        "problem": {
            "name": name_of(source),
            "title": f"{title[0].upper()}{title[1:]} (imported from {TITLES[draft.layout]})",
            "statement": draft.statement or _default_statement(draft),
        },
        "candidate": {
            "entry": draft.entry,
            "seeds": [f"{SEEDS}/{name}" for name in draft.seeds],
            "preload": preload,
            "timeout_s": draft.timeout_s,
            "memory_mb": draft.memory_mb,
            "processes": PROCESSES,
            "scratch_mb": SCRATCH_MB,
            "max_chars": draft.max_chars,
            "readable": [PEER],
        },
        "objective": draft.objective,
        "measures": draft.measures,
        "stages": [
            {"name": "parse", "kind": "parse"},
            {"name": "evaluate", "kind": "evaluator", "needs": ["parse"], "options": options},
            {"name": "complexity", "kind": "complexity", "needs": ["parse"]},
        ],
    }


def _default_statement(draft: Draft) -> str:
    draft.left.append("A description of the task: the folder has none. Write one as problem.statement.")
    better = "larger" if draft.objective["direction"] == "maximize" else "smaller"
    metric = draft.objective["metric"]
    return f"Improve the program so that its {metric} gets {better}. Keep the function `{draft.entry}`."


def _look_into(draft: Draft, source: Path, files: list[Path], options: dict[str, Any]) -> list[str]:
    """Settle what depends on the texts of evaluator, helpers and seeds; return what to preload."""
    texts = {file: read_text(source / file, source) for file in files if file.suffix == ".py"}
    trees = [read_python(source / file, source) for file in texts]
    modules = set[str]().union(*map(imported_modules, trees)) if trees else set()
    kept = {draft.objective["metric"], *(measure["metric"] for measure in draft.measures)}
    drop = sorted({*clock_metrics(trees, kept), *draft.options.get("drop", ())})
    if drop:
        options["drop"] = drop
        draft.left.append(
            f"Metrics that sound like measured times: {', '.join(drop)}. With them no run could be repeated, "
            "so they do not count in a mean that takes the place of the score either; options.drop lists "
            "them."
        )
    if starts_programs(texts.values()):
        options["subprocesses"] = True
        draft.carried.append(("the evaluator starts programs", "options.subprocesses = true"))
    missing = missing_modules(source, modules)
    if missing:
        draft.left.append(f"Modules that are not installed here: {', '.join(missing)}. Install them.")
    network = network_modules(modules)
    if network:
        draft.left.append(f"The network: {', '.join(network)} is imported, and there is none in the sandbox.")
    if any("environ" in text or "getenv" in text for text in texts.values()):
        draft.left.append("Environment variables: the sandbox has none of the user's.")
    if any('"/tmp' in text or "'/tmp" in text for text in texts.values()):
        draft.left.append(
            "The folder /tmp: only the working folder and the one that `tempfile` uses can be written."
        )
    return worth_preloading(modules | _ALWAYS_IMPORTED[draft.layout])


def _report(draft: Draft, source: Path, files: list[Path], digest: str) -> str:
    title = TITLES[draft.layout]
    rows = [f"| {_cell(there)} | {_cell(here)} |" for there, here in draft.carried]
    carried = "\n".join([f"| {title} | here |", "|---|---|", *rows])
    carried = (
        carried if rows else "The evaluator and the program to begin with; there were no settings to read."
    )
    left = "\n".join(f"- {sentence}" for sentence in draft.left) or "- Nothing."
    return f"""# Imported from {title}

The folder `{sayable(source.name)}` in {title}'s layout, as a problem of Evolve. The evaluator lies unchanged
in `{PEER}/`, with what it may read ({len(files)} files in all); the programs that a search begins with
in `{SEEDS}/`.

**Trust is shared.** The evaluator executes the program itself, in one sandbox with it: without network, keys
or files of yours, but not apart from it. A program could write its own score. Look at the best ones before
you believe them; `evolve show` and exports mark their results as `shared`.

## Carried over

{carried}

## Not carried over

{left}

Digest of the source: {digest}
"""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
