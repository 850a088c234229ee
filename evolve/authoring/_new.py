"""Write the folder of a new problem from a template."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from pathlib import Path
from string import Template as Text

import tomli_w

from evolve._toml import suggest
from evolve.authoring._templates import DIRECTIONS, TEMPLATES, Direction, Template
from evolve.errors import UsageError

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_FILLED = ("problem.toml", "README.md")
"""Files with places to fill in; all others are copied as they are."""
_LITTER = shutil.ignore_patterns("__pycache__", "*.pyc")


@dataclass(frozen=True, slots=True)
class NewProblem:
    """What was written.

    Attributes:
        folder: The problem's folder, as it was asked for.
        template: What it was made from.
        files: Paths of all files, relative to the folder, sorted.
        next_steps: Commands to go on with, each with a word on it.
    """

    folder: Path
    template: Template
    files: tuple[str, ...]
    next_steps: tuple[tuple[str, str], ...]


def new_problem(
    name: str,
    *,
    template: str = "function",
    into: str | Path = ".",
    title: str | None = None,
    direction: str | None = None,
) -> NewProblem:
    """Write a problem's folder `into / name` that passes `evolve check` as it is.

    All of it or nothing is written, and nothing that exists is touched.

    Args:
        name: The problem's name: small letters, digits and underscores.
        template: A key of `TEMPLATES`.
        into: The folder that gets the problem's; created when missing.
        title: A line for listings; the template's when omitted.
        direction: "maximize" or "minimize"; the template's when omitted. It decides which of two metrics is
            the objective.

    Raises:
        UsageError: an argument is wrong, the folder exists, or it cannot be written.
    """
    chosen = template_named(template)
    check_name(name)
    heading = _title(title, chosen)
    way = chosen.direction if direction is None else direction_named(direction)
    folder = Path(into) / name
    refuse_existing(folder)
    steps = _next_steps(folder, chosen)
    filled = {
        "name": _toml(name),
        "title": _toml(heading),
        "title_text": heading,
        "direction": _toml(way),
        "metric": _toml(chosen.metrics[way]),
        "path": shlex.quote(str(folder)),
        "commands": _fence(steps),
        **chosen.facts[way],
    }
    try:
        files = _write(chosen, folder, filled)
    except OSError as error:
        raise UsageError(
            f"{folder}: cannot be written ({error.strerror}). Choose another folder with --into."
        ) from None
    return NewProblem(folder, chosen, files, steps)


def template_named(name: str) -> Template:
    """Return a template; raises UsageError when there is none of this name."""
    if name not in TEMPLATES:
        raise UsageError(
            f"--template {name}: must be one of {', '.join(TEMPLATES)}.{suggest(name, TEMPLATES)}"
        )
    return TEMPLATES[name]


def direction_named(name: str) -> Direction:
    """Return a direction; raises UsageError when it is none."""
    for direction in DIRECTIONS:
        if name == direction:
            return direction
    raise UsageError(f"--direction {name}: must be maximize or minimize.{suggest(name, DIRECTIONS)}")


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a problem; raises UsageError with one that can."""
    if _NAME.fullmatch(name):
        return
    tame = re.sub(r"[^a-z0-9_]+", "_", name.lower()).strip("_")
    near = f" Such as {tame!r}." if _NAME.fullmatch(tame) else ""
    raise UsageError(
        f"name {name!r}: must consist of small letters, digits and underscores, a letter first.{near}"
    )


def refuse_existing(folder: Path) -> None:
    """Refuse to write where something is; raises UsageError."""
    if os.path.lexists(folder):
        raise UsageError(
            f"{folder}: exists already and is left as it is. Choose another name, "
            "or another place with --into."
        )


def _title(given: str | None, template: Template) -> str:
    heading = template.title if given is None else " ".join(given.split())
    if not heading or not heading.isprintable():
        raise UsageError(f"--title {given!r}: must be a line of text.")
    return heading


def _toml(value: str) -> str:
    """Render a string as TOML; it may hold anything."""
    return tomli_w.dumps({"x": value}).removeprefix("x = ").strip()


def _next_steps(folder: Path, template: Template) -> tuple[tuple[str, str], ...]:
    path = shlex.quote(str(folder))
    seed = next(iter(tomllib.loads(_candidate_table(template))["candidate"]["seeds"]))
    return (
        (f"evolve check {path}", "does the declaration hold?"),
        (f"evolve score {path} {shlex.quote(str(folder / seed))}", "score one program"),
        (f"evolve run {path} --max-seconds 60", "evolve for a minute"),
        ("evolve export last -o best/", "take the best program home"),
    )


def _candidate_table(template: Template) -> str:
    """Return the part of a template's declaration that names the seeds; it has no place to fill in."""
    text = (template.folder / "problem.toml").read_text(encoding="utf-8")
    found = re.search(r"^\[candidate\].*?(?=^\[)", text, re.MULTILINE | re.DOTALL)
    assert found, template.name
    return found[0]


def _fence(steps: tuple[tuple[str, str], ...]) -> str:
    width = max(len(command) for command, _ in steps)
    lines = (f"{command:{width}}  # {meaning}" for command, meaning in steps)
    return "\n".join(["```", *lines, "```"])


def _write(template: Template, folder: Path, filled: dict[str, str]) -> tuple[str, ...]:
    """Write into a folder beside, then move it: a half-written problem is never there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as beside:
        draft = Path(beside) / folder.name
        shutil.copytree(template.folder, draft, ignore=_LITTER, copy_function=shutil.copyfile)
        for name in _FILLED:
            path = draft / name
            text = Text(path.read_text(encoding="utf-8")).substitute(filled)
            path.write_text(text, encoding="utf-8")
        files = tuple(sorted(str(path.relative_to(draft)) for path in draft.rglob("*") if path.is_file()))
        os.rename(draft, folder)
    return files
