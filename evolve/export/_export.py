"""Take a program home: a module that runs alone, its score, provenance, lineage and picture."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import evolve
from evolve._spread import Spread
from evolve.engine import RunConfig
from evolve.errors import ProblemError, RunError, StoreError, UsageError
from evolve.export._evaluate import artifact_of, evaluate_enough, spreads_of
from evolve.export._module import is_module, module_text, program_of
from evolve.export._picture import draw_pictures
from evolve.languages import PYTHON
from evolve.pipeline import Evaluation
from evolve.problem import TABULAR, Problem, load_problem
from evolve.store import Commit, Reader

FORMAT = 1
"""Version of `result.json`."""
HELD_BACK_NOTE = (
    "the held-out rows were not looked at; `evolve export` scores them and writes a transformer with its card"
)
SHARED_NOTE = (
    "trust is shared: the evaluator executes the program itself, so this score is no more than both say; "
    "read the program before you rely on it"
)


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export wrote.

    Attributes:
        folder: Where everything is.
        program: The module.
        pictures: Pictures, possibly none.
        objective: The objective value, as measured again by the export: the median where it does not repeat.
        in_run: The same as measured during the run.
        measured: All that was measured again of the objective.
        note: What could not be done, for the user; empty when all went well.
    """

    folder: Path
    program: Path
    pictures: list[Path]
    objective: float
    note: str
    in_run: float
    measured: Spread


async def export(
    run: Path, out: Path | None = None, program: int | None = None, *, final: bool = False
) -> Exported:
    """Evaluate a program of a run afresh and write it with all that is known about it.

    Args:
        run: The run's folder.
        out: Folder to write into; `best/` (or `program-N/`) in the run's folder when omitted.
        program: Which program; the best one when omitted.
        final: Of a program that makes features of a table, score the held-out rows too, and write the
            transformer and its card; every look at these rows is counted.

    Raises:
        RunError: no such run, nothing valid in it, or the program scores differently now.
        ProblemError: the problem has changed.
        UsageError: no such program, or the folder holds a program of another origin.
        StoreError: the folder cannot be written.
    """
    config = RunConfig.load(run)
    problem = load_problem(config.problem, config.params)
    with Reader(run) as reader:
        row = reader.run()
        commit = _chosen(reader, problem, run, program)
        text = reader.text(commit.program.id)
        lineage = _lineage(reader, commit)
        programs = sum(reader.statuses().values())
    if row.problem_digest != problem.digest:
        raise ProblemError(
            f"{problem.folder}: has changed since the run {run.name}. "
            "Restore its files to export from that run."
        )
    module = module_text(problem, text, commit.evaluation.objective, run.name, commit.program.id)
    evaluations = await evaluate_enough(problem, program_of(module), config.sandbox)
    for again in evaluations:
        _check_same(commit, again, problem)
    again, spreads = evaluations[0], spreads_of(evaluations)
    in_run = commit.evaluation.objective
    assert in_run is not None, "only valid programs are chosen"
    measured = spreads[problem.spec.objective.metric]
    module = module_text(problem, text, measured.median, run.name, commit.program.id)
    folder = out or run / ("best" if program is None else f"program-{program}")
    result = {
        "format": FORMAT,
        "problem": {
            "name": problem.name,
            "params": problem.params,
            "digest": problem.digest,
            "path": config.problem,
        },
        "objective": {
            "metric": problem.spec.objective.metric,
            "direction": problem.spec.objective.direction,
            "value": measured.median,
            "in_run": in_run,
        },
        "metrics": {name: spread.median for name, spread in spreads.items()},
        "measured": {
            "evaluations": len(evaluations),
            "varying": {name: _spread_facts(spread) for name, spread in spreads.items() if spread.width},
        },
        "feedback": again.feedback,
        "references": [record.model_dump(mode="json") for record in problem.records],
        "program": {
            "file": problem.language.file,
            "sha256": hashlib.sha256(module.encode()).hexdigest(),
            "id": commit.program.id,
            "operator": commit.program.operator,
            "change": commit.program.change,
            "seed": commit.program.seed,
        },
        "run": {
            "id": run.name,
            "seed": row.seed,
            "programs": programs,
            "version": row.version,
            "began": row.created_at,
        },
        "trust": problem.trust,
        "sandbox": sorted({layer for stage in again.stages.values() for layer in stage.layers}),
        "lineage": lineage,
        "exported": {"version": evolve.__version__, "at": datetime.now(UTC).isoformat()},
    }
    _check_free(folder, problem)
    table = any(stage.kind == TABULAR for stage in problem.spec.stages)
    if table and final:
        from evolve.tabular import take_home  # an extra's libraries

        await take_home(run, problem, commit.program.id, text, in_run, folder, config.sandbox)
    pictures, note = _write(problem, folder, module, result, artifact_of(again))
    if table and not final:
        note = "\n".join(filter(None, (note, HELD_BACK_NOTE)))
    if problem.trust == "shared":
        note = "\n".join(filter(None, (note, SHARED_NOTE)))
    return Exported(folder, folder / problem.language.file, pictures, measured.median, note, in_run, measured)


