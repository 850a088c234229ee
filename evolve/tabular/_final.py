"""The last judgement of an exported program, in the scorer's process: it alone reads the hold-out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from evolve.problem import Score
from evolve.sandbox import encode
from evolve.tabular._bootstrap import paired_bootstrap
from evolve.tabular._checks import Transformed, read_folds
from evolve.tabular._compare import compare
from evolve.tabular._controls import bagged_base, null_control
from evolve.tabular._declare import HELD_OUT, outer_fold
from evolve.tabular._feedback import explain
from evolve.tabular._frame import Array, Frame, Text
from evolve.tabular._judge import SEARCH, Job, fold_values, predict
from evolve.tabular._kept import Kept, joined, load
from evolve.tabular._learners import learner_named
from evolve.tabular._metrics import metric_named
from evolve.tabular._scores import predict_fold, score_folds, untransformed
from evolve.tabular._splits import INNER_FOLDS, repeated_folds
from evolve.tabular._table import Table

FRESH, OUTER = "fresh", "hold_out"
"""The two questions: folds of the search's rows that no program was chosen by, and the held-out rows."""
_ROTATION = 1
_BAG = 8
_NULL_CANDIDATES = 10


def job_of(folder: Path, question: str) -> Job:
    """Return the folds of a question; the hold-out is read for `OUTER` alone."""
    search = load(folder / SEARCH)
    if question == OUTER:
        held = load(folder / HELD_OUT)
        fold = outer_fold(search, held)
        return Job.of(Kept(joined(search, held), search.metric, search.learner, search.seed, 1, (fold,)))
    rows = np.arange(search.table.rows)
    split = search.table.splittable()
    folds = repeated_folds(split, rows, folds=INNER_FOLDS, repeats=1, seed=search.seed, rotation=_ROTATION)
    return Job.of(Kept(search.table, search.metric, search.learner, search.seed, 1, tuple(folds)))


def judge_final(folder: Path, output: Any, case: Mapping[str, Any]) -> Score:
    """Answer a question about a program; the figures are the artifact.

    Args:
        folder: Of the declared table.
        output: What `run_folds` collected, decoded; nothing in it is trusted.
        case: `question`, one of `FRESH` and `OUTER`.

    Raises:
        Invalid: it breaks a rule of the contract.
    """
    job = job_of(folder, case["question"])
    features = read_folds(encode(output), job.errands, max_columns=job.most_columns)
    facts = (
        _hold_out(folder, job.kept, features[0]) if case["question"] == OUTER else _fresh(job.kept, features)
    )
    return Score({job.kept.metric: facts["features"]}, artifact=facts)


def _hold_out(folder: Path, kept: Kept, features: Transformed) -> dict[str, Any]:
    table, fold = kept.table, kept.folds[0]
    learner, metric = learner_named(kept.learner), metric_named(kept.metric, table.task)
    truth = table.target[fold.validation]
    mean = float(table.target.mean()) if table.task == "regression" else 1.0
    plain = untransformed(table.frame, kept.folds)[0]
    base = predict_fold(table, fold, plain, learner, seed=kept.seed)
    ours = predict_fold(table, fold, features, learner, seed=kept.seed)
    bagged = bagged_base(table, fold, learner, size=_BAG, seed=kept.seed)
    both = bagged_base(table, fold, learner, size=_BAG, seed=kept.seed, features=features)
    groups = _groups(load(folder / HELD_OUT).table)

    def gain(first: Array, second: Array) -> dict[str, Any]:
        return asdict(
            paired_bootstrap(metric, truth, first, second, groups=groups, mean=mean, seed=kept.seed)
        )

    return {
        "rows": len(truth),
        "base": metric.value(truth, base, mean=mean),
        "features": metric.value(truth, ours, mean=mean),
        "bag": _BAG,
        "bagged_base": metric.value(truth, bagged, mean=mean),
        "bagged_features": metric.value(truth, both, mean=mean),
        "gain": gain(base, ours),
        "gain_of_bags": gain(bagged, both),
    }


def _groups(table: Table) -> Array | None:
    if table.groups is None:
        return None
    return table.groups.codes if isinstance(table.groups, Text) else table.groups


def _fresh(kept: Kept, features: list[Transformed]) -> dict[str, Any]:
    table, folds = kept.table, kept.folds
    learner, metric = learner_named(kept.learner), metric_named(kept.metric, table.task)
    ours = fold_values(kept, predict(kept, features))
    base = fold_values(kept, predict(kept, untransformed(table.frame, folds)))
    share = len(folds[0].validation) / table.rows
    against = compare(ours, base, sign=metric.sign, test_share=min(0.5, share))
    told = explain(table, folds, features, learner, metric, seed=kept.seed)

    def score(frame: Frame) -> float:
        found = untransformed(frame, folds)
        return score_folds(table, folds, found, learner, metric, seed=kept.seed).mean

    new = sum(name not in table.frame.columns for name in features[0].train.names)
    control = null_control(
        table.frame, score, metric, candidates=_NULL_CANDIDATES, columns=max(1, new), seed=kept.seed
    )
    value = float(np.mean(ours))
    return {
        "rows": table.rows,
        "folds": len(folds),
        "base": float(np.mean(base)),
        "features": value,
        "gain": against.gain,
        "standard_error": against.standard_error,
        "p_value": against.p_value,
        "better": against.better,
        "rule": against.rule,
        "null_candidates": len(control.scores),
        "null_columns": max(1, new),
        "null_best": control.best,
        "null_gain": control.gain,
        "null_rank": control.rank_of(value),
        "errors": told.errors,
        "dropped": list(told.dropped),
        "new": [[f.name, f.importance, f.spread, f.verdict] for f in told.features],
        "columns": list(features[0].train.names),
    }
