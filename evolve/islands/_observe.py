"""What selections that learn are told: what is wanted, and what became of each program."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, runtime_checkable


class Goal(NamedTuple):
    """An objective.

    Attributes:
        metric: Its name.
        sign: +1.0 when larger is better, −1.0 when smaller is better.
        weight: Positive.
    """

    metric: str
    sign: float
    weight: float = 1.0


@dataclass(frozen=True, slots=True)
class Goals:
    """What is wanted beside the fitness.

    Attributes:
        objectives: The main one first; empty when there is no other.
        cases: The objective on every single case; empty when there is one only.
    """

    objectives: tuple[Goal, ...] = ()
    cases: tuple[Goal, ...] = ()

    @property
    def metrics(self) -> set[str]:
        """Names of the metrics that these are read from."""
        return {goal.metric for goal in (*self.objectives, *self.cases)}


def values_of(goals: Iterable[Goal], metrics: Mapping[str, float]) -> tuple[float, ...]:
    """Return a program's values, higher is better; raises KeyError when a metric is missing."""
    return tuple(goal.sign * metrics[goal.metric] for goal in goals)


class Birth(NamedTuple):
    """What became of a program on an island.

    Attributes:
        program: Its id.
        parents: Ids of what it was made from, the one that was changed first; empty for a seed or a migrant.
        fitness: Higher is better; None when it is not valid.
        kept: The island's archive took it.
        objectives: Its values of `Goals.objectives`, higher is better; empty when it is not valid.
        cases: Its values of `Goals.cases`, higher is better; empty when it is not valid.
    """

    program: int
    parents: tuple[int, ...] = ()
    fitness: float | None = None
    kept: bool = False
    objectives: tuple[float, ...] = ()
    cases: tuple[float, ...] = ()


@runtime_checkable
class Observing(Protocol):
    """A selection that learns.

    Programs that are not valid are told too, so that a parent whose children all fail can be left.
    They have no value, and must not enter any mean, best or scale.
    """

    def begin(self, goals: Goals) -> Goals:
        """Learn what is wanted, before anything else; return the part that births have to tell.

        Raises:
            UsageError: the goals do not suit the strategy.
        """
        ...

    def observe(self, birth: Birth) -> None:
        """Learn what became of a program, in the order of the commits."""
        ...

    def state(self) -> Any:
        """Return what was learned as plain data: equal for equal observations."""
        ...
