"""Checks of the seeds: validity, repetition, and how near they are to the limits."""

from __future__ import annotations

from functools import partial

from evolve._spread import Spread
from evolve.authoring.checks._bench import Bench
from evolve.authoring.checks._declaration import last_line
from evolve.authoring.checks._finding import Check, Finding
from evolve.problem import Measure, Problem

_GROUP = "seeds"
_NOISY = 0.1
"""Share of the distance that matters, which two standard deviations may take."""
_NEAR = 0.5
"""A seed that uses more than this share of a limit leaves little to programs that do more."""
_SLOW_SCORER_S = 5.0
_LEAST_MEMORY_MB = 16
_HALVINGS = 4
_RUNNING = ("run", "command")
"""Kinds of stages that run a program within its limits."""
_MIB = 2**20


def checks(problem: Problem) -> list[Check]:
    """Return the checks of a problem's seeds."""
    kinds = {spec.kind for spec in problem.spec.stages}
    found: list[Check] = []
    for file, text in problem.seeds:
        found += [
            Check(_GROUP, f"{file} is valid", partial(_valid, file=file)),
            Check(_GROUP, f"{file} repeats", partial(_repeats, file=file)),
            Check(_GROUP, f"{file} noise", partial(_noise, file=file)),
            Check(_GROUP, f"{file} length", partial(_length, text=text)),
        ]
        if kinds.intersection(_RUNNING):
            found += [
                Check(_GROUP, f"{file} time", partial(_time, file=file)),
                Check(_GROUP, f"{file} memory", partial(_memory, file=file)),
            ]
        if "run" in kinds:
            found.append(Check(_GROUP, f"{file} output", partial(_output, file=file)))
        found += [
            Check(_GROUP, f"{file} in the range of {measure.metric}", partial(_in_range, file=file, number=k))
            for k, measure in enumerate(problem.spec.measures)
        ]
    return [
        *found,
        Check(_GROUP, "scorer's time", _scorer_time),
        Check(_GROUP, "what the scorer prints", _printed),
        Check(_GROUP, "room for progress", _headroom),
    ]


_ADVICE = {
    "error": "Mend the scorer.",
    "timeout": "Raise candidate.timeout_s, or make the seed faster.",
    "memory": "Raise candidate.memory_mb, or let the seed use less.",
}
_SKIPPED = Finding("skipped", "", "the seed is not valid")


async def _valid(bench: Bench, *, file: str) -> Finding:
    seed = await bench.seed(file)
    for run in seed.runs:
        if run.status != "valid":
            found = f"{run.status}: {last_line(run.feedback)}"
            advice = _ADVICE.get(run.status, "Mend the seed, or the rule that it breaks.")
            return Finding("failed", "valid", found, f"{advice} `evolve score` shows all of the message.")
    return Finding("ok", "valid", f"{bench.problem.spec.objective.metric} = {seed.runs[0].objective!r}")


async def _repeats(bench: Bench, *, file: str) -> Finding:
    seed = await bench.seed(file)
    if not seed.valid:
        return _SKIPPED
    expected = "the same in every evaluation"
    first = seed.runs[0]
    names = sorted(
        {name for run in seed.runs for name in run.metrics if run.metrics[name] != first.metrics.get(name)}
    )
    if not names:
        return Finding(
            "ok", expected, f"{len(seed.runs)} evaluations, one in processes of its own, are equal"
        )
    if not bench.steady:
        return Finding("ok", "declared to vary", f"{', '.join(names)} differ")
    outputs = {tuple(bench.outputs(run)) for run in seed.runs}
    who = "the scorer is random" if len(outputs) == 1 and outputs != {()} else "the program is random"
    return Finding(
        "warning",
        expected,
        f"{who}: {', '.join(names)} differ",
        "Seed every random generator and read no clock; else runs do not repeat from their seed.",
    )


async def _noise(bench: Bench, *, file: str) -> Finding:
    seed = await bench.seed(file)
    if not seed.valid:
        return _SKIPPED
    expected = "none"
    if seed.spread == 0:
        return Finding("ok", expected, f"none in {len(seed.runs)} evaluations")
    deviation = seed.measured.deviation
    found = f"standard deviation {deviation:.3g}, spread {seed.spread:.3g}, in {len(seed.runs)} evaluations"
    if not bench.steady:
        return _declared_noise(bench.problem, seed.measured, found)
    return Finding(
        "warning",
        expected,
        found,
        "The search takes luck for progress below this. Let the scorer judge several repetitions, or seeds.",
    )


def _declared_noise(problem: Problem, seed: Spread, found: str) -> Finding:
    """Set the noise beside the distance that matters: to what is to be reached, else the value itself."""
    objective = problem.spec.objective
    goals = [record.value for record in problem.records]
    goals += [] if objective.target is None else [objective.target]
    ways = [way for goal in goals if (way := abs(goal - seed.median)) > 0]
    whole, name = (max(ways), "the way to the goal") if ways else (abs(seed.median), "the seed's value")
    least = 2 * seed.deviation
    share = f", {least / whole:.0%} of {name}" if whole else ""
    found = f"{found}: gains below {least:.3g}{share}, are luck"
    expected = f"gains that matter stand out: two deviations below {_NOISY:.0%} of {name}"
    if least <= _NOISY * whole:
        return Finding("ok", expected, found)
    return Finding(
        "warning",
        expected,
        found,
        "Measure longer or more often (more work a case, `repeat`, medians in the scorer), alone on the "
        'machine (`concurrency = "exclusive"`); docs/how-to/noisy-scores.md says how.',
    )


