"""Parent selection: distinct, deterministic, and with the promised probabilities."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.archive import GridArchive
from evolve.errors import UsageError
from evolve.islands import Boltzmann, Selection, Tournament, Uniform, resolve_selection
from evolve.problem import Measure

DRAWS = 6000

every_selection = pytest.mark.parametrize(
    "selection",
    [
        Uniform(),
        Tournament(size=3),
        Tournament(size=50),
        Boltzmann(temperature=0.2),
        Boltzmann(temperature=1e-6),
    ],
    ids=["uniform", "tournament-3", "tournament-50", "boltzmann", "boltzmann-cold"],
)


def archive_of(fitness: list[float]) -> GridArchive:
    """Make an archive whose elites have the ids 100, 101, ... and the given fitness."""
    n = max(1, len(fitness))
    archive = GridArchive([Measure(metric="m", range=(0.0, float(n)), bins=n)])
    for i, value in enumerate(fitness):
        archive.add_single(100 + i, value, [i + 0.5])
    return archive


def shares(selection: Selection, fitness: list[float], count: int = 1) -> dict[tuple[int, ...], float]:
    archive, rng = archive_of(fitness), np.random.default_rng(7)
    drawn = Counter(tuple(i - 100 for i in selection.select(archive, rng, count)) for _ in range(DRAWS))
    return {picked: times / DRAWS for picked, times in drawn.items()}


@every_selection
@settings(deadline=None, max_examples=60)
@given(
    fitness=st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=30),
    count=st.integers(0, 40),
    seed=st.integers(0, 2**32),
)
def test_the_parents_are_distinct_elites_and_repeat_with_the_seed(
    selection: Selection, fitness: list[float], count: int, seed: int
) -> None:
    archive = archive_of(fitness)
    picked = selection.select(archive, np.random.default_rng(seed), count)
    assert len(picked) == len(set(picked)) == min(count, len(fitness))
    assert set(picked) <= set(archive.ids.tolist())
    assert all(type(program_id) is int for program_id in picked)
    assert picked == selection.select(archive, np.random.default_rng(seed), count)


@every_selection
def test_an_empty_archive_has_no_parents(selection: Selection) -> None:
    assert selection.select(archive_of([]), np.random.default_rng(0), 3) == []


@every_selection
def test_equal_fitness_is_drawn_uniformly(selection: Selection) -> None:
    for share in shares(selection, [2.0] * 5).values():
        assert share == pytest.approx(1 / 5, abs=0.03)


def test_uniform_draws_every_ordered_pair_alike() -> None:
    found = shares(Uniform(), [1.0, 2.0, 3.0, 4.0], count=2)
    assert set(found) == set(itertools.permutations(range(4), 2))
    assert all(share == pytest.approx(1 / 12, abs=0.02) for share in found.values())


def test_tournament_of_two_has_the_known_probabilities() -> None:
    # The elite of rank r (0 = worst) wins against the r elites below it: r of the 6 pairs.
    found = shares(Tournament(size=2), [10.0, 20.0, 30.0, 40.0])
    assert (0,) not in found
    assert [found[(i,)] for i in (1, 2, 3)] == pytest.approx([1 / 6, 2 / 6, 3 / 6], abs=0.03)


def test_a_tournament_of_all_ranks_the_archive() -> None:
    assert set(shares(Tournament(size=10), [3.0, 1.0, 2.0], count=3)) == {(0, 2, 1)}


def test_boltzmann_has_the_known_probabilities() -> None:
    weights = np.exp(np.array([0.0, 0.25, 1.0]) / 0.5)
    found = shares(Boltzmann(temperature=0.5), [10.0, 15.0, 30.0])
    assert [found[(i,)] for i in range(3)] == pytest.approx(list(weights / weights.sum()), abs=0.03)


def test_boltzmann_draws_without_replacement_one_after_the_other() -> None:
    weights = np.exp(np.array([0.0, 0.5, 1.0]) / 0.5)
    found = shares(Boltzmann(temperature=0.5), [0.0, 1.0, 2.0], count=2)
    for first, second in itertools.permutations(range(3), 2):
        expected = weights[first] / weights.sum() * weights[second] / (weights.sum() - weights[first])
        assert found[(first, second)] == pytest.approx(expected, abs=0.03)


def test_cold_boltzmann_is_greedy_even_where_probabilities_vanish() -> None:
    assert set(shares(Boltzmann(temperature=1e-6), [3.0, 1.0, 2.0], count=3)) == {(0, 2, 1)}


def test_boltzmann_survives_extreme_fitness() -> None:
    found = shares(Boltzmann(temperature=0.01), [-1.7e308, 1.7e308])
    assert found == {(1,): 1.0}
    assert len(shares(Boltzmann(temperature=0.01), [0.0, 5e-324])) in (1, 2)


@pytest.mark.parametrize(
    ("choice", "kind", "settings_of"),
    [
        ("uniform", Uniform, {}),
        ("tournament", Tournament, {"size": 3}),
        ({"kind": "tournament", "size": 5}, Tournament, {"size": 5}),
        ({"kind": "boltzmann", "temperature": 2}, Boltzmann, {"temperature": 2.0}),
    ],
)
def test_names_and_tables_resolve(choice: Any, kind: type, settings_of: dict[str, Any]) -> None:
    selection = resolve_selection(choice)
    assert type(selection) is kind
    assert vars(selection) == settings_of


def test_an_object_resolves_to_itself() -> None:
    selection = Uniform()
    assert resolve_selection(selection) is selection


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (
            "tournement",
            r"one of uniform, tournament, boltzmann, .*, got 'tournement' \(did you mean 'tournament'\?\)\.",
        ),
        ({"size": 3}, r'`kind` is missing\. Add kind = "\.\.\."; kinds are uniform'),
        ({"kind": ["uniform"]}, r"kind must be one of .*, got \['uniform'\]"),
        (
            {"kind": "tournament", "sise": 3},
            r"tournament has no option 'sise' \(did you mean 'size'\?\); its options: size\.",
        ),
        ({"kind": "uniform", "size": 3}, r"uniform has no option 'size'; its options: none\."),
        ({"kind": "tournament", "size": 0}, r"tournament: size must be a number from 1 to 1000, got 0\."),
        ({"kind": "tournament", "size": 2.5}, r"size must be a whole number, got 2\.5"),
        ({"kind": "tournament", "size": "3"}, r"size must be a number from 1 to 1000, got '3'"),
        (
            {"kind": "boltzmann", "temperature": 0},
            r"temperature must be a number from 1e-06 to 1e\+06, got 0",
        ),
        ({"kind": "boltzmann", "temperature": math.nan}, r"temperature must be .*, got nan"),
    ],
)
def test_a_wrong_choice_is_explained(choice: Any, message: str) -> None:
    with pytest.raises(UsageError, match="^selection: .*" + message):
        resolve_selection(choice)
