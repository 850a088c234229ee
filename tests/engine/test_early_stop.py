"""Early stop saves time and changes nothing else: the archives and their programs are the same without it."""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget
from evolve.islands import Preset
from tests.engine.simulated import World, begin

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
[objective]
metric = "value"
direction = "maximize"
bounds = [0.0, 1.0]
[[measures]]
metric = "chars"
range = [60, 160]
bins = 6
[[cases]]
shift = 1
[[cases]]
shift = 2
[[cases]]
shift = 3
[[stages]]
name = "parse"
kind = "parse"
[[stages]]
name = "complexity"
kind = "complexity"
needs = ["parse"]
[[stages]]
name = "descriptors"
kind = "descriptors"
needs = ["parse"]
[[stages]]
name = "score"
kind = "repeat"
needs = ["parse"]
after = ["complexity", "descriptors"]
options = { early_stop = true }
"""
SEED = """
def value(n, shift):
    first = 0.25
    second = 1.5
    return first * n + second * shift
"""
OWN = [
    {"metric": "seed_distance", "range": [0, 1], "bins": 5},
    {"metric": "lines", "range": [0, 9], "bins": 3},
]
ADAPTING = [{"metric": "chars", "range": [60, 160], "bins": 6, "adapt": True}]
OF_THE_STAGE = [{"metric": "size", "range": [0, 1], "bins": 5}]
PATIENCE = {"topology": "isolated", "interval": 8, "patience": 10}


def run(
    folder: Path, early: bool, island: dict[str, Any], migration: dict[str, Any] | None
) -> tuple[Any, ...]:
    """Return what the archives took in, who migrated, the programs, and how many were gated."""
    declaration = DECLARATION if early else DECLARATION.replace("early_stop = true", "")
    problem = folder / f"sums_{early}"
    problem.mkdir()
    (problem / "problem.toml").write_text(declaration)
    (problem / "score.py").write_text("def score(output, params, case): ...\n")
    (problem / "seed.py").write_text(SEED)
    preset = {"archipelago": {"title": "t"}, "island": [{"copies": 2 if migration else 1, **island}]}
    islands = Preset.model_validate(preset | ({"migration": migration} if migration else {}))
    world = World(random.Random(1), repeatable=True)
    options = {"models": None, "islands": islands, "budget": Budget(max_evals=120), "cache": False}
    result = begin(world, folder, f"run_{early}", problem=problem, **options)
    with sqlite3.connect(result.folder / "run.db") as store:
        kept = store.execute(
            "SELECT seq, program, island, cell FROM archive_event WHERE status > 0 ORDER BY seq, island"
        ).fetchall()
        moved = store.execute("SELECT seq, program, source, target, status FROM migration").fetchall()
        programs = store.execute("SELECT id, source FROM program ORDER BY id").fetchall()
    store.close()
    return kept, moved, programs, result.statuses.get("gated", 0)


@pytest.mark.parametrize(
    ("island", "migration", "stops"),
    [
        ({}, None, True),
        ({"selection": {"kind": "uct"}}, {"interval": 10}, True),
        ({"selection": {"kind": "curiosity"}, "measures": OWN}, None, True),
        ({"measures": ADAPTING}, None, False),
        ({"measures": OF_THE_STAGE}, None, False),
        ({"selection": {"kind": "pareto"}}, None, False),
        ({"archive": {"kind": "cvt", "cells": 8}}, None, False),
        ({}, PATIENCE, False),
    ],
    ids=[
        "plain",
        "migration",
        "own measures",
        "adapting",
        "measures of its own",
        "pareto",
        "cvt",
        "patience",
    ],
)
def test_nothing_that_counts_is_stopped(
    tmp_path: Path, island: dict[str, Any], migration: dict[str, Any] | None, stops: bool
) -> None:
    *with_stop, gated = run(tmp_path, True, island, migration)
    *without, none = run(tmp_path, False, island, migration)
    assert with_stop == without
    assert none == 0
    assert (gated > 0) == stops
