"""When a run ends: limits checked against the state after a commit, never against what is in flight."""

from __future__ import annotations

from evolve.engine._config import Budget
from evolve.engine._state import State
from evolve.models import Usage
from evolve.problem import Objective

Uses = list[tuple[float, float]]

CALL_LIMITS = ("max_calls", "max_tokens", "max_usd")
"""Limits of a budget that calls to models use up."""

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


def share_used(budget: Budget, state: State, elapsed_s: float, spent: Usage | None) -> float | None:
    """Return how much of the nearest limit is used up, 0 to 1; None without a limit that can be foreseen."""
    shares = [used / limit for used, limit in uses(budget, state, elapsed_s, spent)]
    return min(1.0, max(shares)) if shares else None


def seconds_left(
    budget: Budget, state: State, elapsed_s: float, session_s: float, before: Uses, spent: Usage | None
) -> float | None:
    """Estimate the seconds until the nearest foreseeable limit; None when it cannot be told.

    Args:
        budget: The limits.
        state: As it stands.
        elapsed_s: Run time, over all sessions.
        session_s: Run time of this session.
        before: What was used before this session.
        spent: What models have used, over all sessions.
    """
    now = uses(budget, state, elapsed_s, spent)
    left = []
    for (used, limit), (was, _) in zip(now, before, strict=False):
        if used > was:
            left.append((limit - used) * session_s / (used - was))
    return max(0.0, min(left)) if left else None


def uses(budget: Budget, state: State, elapsed_s: float, spent: Usage | None) -> Uses:
    """Return (used, limit) of every limit that can be foreseen, always in the same order."""
    usage = spent or Usage()
    pairs = [
        (float(state.evaluations), budget.max_evals),
        (elapsed_s, budget.max_seconds),
        (float(usage.calls), budget.max_calls),
        (float(usage.tokens), budget.max_tokens),
        (usage.usd, budget.max_usd),
    ]
    return [(used, float(limit)) for used, limit in pairs if limit is not None]


def explain(reason: str, budget: Budget) -> str:
    """Say why a run stopped, for people."""
    return {
        "target": f"the target {budget.target} is reached",
        "max_evals": f"{budget.max_evals} evaluations are done",
        "max_seconds": f"{budget.max_seconds:g} s are over" if budget.max_seconds else "the time is over",
        "stagnation": f"{budget.stagnation} evaluations brought no new best",
        "exhausted": f"{IDLE_LIMIT} proposals in a row brought nothing new",
        "max_calls": f"{budget.max_calls} calls to models are used up",
        "max_tokens": f"the rest of {budget.max_tokens} tokens is less than the next call may use",
        "max_usd": f"the rest of {budget.max_usd} US dollars is less than the next call may cost",
        "replayed": "every recorded commit is repeated",
        "interrupted": "it was interrupted",
    }.get(reason, reason)