async def _length(bench: Bench, *, text: str) -> Finding:
    limit = bench.problem.spec.candidate.max_chars
    return _share("characters", len(text), limit, "candidate.max_chars", f"{len(text):,} of {limit:,}")


async def _time(bench: Bench, *, file: str) -> Finding:
    seed = await bench.seed(file)
    if not seed.valid:
        return _SKIPPED
    problem = bench.problem
    limit = problem.spec.candidate.timeout_s
    # One case at a time: the limit holds for each, and the sum of them hides a slow one.
    slowest = max(bench.stage_seconds(run, *_RUNNING) for run in seed.runs) / len(problem.cases)
    found = f"{slowest:.3g} of {limit:g} s" + (" a case, on average" if len(problem.cases) > 1 else "")
    return _share("seconds", slowest, limit, "candidate.timeout_s", found)


async def _memory(bench: Bench, *, file: str) -> Finding:
    """Halve the limit until the seed no longer fits."""
    seed = await bench.seed(file)
    if not seed.valid:
        return _SKIPPED
    limit = bench.problem.spec.candidate.memory_mb
    fits = limit
    for _ in range(_HALVINGS):
        tried = fits // 2
        if tried < _LEAST_MEMORY_MB or (await bench.evaluate(seed.text, memory_mb=tried)).status != "valid":
            break
        fits = tried
    expected = f"less than half of {limit} MiB"
    if fits < limit or limit // 2 < _LEAST_MEMORY_MB:
        return Finding("ok", expected, f"fits into {fits} MiB of {limit}")
    return Finding("warning", expected, "does not fit into half of it", "Raise candidate.memory_mb.")


async def _output(bench: Bench, *, file: str) -> Finding:
    seed = await bench.seed(file)
    if not seed.valid:
        return _SKIPPED
    largest = max(map(len, bench.outputs(seed.runs[0])), default=0)
    limit = bench.problem.spec.candidate.output_mb * _MIB
    found = f"{largest:,} of {limit:,.0f} bytes"
    return _share("bytes", largest, limit, "candidate.output_mb", found)


def _share(unit: str, used: float, limit: float, key: str, found: str) -> Finding:
    expected = f"less than half of the {unit} allowed"
    if used <= _NEAR * limit:
        return Finding("ok", expected, found)
    return Finding("warning", expected, found, f"Raise {key}: what improves on the seed often does more.")


async def _in_range(bench: Bench, *, file: str, number: int) -> Finding:
    seed = await bench.seed(file)
    if not seed.valid or seed.runs[0].measures is None:
        return _SKIPPED
    measure = bench.problem.spec.measures[number]
    low, high = _range(measure)
    value = seed.runs[0].measures[number]
    expected = f"from {low:g} to {high:g}"
    if low <= value <= high:
        return Finding("ok", expected, f"{value:.6g}")
    advice = "Widen the measure's range: outside of it, all programs fall into the edge cell."
    return Finding("warning", expected, f"{value:.6g}", advice)


def _range(measure: Measure) -> tuple[float, float]:
    if measure.edges is not None:
        return measure.edges[0], measure.edges[-1]
    assert measure.range is not None
    return measure.range


async def _scorer_time(bench: Bench) -> Finding:
    seconds = max(bench.stage_seconds(run, "score") for seed in await bench.seeds() for run in seed.runs)
    expected = f"less than {_SLOW_SCORER_S:g} s for an evaluation"
    found = f"{seconds:.3g} s"
    if seconds <= _SLOW_SCORER_S:
        return Finding("ok", expected, found)
    return Finding("warning", expected, found, "Make the scorer faster: every evaluation waits for it.")


async def _printed(bench: Bench) -> Finding:
    """Show the first line of what the scorer printed about the seeds; printing is no fault."""
    names = [spec.name for spec in bench.problem.spec.stages if spec.kind in ("score", "repeat")]
    runs = [run for seed in await bench.seeds() for run in seed.runs]
    mark = f"{bench.problem.spec.scorer} printed"
    for run in runs:
        for name in names:
            _, marked, said = run.stages[name].printed.partition(mark) if name in run.stages else ("", "", "")
            if marked:
                lines = said.partition("\n")[2].splitlines()
                return Finding("ok", "anything", f"{mark}: {lines[0]} (`evolve score` shows all)")
    return Finding("ok", "anything", "nothing")


async def _headroom(bench: Bench) -> Finding:
    """Compare the seeds with the target and the records."""
    problem, objective = bench.problem, bench.problem.spec.objective
    values = [value for seed in await bench.seeds() if seed.valid for value in seed.objectives]
    expected = "no seed is as good as what is known"
    if not values:
        return _SKIPPED
    best = max(values, key=lambda value: objective.sign * value)
    known = [(record.value, f"the record of {record.source}") for record in problem.records]
    known += [] if objective.target is None else [(objective.target, "the target")]
    if not known:
        return Finding("ok", expected, f"best {best!r}, nothing to compare with")
    value, name = max(known, key=lambda item: objective.sign * item[0])
    if objective.better(value, best):
        return Finding("ok", expected, f"best {best!r}; {name} is {value!r}")
    advice = "Nothing is left to find: verify the record and the scorer, or begin with a weaker seed."
    return Finding("warning", expected, f"{best!r} reaches {name}, {value!r}", advice)
