"""Migration: senders keep their elites, duplicates stay at home, stuck islands begin anew."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import Status
from evolve.errors import UsageError
from evolve.islands import Archipelago, Arm, Goal, Goals, Preset
from evolve.islands._migrants import POLICIES
from evolve.islands._topology import TOPOLOGIES
from evolve.problem import Measure

MEASURES = (Measure(metric="a", range=(0.0, 4.0), bins=4), Measure(metric="b", range=(0.0, 2.0), bins=2))
OWN: list[dict[str, Any]] = [
    {},
    {"measures": [{"metric": "c", "range": [0, 1], "bins": 3, "adapt": True}], "selection": {"kind": "uct"}},
    {"archive": {"kind": "cvt", "cells": 5}, "selection": {"kind": "curiosity"}},
    {"selection": {"kind": "novelty"}},
]


def archipelago(tables: list[dict[str, Any]], **migration: Any) -> Archipelago:
    raw = {"archipelago": {"title": "t"}, "migration": migration, "island": tables}
    return Archipelago(Preset.model_validate(raw), MEASURES, ["x"])


Call = tuple[str, int, float, tuple[float, float, float]]
CALLS = st.lists(
    st.tuples(
        st.sampled_from(["insert", "insert", "insert", "fail", "migrate"]),
        st.integers(0, 3),
        st.integers(-5, 5).map(float),
        st.tuples(st.floats(-1, 5), st.floats(-1, 3), st.floats(-100, 100)),
    ),
    max_size=60,
)


def insert(world: Archipelago, island: int, program: int, fitness: float, point: tuple[float, ...]) -> None:
    parents = (program - 1,) if program else ()
    metrics = dict(zip("abc", point, strict=True))
    world.insert(island, program, fitness, point[:2], "x", metrics=metrics, parents=parents)


def elites(world: Archipelago) -> list[dict[int, tuple[int, float]]]:
    found = []
    for island in world.islands:
        now = island.archive.elites()
        rows = zip(now.cells.tolist(), now.ids.tolist(), now.fitness.tolist(), strict=True)
        found.append({cell: (program, fitness) for cell, program, fitness in rows})
    return found


@settings(deadline=None, max_examples=60)
@given(
    calls=CALLS,
    topology=st.sampled_from(sorted(TOPOLOGIES)),
    policy=st.sampled_from(sorted(POLICIES)),
    mixed=st.booleans(),
)
def test_migration_conserves_elites(calls: list[Call], topology: str, policy: str, mixed: bool) -> None:
    tables: list[dict[str, Any]] = OWN if mixed else [{"copies": 4}]
    world = archipelago(tables, topology=topology, policy=policy, count=2)
    travelled: set[tuple[int, int]] = set()
    for number, (kind, island, fitness, point) in enumerate(calls):
        if kind == "insert":
            insert(world, island, number, fitness, point)
        elif kind == "fail":
            world.record_failure(island, "x", program_id=number)
        else:
            before, revisions = elites(world), [i.archive.revision for i in world.islands]
            known = [set(i.known) for i in world.islands]
            moves = world.migrate(np.random.default_rng(number))
            after = elites(world)
            for index, (was, now) in enumerate(zip(before, after, strict=True)):
                if world.islands[index].archive.revision != revisions[index]:
                    continue
                # a cell loses its elite to a fitter one only, and never for having sent it
                assert was.keys() <= now.keys()
                assert all(now[cell] == was[cell] or now[cell][1] > was[cell][1] for cell in was)
                arrived = {move.program_id for move in moves if move.target == index}
                assert {now[cell][0] for cell in now if now[cell] != was.get(cell)} <= arrived
            for move in moves:
                assert move.program_id not in known[move.target]
                assert move.program_id in {program for program, _ in before[move.source].values()}
            pairs = {(move.program_id, move.target) for move in moves}
            assert not pairs & travelled  # nobody travels the same way twice
            travelled |= pairs
    for home in world.islands:
        kept = home.archive.elites()
        assert home.archive.qd_score == pytest.approx(kept.fitness.sum())
        assert home.archive.size == len(set(kept.cells.tolist()))


@settings(deadline=None, max_examples=30)
@given(calls=CALLS, topology=st.sampled_from(["random", "full"]))
def test_equal_calls_give_equal_worlds_with_all_that_islands_can_be(calls: list[Call], topology: str) -> None:
    worlds = [archipelago(OWN, topology=topology, patience=3, settlers=2) for _ in range(2)]
    for world in worlds:
        for number, (kind, island, fitness, point) in enumerate(calls):
            if kind == "insert":
                insert(world, island, number, fitness, point)
            elif kind == "fail":
                world.record_failure(island, "x", program_id=number, parents=(0,))
            else:
                world.migrate(np.random.default_rng(number))
            if world is worlds[1]:  # asking changes nothing
                world.select(island, np.random.default_rng(number), 2)
    assert worlds[0].digest() == worlds[1].digest()
    for world in worlds:
        bests = [i.archive.best[1] for i in world.islands if i.archive.best is not None]
        assert world.best is None or max(bests) == world.best[1]  # beginning anew never loses the best


@pytest.mark.parametrize(
    ("topology", "routes"),
    [
        ("ring", [(0, 1), (1, 2), (2, 0)]),
        ("star", [(1, 0), (2, 0), (0, 1), (0, 2)]),
        ("full", [(0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)]),
        ("isolated", []),
    ],
)
def test_topologies(topology: str, routes: list[tuple[int, int]]) -> None:
    assert TOPOLOGIES[topology](3, np.random.default_rng(0)) == routes
    assert TOPOLOGIES[topology](1, np.random.default_rng(0)) == []


def test_a_random_topology_sends_each_island_to_one_other() -> None:
    drawn = [TOPOLOGIES["random"](4, np.random.default_rng(seed)) for seed in range(30)]
    assert all([source for source, _ in routes] == [0, 1, 2, 3] for routes in drawn)
    assert all(source != target for routes in drawn for source, target in routes)
    assert len({tuple(routes) for routes in drawn}) > 20


def test_diverse_migrants_begin_with_the_fittest_and_lie_far_apart() -> None:
    world = archipelago([{"copies": 2}], policy="diverse", count=3)
    for program, (fitness, a) in enumerate([(1.0, 0.5), (9.0, 1.5), (2.0, 2.5), (0.0, 3.5)]):
        world.insert(0, program, fitness, [a, 0.5])
    assert [move.program_id for move in world.migrate(np.random.default_rng(0))] == [1, 3, 0]


def test_what_the_target_was_offered_before_does_not_travel() -> None:
    world = archipelago([{"copies": 2}], count=2)
    for island in (0, 1):
        world.insert(island, 1, 1.0, [0.5, 0.5])  # a seed enters all islands
    world.insert(0, 2, 5.0, [1.5, 0.5])
    moves = world.migrate(np.random.default_rng(0))
    assert [(move.source, move.target, move.program_id) for move in moves] == [(0, 1, 2)]
    assert world.migrate(np.random.default_rng(0)) == []


def test_a_stuck_island_begins_anew_from_a_better_one() -> None:
    world = archipelago([{"copies": 2}], topology="isolated", patience=3, settlers=2)
    for program, (island, fitness) in enumerate([(0, 1.0), (1, 5.0), (1, 6.0), (1, 7.0)]):
        world.insert(island, program, fitness, [program + 0.5, 0.5])
    for number in range(10, 13):
        for island in (0, 1):  # the better one is stuck as well, but holds the best of all
            world.record_failure(island, "x", program_id=number)
    moves = world.migrate(np.random.default_rng(0))
    assert [(m.source, m.target, m.program_id, m.status, m.reseeded) for m in moves] == [
        (1, 0, 3, Status.NEW, True),
        (1, 0, 2, Status.NEW, True),
    ]
    assert world.islands[0].archive.ids.tolist() == [3, 2]
    assert world.islands[0].since_best == 0
    assert world.best == (3, 7.0)


def test_islands_measure_by_their_own() -> None:
    world = archipelago(OWN[:2], count=1)
    assert world.metrics == ("a", "b", "c")
    insert(world, 0, 1, 1.0, (3.5, 0.5, 0.9))
    assert [move.cell for move in world.migrate(np.random.default_rng(0))] == [2]
    with pytest.raises(KeyError, match="c"):
        world.insert(1, 2, 1.0, [0.5, 0.5])


def test_goals_reach_the_rules_that_ask_for_them() -> None:
    raw = {"archipelago": {"title": "t"}, "island": [{"selection": {"kind": "pareto"}}]}
    goals = Goals(cases=(Goal("v[0]", -1.0), Goal("v[1]", -1.0)))
    world = Archipelago(Preset.model_validate(raw), MEASURES, ["x"], goals=goals)
    for program, values in enumerate([(1.0, 9.0), (9.0, 1.0), (5.0, 5.0)]):
        metrics = {"v[0]": values[0], "v[1]": values[1]}
        world.insert(0, program, -sum(values), [0.5, 0.5], metrics=metrics)
    assert set(world.select(0, np.random.default_rng(0), 2)) == {0, 1}
    with pytest.raises(UsageError, match=r"pareto: needs a problem with several \[\[cases\]\]"):
        Archipelago(Preset.model_validate(raw), MEASURES, ["x"])


def test_an_island_asks_only_its_models() -> None:
    raw = {"archipelago": {"title": "t"}, "island": [{"models": ["big"]}, {}]}
    arms = [Arm("jitter"), Arm("diff", "big"), Arm("diff", "small")]
    world = Archipelago(Preset.model_validate(raw), MEASURES, arms)
    assert [island.bandit.arms for island in world.islands] == [
        ("jitter", "diff@big"),
        ("jitter", "diff@big", "diff@small"),
    ]
    raw["island"][0]["models"] = ["bigg"]  # type: ignore[index]
    with pytest.raises(UsageError, match=r"island\.models: 'bigg' must be one of .*\(big, small\)\. Did you"):
        Archipelago(Preset.model_validate(raw), MEASURES, arms)
