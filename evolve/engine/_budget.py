"""When a run ends: limits checked against the state after a commit, never against what is in flight."""

from __future__ import annotations

from evolve.engine._config import Budget
from evolve.engine._state import State
from evolve.problem import Objective

IDLE_LIMIT = 2000
"""Commits in a row without anything new to evaluate, after which the operators count as exhausted."""


def reached(budget: Budget, objective: Objective, state: State) -> str | None:
    """Name the limit that the state has reached, or None.

    Depends on commits alone, so that two runs of the same seed stop at the same ticket.
    """
    if (
        budget.target is not None
        and state.best is not None
        and not objective.better(budget.target, state.best[1])
    ):
        return "target"
    if budget.max_evals is not None and state.evaluations >= budget.max_evals:
        return "max_evals"
    if budget.stagnation is not None and state.since_best >= budget.stagnation:
        return "stagnation"
    if state.idle >= IDLE_LIMIT:
        return "exhausted"
    return None


def share_used(budget: Budget, state: State, elapsed_s: float) -> float | None:
    """Return how much of the nearest limit is used up, 0 to 1; None without a limit that can be foreseen."""
    shares = []
    if budget.max_evals is not None:
        shares.append(state.evaluations / budget.max_evals)
    if budget.max_seconds is not None:
        shares.append(elapsed_s / budget.max_seconds)
    return min(1.0, max(shares)) if shares else None


def seconds_left(budget: Budget, state: State, elapsed_s: float, rate: float) -> float | None:
    """Estimate the seconds until the nearest foreseeable limit; None when it cannot be told."""
    left = []
    if budget.max_evals is not None and rate > 0:
        left.append((budget.max_evals - state.evaluations) / rate)
    if budget.max_seconds is not None:
        left.append(budget.max_seconds - elapsed_s)
    return max(0.0, min(left)) if left else None


def explain(reason: str, budget: Budget) -> str:
    """Say why a run stopped, for people."""
    return {
        "target": f"the target {budget.target} is reached",
        "max_evals": f"{budget.max_evals} evaluations are done",
        "max_seconds": f"{budget.max_seconds:g} s are over" if budget.max_seconds else "the time is over",
        "stagnation": f"{budget.stagnation} evaluations brought no new best",
        "exhausted": f"{IDLE_LIMIT} proposals in a row brought nothing new",
        "interrupted": "it was interrupted",
    }.get(reason, reason)
