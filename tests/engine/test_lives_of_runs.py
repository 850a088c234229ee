"""Small lives of runs: whatever disturbs them, they resume, repeat and stay within their budget."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, afork, areplay, aresume
from evolve.store import Reader
from tests.engine.helpers import TWO_ISLANDS
from tests.engine.simulated import (
    MODEL,
    OTHER,
    Killed,
    Watching,
    World,
    begin,
    inside,
    models_of,
    paid_twice,
)

CALLS = 40


def disturb(world: World, chance: random.Random) -> None:
    """Choose what becomes of the next session."""
    world.kill_at = None
    world.on_call = lambda _number: None
    kind = chance.choice(["kill", "kill", "stop", "abort", "none"])
    if kind == "kill":
        world.kill_at = chance.randrange(120)
    elif kind != "none":
        at = world.asked + chance.randrange(1, 15)

        def halt(number: int) -> None:
            if number == at and world.engine is not None:
                (world.engine.abort if kind == "abort" else world.engine.request_stop)("interrupted")

        world.on_call = halt


def undisturbed(world: World) -> None:
    world.kill_at = None
    world.on_call = lambda _number: None


def scenario(chance: random.Random) -> tuple[World, dict[str, Any]]:
    # With little variety, tickets in flight propose the same program at the same time.
    failures, variety = chance.choice([0.0, 0.3, 0.6]), chance.choice([None, None, 2])
    world = World(random.Random(chance.random()), failures, variety)
    limit = chance.choice(
        [
            {"max_calls": CALLS},
            {"max_tokens": 60_000},
            {"max_usd": 0.05},
            {"max_evals": 40},
            {"max_evals": 40, "max_calls": CALLS},
            {"stagnation": 15, "max_calls": CALLS},
            {"target": 0.9, "max_calls": CALLS},
        ]
    )
    settings = {
        "concurrency": chance.randrange(1, 7),
        "reflect_every": chance.choice([0, 3, 7]),
        "embedding": chance.choice([None, None, "toy/e"]),
        "similarity": chance.choice([0.8, 0.97]),
    }
    options: dict[str, Any] = {
        "models": models_of(*chance.choice([(MODEL,), (MODEL, OTHER)]), **settings),
        "order": chance.choice(["ticket", "arrival"]),
        "window": chance.randrange(1, 13),
        "workers": chance.randrange(1, 4),
        "seed": chance.randrange(1000),
        "budget": Budget.model_validate(limit),
    }
    if chance.random() < 0.5:
        options["islands"] = TWO_ISLANDS
    return world, options


def raised(budget: Budget) -> Budget:
    """Return half as much again of everything that is counted."""
    limits = budget.model_dump(exclude_none=True)
    more = {name: limit + type(limit)(limit / 2) for name, limit in limits.items() if name != "target"}
    return Budget.model_validate({**limits, **more})


def live(world: World, folder: Path, options: dict[str, Any], chance: random.Random) -> tuple[Path, Budget]:
    """Begin a run and disturb some sessions of it, some with a larger budget; then let it come to its end."""
    run, budget = folder / "runs" / "run", options["budget"]
    while not (run / "run.db").exists():  # one that ended before its first commit is no run
        disturb(world, chance)
        with contextlib.suppress(Killed):
            begin(world, folder, **options)
    with inside(world):
        for _ in range(chance.randrange(4)):
            disturb(world, chance)
            budget = raised(budget) if chance.random() < 0.3 else budget
            workers, display = chance.randrange(1, 4), Watching(world)
            with contextlib.suppress(Killed):
                asyncio.run(aresume(run, workers=workers, budget=budget, display=display))
            undisturbed(world)
            assert chance.random() < 0.5 or asyncio.run(areplay(run)).difference == ""
        undisturbed(world)
        asyncio.run(aresume(run, budget=budget, display=Watching(world)))
    return run, budget


def check(world: World, run: Path, budget: Budget) -> None:
    assert paid_twice(run) == []
    assert world.asked <= (budget.max_calls or world.asked)
    assert world.tokens <= (budget.max_tokens or world.tokens)
    with inside(world):
        asked = world.asked
        replayed = asyncio.run(areplay(run, workers=2))
        assert replayed.difference == ""
        assert world.asked == asked


@pytest.mark.parametrize("seed", range(10))
def test_any_life_of_a_run_is_repeated_by_its_replay(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    world, options = scenario(chance)
    run, budget = live(world, tmp_path, options, chance)
    check(world, run, budget)
    with Reader(run) as reader:
        commits = reader.committed()
    asked = world.asked
    with inside(world):
        asyncio.run(aresume(run))
    with Reader(run) as reader:
        assert (world.asked, reader.committed()) == (asked, commits), "a run at its end stays as it is"


@pytest.mark.parametrize("seed", range(4))
def test_forks_of_forks_are_repeated_by_their_replays(tmp_path: Path, seed: int) -> None:
    chance = random.Random(1000 + seed)
    world, options = scenario(chance)
    run, _ = live(world, tmp_path, options, chance)
    for generation in range(2):
        with Reader(run) as reader:
            ids = [commit.program.id for commit in reader.commits()]
        more = {"max_calls": 500, "max_tokens": 10**7, "max_usd": 10.0, "max_evals": len(ids) + 15}
        limits = {**more, "target": 2.0, "stagnation": 10**6}
        changes = {
            "seed": chance.randrange(1000),
            "order": chance.choice(["ticket", "arrival"]),
            "window": chance.randrange(1, 13),
        }
        with inside(world):
            forked = asyncio.run(
                afork(
                    run,
                    chance.choice(ids),
                    changes=changes,
                    budget=Budget.model_validate(limits),
                    run_id=f"fork{generation}",
                )
            )
        assert forked.reason in ("max_evals", "max_calls"), forked.reason
        run = forked.folder
        check(world, run, Budget(max_evals=1))


_RUN = """
import random, sys
from pathlib import Path
from evolve.engine import Budget
from evolve.store import Reader
from tests.engine.helpers import TWO_ISLANDS, write_problem
from tests.engine.simulated import World, begin, models_of
from tests.engine.test_lives_of_runs import SEED
folder = Path(sys.argv[1])
world = World(random.Random(1), failures=0.3, repeatable=True)
models, budget = models_of(embedding="toy/e", similarity=0.9), Budget(max_calls=60)
problem = write_problem(folder / "sums", seed=SEED)
options = {"islands": TWO_ISLANDS, "order": "ticket", "workers": 1}
run = begin(world, folder, problem=problem, models=models, budget=budget, **options)
with Reader(run.folder) as reader:
    questions = [(request.ticket, request.turn, request.question) for request, _ in reader.calls()]
    print(reader.digest(), sorted(questions))
"""
SEED = """
import math
from math import cos, sin
SCALE = 0.5
STEPS = {"a": 1.0, "b": 2.0, "c": 0.5}
def helper(x, y=2.0):
    return math.sqrt(abs(x)) + y * SCALE
def spread(values):
    return sum(sin(value) * cos(value) for value in values)
def table(x):
    return sum(STEPS[name] * x for name in sorted(STEPS))
def mixed(x):
    inner = helper(x) + spread([x, x + 1.0])
    return inner - table(x) * 0.125
def value(n):
    first = 0.25
    third = mixed(first * n)
    return helper(third, first) + spread([first, third])
"""
"""Functions that use each other, names and sets of them: much that could be gone through in any order."""


def test_the_order_of_hashes_decides_nothing(tmp_path: Path) -> None:
    said = set()
    for seed in ("1", "2"):
        (tmp_path / seed).mkdir()
        command = [sys.executable, "-c", _RUN, str(tmp_path / seed)]
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        root = Path(__file__).parents[2]
        said.add(
            subprocess.run(command, env=environment, cwd=root, check=True, stdout=subprocess.PIPE).stdout
        )
    assert len(said) == 1
    assert len(said.pop()) > 1000
