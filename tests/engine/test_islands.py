"""Islands of every kind in whole runs: they resume as if never stopped, and leave their history as events."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, RunResult, aresume, arun
from evolve.engine._archive_events import is_noted
from evolve.errors import ProblemError, UsageError
from evolve.islands import Preset, list_presets
from evolve.store import Reader
from tests.engine.helpers import digest, write_problem

EVERYTHING = Preset.model_validate(
    {
        "archipelago": {"title": "all there is"},
        "migration": {"topology": "random", "interval": 10, "count": 1, "policy": "diverse", "patience": 12},
        "island": [
            {"selection": {"kind": "uct"}},
            {
                "selection": {"kind": "curiosity"},
                "archive": {"kind": "cvt", "cells": 12},
                "measures": [
                    {"metric": "seed_distance", "range": [0.0, 1.0], "bins": 4, "adapt": True},
                    {"metric": "text_x", "range": [-1.0, 1.0], "bins": 4, "adapt": True},
                ],
            },
            {
                "selection": {"kind": "objectives"},
                "measures": [{"metric": "size", "range": [0.0, 9.0], "bins": 6, "adapt": True}],
            },
            {"selection": {"kind": "pareto"}},
        ],
    }
)
EXTRA = """
[[objectives]]
metric = "lines"
direction = "minimize"
weight = 0.5
[[cases]]
shift = 1
[[cases]]
shift = 2
"""
SEED = """
def value(n, shift):
    first = 0.25
    second = 1.5
    return first * n + second * shift
"""


def begin(tmp_path: Path, name: str, evals: int, islands: Any = EVERYTHING, **problem: str) -> RunResult:
    declared = {"seed": SEED, "extra": EXTRA} | problem
    return asyncio.run(
        arun(
            write_problem(tmp_path / "sums", **declared),
            islands=islands,
            budget=Budget(max_evals=evals),
            runs=tmp_path / "runs",
            run_id=name,
        )
    )


def test_a_resumed_run_equals_one_that_was_never_stopped(tmp_path: Path) -> None:
    whole = begin(tmp_path, "whole", 90)
    again = begin(tmp_path, "again", 90)
    assert digest(whole.folder) == digest(again.folder)
    resumed = asyncio.run(aresume(whole.folder))
    assert resumed.archive_digest == whole.archive_digest == again.archive_digest
    with Reader(whole.folder) as reader:
        history = [event.data for event in reader.events(kind="archives")]
        ranges = reader.events(kind="ranges")
        metrics, cases = reader.commit(1).evaluation.metrics, reader.commit(1).evaluation.cases
        for brief, commit in zip(reader.briefs(), reader.commits(), strict=True):
            program, found = commit.program, commit.evaluation
            point = None if found.measures is None else tuple(found.measures)
            assert (brief.id, brief.island, brief.arm) == (program.id, program.island, program.arm)
            assert (brief.operator, brief.change, brief.usd) == (
                program.operator,
                program.change,
                program.usd,
            )
            assert (brief.code_hash, brief.cost) == (program.code_hash, program.cost)
            assert (brief.status, brief.objective, brief.measures) == (found.status, found.objective, point)
            assert (brief.metrics, brief.cases, brief.parents) == (found.metrics, found.cases, commit.parents)
        assert all(brief.metrics == {} for brief in reader.briefs(metrics=False))
    assert [data["commits"] for data in history][:3] == [10, 20, 30]
    assert all(len(data["islands"]) == 4 for data in history)
    assert {"best", "qd_score", "coverage", "elites"} == history[-1]["islands"][0].keys()
    assert {event.data["island"] for event in ranges} <= {1, 2}
    assert ranges
    assert {"seed_distance", "text_x"} <= metrics.keys()
    assert metrics["value"] == sum(cases["value"]) / 2


@pytest.mark.parametrize("preset", [name for name in list_presets() if name not in ("single", "ring4")])
def test_every_shipped_preset_runs(tmp_path: Path, preset: str) -> None:
    assert begin(tmp_path, preset, 20, preset).evaluations == 20


def test_a_rule_that_the_problem_does_not_suit_is_refused_before_anything(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"objectives: needs a problem that declares \[\[objectives"):
        begin(tmp_path, "run", 5, extra="", seed=SEED.replace(", shift", "").replace(" * shift", ""))
    assert not (tmp_path / "runs" / "run").exists()


def test_a_rule_that_looks_at_cases_knows_which_they_are(tmp_path: Path) -> None:
    stages = """
[[cases]]
shift = 3
[[stages]]
name = "parse"
kind = "parse"
[[stages]]
name = "run"
kind = "run"
needs = ["parse"]
options = { cases = [0, 2] }
[[stages]]
name = "score"
kind = "score"
needs = ["run"]
[[stages]]
name = "complexity"
kind = "complexity"
needs = ["parse"]
"""
    measures = [{"metric": "value[2]", "range": [0, 1], "bins": 9}]
    island = {"selection": {"kind": "pareto"}, "measures": measures}
    preset = Preset.model_validate({"archipelago": {"title": "t"}, "island": [island]})
    result = begin(tmp_path, "some", 25, preset, extra=EXTRA + stages)
    assert asyncio.run(aresume(result.folder)).archive_digest == result.archive_digest
    with Reader(result.folder) as reader:
        assert len(reader.commit(1).evaluation.cases["value"]) == 2


def test_a_metric_that_nobody_delivers_is_named(tmp_path: Path) -> None:
    measures = [{"metric": "beauty", "range": [0, 1], "bins": 3}]
    odd = Preset.model_validate({"archipelago": {"title": "t"}, "island": [{"measures": measures}]})
    with pytest.raises(ProblemError, match=r"asks for the metric 'beauty', which no stage .* it has .*value"):
        begin(tmp_path, "run", 5, odd)


def test_the_number_of_notes_is_bounded() -> None:
    assert [commits for commits in range(1, 41) if is_noted(commits)] == [10, 20, 30, 40]
    assert sum(map(is_noted, range(1, 100_001))) < 700
