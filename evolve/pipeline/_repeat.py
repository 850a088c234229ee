"""Repeat: run and score a program under several seeds, case by case, and stop when the outcome is decided."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from evolve.errors import ProblemError
from evolve.pipeline._cases import Row, case_name, chosen_cases, spread_of, united, with_printed, worst_of
from evolve.pipeline._declared import flag_option, known_options, place, refuse, text_option
from evolve.pipeline._early_stop import check_early_stop, lost, out_of_bounds
from evolve.pipeline._running import run_case
from evolve.pipeline._stage import OK, Case, Parsed, Ports, Scored, StageResult, Task
from evolve.problem import Problem, StageSpec, spread

_SCORE_S = 30.0


@dataclass(slots=True)
class _Findings:
    """What the evaluations so far gave, in order: a row for each case, the seeds of a case united."""

    rows: list[Row] = field(default_factory=list)
    spreads: list[dict[str, float]] = field(default_factory=list)
    worst: list[float] = field(default_factory=list)
    artifacts: list[bytes] = field(default_factory=list)


class Repeat:
    """Run the entry and score its output under several seeds.

    A seed is a value of one of the problem's parameters: the entry gets it when it receives that parameter,
    the scorer finds it in its case. Options: `parameter` (its name, "seed" when omitted), `seeds` (a list of
    integers) or `count` (0, 1, 2 ...); `cases` (numbers of the cases; all when omitted); `early_stop`.

    For every metric of the scorer it gives the mean over the seeds (over cases: as `aggregate` says), as
    `<metric>_spread` the standard deviation over the seeds (the mean of the cases' own), and as
    `<metric>_worst` the worst value of the objective.

    With `early_stop` the evaluation ends as "gated" as soon as the objective's `bounds` leave no way to reach
    the elite of the program's cell. That takes measures that are all known before this stage, an archive
    whose cells stay where they are, and a selection that looks at elites alone; else nothing is stopped.
    """

    version = "2"
    needs_value = False
    ports = Ports(accepts=(Parsed,), gives=Scored)

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        known_options(problem, spec, "parameter", "seeds", "count", "cases", "early_stop")
        _seeds(problem, spec)
        chosen_cases(problem, spec)
        if flag_option(problem, spec, "early_stop"):
            check_early_stop(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:
        """See `Stage.timeout_s`."""
        each = (spec.timeout_s or problem.spec.candidate.timeout_s) + _SCORE_S + 10.0
        return 150.0 + len(problem.cases) * len(_seeds(problem, spec)) * each

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        found, total = _Findings(), StageResult()
        parameter = task.spec.options.get("parameter", "seed")
        cases, seeds = chosen_cases(task.problem, task.spec), _seeds(task.problem, task.spec)
        early = flag_option(task.problem, task.spec, "early_stop")
        for number, case in enumerate(cases):
            values: list[Row] = []
            for seed in seeds:
                given: Case = {} if seed is None else {parameter: seed}
                ended, total = await self._one(task, case, given, total, values, found)
                if ended is not None:
                    return ended
            if mismatch := self._take(task, found, values):
                return replace(total, status="error", feedback=mismatch)
            if early and (fault := out_of_bounds(task.problem, found.rows[-1])):
                return replace(total, status="error", feedback=fault)
            if early and number + 1 < len(cases) and (why := lost(task, found.rows, len(cases))):
                text = f"stopped early after {number + 1} of {len(cases)} cases: {why}"
                return replace(total, status="gated", feedback=text)
        return self._result(task, found, total)

    @staticmethod
    async def _one(
        task: Task, case: Case, given: Case, total: StageResult, values: list[Row], found: _Findings
    ) -> tuple[StageResult | None, StageResult]:
        """Run and score a case under one seed; return the result of the whole when it was not valid."""
        ran, total = await run_case(task, case, total, given=given)
        where = case_name(case | given)
        if ran.status != OK:
            return replace(total, status=ran.status, feedback=where + ran.feedback), total
        verdict = await task.executor.score(
            ran.output, case | given, artifact=task.artifact, timeout_s=_SCORE_S
        )
        said = with_printed(task.problem, total.printed, case | given, verdict)
        total = replace(total, printed=said)
        if verdict.status != "valid":
            return replace(total, status=verdict.status, feedback=where + verdict.feedback), total
        values.append(Row(verdict.metrics, verdict.feedback and where + verdict.feedback))
        found.artifacts.append(verdict.artifact)
        return None, total

    @staticmethod
    def _take(task: Task, found: _Findings, values: list[Row]) -> str:
        """Unite the seeds of a case; return what is wrong with the scorer, if anything."""
        mean = StageSpec(name=task.spec.name, kind=task.spec.kind)
        case = united(task.problem, mean, values)
        if case.status != OK:
            return case.feedback
        objective = task.problem.spec.objective
        columns = {name: [row.metrics[name] for row in values] for name in case.metrics}
        found.rows.append(Row(case.metrics, values[0].feedback))
        found.spreads.append({name: spread(column) for name, column in columns.items()})
        if column := columns.get(objective.metric):
            found.worst.append(min(column) if objective.sign > 0 else max(column))
        return ""

    @staticmethod
    def _result(task: Task, found: _Findings, total: StageResult) -> StageResult:
        result = united(task.problem, task.spec, found.rows)
        if result.status != OK:
            return result
        objective = task.problem.spec.objective
        extra = {
            spread_of(name): sum(row[name] for row in found.spreads) / len(found.spreads)
            for name in result.metrics
        }
        if found.worst:
            extra[worst_of(objective.metric)] = min(found.worst) if objective.sign > 0 else max(found.worst)
        return replace(
            total,
            metrics={**extra, **result.metrics},
            feedback=result.feedback,
            cases=result.cases,
            value=Scored(found.artifacts),
        )


def _seeds(problem: Problem, spec: StageSpec) -> tuple[int | None, ...]:
    """Return the declared seeds; a single None when none are asked for.

    Raises:
        ProblemError: they make no sense, or name no parameter.
    """
    options = spec.options
    if not {"seeds", "count", "parameter"} & options.keys():
        return (None,)
    parameter = text_option(problem, spec, "parameter", "seed")
    if type(problem.params.get(parameter)) is not int:
        raise ProblemError(
            place(problem, spec)
            + f"repeats over the parameter {parameter!r}, so [params] must declare it as an "
            f"integer: {parameter} = 0."
        )
    if any(parameter in case for case in problem.cases):
        raise ProblemError(
            place(problem, spec)
            + f"repeats over the parameter {parameter!r}, which [[cases]] set too. Repeat over another "
            "parameter, or leave it out of the cases."
        )
    if ("seeds" in options) == ("count" in options):
        raise ProblemError(place(problem, spec) + "must have one of the options `seeds` and `count`.")
    count = options.get("count", 1)
    if type(count) is not int or not 1 <= count <= 10_000:
        raise refuse(problem, spec, "count", "an integer from 1 to 10000")
    seeds = options.get("seeds", list(range(count)))
    sound = isinstance(seeds, list) and all(type(seed) is int for seed in seeds)
    if not sound or not seeds or len(set(seeds)) != len(seeds):
        raise refuse(problem, spec, "seeds", "a list of different integers, such as [1, 2, 3]")
    return tuple(seeds)