def _spread_facts(spread: Spread) -> dict[str, Any]:
    facts = {"median": spread.median, "low": spread.low, "high": spread.high}
    return {**facts, "deviation": spread.deviation, "values": list(spread.values)}


def _chosen(reader: Reader, problem: Problem, run: Path, program: int | None) -> Commit:
    if program is None:
        commit = reader.best(maximize=problem.spec.objective.direction == "maximize")
        if commit is None:
            raise RunError(f"{run}: holds no valid program yet. Resume it, or wait until it finds one.")
        return commit
    commit = reader.commit(program)
    if commit.evaluation.status != "valid":
        raise RunError(
            f"program {program} of {run}: is {commit.evaluation.status}, only valid programs are exported: "
            f"{commit.evaluation.feedback.splitlines()[0] if commit.evaluation.feedback else 'no feedback'}"
        )
    return commit


def _lineage(reader: Reader, commit: Commit) -> list[dict[str, Any]]:
    """List the ancestors along the main parents, oldest first, the program itself last."""
    chain: list[dict[str, Any]] = []
    current: Commit | None = commit
    while current is not None:
        chain.append(
            {
                "id": current.program.id,
                "parents": list(current.parents),
                "operator": current.program.operator,
                "change": current.program.change,
                "objective": current.evaluation.objective,
            }
        )
        current = reader.commit(current.parents[0]) if current.parents else None
    return chain[::-1]


def _check_same(commit: Commit, again: Evaluation, problem: Problem) -> None:
    """Refuse a program that scores differently now, but for problems that declare measurements to vary."""
    before = commit.evaluation.objective
    if again.objective != before and (problem.steady or again.status != "valid"):
        found = again.objective if again.status == "valid" else f"{again.status}: {again.feedback}"
        raise RunError(
            f"program {commit.program.id}: scored {before!r} during the run and {found!r} when evaluated "
            "again, so it is not exported. It depends on time, chance or the machine; export another one by "
            "its id."
        )


def _check_free(folder: Path, problem: Problem) -> None:
    """Refuse to overwrite a program that no export wrote; only a module says so itself."""
    path = folder / problem.language.file
    if problem.language.name == PYTHON:
        ours = path.is_file() and is_module(path.read_text(encoding="utf-8", errors="replace"))
    else:
        ours = (folder / "result.json").is_file()
    if path.is_file() and not ours:
        raise UsageError(
            f"{path}: exists and was not written by an export. Choose another folder with --out."
        )


def _write(
    problem: Problem, folder: Path, module: str, result: dict[str, Any], artifact: Any
) -> tuple[list[Path], str]:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "result.json").unlink(missing_ok=True)  # it comes last: a half-written export is none
        (folder / problem.language.file).write_text(module, encoding="utf-8")
        if artifact is not None:
            (folder / "solution.json").write_text(solution_text(artifact))
        pictures, note = draw_pictures(problem, artifact, folder)
        result["pictures"] = [picture.name for picture in pictures]
        (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}). Choose another folder with --out."
        ) from None
    return pictures, note


def solution_text(artifact: Any) -> str:
    """Return what `solution.json` holds: the verified solution, floats in a form that keeps every bit."""
    return json.dumps(_plain(artifact), indent=1) + "\n"


def _plain(value: Any) -> Any:
    """Turn arrays into lists; floats keep every bit in JSON's shortest form."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.tolist() if hasattr(value, "tolist") else value
