"""The fold over the commits: taken in together, they leave the state that they leave one by one."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.engine._config import RunConfig
from evolve.engine._offer import offer_of
from evolve.engine._state import SEED, State, Verdict
from evolve.islands import SELECTIONS, Preset
from evolve.problem import Problem, load_problem
from tests.engine.helpers import write_problem

EXTRA = """
[[objectives]]
metric = "size"
direction = "minimize"
[[cases]]
n = 2
[[cases]]
n = 5
"""
OWN = [{"metric": "size", "range": [0.0, 0.5], "bins": 3, "adapt": True}]
SEEDS = 2
"""Programs that enter all islands."""
STATUSES = ("valid", "valid", "valid", "valid", "failed", "invalid", "duplicate", "refused", "error")


@pytest.fixture(scope="module")
def problem(tmp_path_factory: pytest.TempPathFactory) -> Problem:
    """A problem with two measures that adapt, two objectives and two cases."""
    folder = write_problem(tmp_path_factory.mktemp("state") / "sums", extra=EXTRA)
    text = (folder / "problem.toml").read_text()
    (folder / "problem.toml").write_text(text.replace("bins = 8", "bins = 8\nadapt = true"))
    return load_problem(folder)


@st.composite
def presets(draw: st.DrawFn) -> Preset:
    """Draw archipelagos of any rules, with migration and re-seeding or without.

    Half of them have rules alone that need no more than the fitness and the lineage.
    """
    plain = [kind for kind in SELECTIONS if kind not in ("pareto", "objectives")]
    kinds = plain if draw(st.booleans()) else list(SELECTIONS)
    islands: list[dict[str, Any]] = [
        {
            "selection": {"kind": draw(st.sampled_from(kinds))},
            "bandit": {"kind": draw(st.sampled_from(["thompson", "ucb1", "fixed"]))},
            "archive": draw(st.sampled_from([{"kind": "grid"}, {"kind": "cvt", "cells": 6}])),
        }
        for _ in range(draw(st.integers(1, 3)))
    ]
    if kinds is not plain and draw(st.booleans()):
        islands[-1]["measures"] = OWN
    table: dict[str, Any] = {"archipelago": {"title": "t"}, "island": islands}
    if draw(st.booleans()):
        table["migration"] = {
            "interval": draw(st.sampled_from([7, 40, 300])),
            "count": draw(st.integers(1, 3)),
            "topology": draw(st.sampled_from(["ring", "random", "full"])),
            "policy": draw(st.sampled_from(["top", "random", "diverse"])),
            "patience": draw(st.sampled_from([None, 5, 50])),
        }
    return Preset.model_validate(table)


def commits(problem: Problem, config: RunConfig, number: int, chance: random.Random) -> list[Verdict]:
    """Return commits: seeds, then children of any status; ties in fitness are common."""
    arms = [arm.name for arm in offer_of(config, problem).arms]
    found = []
    for ticket in range(1, number + 1):
        seed = ticket <= SEEDS
        status = "valid" if seed else chance.choice(STATUSES)
        size, lines, value = chance.random(), float(chance.randrange(20)), chance.randrange(40) / 8
        metrics = {"value": value, "size": size, "lines": lines, "value[0]": value, "value[1]": -value}
        valid = status == "valid"
        verdict = Verdict(
            ticket=ticket,
            island=None if seed else ticket % len(config.islands.islands),
            arm=SEED if seed else chance.choice([*arms, "of a run forked from"]),
            status=status,
            objective=value if valid else None,
            measures=(size, lines) if valid else None,
            code_hash=bytes([chance.randrange(200)]) if chance.random() < 0.9 else b"",
            cost=chance.choice([0.0, 0.0, 0.5, 2.0]),
            metrics=metrics if valid else {},
            parents=() if seed else (chance.randrange(1, ticket),),
        )
        found.append(verdict)
    return found


def everything(state: State) -> list[object]:
    """Return all that later commits depend on."""
    counters = (state.committed, state.evaluations, state.since_best, state.idle, state.statuses, state.best)
    islands = [(island.since_best, island.known) for island in state.archipelago.islands]
    first = [state.first_with(bytes([code]), up_to=up_to) for code in range(200) for up_to in (None, 50)]
    return [state.archipelago.digest(), *counters, islands, first]


@settings(deadline=None, max_examples=60)
@given(preset=presets(), number=st.integers(0, 400), caught_up=st.floats(0, 1), seed=st.integers(0, 999))
def test_commits_taken_in_together_are_as_good_as_one_by_one(
    problem: Problem, preset: Preset, number: int, caught_up: float, seed: int
) -> None:
    config = RunConfig(problem=str(problem.folder), islands=preset)
    told = commits(problem, config, number, random.Random(seed))
    one, together = (State(problem, config, offer_of(config, problem)) for _ in range(2))
    for verdict in told:
        one.apply(verdict)
    middle = int(number * caught_up)
    together.catch_up(told[: middle // 2])
    together.catch_up(iter(told[middle // 2 : middle]))
    for verdict in told[middle:]:
        together.apply(verdict)
    assert everything(together) == everything(one)
