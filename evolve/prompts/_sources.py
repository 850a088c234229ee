"""Template texts in force: the package's, and those of folders that replace some of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from evolve._toml import suggest
from evolve.errors import EvolveError, ProblemError, UsageError

OPERATORS = (
    "rewrite",
    "diff",
    "model_crossover",
    "repair",
    "hypothesis",
    "model_simplify",
    "command",
    "reflect",
)
"""Templates of the user's message, one for each thing that a model is asked for."""

SHARED = ("system", "retry", "_user", "_parts")
"""Templates that serve all of those."""

SUFFIX = ".j2"
PACKAGE = "package/"
"""Prefix under which a shipped template can be reached although another one replaces it."""

SHIPPED = Path(__file__).parent / "templates"
"""The package's own templates."""


@dataclass(frozen=True, slots=True)
class Source:
    """A template's text and where it was read.

    Attributes:
        text: The text.
        path: Its file.
        error: What is raised when it is wrong: by whom it must be mended.
    """

    text: str
    path: Path
    error: type[EvolveError]


def read_sources(folders: Sequence[Path]) -> dict[str, Source]:
    """Read every template, by the name under which others refer to it.

    All texts are read at once, so that a file that is changed during a run changes nothing in it.

    Args:
        folders: Folders of templates, the one that counts most first.

    Raises:
        EvolveError: a folder or file cannot be read, or has a name that no template has.
    """
    names = [f"{name}{SUFFIX}" for name in (*OPERATORS, *SHARED)]
    shipped = {name: _read(SHIPPED / name, UsageError) for name in names}
    sources = shipped | {PACKAGE + name: source for name, source in shipped.items()}
    for folder in reversed(folders):
        sources |= _read_folder(folder, names)
    return sources


def replaced(sources: Mapping[str, Source]) -> dict[str, Source]:
    """Return the templates that do not come from the package."""
    return {name: source for name, source in sources.items() if source.path.parent != SHIPPED}


def _read_folder(folder: Path, names: Sequence[str]) -> dict[str, Source]:
    error = ProblemError if (folder.parent / "problem.toml").is_file() else UsageError
    try:
        paths = sorted(path for path in folder.iterdir() if _is_meant(path))
    except OSError as problem:
        raise error(
            f"{folder}: must be a folder of prompt templates, but cannot be listed ({problem.strerror}). "
            "Create it, or correct the path."
        ) from None
    for path in paths:
        # parts of a user's own are told by the leading underscore, like the shipped ones
        if path.name not in names and not (path.name.startswith("_") and path.suffix == SUFFIX):
            raise error(
                f"{path}: is no template that is asked for.{suggest(path.name, names)} "
                f"Templates: {', '.join(names)}. Rename it; parts of your own begin with an underscore."
            )
    return {path.name: _read(path, error) for path in paths}


def _is_meant(path: Path) -> bool:
    """Tell templates from notes, hidden files, folders and what editors leave behind."""
    if path.name.startswith(".") or path.name.endswith((".md", "~")):
        return False
    # not through a link: a problem that somebody sends could point it at any file of the user's
    return path.is_file() and not path.is_symlink()


def _read(path: Path, error: type[EvolveError]) -> Source:
    try:
        return Source(path.read_text(encoding="utf-8"), path, error)
    except OSError as problem:
        raise error(f"{path}: cannot be read ({problem.strerror}). Check its permissions.") from None
    except UnicodeDecodeError as problem:
        raise error(f"{path}: must be UTF-8 text: {problem}.") from None
