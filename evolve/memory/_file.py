"""The memory's file: what one run hands to another of the same problem."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict

from evolve._toml import validate
from evolve.errors import StoreError, UsageError
from evolve.memory._carried import Carried, KeptBlock
from evolve.memory._lessons import MAX_CHARS, MAX_SUPPORT, tidy
from evolve.memory._standalone import find_block
from evolve.prompts import Lesson

FILE_NAME = "memory.json"
"""Its name in a run's folder."""
VERSION = 1

_MAX_BYTES = 4 * 2**20
_MAX_MESSAGE = 1000

_REMEDY = "Pass a memory.json that a run wrote, or the folder of a run that holds one."

_Id = Annotated[int, Strict(), Field(ge=0, lt=2**63)]
_Text = Annotated[str, Strict()]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _LessonRow(_Table):
    text: _Text = Field(min_length=1, max_length=MAX_CHARS)
    support: tuple[_Id, ...] = Field(max_length=MAX_SUPPORT)
    origin: _Text = Field(min_length=1, max_length=200)


class _BlockRow(_Table):
    name: _Text = Field(max_length=200)
    credit: Annotated[float, Strict()] | None = Field(ge=0.0, le=1.0)
    uses: _Id
    program: _Id
    origin: _Text = Field(min_length=1, max_length=200)
    code: tuple[_Text, ...]
    """Line by line, to be read by people."""


class _File(_Table):
    version: Literal[1]
    problem: str
    run: str
    lessons: tuple[_LessonRow, ...] = Field(max_length=1000)
    blocks: tuple[_BlockRow, ...] = Field(max_length=1000)


def save_carried(carried: Carried, path: Path, *, run: str, problem: str) -> None:
    """Write what a run hands over, all of it or nothing; into `path`, or into memory.json if it is a folder.

    Raises:
        StoreError: it cannot be written.
    """
    if path.is_dir():
        path = path / FILE_NAME
    draft = path.with_name(path.name + ".new")
    content = {
        "version": VERSION,
        "problem": problem,
        "run": run,
        "lessons": [{"text": i.text, "support": i.support, "origin": i.origin} for i in carried.lessons],
        "blocks": [_block_row(block) for block in carried.blocks],
    }
    try:
        draft.write_text(json.dumps(content, indent=1) + "\n", encoding="ascii")
        draft.replace(path)  # a kill in between leaves the old one
    except OSError as error:
        raise StoreError(
            f"{path}: cannot be written ({error.strerror}). Free space or check its permissions."
        ) from None


def load_memory(path: Path, problem: str) -> Carried:
    """Read what an earlier run hands over.

    Programs and lessons in it are untrusted: they are checked and parsed, never run.

    Args:
        path: The file, or a run's folder that holds memory.json.
        problem: Name of the problem that it has to be about.

    Raises:
        UsageError: there is no such file, it is broken, of a newer version or about another problem.
    """
    if path.is_dir():
        path = path / FILE_NAME
    data = _read_json(path)
    _check_kind(path, data, problem)
    try:
        content = validate(data, _File, UsageError, where=str(path))
    except UsageError as error:
        raise UsageError(f"{_clipped(str(error))}\n{_REMEDY}") from None
    lessons = (Lesson(row.text, row.support, row.origin) for row in content.lessons)
    blocks = (_block(path, number, row) for number, row in enumerate(content.blocks))
    return Carried(tuple(item for item in map(tidy, lessons) if item is not None), tuple(blocks))


def _read_json(path: Path) -> Any:
    try:
        with path.open("rb") as file:
            raw = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read as a memory ({error.strerror}). {_REMEDY}") from None
    if len(raw) > _MAX_BYTES:
        limit = _MAX_BYTES // 2**20
        raise UsageError(f"{path}: a memory must be no larger than {limit} MiB, but it is. {_REMEDY}")
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:  # the former also for what is no UTF-8
        raise UsageError(f"{path}: is not valid JSON: {_clipped(str(error))}. {_REMEDY}") from None


def _check_kind(path: Path, data: Any, problem: str) -> None:
    """Check what decides whether the rest can be understood at all."""
    if not isinstance(data, dict) or type(data.get("version")) is not int:
        raise UsageError(f"{path}: must be a memory with a version, but it is not one. {_REMEDY}")
    if data["version"] > VERSION:
        raise UsageError(
            f"{path}: must be a memory of version {VERSION}, got {_clipped(repr(data['version']))}: "
            "a newer Evolve wrote it. Upgrade this one, or start without --memory."
        )
    if "problem" in data and data["problem"] != problem:
        raise UsageError(
            f"{path}: must be a memory of the problem {problem!r}, got {_clipped(repr(data['problem']))}. "
            "Lessons of one problem mislead another: pass the memory of a run of this one."
        )


def _block(path: Path, number: int, row: _BlockRow) -> KeptBlock:
    found = find_block(row.name, "\n".join(row.code))
    if found is None:
        raise UsageError(
            f"{path}: blocks[{number}].code: must define a function {row.name!a} that stands on its own, "
            "with the imports and functions that it needs, but does not. Mend it or remove the block."
        )
    # Taken from what was parsed: whatever else the file puts beside the function stays behind.
    return KeptBlock(row.name, found.text, row.credit, row.uses, row.program, row.origin)


def _block_row(block: KeptBlock) -> dict[str, object]:
    return {
        "name": block.name,
        "credit": block.credit,
        "uses": block.uses,
        "program": block.program,
        "origin": block.origin,
        "code": block.text.splitlines(),
    }


def _clipped(text: str) -> str:
    return text if len(text) <= _MAX_MESSAGE else text[:_MAX_MESSAGE] + "..."
