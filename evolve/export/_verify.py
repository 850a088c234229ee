"""Score an export again in fresh processes and compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve.errors import UsageError
from evolve.export._evaluate import evaluate_fresh
from evolve.export._export import FORMAT
from evolve.problem import load_problem


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        claimed: The objective value in `result.json`.
        found: The value measured now; None when the program is not valid.
        differences: What does not agree, a line each; empty when the export holds.
    """

    claimed: float
    found: float | None
    differences: list[str]


async def verify(folder: Path, problem: str | None = None) -> Verification:
    """Run an exported program again and compare every metric exactly.

    Args:
        folder: The export.
        problem: Where the problem is, when it is not where the export says.

    Raises:
        UsageError: the folder is no export, or of a format this version does not know.
        ProblemError: the problem cannot be loaded.
    """
    result = _read(folder)
    declared = load_problem(problem or result["problem"]["path"], result["problem"]["params"])
    text = _program_text(folder / result["program"]["file"])
    differences = []
    if hashlib.sha256(text.encode()).hexdigest() != result["program"]["sha256"]:
        differences.append(f"{result['program']['file']} was changed since its export")
    if declared.digest != result["problem"]["digest"]:
        differences.append(f"the problem in {declared.folder} was changed since the export")
    again = await evaluate_fresh(declared, text)
    claimed = result["objective"]["value"]
    if again.status != "valid":
        differences.append(f"the program is {again.status}: {again.feedback}")
    else:
        differences += [
            f"{name}: claimed {value!r}, found {again.metrics.get(name)!r}"
            for name, value in result["metrics"].items()
            if again.metrics.get(name) != value
        ]
        if again.objective != claimed:
            differences.append(f"objective: claimed {claimed!r}, found {again.objective!r}")
    return Verification(claimed, again.objective, differences)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / "result.json"
    try:
        result = json.loads(path.read_text(encoding="utf-8"))
        version = result["format"]
        _ = (result["program"]["file"], result["problem"]["path"], result["objective"]["value"], result["metrics"].items())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}). Give the folder that `evolve export` wrote.") from None
    except (ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{path}: is not the result of `evolve export`. Give the folder that it wrote.") from None
    if version != FORMAT:
        raise UsageError(f"{path}: has format {version!r}, this version knows {FORMAT}. Upgrade evolve to verify it.")
    if not isinstance(result, dict) or Path(result["program"]["file"]).name != result["program"]["file"]:
        raise UsageError(f"{path}: program.file must be a file name beside it, got {result['program']['file']!r}.")
    return result


def _program_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error}). The export is incomplete; export it again.") from None
