"""Rules that learn from what became of programs, and those that look at more than one number."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import GridArchive
from evolve.errors import UsageError
from evolve.islands import (
    SELECTIONS,
    UCT,
    Birth,
    Curiosity,
    Goal,
    Goals,
    Novelty,
    Objectives,
    Observing,
    Pareto,
    Rank,
    Selection,
    resolve_selection,
)
from evolve.islands._contenders import MOST, scatter
from evolve.problem import Measure

GOALS = Goals((Goal("a", 1.0, 1.0), Goal("b", -1.0, 3.0)), (Goal("a[0]", 1.0), Goal("a[1]", 1.0)))
DRAWS = 3000
every_rule = pytest.mark.parametrize("kind", SELECTIONS)


def archive_of(fitness: list[float]) -> GridArchive:
    """Return an archive whose elites have the ids 0, 1, ... and lie on a line."""
    n = max(1, len(fitness))
    archive = GridArchive([Measure(metric="m", range=(0.0, float(n)), bins=n)])
    for i, value in enumerate(fitness):
        archive.add_single(i, value, [i + 0.5])
    return archive


def begun(kind: str | dict[str, Any], fitness: list[float]) -> Selection:
    selection = resolve_selection(kind)
    if isinstance(selection, Observing):
        selection.begin(GOALS)
        for i, value in enumerate(fitness):
            selection.observe(Birth(i, (), value, True, (value, -value), (value, -value)))
    return selection


def shares(selection: Selection, archive: GridArchive) -> dict[int, float]:
    rng = np.random.default_rng(7)
    drawn = Counter(selection.select(archive, rng, 1)[0] for _ in range(DRAWS))
    return {program: times / DRAWS for program, times in drawn.items()}


@every_rule
@settings(deadline=None, max_examples=40)
@given(
    fitness=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30),
    count=st.integers(0, 40),
    seed=st.integers(0, 2**32),
)
def test_parents_are_distinct_and_repeat_with_the_seed(
    kind: str, fitness: list[float], count: int, seed: int
) -> None:
    archive, selection = archive_of(fitness), begun(kind, fitness)
    picked = selection.select(archive, np.random.default_rng(seed), count)
    assert len(picked) == len(set(picked)) == min(count, len(fitness))
    assert set(picked) <= set(archive.ids.tolist())
    assert all(type(program) is int for program in picked)
    assert picked == selection.select(archive, np.random.default_rng(seed), count)
    assert picked == begun(kind, fitness).select(archive, np.random.default_rng(seed), count)


@every_rule
def test_large_archives_are_sampled(kind: str) -> None:
    fitness = np.linspace(0.0, 1.0, 3 * MOST).tolist()
    archive, selection = archive_of(fitness), begun(kind, fitness)
    picked = [selection.select(archive, np.random.default_rng(seed), 3) for seed in range(20)]
    assert all(len(set(some)) == 3 for some in picked)
    assert {program for some in picked for program in some} <= set(range(3 * MOST))


@settings(deadline=None, max_examples=60)
@given(size=st.integers(1, 3000), count=st.integers(1, 600), seed=st.integers(0, 2**32))
def test_scattered_rows_are_distinct(size: int, count: int, seed: int) -> None:
    rows = scatter(size, count, np.random.default_rng(seed)).tolist()
    assert len(set(rows)) == len(rows) == min(size, count)
    assert min(rows) >= 0
    assert max(rows) < size


def test_rank_looks_at_the_order_alone() -> None:
    found = shares(Rank(exponent=1.0), archive_of([0.0, 1e300, 5.0]))
    weights = [1.0, 1 / 2, 1 / 3]
    expected = [weight / sum(weights) for weight in weights]
    assert [found[i] for i in (1, 2, 0)] == pytest.approx(expected, abs=0.03)


def test_rank_puts_the_earlier_of_equals_higher() -> None:
    rng = np.random.default_rng(0)
    assert Rank(exponent=10.0).select(archive_of([2.0, 2.0, 2.0]), rng, 3) == [0, 1, 2]


def test_novelty_prefers_the_lonely() -> None:
    archive = GridArchive([Measure(metric="m", range=(0.0, 100.0), bins=100)])
    for i, place in enumerate([*range(8), 90]):
        archive.add_single(i, 0.0, [place + 0.5])
    found = shares(Novelty(neighbours=2, power=2.0), archive)
    assert found[8] > 0.5


def test_curiosity_follows_the_children() -> None:
    selection = Curiosity(loss=0.5)
    for child in range(10, 14):
        selection.observe(Birth(child, (0,), 1.0, True))
        selection.observe(Birth(child, (1,), 1.0, False))
    found = shares(selection, archive_of([1.0, 1.0, 1.0]))
    total = 5.0 + 0.1 + 1.0
    assert [found.get(i, 0.0) for i in range(3)] == pytest.approx(
        [5 / total, 0.1 / total, 1 / total], abs=0.03
    )


def test_uct_leaves_what_was_tried_in_vain() -> None:
    selection = UCT(exploration=1.0)
    archive = archive_of([1.0, 1.0, 1.0])
    for child in range(10, 60):
        selection.observe(Birth(child, (0,)))  # not valid
        selection.observe(Birth(100 + child, (1,), 0.0, False))
    assert shares(selection, archive)[2] > 0.8


def test_uct_counts_attempts_up_the_lineage() -> None:
    selection = UCT()
    selection.observe(Birth(1, (0,), 1.0, True))
    selection.observe(Birth(2, (1, 7), 1.0, True))
    selection.observe(Birth(3, (2,)))
    assert selection.state() == [3, [(0, 3.0), (1, 2.0), (2, 1.0)]]


def test_uct_without_exploration_is_greedy() -> None:
    assert UCT(exploration=0.0).select(archive_of([1.0, 3.0, 2.0]), np.random.default_rng(0), 1) == [1]


def test_pareto_draws_who_is_best_on_a_case_though_no_elite() -> None:
    selection = Pareto()
    assert selection.begin(GOALS) == Goals(cases=GOALS.cases)
    for program, cases in enumerate([(1.0, 9.0), (9.0, 1.0), (8.0, 8.0), (9.0, 0.0)]):
        selection.observe(Birth(program, (), sum(cases), True, (), cases))
    selection.observe(Birth(9, (1,)))
    found = shares(selection, archive_of([0.0] * 4))
    # 3 is best on the first case with 1, but 1 and 0 share all that it is best on
    assert sorted(found) in ([0, 1], [0, 3])
    assert found[0] == pytest.approx(0.5, abs=0.03)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.integers(0, 4).map(float)] * 3), min_size=1, max_size=40))
def test_the_front_covers_every_case(values: list[tuple[float, ...]]) -> None:
    selection = Pareto()
    for program, cases in enumerate(values):
        selection.observe(Birth(program, (), 0.0, True, (), cases))
    front = selection.select(archive_of([0.0] * len(values)), np.random.default_rng(0), len(values))
    for case in range(3):
        best = max(row[case] for row in values)
        assert any(values[program][case] == best for program in front)


def test_objectives_prefers_the_undominated_then_the_weights() -> None:
    values = [(1.0, 0.0), (0.0, 1.0), (0.6, 0.6), (0.5, 0.5)]
    archive = archive_of([value[0] for value in values])

    def order(**options: Any) -> list[int]:
        selection = Objectives(contenders=64, **options)
        selection.begin(GOALS)
        for program, pair in enumerate(values):
            selection.observe(Birth(program, (), pair[0], True, pair))
        return selection.select(archive, np.random.default_rng(0), 4)

    assert order() == [1, 2, 0, 3]
    assert order(prefer="lexicographic") == [0, 2, 1, 3]


@pytest.mark.parametrize(
    ("kind", "missing"), [("pareto", r"\[\[cases\]\]"), ("objectives", r"\[\[objectives\]\]")]
)
def test_a_rule_without_its_goals_is_refused(kind: str, missing: str) -> None:
    selection = resolve_selection(kind)
    assert isinstance(selection, Observing)
    with pytest.raises(UsageError, match=f"selection: {kind}: needs .*{missing}"):
        selection.begin(Goals())


@pytest.mark.parametrize("kind", ["uct", "curiosity", "pareto", "objectives"])
def test_a_failure_has_no_value(kind: str) -> None:
    """What a program is worth that is not valid enters no state but counts of attempts."""
    told, untold = begun(kind, [1.0, 2.0]), begun(kind, [1.0, 2.0])
    assert isinstance(told, Observing)
    assert isinstance(untold, Observing)
    told.observe(Birth(50, ()))
    assert told.state() == untold.state()
    told.observe(Birth(51, (0,)))
    if kind in ("pareto", "objectives"):
        assert told.state() == untold.state()
    assert "nan" not in repr(told.state())
    assert not math.isnan(sum(told.select(archive_of([1.0, 2.0]), np.random.default_rng(0), 2)))


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"kind": "uct", "exploration": -1}, r"uct: exploration must be a number from 0 to 100, got -1"),
        (
            {"kind": "objectives", "prefer": "first"},
            r"prefer must be 'weights' or 'lexicographic', got 'first'",
        ),
        ({"kind": "novelty", "neighbours": 2.5}, r"neighbours must be a whole number, got 2\.5"),
        ({"kind": "rank", "exponant": 1}, r"rank has no option 'exponant' \(did you mean 'exponent'\?\)"),
        ({"kind": "curiosity", "loss": 2}, r"curiosity: loss must be a number from 0 to 1, got 2"),
    ],
)
def test_a_wrong_option_is_explained(choice: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve_selection(choice)
