"""Judges and insights in whole runs: they are resumed and replayed like operators, and paid for once."""

from __future__ import annotations

import asyncio
import contextlib
import random
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, aresume
from evolve.models import ModelsConfig
from evolve.store import Reader
from tests.engine.helpers import digest, write_problem
from tests.engine.simulated import MODEL, OTHER, Killed, Watching, World, begin, inside, models_of
from tests.engine.test_lives_of_runs import check, live, scenario

ASKING = """
[[stages]]
name = "parse"
kind = "parse"
[[stages]]
name = "run"
kind = "run"
needs = ["parse"]
[[stages]]
name = "score"
kind = "score"
needs = ["run"]
[[stages]]
name = "complexity"
kind = "complexity"
needs = ["parse"]
[[stages]]
name = "judge"
kind = "judge"
needs = ["parse"]
options = { criteria = "clarity", metric = "clear" }
[[stages]]
name = "insight"
kind = "insight"
after = ["score"]
[[stages]]
name = "lineage"
kind = "lineage"
needs = ["score"]
always = true
"""
FRAGILE = """
def value(n):
    first = 0.25
    second = 1.5
    return first * n / (int(second * 1000) % 4 == 0) + second
"""
"""A program many of whose children fail, and say something else each time."""


@pytest.mark.parametrize("seed", range(6))
def test_any_life_of_a_run_with_opinions_is_repeated_by_its_replay(tmp_path: Path, seed: int) -> None:
    chance = random.Random(500 + seed)
    world, options = scenario(chance)
    options["problem"] = write_problem(tmp_path / "sums", extra=ASKING, seed=FRAGILE)
    run, budget = live(world, tmp_path, options, chance)
    check(world, run, budget)
    with Reader(run) as reader:
        assert {"judge", "insight"} <= {request.purpose for request, _ in reader.calls()}


def test_commands_are_asked_for_programs_only(tmp_path: Path) -> None:
    command = {"name": OTHER, "argv": ["nothing"]}
    options: dict[str, Any] = {"order": "ticket", "budget": Budget(max_evals=12)}
    options |= {"problem": write_problem(tmp_path / "sums", extra=ASKING)}
    alone = ModelsConfig.model_validate({"command": [command]})
    beside = models_of().model_copy(update={"command": alone.command})
    for name, models in {"alone": alone, "beside": beside}.items():
        run = begin(World(), tmp_path, name, models=models, **options)
        with Reader(run.folder) as reader:
            asked = {(request.model, request.purpose) for request, _ in reader.calls()}
        assert not {(OTHER, "judge"), (OTHER, "insight")} & asked
        assert (OTHER, "propose") in asked
        assert ((MODEL, "judge") in asked) == (name == "beside")


def test_a_plan_counts_what_stages_ask(tmp_path: Path) -> None:
    plans = {}
    for name, extra in {"silent": "", "asking": ASKING}.items():
        problem = write_problem(tmp_path / name / "sums", extra=extra)
        run = begin(World(), tmp_path, name, problem=problem, budget=Budget(max_calls=60))
        with Reader(run.folder) as reader:
            (event,) = reader.events(kind="plan")
            plans[name] = event.data
    assert [line["operator"] for line in plans["asking"]["opinions"]] == ["judge", "insight"]
    assert plans["silent"]["opinions"] == []
    assert plans["asking"]["calls"] == pytest.approx(plans["silent"]["calls"], abs=2)
    # two more calls for every program, beside the one or less that proposes it
    assert plans["asking"]["evaluations"] < plans["silent"]["evaluations"] / 2


@pytest.mark.parametrize("seed", range(3))
def test_a_run_with_opinions_that_was_killed_ends_like_one_that_was_not(tmp_path: Path, seed: int) -> None:
    options: dict[str, Any] = {"order": "ticket", "seed": seed, "budget": Budget(max_evals=30)}
    options |= {"models": models_of(), "problem": write_problem(tmp_path / "sums", extra=ASKING)}
    world = World(random.Random(seed), repeatable=True)
    whole = begin(world, tmp_path, "whole", **options)
    chance, run = random.Random(seed), tmp_path / "runs" / "killed"
    world = World(random.Random(seed + 1), repeatable=True, kill_at=chance.randrange(30, 80))
    with pytest.raises(Killed):
        begin(world, tmp_path, "killed", **options)
    with inside(world):
        for _ in range(2):
            world.kill_at = chance.randrange(60)
            with contextlib.suppress(Killed):
                asyncio.run(aresume(run, workers=chance.randrange(1, 4), display=Watching(world)))
        world.kill_at = None
        asyncio.run(aresume(run, display=Watching(world)))
    assert digest(run) == digest(whole.folder)
