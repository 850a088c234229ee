"""The stage kind `tabular`: a program transforms the folds of a table in sandboxes, a learner judges them."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from evolve._toml import validate
from evolve.errors import ProblemError
from evolve.operators import Operator
from evolve.pipeline import OK, Parsed, Ports, Scored, StageResult, Task, limits_of
from evolve.problem import Problem, StageSpec
from evolve.tabular._features import Columns
from evolve.tabular._folds import Parcel, parcels_of
from evolve.tabular._judge import SEARCH, Job, fold_name
from evolve.tabular._kept import Kept, load
from evolve.tabular._operators import table_operators
from evolve.tabular._protocol import run_folds

_LEAST_S = 150.0
"""Enough to start a helper anew."""


class TabularOptions(BaseModel):
    """`options` of a stage of this kind."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sha256: dict[str, str]
    """Digests by file: what the search sees, and what is held out."""
    score_s: float = Field(default=600.0, gt=0)
    """Seconds that the learner may take over all folds."""
    source: str = ""
    """Where the table came from; for people."""
    target: str = ""
    """Its column that is predicted; for people."""
    learner: str = ""
    """The learner; for people."""


@dataclass(frozen=True, slots=True, eq=False)
class _Work:
    job: Job
    parcels: list[Parcel]


class Tabular:
    """Fit and apply a program on each fold, two sandboxes each, and let the scorer's learner judge."""

    version = "1"
    needs_value = False
    ignores = ("aggregate",)
    ports = Ports(accepts=(Parsed,), gives=Scored)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`: the files must be those that were declared."""
        options = _options(problem, spec)
        for name, wanted in options.sha256.items():
            path = problem.folder / name
            try:
                found = digest_of(path)
            except OSError as error:
                raise ProblemError(
                    f"{path}: cannot be read ({error.strerror}). Declare the table anew."
                ) from None
            if found != wanted:
                raise ProblemError(
                    f"{path}: is not the file that was declared (SHA-256 {found[:12]}..., expected "
                    f"{wanted[:12]}...). Restore it, or declare the changed table anew."
                )
        if len(self._kept(problem, spec).folds) != len(problem.cases):
            raise ProblemError(
                f"{problem.folder / 'problem.toml'}: must have one of [[cases]] for each fold. "
                "Declare the table anew."
            )

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        calls = 2 * len(problem.cases)
        limit = spec.timeout_s or problem.spec.candidate.timeout_s
        return _LEAST_S + calls * (limit + 10.0) + _options(problem, spec).score_s

    def operators(self, problem: Problem, spec: StageSpec) -> dict[str, Operator]:
        """Return the operators that know the table's columns."""
        kept = self._kept(problem, spec)
        return table_operators(Columns.of(kept.table.frame, kept.pairs))

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`; folds are the cases."""
        options = _options(task.problem, task.spec)
        path = task.problem.folder / SEARCH
        work = await asyncio.to_thread(_work, str(path), options.sha256[SEARCH])
        ran = await run_folds(task.executor, task.text, work.parcels, limits_of(task))
        if ran.status != OK:
            return StageResult(
                ran.status, {}, ran.feedback, None, ran.printed, ran.wall_s, ran.cpu_s, ran.layers
            )
        verdict = await task.executor.score(ran.output, {}, artifact=task.artifact, timeout_s=options.score_s)
        if verdict.status != "valid":
            return StageResult(
                verdict.status, {}, verdict.feedback, None, ran.printed, ran.wall_s, ran.cpu_s, ran.layers
            )
        names = [fold_name(number) for number in range(len(work.parcels))]
        metrics = {name: value for name, value in verdict.metrics.items() if name not in names}
        return StageResult(
            metrics=metrics,
            feedback=verdict.feedback,
            value=Scored([verdict.artifact]),
            printed=ran.printed,
            wall_s=ran.wall_s,
            cpu_s=ran.cpu_s,
            layers=ran.layers,
            cases={work.job.kept.metric: tuple(verdict.metrics[name] for name in names)},
        )

    @staticmethod
    def _kept(problem: Problem, spec: StageSpec) -> Kept:
        return _work(str(problem.folder / SEARCH), _options(problem, spec).sha256[SEARCH]).job.kept


def digest_of(path: Path) -> str:
    """Return a file's SHA-256; raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@lru_cache(maxsize=2)
def _work(path: str, digest: str) -> _Work:  # noqa: ARG001 - another content, another entry
    job = Job.of(load(Path(path)))
    return _Work(job, parcels_of(job.kept.table.frame, job.errands))


def _options(problem: Problem, spec: StageSpec) -> TabularOptions:
    where = f"{problem.folder / 'problem.toml'}: stages.{spec.name}.options"
    options = validate(spec.options, TabularOptions, ProblemError, where=where)
    if SEARCH not in options.sha256:
        raise ProblemError(f"{where}.sha256: must name {SEARCH!r}. Declare the table anew.")
    return options
