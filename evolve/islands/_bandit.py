"""Bandits: learn which operators pay on an island.

Choosing never changes a bandit: only rewards do. That keeps the state a function of the commits, whatever
number of tickets was in flight, and lets the engine rebuild it by replaying them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np

from evolve._toml import suggest
from evolve.islands._resolve import build, require_number


@runtime_checkable
class Bandit(Protocol):
    """Chooses among named arms and learns from rewards.

    Concurrency: single-threaded, owned by the engine. Rewards may come late and in any order; many
    choices may be made before the first of them is rewarded.
    """

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in a fixed order."""
        ...

    def choose(self, rng: np.random.Generator) -> str:
        """Return an arm. Changes nothing but the generator."""
        ...

    def update(self, arm: str, reward: float) -> None:
        """Learn that one use of `arm` earned `reward`, in [0, 1].

        Raises:
            ValueError: unknown arm, or a reward outside [0, 1].
        """
        ...

    def state(self) -> dict[str, Any]:
        """Return what was learned, as plain JSON data."""
        ...

    def means(self) -> dict[str, float]:
        """Return the mean reward of every arm that has evidence, 0 to 1."""
        ...

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned.

        Raises:
            ValueError: the state is of another kind of bandit or has other arms.
        """
        ...


class FixedMix:
    """Arms with fixed probabilities; learns nothing.

    Args:
        weights: Positive weight of every arm; the probability is the weight's share of their sum.

    Raises:
        ValueError: no arm, or a weight that is not a positive number.
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        self._arms, shares = _shares(weights)
        self._places = _places(self._arms)
        self._cumulative = np.cumsum(shares)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in the order of the weights."""
        return self._arms

    def choose(self, rng: np.random.Generator) -> str:
        """Return an arm with a probability proportional to its weight."""
        return self._arms[_draw(rng, self._cumulative)]

    def update(self, arm: str, reward: float) -> None:
        """Check the arm and the reward; see `Bandit`."""
        _check_update(self._places, arm, reward)

    def state(self) -> dict[str, Any]:
        """Return the kind and the names of the arms."""
        return {"kind": "fixed", "arms": {arm: [] for arm in self._arms}}

    def means(self) -> dict[str, float]:
        """Return nothing: see `Bandit`."""
        return {}

    def load(self, state: Mapping[str, Any]) -> None:
        """Check that the state fits; see `Bandit`."""
        _evidence(state, "fixed", self._arms)


class ThompsonBandit:
    """Thompson sampling with forgetting.

    Each arm has a Beta posterior over its mean reward; a choice draws one sample from every posterior and
    takes the arm with the largest (Thompson 1933, https://doi.org/10.1093/biomet/25.3-4.285; Chapelle & Li
    2011, "An empirical evaluation of Thompson sampling", NeurIPS 24). Because the choice is random, many
    choices made before any feedback spread over the arms. A reward r of [0, 1] counts as r successes and
    1 - r failures. The evidence of all arms is discounted at every update, so that arms that paid only
    early in a run lose their lead (discounting: Garivier & Moulines 2011, https://arxiv.org/abs/0805.3415).

    The prior of an arm is Beta(w, 1), w its weight divided by the mean weight: without evidence,
    the largest sample belongs to an arm with a probability of exactly its weight's share.

    Args:
        weights: Positive weight of every arm.
        discount: Factor on old evidence at each update, 0.5 to 1. The bandit remembers about
            1 / (1 - discount) updates; 1 never forgets.
        floor: Share of the choices made by the weights alone, 0 to 1: no arm ever falls below `floor`
            times its weight's share.

    Raises:
        ValueError: no arm, or a weight, discount or floor out of range.
    """

    def __init__(self, weights: Mapping[str, float], *, discount: float = 0.99, floor: float = 0.05) -> None:
        require_number("discount", discount, 0.5, 1.0)
        require_number("floor", floor, 0.0, 1.0)
        self._arms, shares = _shares(weights)
        self._places = _places(self._arms)
        self._cumulative = np.cumsum(shares)
        self._prior = shares * len(shares)
        self._discount = float(discount)
        self._floor = float(floor)
        self._evidence = np.zeros((2, len(shares)))
        self._successes, self._failures = self._evidence  # views

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in the order of the weights."""
        return self._arms

    def choose(self, rng: np.random.Generator) -> str:
        """Return the arm with the largest posterior sample, or with probability `floor` one by weight."""
        if rng.random() < self._floor:
            return self._arms[_draw(rng, self._cumulative)]
        samples = rng.beta(self._prior + self._successes, 1.0 + self._failures)
        return self._arms[int(np.argmax(samples))]

    def update(self, arm: str, reward: float) -> None:
        """Discount all evidence, then add the reward's; see `Bandit`."""
        index = _check_update(self._places, arm, reward)
        self._evidence *= self._discount
        self._successes[index] += reward
        self._failures[index] += 1.0 - reward

    def state(self) -> dict[str, Any]:
        """Return [discounted successes, discounted failures] by arm."""
        pairs = zip(self._successes.tolist(), self._failures.tolist(), strict=True)
        return {"kind": "thompson", "arms": dict(zip(self._arms, map(list, pairs), strict=True))}

    def means(self) -> dict[str, float]:
        """See `Bandit.means`."""
        counts = self._successes + self._failures
        pairs = zip(self._arms, self._successes.tolist(), counts.tolist(), strict=True)
        return {arm: earned / count for arm, earned, count in pairs if count > 0}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned; see `Bandit`."""
        pairs = _evidence(state, "thompson", self._arms)
        self._evidence[:] = [[pair[0] for pair in pairs], [pair[1] for pair in pairs]]


class UCB1Bandit:
    """UCB1 with forgetting.

    Takes the arm with the largest upper confidence bound, mean + exploration * sqrt(2 ln n / n_arm)
    (UCB1: Auer, Cesa-Bianchi & Fischer 2002, https://doi.org/10.1023/A:1013689704352), where means and
    counts are discounted at every update (Garivier & Moulines 2011, https://arxiv.org/abs/0805.3415).
    Arms without evidence come first, drawn by their weights; ties are broken at random.

    The bound changes only with feedback, so tickets that are in flight together tend to use the same arm;
    with many of them prefer `ThompsonBandit`.

    Args:
        weights: Positive weight of every arm; matters only until each arm has evidence.
        discount: Factor on old evidence at each update, 0.5 to 1. The bandit remembers about
            1 / (1 - discount) updates; 1 never forgets.
        exploration: Factor on the confidence radius, 0 (greedy) to 100; 1 is UCB1 for rewards of [0, 1].

    Raises:
        ValueError: no arm, or a weight, discount or exploration out of range.
    """

    def __init__(
        self, weights: Mapping[str, float], *, discount: float = 0.99, exploration: float = 1.0
    ) -> None:
        require_number("discount", discount, 0.5, 1.0)
        require_number("exploration", exploration, 0.0, 100.0)
        self._arms, self._shares = _shares(weights)
        self._places = _places(self._arms)
        self._discount = float(discount)
        self._exploration = float(exploration)
        self._counts = [0.0] * len(self._arms)
        self._rewards = [0.0] * len(self._arms)

    @property
    def arms(self) -> tuple[str, ...]:
        """Names of the arms, in the order of the weights."""
        return self._arms

    def choose(self, rng: np.random.Generator) -> str:
        """Return an untried arm if there is one, else one with the largest bound."""
        untried = [i for i, count in enumerate(self._counts) if count == 0.0]
        if untried:
            return self._arms[untried[_draw(rng, np.cumsum(self._shares[untried]))]]
        bounds = self._bounds()
        top = max(bounds)
        leaders = [i for i, bound in enumerate(bounds) if bound == top]
        return self._arms[leaders[int(rng.integers(len(leaders)))]]

    def update(self, arm: str, reward: float) -> None:
        """Discount all evidence, then add the reward's; see `Bandit`."""
        index = _check_update(self._places, arm, reward)
        self._counts = [self._discount * count for count in self._counts]
        self._rewards = [self._discount * earned for earned in self._rewards]
        self._counts[index] += 1.0
        self._rewards[index] += reward

    def state(self) -> dict[str, Any]:
        """Return [discounted uses, discounted sum of rewards] by arm."""
        pairs = zip(self._counts, self._rewards, strict=True)
        return {"kind": "ucb1", "arms": dict(zip(self._arms, map(list, pairs), strict=True))}

    def means(self) -> dict[str, float]:
        """See `Bandit.means`."""
        triples = zip(self._arms, self._rewards, self._counts, strict=True)
        return {arm: earned / count for arm, earned, count in triples if count > 0}

    def load(self, state: Mapping[str, Any]) -> None:
        """Take over what `state` returned; see `Bandit`."""
        pairs = _evidence(state, "ucb1", self._arms)
        self._counts = [float(pair[0]) for pair in pairs]
        self._rewards = [float(pair[1]) for pair in pairs]

    def _bounds(self) -> list[float]:
        # The most recent update alone leaves a count of 1, so the logarithm is never negative.
        uses = 2.0 * math.log(max(1.0, math.fsum(self._counts)))
        return [
            earned / count + self._exploration * math.sqrt(uses / count)
            for count, earned in zip(self._counts, self._rewards, strict=True)
        ]


BANDITS: Mapping[str, Callable[..., Bandit]] = {
    "thompson": ThompsonBandit,
    "ucb1": UCB1Bandit,
    "fixed": FixedMix,
}
"""Bandits by the `kind` that a preset names."""


def resolve_bandit(choice: str | Mapping[str, Any], weights: Mapping[str, float]) -> Bandit:
    """Make the bandit that a name or a table stands for.

    Args:
        choice: "thompson", "ucb1" or "fixed"; or a table such as ``{"kind": "thompson", "discount": 0.98}``.
        weights: Positive weight of every arm.

    Raises:
        UsageError: unknown kind or option, or a value out of range.
    """
    return build("bandit", choice, BANDITS, weights)


def _shares(weights: Mapping[str, float]) -> tuple[tuple[str, ...], np.ndarray]:
    if not weights:
        raise ValueError("weights must name at least one arm, got none.")
    for arm, weight in weights.items():
        require_number(f"weight of {arm!r}", weight, 1e-6, 1e6)
    values = np.array(list(weights.values()), dtype=np.float64)
    return tuple(weights), values / values.sum()


def _places(arms: Sequence[str]) -> dict[str, int]:
    return {arm: place for place, arm in enumerate(arms)}


def _draw(rng: np.random.Generator, cumulative: np.ndarray) -> int:
    """Return an index with a probability proportional to its step in `cumulative`."""
    point = rng.random() * cumulative[-1]
    # Rounding may put the point on the last edge, which is past the last index.
    return min(int(np.searchsorted(cumulative, point, side="right")), len(cumulative) - 1)


def _check_update(places: Mapping[str, int], arm: str, reward: float) -> int:
    """Return the arm's place.

    Raises:
        ValueError: unknown arm, or a reward outside [0, 1].
    """
    place = places.get(arm)
    if place is None:
        raise ValueError(f"arm must be one of {', '.join(places)}, got {arm!r}.{suggest(arm, places)}")
    if not (type(reward) is float and 0.0 <= reward <= 1.0):  # else in full, for the message
        require_number("reward", reward, 0.0, 1.0)
    return place


def _evidence(state: Mapping[str, Any], kind: str, arms: Sequence[str]) -> list[Sequence[float]]:
    """Return the evidence by arm in the order of `arms`."""
    if state.get("kind") != kind:
        raise ValueError(f"state must be of a {kind!r} bandit, got kind {state.get('kind')!r}.")
    stored: Mapping[str, Sequence[float]] = state["arms"]
    if set(stored) != set(arms):
        raise ValueError(
            f"state must have the arms {', '.join(sorted(arms))}, got {', '.join(sorted(stored))}. "
            "The operators have changed since it was stored."
        )
    return [stored[arm] for arm in arms]
