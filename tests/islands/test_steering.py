"""Pinned and banned programs: parents, migrants, bests and archives."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.islands import Archipelago, Goal, Goals, Preset
from evolve.problem import Measure

MEASURES = (Measure(metric="size", range=(0.0, 1.0), bins=4),)
RULES = ("uniform", "tournament", "boltzmann", "rank", "novelty", "curiosity", "uct")


def archipelago(islands: int = 1, selection: str = "uniform", goals: Goals | None = None) -> Archipelago:
    preset = Preset.model_validate(
        {
            "archipelago": {"title": "for tests"},
            "migration": {"interval": 5, "count": 1},
            "island": [{"copies": islands, "selection": {"kind": selection}}],
        }
    )
    return Archipelago(preset, MEASURES, ["edit"], goals=goals)


def drawn(world: Archipelago, island: int = 0, times: int = 400) -> list[int]:
    """Return whom many selections of one parent chose."""
    rng = np.random.default_rng(1)
    return [program for _ in range(times) for program in world.select(island, rng, 1)]


@pytest.mark.parametrize("rule", RULES)
def test_a_pinned_program_stays_a_parent_when_it_is_replaced(rule: str) -> None:
    world = archipelago(selection=rule)
    world.insert(0, 1, 1.0, [0.1])
    for number, place in ((2, 0.1), (3, 0.4), (4, 0.6)):
        world.insert(0, number, 5.0, [place])
    assert 1 not in drawn(world)
    world.pin(1, [0])
    share = drawn(world).count(1) / 400
    assert 0.15 < share < 0.35, "one of four candidates"
    world.unpin(1)
    assert 1 not in drawn(world)


def test_a_pin_draws_nothing_extra_while_the_program_is_an_elite() -> None:
    world, pinned = archipelago(), archipelago()
    for each in (world, pinned):
        each.insert(0, 1, 1.0, [0.1])
        each.insert(0, 2, 1.0, [0.6])
    pinned.pin(1, [0])
    assert drawn(world) == drawn(pinned)
    assert world.digest() != pinned.digest(), "what may be drawn later differs"


def test_a_pin_is_for_its_islands_and_parents_stay_distinct() -> None:
    world = archipelago(2)
    for island in (0, 1):
        world.insert(island, 1, 1.0, [0.1], parents=())
        world.insert(island, 10 + island, 5.0, [0.1])
        world.insert(island, 20 + island, 5.0, [0.9])
    world.pin(1, [1])
    assert 1 not in drawn(world, 0)
    assert 1 in drawn(world, 1)
    rng = np.random.default_rng(0)
    for _ in range(50):
        parents = world.select(1, rng, 3)
        assert len(set(parents)) == len(parents) <= 3
    assert world.select(1, rng, 0) == []


@pytest.mark.parametrize("rule", RULES)
def test_a_banned_program_is_no_parent_and_gives_its_cell_back(rule: str) -> None:
    world = archipelago(selection=rule)
    world.insert(0, 1, 1.0, [0.1])
    world.insert(0, 2, 9.0, [0.1])
    world.insert(0, 3, 2.0, [0.9])
    world.pin(2, [0])
    assert world.best == (2, 9.0)
    assert world.ban(2) == [(0, 0, 1)]
    assert world.best == (3, 2.0)
    assert world.pinned == frozenset()
    assert world.banned == {2}
    archive = world.islands[0].archive
    assert archive.ids.tolist() == [1, 3], "whom it had replaced is back"
    assert set(drawn(world)) <= {1, 3}
    assert world.unban(2) == [(0, 0, 2)]
    assert world.best == (2, 9.0)
    assert archive.ids.tolist() == [2, 3]
    assert set(drawn(world)) <= {2, 3}


def test_the_front_of_cases_forgets_a_banned_program() -> None:
    cases = Goals(cases=(Goal("first", 1.0), Goal("second", 1.0)))
    world = archipelago(selection="pareto", goals=cases)
    world.insert(0, 1, 1.0, [0.1], metrics={"first": 1.0, "second": 1.0})
    world.insert(0, 2, 9.0, [0.4], metrics={"first": 9.0, "second": 0.0})
    world.ban(2)
    assert set(drawn(world)) == {1}
    world.insert(0, 3, 2.0, [0.9], metrics={"first": 0.5, "second": 0.0})
    assert set(drawn(world)) == {1, 3}, "the case is open to who comes next"
    world.unban(2)
    assert 2 in set(drawn(world))


def test_an_island_that_bans_empty_is_fed_by_the_next() -> None:
    world = archipelago(3)
    world.insert(0, 1, 1.0, [0.1])
    world.insert(2, 2, 1.0, [0.1])
    assert world.ban(1) == [(0, 0, None)]
    assert world.islands[0].archive.size == 0
    assert set(drawn(world, 0)) == {2}
    assert not world.may_ban(2)
    assert world.may_ban(1)


def test_a_banned_program_does_not_migrate() -> None:
    world = archipelago(2)
    world.insert(0, 1, 9.0, [0.1])
    world.insert(0, 2, 1.0, [0.9])
    world.insert(1, 3, 1.0, [0.9])
    world.ban(1)
    assert [move.program_id for move in world.migrate(np.random.default_rng(0)) if move.source == 0] == [2]


Step = tuple[str, int, int, float, float]


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    kinds = st.sampled_from(("insert", "insert", "insert", "ban", "unban", "pin", "unpin", "migrate"))
    steps = []
    for number in range(1, draw(st.integers(1, 40))):
        place, fitness = draw(st.floats(0, 1)), float(draw(st.integers(-3, 3)))
        steps.append((draw(kinds), draw(st.integers(1, number)), draw(st.integers(0, 2)), fitness, place))
    return steps


def lived(steps: Sequence[Step]) -> tuple[Archipelago, dict[int, float]]:
    """Return an archipelago after some steps, and the fitness of all programs."""
    world = archipelago(3)
    born: dict[int, float] = {}
    for number, (kind, program, island, fitness, place) in enumerate(steps, 1):
        if kind == "insert":
            world.insert(island, number, fitness, [place])
            born[number] = fitness
        elif kind == "migrate":
            world.migrate(np.random.default_rng(number))
        elif kind == "ban" and world.may_ban(program):
            world.ban(program)
        elif kind == "unban" and program in world.banned:
            world.unban(program)
        elif kind == "pin" and program in born and program not in world.banned:
            world.pin(program, [island])
        elif kind == "unpin":
            world.unpin(program)
    return world, born


@settings(max_examples=150, deadline=None)
@given(steps=lives())
def test_archives_hold_what_is_not_banned(steps: list[Step]) -> None:
    world, born = lived(steps)
    allowed = {program: fitness for program, fitness in born.items() if program not in world.banned}
    for island in world.islands:
        archive = island.archive
        elites = archive.elites()
        assert world.banned.isdisjoint(elites.ids.tolist())
        assert archive.qd_score == float(sum(elites.fitness.tolist()))
        assert len(set(elites.cells.tolist())) == archive.size
        for program, fitness in zip(elites.ids.tolist(), elites.fitness.tolist(), strict=True):
            assert born[program] == fitness
    if allowed:
        best = max(allowed.values())
        assert world.best == (next(p for p, fitness in allowed.items() if fitness == best), best)
    else:
        assert world.best is None
    assert world.banned.isdisjoint(world.pinned)
    again, _ = lived(steps)
    assert again.digest() == world.digest()
    rng = np.random.default_rng(0)
    for number in range(3):
        assert world.banned.isdisjoint(world.select(number, rng, 2))
