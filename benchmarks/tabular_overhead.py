"""What honest folds cost: a sandboxed evaluation of a transform beside bare cross-validation.

Both score the same features on the same folds: the bare one calls the learner on matrices in this process,
the other one sends the rows to a program in sandboxes, two for each fold, reads and checks what comes back
and calls the same learner. They take turns, and ratios of processor time (of this process and of all its
descendants) and of wall-clock time are compared in pairs.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import _results
import numpy as np

from evolve.problem import load_problem
from evolve.sandbox import Limits, LocalExecutor
from evolve.tabular import (
    PRELOAD,
    Errand,
    Fold,
    Parcel,
    Table,
    default_metric,
    errands_of,
    learner_named,
    make_table,
    parcels_of,
    read_folds,
    repeated_folds,
    run_folds,
    score_folds,
)

IDENTITY = "def transform(state, X):\n    return X\n"
FEATURES = """
import numpy as np


def fit(X):
    return {"mean": X.mean().to_dict(), "edges": X["x0"].quantile([0.25, 0.5, 0.75]).tolist()}


def transform(state, X):
    X = X.copy()
    X["ratio"] = X["x0"] / (X["x1"].abs() + 1.0)
    X["product"] = X["x0"] * X["x1"]
    X["above"] = X["x2"] > state["mean"]["x2"]
    X["bin"] = np.searchsorted(state["edges"], X["x0"])
    return X
"""
PROGRAMS = {"identity": IDENTITY, "four_features": FEATURES}
DECLARATION = """
[problem]
name = "cost"
title = "What folds cost"
statement = "Transform a table."
[candidate]
entry = "transform"
seeds = ["seed.py"]
preload = {preload}
[objective]
metric = "value"
direction = "maximize"
[[measures]]
metric = "lines"
range = [0, 10]
bins = 2
"""
LIMITS = Limits(wall_s=30.0, memory_mb=512)


@dataclass(frozen=True)
class Job:
    """One table with its folds."""

    table: Table
    folds: list[Fold]
    errands: list[Errand]
    parcels: list[Parcel]
    learner: str


def job(task: str, rows: int, columns: int, folds: int, learner: str) -> Job:
    """Draw a table of numbers whose target depends on a product of two columns."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(rows, columns))
    signal = values[:, 0] * values[:, 1] + rng.normal(size=rows)
    target = signal if task == "regression" else (signal > 0).astype(np.int64)
    named = {f"x{i}": np.ascontiguousarray(values[:, i]) for i in range(columns)}
    table = make_table("drawn", {**named, "y": target}, "y", task=task)
    split = repeated_folds(table.splittable(), np.arange(rows), folds=folds, repeats=1, seed=0)
    errands = errands_of(split, 0)
    return Job(table, split, errands, parcels_of(table.frame, errands), learner)


async def evaluate(executor: LocalExecutor, work: Job, text: str) -> tuple[float, list[Any]]:
    """Run a program over the folds and score it; return the score and the features."""
    ran = await run_folds(executor, text, work.parcels, LIMITS)
    assert ran.status == "ok", ran.feedback
    features = read_folds(ran.output, work.errands, max_columns=100)
    learner, metric = learner_named(work.learner), default_metric(work.table.task)
    return score_folds(work.table, work.folds, features, learner, metric, seed=42).mean, features


def bare(work: Job, matrices: Sequence[tuple[Any, Any]]) -> list[Any]:
    """Fit the learner to matrices that are ready and predict."""
    import xgboost
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    regression = work.table.task == "regression"
    kinds: dict[str, Any] = {
        "xgboost": xgboost.XGBRegressor if regression else xgboost.XGBClassifier,
        "histogram": HistGradientBoostingRegressor if regression else HistGradientBoostingClassifier,
    }
    options = {"n_jobs": 1} if work.learner == "xgboost" else {}
    found = []
    for fold, (train, validation) in zip(work.folds, matrices, strict=True):
        model = kinds[work.learner](random_state=42, **options).fit(train, work.table.target[fold.train])
        found.append(model.predict(validation) if regression else model.predict_proba(validation))
    return found


class Clock:
    """Processor seconds of this process, and wall-clock seconds, since it was made."""

    def __init__(self) -> None:
        self.cpu, self.wall = time.process_time(), time.perf_counter()

    def read(self, sandboxes_cpu: float = 0.0) -> tuple[float, float]:
        """Return both; the sandboxes' share is added to the first."""
        return time.process_time() - self.cpu + sandboxes_cpu, time.perf_counter() - self.wall


async def compare(executor: LocalExecutor, work: Job, text: str, pairs: int) -> dict[str, float]:
    """Take turns; return the median times and ratios."""
    _, features = await evaluate(executor, work, text)
    matrices = [(_matrix(part.train), _matrix(part.validation)) for part in features]
    bare(work, matrices)
    times = []
    for _ in range(pairs):
        clock = Clock()
        bare(work, matrices)
        plain = clock.read()
        used = Used(executor)
        clock = Clock()
        await evaluate(used, work, text)  # type: ignore[arg-type]
        times.append((*plain, *clock.read(used.cpu_s)))
    columns = list(zip(*times, strict=True))
    return {
        "bare_cpu_ms": _ms(columns[0]),
        "honest_cpu_ms": _ms(columns[2]),
        "ratio_cpu": round(statistics.median(c / a for a, _, c, _ in times), 3),
        "ratio_wall": round(statistics.median(d / b for _, b, _, d in times), 3),
    }


class Used:
    """An executor that adds up the processor time of its sandboxes."""

    def __init__(self, executor: LocalExecutor) -> None:
        self._executor = executor
        self.cpu_s = 0.0

    async def run(self, program: str, entry: str, arguments: dict[str, Any], limits: Limits) -> Any:
        """Run, and count."""
        ran = await self._executor.run(program, entry, arguments, limits)
        self.cpu_s += ran.cpu_s
        return ran


def _matrix(frame: Any) -> Any:
    return np.column_stack([values.astype(np.float64) for values in frame.columns.values()])


def _ms(seconds: Sequence[float]) -> float:
    return round(1000 * statistics.median(seconds), 1)


async def measure(options: argparse.Namespace) -> dict[str, object]:
    """Compare for every task and program."""
    figures: dict[str, object] = {"rows": options.rows, "columns": options.columns, "folds": options.folds}
    with tempfile.TemporaryDirectory() as folder:
        preload = "[" + ", ".join(f'"{name}"' for name in PRELOAD) + "]"
        (Path(folder) / "problem.toml").write_text(DECLARATION.replace("{preload}", preload))
        (Path(folder) / "seed.py").write_text(IDENTITY)
        (Path(folder) / "score.py").write_text(
            "def score(output, params, case):\n    raise NotImplementedError\n"
        )
        async with LocalExecutor(load_problem(folder), workers=1, policy=options.policy) as executor:
            for task in ("binary", "regression"):
                work = job(task, options.rows, options.columns, options.folds, options.learner)
                for name, text in PROGRAMS.items():
                    figures[f"{task}_{name}"] = found = await compare(executor, work, text, options.pairs)
                    print(task, name, found, flush=True)
    return figures


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=10)
    parser.add_argument("--folds", type=int, default=4)
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--learner", default="xgboost", choices=("xgboost", "histogram"))
    parser.add_argument("--policy", default="strict")
    options = parser.parse_args()
    figures = asyncio.run(measure(options))
    _results.write("tabular_overhead", {"learner": options.learner, **figures})


if __name__ == "__main__":
    main()
