"""The archipelago: a pure fold, with credit, migration and an exact digest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import NonFiniteError, ShapeError, Status
from evolve.errors import UsageError
from evolve.islands import Archipelago, Arm, Migration, Preset, load_preset
from evolve.problem import Measure

OPERATORS = ("jitter", "cross", "insert")
MEASURES = (
    Measure(metric="a", range=(0.0, 4.0), bins=4),
    Measure(metric="b", range=(0.0, 2.0), bins=2),
)


def preset(islands: int, **migration: Any) -> Preset:
    return Preset.model_validate(
        {"archipelago": {"title": "t"}, "migration": migration or None, "island": [{"copies": islands}]}
    )


def archipelago(islands: int = 3, **migration: Any) -> Archipelago:
    return Archipelago(preset(islands, **migration), MEASURES, OPERATORS)


Call = tuple[str, int, float, tuple[float, float], str | None]
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "insert", "failure", "migrate"]),
        st.integers(0, 3),
        st.integers(-5, 5).map(float),
        st.tuples(st.floats(-1, 5), st.floats(-1, 3)),
        st.sampled_from([None, *OPERATORS]),
    ),
    max_size=50,
)


def fold(world: Archipelago, calls: list[Call]) -> list[Any]:
    answers: list[Any] = []
    for i, (kind, island, fitness, measures, operator) in enumerate(calls):
        if kind == "insert":
            answers.append(world.insert(island, i, fitness, measures, operator))
        elif kind == "migrate":
            answers.append(world.migrate(np.random.default_rng(i)))
        elif operator is not None:
            world.record_failure(island, operator)
    return answers


@settings(deadline=None, max_examples=80)
@given(calls=CALLS, policy=st.sampled_from(["top", "random"]))
def test_the_same_calls_give_the_same_state_whatever_was_asked_in_between(
    calls: list[Call], policy: str
) -> None:
    plan = {"policy": policy, "count": 2}
    one, two = archipelago(4, **plan), archipelago(4, **plan)
    rng = np.random.default_rng(0)
    answers = []
    for i in range(len(calls)):
        one.select(i % 4, rng, 2)
        one.choose_arm(i % 4, rng)
    answers = fold(one, calls)
    assert fold(two, calls) == answers
    assert one.digest() == two.digest()
    assert one.best == two.best


@settings(deadline=None, max_examples=60)
@given(calls=CALLS)
def test_the_best_is_the_first_of_the_fittest_ever_inserted(calls: list[Call]) -> None:
    world = archipelago(4, count=1)
    inserted = [(i, call[2]) for i, call in enumerate(calls) if call[0] == "insert"]
    answers = [answer for answer in fold(world, calls) if not isinstance(answer, list)]
    best: tuple[int, float] | None = None
    for (program_id, fitness), answer in zip(inserted, answers, strict=True):
        assert answer.is_best == (best is None or fitness > best[1])
        if answer.is_best:
            assert answer.status != Status.REJECTED
            best = (program_id, fitness)
    assert world.best == best
    if best is not None:
        assert best[1] == max(island.archive.best[1] for island in world.islands if island.archive.best)


def test_tickets_are_dealt_in_turn() -> None:
    world = archipelago(3)
    assert [world.island_of(ticket) for ticket in range(7)] == [0, 1, 2, 0, 1, 2, 0]


def test_insertion_answers_and_rewards() -> None:
    world = archipelago(2)
    assert world.insert(0, 1, 1.0, [0.5, 0.5]) == (Status.NEW, 0.0, 0, True)
    assert world.islands[0].bandit.state()["arms"]["jitter"] == [0.0, 0.0]
    assert world.insert(0, 2, 3.0, [0.5, 0.5], "jitter") == (Status.IMPROVED, 2.0, 0, True)
    assert world.islands[0].bandit.state()["arms"]["jitter"] == [0.5, 0.5]
    assert world.insert(1, 3, 2.0, [3.5, 1.5], "jitter") == (Status.NEW, 0.0, 7, False)
    assert world.islands[1].bandit.state()["arms"]["jitter"] == [0.25, 0.75]
    assert world.best == (2, 3.0)


def test_a_failure_earns_nothing() -> None:
    world = archipelago(1)
    world.record_failure(0, "cross")
    assert world.islands[0].bandit.state()["arms"]["cross"] == [0.0, 1.0]


def test_selection_and_operator_come_from_the_island() -> None:
    world = archipelago(2)
    world.insert(1, 7, 1.0, [0.5, 0.5])
    rng = np.random.default_rng(0)
    assert world.select(0, rng, 2) == []
    assert world.select(1, rng, 2) == [7]
    assert world.choose_arm(0, rng).name in OPERATORS


def test_a_refused_insertion_changes_nothing() -> None:
    world = archipelago(2)
    world.insert(0, 1, 1.0, [0.5, 0.5], "jitter")
    before = world.digest()
    with pytest.raises(NonFiniteError, match="got fitness = nan"):
        world.insert(0, 2, math.nan, [0.5, 0.5], "jitter")
    with pytest.raises(ShapeError, match=r"measures must be 2 values \(a, b\), got 1"):
        world.insert(0, 2, 5.0, [0.5], "jitter")
    for island in (-1, 2):
        with pytest.raises(IndexError, match=r"island must be 0 \.\. 1, got"):
            world.insert(island, 2, 5.0, [0.5, 0.5])
    assert world.digest() == before
    assert world.best == (1, 1.0)


def test_migration_is_due_at_every_interval() -> None:
    world = archipelago(2, interval=3)
    assert [commits for commits in range(10) if world.migrate_due(commits)] == [3, 6, 9]
    assert not archipelago(1, interval=1).migrate_due(5)
    assert not archipelago(2).migrate_due(40)


def test_migration_sends_the_top_along_the_ring_one_connection_at_a_time() -> None:
    world = archipelago(3, count=2)
    world.insert(0, 1, 1.0, [0.5, 0.5])
    world.insert(0, 2, 9.0, [1.5, 0.5])
    world.insert(0, 3, 5.0, [2.5, 0.5])
    world.insert(1, 4, 7.0, [2.5, 0.5])
    assert world.migrate(np.random.default_rng(0)) == [
        Migration(0, 1, 2, Status.NEW, 2.0, 2),
        Migration(0, 1, 3, Status.REJECTED, 0.0, 4),
        Migration(1, 2, 4, Status.NEW, 0.0, 4),
    ]
    assert [island.archive.ids.tolist() for island in world.islands] == [[1, 2, 3], [4, 2], [4]]
    assert world.islands[1].bandit.state() == archipelago(3).islands[1].bandit.state()


def test_random_migrants_are_distinct_and_repeat_with_the_generator() -> None:
    def migrants(seed: int) -> list[int]:
        world = archipelago(2, count=3, policy="random")
        for i in range(8):
            world.insert(0, i, float(i), [i // 2 + 0.5, i % 2 + 0.5])
        return [move.program_id for move in world.migrate(np.random.default_rng(seed))]

    assert migrants(1) == migrants(1)
    assert all(len(set(migrants(seed))) == 3 for seed in range(5))
    assert len({tuple(migrants(seed)) for seed in range(20)}) > 5


def test_without_a_migration_table_nothing_moves() -> None:
    world = archipelago(2)
    world.insert(0, 1, 1.0, [0.5, 0.5])
    assert world.migrate(np.random.default_rng(0)) == []


def test_the_digest_sees_every_kind_of_change() -> None:
    def digest(*calls: Call) -> str:
        world = archipelago(2, count=1)
        fold(world, list(calls))
        return world.digest()

    base: Call = ("insert", 0, 1.0, (0.5, 0.5), "jitter")
    variants = [
        digest(),
        digest(base),
        digest(("insert", 1, 1.0, (0.5, 0.5), "jitter")),
        digest(("insert", 0, math.nextafter(1.0, 2.0), (0.5, 0.5), "jitter")),
        digest(("insert", 0, 1.0, (0.6, 0.5), "jitter")),
        digest(("insert", 0, 1.0, (0.5, 0.5), "cross")),
        digest(("insert", 0, 1.0, (0.5, 0.5), None)),
        digest(base, ("failure", 0, 0.0, (0.0, 0.0), "jitter")),
    ]
    assert len(set(variants)) == len(variants)
    assert all(len(variant) == 64 for variant in variants)


def test_ring4_works_with_any_operators() -> None:
    world = Archipelago(load_preset("ring4"), MEASURES, ["only"])
    assert len(world.islands) == 4
    assert world.choose_arm(3, np.random.default_rng(0)).name == "only"


def test_an_operator_that_the_run_lacks_is_refused() -> None:
    spec = Preset.model_validate({"archipelago": {"title": "t"}, "island": [{"operators": {"diff": 1.0}}]})
    with pytest.raises(
        UsageError, match=r"'diff' must be one of the run's operators \(jitter, cross, insert\)"
    ):
        Archipelago(spec, MEASURES, OPERATORS)


def test_an_arm_that_the_island_lacks_earns_nothing() -> None:
    world, other = archipelago(2), archipelago(2)
    assert world.insert(0, 2, 5.0, [0.5, 0.5], "x") == other.insert(0, 2, 5.0, [0.5, 0.5])
    world.record_failure(1, "x")
    assert world.islands[0].bandit.state() == other.islands[0].bandit.state()
    assert world.islands[1].bandit.state() == other.islands[1].bandit.state()


def test_the_models_of_an_operator_share_its_weight() -> None:
    arms = [Arm("jitter"), Arm("diff", "big"), Arm("diff", "small", 3.0)]
    world = Archipelago(preset(1), MEASURES, arms, {"jitter": 1.0, "diff": 4.0})
    assert world.islands[0].bandit.arms == ("jitter", "diff@big", "diff@small")
    draws = [world.choose_arm(0, np.random.default_rng(seed)) for seed in range(2000)]
    assert draws.count(arms[2]) / 2000 == pytest.approx(0.6, abs=0.05)
    assert draws.count(arms[1]) / 2000 == pytest.approx(0.2, abs=0.05)


def test_what_costs_more_earns_less() -> None:
    cheap, dear = archipelago(1), archipelago(1)
    for world, cost in ((cheap, 1.0), (dear, 10.0)):
        world.insert(0, 1, 1.0, [0.5, 0.5], "jitter", 1.0)  # the usual cost
        world.insert(0, 2, 2.0, [0.1, 0.1], "cross", cost)
    earned = [world.islands[0].bandit.state()["arms"]["cross"][0] for world in (cheap, dear)]
    assert earned[0] > 2 * earned[1] > 0
