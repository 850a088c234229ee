"""The stage kind `evaluator`: an evaluator written for another engine, whole in the sandbox.

Such an evaluator executes the program itself, so both share a process, and its verdict is worth no more
than the program's own word. The trust boundary is the sandbox around the two: the results are marked as
`SHARED_TRUST` among the layers.
"""

from __future__ import annotations

import json
import math
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from evolve._toml import validate
from evolve.errors import ProblemError
from evolve.pipeline._stage import OK, StageResult, Task
from evolve.problem import Problem, StageSpec, needed_metrics
from evolve.sandbox import CodecError, Limits, decode

SHARED_TRUST = "shared_trust"
"""Stands among a stage's layers when the program could have written its own verdict."""

_INSIDE = Path(__file__).parent / "inside"
_ENTRY = "evaluate"
_MIB = 2**20
_MOST_VALUES = 2000
_STATUSES = (OK, "failed", "invalid", "memory", "error")


class EvaluatorOptions(BaseModel):
    """`options` of a stage of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    layout: Literal["openevolve", "shinka", "gigaevo"]
    """Whose way of calling it is followed."""
    file: str
    """The evaluator, relative to the problem's folder; inside of what `candidate.readable` names."""
    thresholds: tuple[float, ...] | None = None
    """OpenEvolve: what the score must reach for the second and the third stage; omitted: no stages."""
    features: tuple[str, ...] = ()
    """OpenEvolve: metrics that do not count when there is no `combined_score` and a mean takes its place."""
    arguments: tuple[str, ...] = ()
    """ShinkaEvolve: further words of the evaluator's command line."""
    drop: tuple[str, ...] = ()
    """Metrics to leave out, such as those that a clock decides: with them no run could be repeated."""
    subprocesses: bool = False
    """Whether the evaluator may start programs."""
    standins: bool = True
    """Whether modules of its engine's names are put within its reach, before those that are installed."""
    max_feedback_chars: int = Field(default=8000, ge=0)
    """How much of its texts goes on to the next proposer."""


class Evaluate:
    """Let a foreign evaluator execute and judge the program, both in one sandbox."""

    version = "1"
    needs_value = False
    ignores = ("aggregate",)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        options = _options(problem, spec)
        where = f"{problem.folder / 'problem.toml'}: stages.{spec.name}: "
        path = (problem.folder / options.file).resolve()
        if not path.is_file():
            raise ProblemError(f"{where}options.file: there is no file at {path}. Correct the path.")
        shown = [(problem.folder / item).resolve() for item in problem.spec.candidate.readable]
        if not any(path.is_relative_to(folder) for folder in shown):
            raise ProblemError(
                f"{where}options.file: {options.file!r} must lie inside of what candidate.readable names, "
                "because it is read in the sandbox."
            )
        if problem.spec.params or problem.spec.cases:
            raise ProblemError(
                f"{where}an evaluator calls the program as it likes: remove [params] and [[cases]], which it "
                "would never see."
            )

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        return 150.0 + _wall_s(problem, spec)

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`; there is no value."""
        options = _options(task.problem, task.spec)
        candidate = task.problem.spec.candidate
        limits = Limits(
            wall_s=_wall_s(task.problem, task.spec),
            memory_mb=candidate.memory_mb,
            processes=candidate.processes,
            cpu_s=candidate.cpu_s,
            scratch_mb=candidate.scratch_mb,
            output_bytes=int(candidate.output_mb * _MIB),
            may_exec=options.subprocesses,
        )
        job = {
            "program": task.text,
            "layout": options.layout,
            "evaluator": str((task.problem.folder / options.file).resolve()),
            "entry": candidate.entry,
            "thresholds": options.thresholds,
            "features": options.features,
            "drop": options.drop,
            "arguments": options.arguments,
            "standins": _standins(options.layout) if options.standins else {},
        }
        ran = await task.executor.run(_harness(), _ENTRY, {"job": json.dumps(job)}, limits)
        found = _read(ran.output) if ran.status == OK else StageResult(ran.status, feedback=ran.feedback)
        metrics, broken = _usable(found.metrics, options.drop)
        notes = [f"{name} is {value}, which is no finite number" for name, value in broken.items()]
        spoiled = found.status == OK and broken.keys() & needed_metrics(task.problem.spec)
        return StageResult(
            "invalid" if spoiled else found.status,
            metrics,
            "\n".join(filter(None, (found.feedback[: options.max_feedback_chars], *notes))),
            None,
            ran.printed,
            ran.wall_s,
            ran.cpu_s,
            (*ran.layers, SHARED_TRUST),
        )


def _options(problem: Problem, spec: StageSpec) -> EvaluatorOptions:
    where = f"{problem.folder / 'problem.toml'}: stages.{spec.name}.options"
    return validate(spec.options, EvaluatorOptions, ProblemError, where=where)


def _wall_s(problem: Problem, spec: StageSpec) -> float:
    return spec.timeout_s or problem.spec.candidate.timeout_s


@cache
def _harness() -> str:
    return (_INSIDE / "harness.py").read_text(encoding="utf-8")


@cache
def _standins(layout: str) -> dict[str, str]:
    """Return the texts by path of the modules that stand in for an engine's package; GigaEvo has none."""
    home = _INSIDE / "standins"
    return {
        path.relative_to(home).as_posix(): path.read_text(encoding="utf-8")
        for path in sorted((home / layout).rglob("*.py"))
    }


def _read(output: bytes) -> StageResult:
    """Read what came from a process that a hostile program lived in."""
    try:
        answer = decode(output, max_nodes=_MOST_VALUES)
    except CodecError as error:
        return StageResult("failed", feedback=f"the evaluation answered unreadable data: {error}")
    if not _is_answer(answer):
        return StageResult("failed", feedback="the evaluation answered something else than metrics")
    return StageResult(answer["status"], answer["metrics"], answer["feedback"])


def _is_answer(answer: Any) -> bool:
    if not isinstance(answer, dict) or answer.get("status") not in _STATUSES:
        return False
    metrics = answer.get("metrics")
    return (
        isinstance(answer.get("feedback"), str)
        and isinstance(metrics, dict)
        and all(type(name) is str and type(value) is float for name, value in metrics.items())
    )


def _usable(metrics: dict[str, float], drop: tuple[str, ...]) -> tuple[dict[str, float], dict[str, float]]:
    """Split the metrics into those that may be kept, and those that are no finite numbers."""
    wanted = {name: value for name, value in metrics.items() if name not in drop}
    kept = {name: value for name, value in wanted.items() if math.isfinite(value)}
    return kept, {name: value for name, value in wanted.items() if name not in kept}
