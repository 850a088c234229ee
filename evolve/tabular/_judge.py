"""The trusted scorer of a declared table: it runs in the scorer's process, where no program ever does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evolve.problem import Score
from evolve.sandbox import encode
from evolve.tabular._checks import Transformed, read_folds
from evolve.tabular._compare import compare
from evolve.tabular._feedback import explain
from evolve.tabular._folds import Errand, errands_of
from evolve.tabular._frame import Array
from evolve.tabular._kept import Kept, load
from evolve.tabular._learners import learner_named
from evolve.tabular._metrics import metric_named
from evolve.tabular._scores import fit_folds
from evolve.tabular._table import Table

SEARCH = "search.table"
"""In the folder of a declared table: the rows of the search, and nothing of those that are held out."""
MOST_ADDED = 200
"""Columns that a program may return beyond as many as the table has."""
DEPARTURE, NEW, WIDTH, GAIN, SPREAD = "departure", "new_features", "width", "gain", "spread"
MEASURED = (DEPARTURE, NEW, WIDTH, GAIN, SPREAD)
"""Metrics beside the objective."""


def fold_name(number: int) -> str:
    """Name the metric that carries one fold's value from the scorer to the stage."""
    return f"fold_{number}"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """What the two sides of an evaluation agree on."""

    kept: Kept
    errands: list[Errand]

    @classmethod
    def of(cls, kept: Kept) -> Job:
        """Draw the orders of the rows."""
        return cls(kept, errands_of(kept.folds, kept.seed))

    @property
    def most_columns(self) -> int:
        """Most columns that a program may return."""
        return len(self.kept.table.frame.columns) + MOST_ADDED


def judge(folder: Path, output: Any, case: Mapping[str, Any]) -> Score:  # noqa: ARG001 - all folds at once
    """Score what a program made of the folds of the search.

    Args:
        folder: Of the declared table.
        output: What `run_folds` collected, decoded; nothing in it is trusted.
        case: Nothing; all folds are judged together.

    Raises:
        Invalid: it breaks a rule of the contract.
    """
    job = _job(folder)
    kept, table = job.kept, job.kept.table
    features = read_folds(encode(output), job.errands, max_columns=job.most_columns)
    learner = learner_named(kept.learner)
    models = fit_folds(table, kept.folds, features, learner, seed=kept.seed)
    predictions = [model.predict(part.validation) for model, part in zip(models, features, strict=True)]
    values = fold_values(kept, predictions)
    base = fold_values(kept, kept.base)
    metric = metric_named(kept.metric, table.task)
    test_share = len(kept.folds[0].validation) / max(2, table.rows)
    against = compare(values, base, sign=metric.sign, test_share=min(0.5, test_share))
    once = len(kept.folds) // kept.repeats
    told = explain(
        table,
        kept.folds[:once],
        features[:once],
        learner,
        metric,
        seed=kept.seed,
        models=models[:once],
    )
    first = features[0].train
    metrics = {
        kept.metric: float(np.mean(values)),
        SPREAD: float(np.std(values, ddof=1)),
        GAIN: against.gain,
        DEPARTURE: departure(table, predictions, kept.base),
        NEW: float(sum(name not in table.frame.columns for name in first.names)),
        WIDTH: float(len(first.names)),
        **{fold_name(number): value for number, value in enumerate(values)},
    }
    head = (
        f"{kept.metric} {np.mean(values):.4g} on {len(values)} folds. Against the table as it is: {against}"
    )
    return Score(metrics, f"{head}\n\n{told}")


def predict(kept: Kept, features: Sequence[Transformed]) -> list[Array]:
    """Fit the learner on every fold and predict the fold's other rows."""
    models = fit_folds(kept.table, kept.folds, features, learner_named(kept.learner), seed=kept.seed)
    return [model.predict(part.validation) for model, part in zip(models, features, strict=True)]


def fold_values(kept: Kept, predictions: Sequence[Array]) -> list[float]:
    """Return the metric on every fold; raises UndefinedMetricError where it has no value."""
    table = kept.table
    metric = metric_named(kept.metric, table.task)
    mean = float(table.target.mean()) if table.task == "regression" else 1.0
    return [
        metric.value(table.target[fold.validation], predicted, mean=mean)
        for fold, predicted in zip(kept.folds, predictions, strict=True)
    ]


def departure(table: Table, predictions: Sequence[Array], base: Sequence[Array]) -> float:
    """Return how far predictions lie from those of the table as it is.

    For classes the mean share of probability that moved (total variation, 0 to 1); for values the mean
    distance in standard deviations of the target.
    """
    ours, theirs = np.concatenate(predictions), np.concatenate(base)
    if ours.ndim == 2:
        return float(np.abs(ours - theirs).sum(axis=1).mean() / 2)
    return float(np.abs(ours - theirs).mean() / (table.target.std() or 1.0))


@cache
def _job(folder: Path) -> Job:
    return Job.of(load(folder / SEARCH))
