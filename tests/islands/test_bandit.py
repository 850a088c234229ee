"""Bandits: one contract for all, then what each promises."""

from __future__ import annotations

import json
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.errors import UsageError
from evolve.islands import Bandit, FixedMix, ThompsonBandit, UCB1Bandit, resolve_bandit

ARMS = ("a", "b", "c")
KINDS = ("thompson", "ucb1", "fixed")
every_kind = pytest.mark.parametrize("kind", KINDS)

UPDATES = st.lists(st.tuples(st.sampled_from(ARMS), st.floats(0, 1)), max_size=60)


def make(kind: str, **options: float) -> Bandit:
    return resolve_bandit({"kind": kind, **options}, dict.fromkeys(ARMS, 1.0))


def shares(bandit: Bandit, draws: int = 4000) -> dict[str, float]:
    rng = np.random.default_rng(3)
    drawn = Counter(bandit.choose(rng) for _ in range(draws))
    return {arm: drawn[arm] / draws for arm in bandit.arms}


@every_kind
@settings(deadline=None, max_examples=60)
@given(updates=UPDATES, seed=st.integers(0, 2**32))
def test_state_survives_json_and_decides_all_choices(
    kind: str, updates: list[tuple[str, float]], seed: int
) -> None:
    bandit, copy = make(kind), make(kind)
    for arm, reward in updates:
        bandit.update(arm, reward)
    copy.load(json.loads(json.dumps(bandit.state())))
    assert copy.state() == bandit.state()
    rng, again = np.random.default_rng(seed), np.random.default_rng(seed)
    assert [bandit.choose(rng) for _ in range(10)] == [copy.choose(again) for _ in range(10)]
    bandit.update("a", 0.5)
    copy.update("a", 0.5)
    assert copy.state() == bandit.state()


@every_kind
def test_choosing_changes_nothing(kind: str) -> None:
    bandit = make(kind)
    bandit.update("b", 0.5)
    before = bandit.state()
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert bandit.choose(rng) in ARMS
    assert bandit.state() == before


@every_kind
def test_the_contract_is_met_and_arms_keep_their_order(kind: str) -> None:
    assert isinstance(make(kind), Bandit)
    assert make(kind).arms == ARMS


@every_kind
def test_without_evidence_arms_are_drawn_by_weight(kind: str) -> None:
    found = shares(resolve_bandit(kind, {"a": 1.0, "b": 2.0, "c": 5.0}))
    assert list(found.values()) == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.03)


@every_kind
def test_wrong_updates_are_refused(kind: str) -> None:
    bandit = resolve_bandit(kind, {"jitter": 1.0, "insert": 1.0})
    with pytest.raises(
        ValueError, match=r"arm must be one of jitter, insert, got 'jiter'\. Did you mean 'jitter'\?"
    ):
        bandit.update("jiter", 0.5)
    for bad in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="reward must be a number from 0 to 1, got"):
            bandit.update("jitter", bad)


@every_kind
def test_a_foreign_state_is_refused(kind: str) -> None:
    other = KINDS[KINDS.index(kind) - 1]
    with pytest.raises(ValueError, match=f"state must be of a '{kind}' bandit, got kind '{other}'"):
        make(kind).load(make(other).state())
    with pytest.raises(
        ValueError, match=r"state must have the arms a, b, c, got x\. The operators have changed"
    ):
        make(kind).load(resolve_bandit(kind, {"x": 1.0}).state())


@pytest.mark.parametrize("kind", ["thompson", "ucb1"])
def test_the_paying_arm_is_found_and_a_change_is_noticed(kind: str) -> None:
    bandit, rng = make(kind, discount=0.95), np.random.default_rng(1)
    for paying in ("a", "c"):
        for _ in range(400):
            arm = bandit.choose(rng)
            bandit.update(arm, 0.8 if arm == paying else 0.1)
        # A discounted UCB1 keeps a wide radius for arms it has half forgotten, so it favours less sharply.
        uses: Counter[str] = Counter()
        for _ in range(200):
            arm = bandit.choose(rng)
            bandit.update(arm, 0.8 if arm == paying else 0.1)
            uses[arm] += 1
        assert uses.most_common(1)[0][0] == paying
        assert uses[paying] > 90


