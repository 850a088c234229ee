"""A problem that costs next to nothing, and engines on it without sandboxes where these do not matter."""

from __future__ import annotations

import asyncio
from pathlib import Path

from evolve.engine import Budget, RunResult, arun
from evolve.islands import Preset
from evolve.store import Reader

DECLARATION = """
[problem]
name = "sums"
title = "A sum"
statement = "Return a number."
[params]
n = 3
[candidate]
entry = "value"
seeds = ["seed.py"]
timeout_s = 5
[objective]
metric = "value"
direction = "maximize"
[[measures]]
metric = "size"
range = [0.0, 1.0]
bins = 8
[[measures]]
metric = "lines"
range = [0, 16]
bins = 8
"""
SCORER = """
import math
from evolve.problem import Invalid, Score
def score(output, params, case):
    if type(output) not in (int, float) or not math.isfinite(output):
        raise Invalid("must be a finite number")
    return Score({"value": output % 1.0, "size": (output * 7.0) % 1.0})
"""
SEED = """
def value(n):
    first = 0.25
    second = 1.5
    return first * n + second
"""
TWO_ISLANDS = Preset.model_validate(
    {
        "archipelago": {"title": "two islands that exchange often"},
        "migration": {"interval": 10, "count": 1},
        "island": [{"copies": 2, "selection": {"kind": "tournament", "size": 2}}],
    }
)


def write_problem(folder: Path, *, seed: str = SEED, scorer: str = SCORER, extra: str = "") -> Path:
    """Write the problem's folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "problem.toml").write_text(DECLARATION + extra)
    (folder / "score.py").write_text(scorer)
    (folder / "seed.py").write_text(seed)
    return folder


def evolve_sums(
    tmp_path: Path, *, name: str, evals: int = 60, workers: int = 2, seed: int = 0, window: int = 8
) -> RunResult:
    """Run the problem on two islands."""
    return asyncio.run(
        arun(
            write_problem(tmp_path / "sums"),
            seed=seed,
            workers=workers,
            window=window,
            islands=TWO_ISLANDS,
            budget=Budget(max_evals=evals),
            runs=tmp_path / "runs",
            run_id=name,
        )
    )


def digest(folder: Path) -> str:
    """Hash everything that has to be equal between equal runs."""
    with Reader(folder) as reader:
        return reader.digest()
