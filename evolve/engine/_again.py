"""Measure the seed and the best once more, in turn, at the end of a run whose objective does not repeat.

The best of many noisy measurements is the luckiest one, and the seed is measured first, when the machine
is cold. Only measurements of the same minutes, in turn, tell whether something was gained.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from evolve._spread import Spread
from evolve.pipeline import Pipeline
from evolve.problem import Problem
from evolve.store import Commit, Reader

MEASURED_AGAIN = "measured_again"
"""Event that holds the measurements."""
_ROUNDS = 5
_LEAST_ROUNDS = 3
_MOST_S = 10.0


@dataclass(frozen=True, slots=True)
class Twice:
    """A program as the run measured it, and as it was measured again.

    Attributes:
        program: Its id.
        in_run: The objective that the run found and its archives hold.
        again: What was measured at the end.
    """

    program: int
    in_run: float
    again: Spread

    def facts(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {"program": self.program, "in_run": self.in_run, "again": list(self.again.values)}

    @classmethod
    def of(cls, facts: dict[str, Any]) -> Self:
        """Return the same from plain data."""
        return cls(facts["program"], facts["in_run"], Spread(tuple(facts["again"])))


@dataclass(frozen=True, slots=True)
class MeasuredAgain:
    """The best seed and the best program of a run, measured in turn."""

    seed: Twice
    best: Twice
    maximize: bool

    @property
    def verdict(self) -> str:
        """Say what became of the improvement."""
        seed, best = self.seed.again, self.best.again
        if not best.is_apart_from(seed):
            return "within the noise"
        higher = best.median > seed.median
        return "an improvement beyond the noise" if higher == self.maximize else "worse than the seed"

    @property
    def holds(self) -> bool:
        """Whether the best is better than the seed by more than the noise."""
        return self.verdict.startswith("an improvement")

    def __str__(self) -> str:
        """Say it for people."""
        in_run = f"best {self.best.in_run:.4g} against {self.seed.in_run:.4g} of the seed in the run"
        return (
            f"{in_run}; measured again in turn: {self.best.again} against {self.seed.again}: {self.verdict}"
        )

    def facts(self) -> dict[str, Any]:
        """Return it as plain data, for the event."""
        return {"seed": self.seed.facts(), "best": self.best.facts(), "maximize": self.maximize}

    @classmethod
    def last_of(cls, reader: Reader) -> Self | None:
        """Return what a run's last session measured; None when there was nothing to measure."""
        events = reader.events(kind=MEASURED_AGAIN)
        if not events:
            return None
        data = events[-1].data
        return cls(Twice.of(data["seed"]), Twice.of(data["best"]), data["maximize"])


async def measure_again(
    problem: Problem,
    pipeline: Pipeline,
    reader: Reader,
    *,
    clock: Callable[[], float] = time.monotonic,
) -> MeasuredAgain | None:
    """Evaluate the best seed and the best program of a run in turn.

    Args:
        problem: What was solved.
        pipeline: Evaluates programs; nothing else uses it meanwhile.
        reader: Of the run.
        clock: Seconds, of no particular beginning.

    Returns:
        What was measured; None where values repeat, nothing was found, a model would be asked, or
        evaluations are so slow that it would take more than some seconds.
    """
    maximize = problem.spec.objective.direction == "maximize"
    best = reader.best(maximize=maximize)
    if problem.steady or pipeline.asks or best is None or not best.parents:
        return None
    seed = _best_seed(reader, problem)
    if _LEAST_ROUNDS * (best.evaluation.wall_s + seed.evaluation.wall_s) > _MOST_S:
        return None
    found: dict[int, list[float]] = {seed.program.id: [], best.program.id: []}
    texts = {program: reader.text(program) for program in found}
    began = clock()
    for number in range(_ROUNDS):
        if number >= _LEAST_ROUNDS and clock() - began > _MOST_S:
            break
        for program, text in texts.items():
            again = await pipeline.evaluate(text)
            if again.objective is None:
                return None  # near a limit: the summary tells of such outcomes
            found[program].append(again.objective)
    return MeasuredAgain(_twice(seed, found), _twice(best, found), maximize)


def _best_seed(reader: Reader, problem: Problem) -> Commit:
    seeds = [reader.commit(number) for number in range(1, len(problem.seeds) + 1)]
    valid = [seed for seed in seeds if seed.evaluation.objective is not None]
    return max(valid, key=lambda seed: problem.spec.objective.sign * _objective(seed))


def _objective(commit: Commit) -> float:
    assert commit.evaluation.objective is not None
    return commit.evaluation.objective


def _twice(commit: Commit, found: dict[int, list[float]]) -> Twice:
    program = commit.program.id
    return Twice(program, _objective(commit), Spread(tuple(found[program])))