def test_thompson_spreads_many_choices_that_wait_for_feedback() -> None:
    bandit = make("thompson")
    for _ in range(3):
        bandit.update("a", 0.6)
        bandit.update("b", 0.4)
        bandit.update("c", 0.4)
    assert all(share > 0.1 for share in shares(bandit, 300).values())


def test_thompson_starves_no_arm() -> None:
    bandit = ThompsonBandit({"a": 1.0, "b": 1.0, "c": 2.0}, discount=1.0, floor=0.2)
    for _ in range(3000):
        bandit.update("a", 1.0)
        bandit.update("b", 0.0)
        bandit.update("c", 0.0)
    found = shares(bandit)
    assert found["b"] == pytest.approx(0.2 / 4, abs=0.015)
    assert found["c"] == pytest.approx(0.2 / 2, abs=0.02)


def test_thompson_counts_fractions_and_forgets() -> None:
    bandit = ThompsonBandit({"a": 1.0, "b": 1.0}, discount=0.5)
    bandit.update("a", 0.25)
    bandit.update("b", 1.0)
    assert bandit.state() == {"kind": "thompson", "arms": {"a": [0.125, 0.375], "b": [1.0, 0.0]}}


def test_ucb1_bounds_are_those_of_the_paper() -> None:
    bandit = UCB1Bandit({"a": 1.0, "b": 1.0}, discount=1.0)
    for reward in (1.0, 0.0, 1.0):
        bandit.update("a", reward)
    bandit.update("b", 0.5)
    expected = [2 / 3 + math.sqrt(2 * math.log(4) / 3), 0.5 + math.sqrt(2 * math.log(4) / 1)]
    assert bandit._bounds() == pytest.approx(expected)
    assert bandit.choose(np.random.default_rng(0)) == "b"


def test_ucb1_tries_every_arm_and_breaks_ties_at_random() -> None:
    bandit = make("ucb1")
    bandit.update("b", 1.0)
    assert set(shares(bandit, 50)) == set(ARMS)
    assert shares(bandit, 50)["b"] == 0.0
    tied = UCB1Bandit({"a": 1.0, "b": 1.0}, discount=1.0)
    tied.update("a", 0.5)
    tied.update("b", 0.5)
    assert shares(tied)["a"] == pytest.approx(0.5, abs=0.05)


def test_ucb1_survives_evidence_that_faded_away() -> None:
    bandit = UCB1Bandit({"a": 1.0, "b": 1.0}, discount=0.5)
    bandit.update("b", 1.0)
    for _ in range(1200):
        bandit.update("a", 0.5)
        assert bandit.choose(np.random.default_rng(0)) in {"a", "b"}
    assert bandit.choose(np.random.default_rng(0)) == "b"


def test_a_fixed_mix_learns_nothing() -> None:
    bandit = FixedMix({"a": 3.0, "b": 1.0})
    before = shares(bandit)
    for _ in range(50):
        bandit.update("b", 1.0)
    assert shares(bandit) == before


@pytest.mark.parametrize(
    ("choice", "weights", "message"),
    [
        (
            "tompson",
            {"a": 1},
            r"kind must be one of thompson, ucb1, fixed, got 'tompson' \(did you mean 'thompson'\?\)",
        ),
        (
            {"kind": "fixed", "discount": 0.9},
            {"a": 1},
            r"fixed has no option 'discount'; its options: none",
        ),
        (
            {"kind": "thompson", "discount": 1.5},
            {"a": 1},
            r"thompson: discount must be a number from 0\.5 to 1, got 1\.5",
        ),
        ({"kind": "thompson", "floor": -1}, {"a": 1}, r"floor must be a number from 0 to 1, got -1"),
        (
            {"kind": "ucb1", "exploration": True},
            {"a": 1},
            r"exploration must be a number from 0 to 100, got True",
        ),
        ("thompson", {}, r"weights must name at least one arm, got none"),
        ("fixed", {"a": 0}, r"weight of 'a' must be a number from 1e-06 to 1e\+06, got 0"),
    ],
)
def test_a_wrong_choice_is_explained(choice: Any, weights: dict[str, float], message: str) -> None:
    with pytest.raises(UsageError, match="^bandit: .*" + message):
        resolve_bandit(choice, weights)
