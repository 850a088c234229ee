"""Score an export again in fresh processes and compare."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field

from evolve._toml import validate
from evolve.errors import UsageError
from evolve.export._evaluate import artifact_of, evaluate_fresh
from evolve.export._export import FORMAT, solution_text
from evolve.export._module import program_of
from evolve.pipeline import Evaluation
from evolve.problem import Problem, Scalar, load_problem


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        claimed: The objective value in `result.json`.
        found: The value measured now; None when the program is not valid.
        differences: What does not agree, a line each; empty when the export holds.
        trust: "separate", or "shared" when the program could have written its own score.
    """

    claimed: float
    found: float | None
    differences: list[str]
    trust: str = "separate"


class _Program(BaseModel):
    file: str = Field(pattern=r"^[^/\\]+$")
    sha256: str


class _Problem(BaseModel):
    path: str
    params: dict[str, Scalar]
    digest: str


class _Objective(BaseModel):
    value: float


class _Claim(BaseModel):
    """The part of `result.json` that can be checked."""

    problem: _Problem
    objective: _Objective
    metrics: dict[str, float]
    program: _Program


async def verify(folder: Path, problem: str | None = None, policy: str | None = None) -> Verification:
    """Run an exported program again and compare every metric exactly.

    Args:
        folder: The export.
        problem: Where the problem is, when it is not where the export says.
        policy: Sandbox policy; the system's default when omitted.

    Raises:
        UsageError: the folder is no export, or of a format this version does not know.
        ProblemError: the problem cannot be loaded.
    """
    claim = _read(folder / "result.json")
    declared = _load(problem, claim)
    text = _program_text(folder / claim.program.file)
    differences = []
    if hashlib.sha256(text.encode()).hexdigest() != claim.program.sha256:
        differences.append(f"{claim.program.file} was changed since its export")
    if declared.digest != claim.problem.digest:
        differences.append(f"the problem in {declared.folder} was changed since the export")
    again = await evaluate_fresh(declared, program_of(text), policy)
    claimed = claim.objective.value
    if again.status != "valid":
        differences.append(f"the program is {again.status}: {again.feedback}")
    elif declared.steady:
        differences += [
            f"{name}: claimed {value!r}, found {again.metrics.get(name)!r}"
            for name, value in claim.metrics.items()
            if again.metrics.get(name) != value
        ]
        differences += _solution_differences(folder, again)
        if again.objective != claimed:
            differences.append(f"objective: claimed {claimed!r}, found {again.objective!r}")
    return Verification(claimed, again.objective, differences, declared.trust)


def _solution_differences(folder: Path, again: Evaluation) -> list[str]:
    """Compare `solution.json`, where there is one, with the solution found again."""
    path = folder / "solution.json"
    if not path.exists() or path.read_text(encoding="utf-8", errors="replace") == solution_text(
        artifact_of(again)
    ):
        return []
    return ["solution.json is not what the program returns, as verified by the scorer"]


def _read(path: Path) -> _Claim:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"{path}: cannot be read ({error.strerror}). Give the folder that `evolve export` wrote."
        ) from None
    except ValueError as error:
        raise UsageError(
            f"{path}: is not JSON ({error}). Give the folder that `evolve export` wrote."
        ) from None
    version = data.get("format") if isinstance(data, dict) else None
    if version is None:
        raise UsageError(
            f"{path}: is not the result of an export. Give the folder that `evolve export` wrote."
        )
    if version != FORMAT:
        raise UsageError(f"{path}: has format {version!r}, this version knows {FORMAT}. Upgrade evolve.")
    return validate(data, _Claim, UsageError, where=str(path))


def _load(problem: str | None, claim: _Claim) -> Problem:
    try:
        return load_problem(problem or claim.problem.path, claim.problem.params)
    except UsageError as error:
        hint = "" if problem else " If the problem has moved, say where it is with --problem."
        raise UsageError(f"{error}{hint}") from None


def _program_text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(
            f"{path}: cannot be read ({error}). The export is incomplete; export it again."
        ) from None
