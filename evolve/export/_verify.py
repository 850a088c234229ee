"""Score an export again in fresh processes and compare: exactly, or within what is measured not to repeat."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, Field

from evolve._spread import Spread
from evolve._toml import validate
from evolve.errors import UsageError
from evolve.export._evaluate import artifact_of, evaluate_enough, spreads_of
from evolve.export._export import FORMAT, solution_text
from evolve.export._module import program_of
from evolve.pipeline import Evaluation
from evolve.problem import Problem, Value, load_problem


@dataclass(frozen=True, slots=True)
class Verification:
    """The outcome of a verification.

    Attributes:
        claimed: The objective value in `result.json`.
        found: The value measured now, the median where it does not repeat; None when the program is not
            valid.
        differences: What does not agree, a line each; empty when the export holds.
        trust: "separate", or "shared" when the program could have written its own score.
        measured: All that was measured now of the objective; None when the program is not valid.
        varying: Metrics that do not repeat, so that they are compared within their spread.
    """

    claimed: float
    found: float | None
    differences: list[str]
    trust: str = "separate"
    measured: Spread | None = None
    varying: tuple[str, ...] = ()


class _Program(BaseModel):
    file: str = Field(pattern=r"^[^/\\]+$")
    sha256: str


class _Problem(BaseModel):
    path: str
    params: dict[str, Value]
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
    """Run an exported program again and compare every metric.

    Exactly, unless the problem declares a stage whose results do not repeat: then the program is
    evaluated several times, and what varies must have been claimed within the spread that is measured now.
    What the export says of its own spread is not believed: a wide one would hold against anything.

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
    evaluations = await evaluate_enough(declared, program_of(text), policy)
    claimed = claim.objective.value
    failed = next((again for again in evaluations if again.status != "valid"), None)
    if failed is not None:
        differences.append(f"the program is {failed.status}: {failed.feedback}")
        return Verification(claimed, None, differences, declared.trust)
    spreads = spreads_of(evaluations)
    measured = spreads[declared.spec.objective.metric]
    for name, value in claim.metrics.items():
        differences += _difference(name, value, spreads.get(name))
    differences += _solution_differences(folder, evaluations)
    differences += _difference("objective", claimed, measured)
    varying = tuple(name for name, spread in spreads.items() if spread.width)
    return Verification(claimed, measured.median, differences, declared.trust, measured, varying)


def _difference(name: str, claimed: float, found: Spread | None) -> list[str]:
    """Say what does not agree about one value: a line, or none."""
    if found is None:
        return [f"{name}: claimed {claimed!r}, found None"]
    if found.allows(claimed):
        return []
    if not found.width:
        return [f"{name}: claimed {claimed!r}, found {found.median!r}"]
    return [
        f"{name}: claimed {claimed!r}, measured {found.low:.6g} to {found.high:.6g} "
        f"in {len(found.values)} evaluations"
    ]


def _solution_differences(folder: Path, evaluations: Sequence[Evaluation]) -> list[str]:
    """Compare `solution.json`, where there is one, with the solution found again if that repeats."""
    path = folder / "solution.json"
    found = {solution_text(artifact_of(again)) for again in evaluations}
    if not path.exists() or len(found) > 1:
        return []
    if path.read_text(encoding="utf-8", errors="replace") in found:
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
