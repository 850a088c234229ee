"""Tabular learning: search for transforms of a table's columns that help a learner, and score them honestly.

A program runs alone in the sandbox and sees features, never the target; the learner and the target are
with the trusted side. Heavy libraries are imported when they are needed; the extra `tabular` installs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evolve.tabular._apply import apply_export
    from evolve.tabular._bootstrap import Interval, paired_bootstrap
    from evolve.tabular._checks import Transformed, read_folds
    from evolve.tabular._compare import RULES, Comparison, compare
    from evolve.tabular._controls import NullControl, bag, bagged_base, noise_features, null_control, optimism
    from evolve.tabular._datasets import dataset_names, load_dataset
    from evolve.tabular._declare import DEFAULT_LEARNER, declare
    from evolve.tabular._features import DRAWS, Columns
    from evolve.tabular._feedback import Feedback, NewFeature, explain
    from evolve.tabular._final import judge_final
    from evolve.tabular._folds import Errand, Parcel, errands_of, parcels_of
    from evolve.tabular._frame import Frame, FrameError, Text
    from evolve.tabular._insert import SEED, Feature, insert
    from evolve.tabular._judge import judge
    from evolve.tabular._kept import Kept
    from evolve.tabular._learners import LEARNERS, Learner, Model, learner_named
    from evolve.tabular._metrics import METRICS, Metric, UndefinedMetricError, default_metric, metric_named
    from evolve.tabular._operators import table_operators
    from evolve.tabular._planted import INTERACTIONS, Planted, noise_table, planted
    from evolve.tabular._protocol import PRELOAD, run_folds
    from evolve.tabular._read import read_table
    from evolve.tabular._scores import FoldScores, predict_fold, score_folds, untransformed
    from evolve.tabular._splits import Fold, Splittable, hold_out, k_folds, repeated_folds, splittable
    from evolve.tabular._stage import Tabular
    from evolve.tabular._table import Column, Table, make_table
    from evolve.tabular._take_home import take_home
    from evolve.tabular._tree import interacting_pairs

_EXPORTS = {
    "_read": ("read_table",),
    "_table": (
        "Column",
        "Table",
        "Tabular",
        "make_table",
    ),
    "_datasets": (
        "dataset_names",
        "load_dataset",
    ),
    "_planted": (
        "INTERACTIONS",
        "Planted",
        "noise_table",
        "planted",
    ),
    "_frame": (
        "Frame",
        "FrameError",
        "Text",
    ),
    "_splits": (
        "Fold",
        "Splittable",
        "hold_out",
        "k_folds",
        "repeated_folds",
        "splittable",
    ),
    "_metrics": (
        "METRICS",
        "Metric",
        "UndefinedMetricError",
        "default_metric",
        "metric_named",
    ),
    "_learners": (
        "LEARNERS",
        "Learner",
        "Model",
        "learner_named",
    ),
    "_folds": (
        "Errand",
        "Parcel",
        "errands_of",
        "parcels_of",
    ),
    "_protocol": (
        "PRELOAD",
        "run_folds",
    ),
    "_checks": (
        "Transformed",
        "read_folds",
    ),
    "_scores": (
        "FoldScores",
        "predict_fold",
        "score_folds",
        "untransformed",
    ),
    "_compare": (
        "RULES",
        "Comparison",
        "compare",
    ),
    "_bootstrap": (
        "Interval",
        "paired_bootstrap",
    ),
    "_feedback": ("Feedback", "NewFeature", "explain"),
    "_features": ("DRAWS", "Columns"),
    "_insert": ("SEED", "Feature", "insert"),
    "_operators": ("table_operators",),
    "_kept": ("Kept",),
    "_judge": ("judge",),
    "_declare": ("DEFAULT_LEARNER", "declare"),
    "_stage": ("Tabular",),
    "_final": ("judge_final",),
    "_take_home": ("take_home",),
    "_apply": ("apply_export",),
    "_tree": ("interacting_pairs",),
    "_controls": (
        "NullControl",
        "bag",
        "bagged_base",
        "noise_features",
        "null_control",
        "optimism",
    ),
}
_HOMES = {name: home for home, names in _EXPORTS.items() for name in names}

__all__ = [
    "DEFAULT_LEARNER",
    "DRAWS",
    "INTERACTIONS",
    "LEARNERS",
    "METRICS",
    "PRELOAD",
    "RULES",
    "SEED",
    "Column",
    "Columns",
    "Comparison",
    "Errand",
    "Feature",
    "Feedback",
    "Fold",
    "FoldScores",
    "Frame",
    "FrameError",
    "Interval",
    "Kept",
    "Learner",
    "Metric",
    "Model",
    "NewFeature",
    "NullControl",
    "Parcel",
    "Planted",
    "Splittable",
    "Table",
    "Tabular",
    "Text",
    "Transformed",
    "UndefinedMetricError",
    "apply_export",
    "bag",
    "bagged_base",
    "compare",
    "dataset_names",
    "declare",
    "default_metric",
    "errands_of",
    "explain",
    "hold_out",
    "insert",
    "interacting_pairs",
    "judge",
    "judge_final",
    "k_folds",
    "learner_named",
    "load_dataset",
    "make_table",
    "metric_named",
    "noise_features",
    "noise_table",
    "null_control",
    "optimism",
    "paired_bootstrap",
    "parcels_of",
    "planted",
    "predict_fold",
    "read_folds",
    "read_table",
    "repeated_folds",
    "run_folds",
    "score_folds",
    "splittable",
    "table_operators",
    "take_home",
    "untransformed",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'evolve.tabular' has no attribute {name!r}")
    return getattr(import_module(f"evolve.tabular.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
