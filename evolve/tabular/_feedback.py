"""What the next proposer is told: where the learner errs, what each new feature does, what is useless."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evolve.tabular._checks import Transformed
from evolve.tabular._frame import Array, Frame, Text, Values, is_missing
from evolve.tabular._learners import Learner, Model, numbers
from evolve.tabular._metrics import Metric, UndefinedMetricError
from evolve.tabular._scores import fit_folds
from evolve.tabular._splits import Fold
from evolve.tabular._table import Table, distinct_count
from evolve.tabular._tree import class_tree, shown, value_tree

ERROR_DEPTH = 3
FEATURE_DEPTH = 2
_PERMUTATIONS = 3
_SAME = 0.995
"""Rank correlation from which two columns say the same to a learner that only compares."""
_MOST_EXPLAINED = 5
_MOST_NEW = 40
_CELL_CHARS = 24


@dataclass(frozen=True, slots=True)
class NewFeature:
    """What a new column is worth.

    Attributes:
        name: Its name.
        importance: How much the metric worsens when its values are shuffled among the rows that are
            predicted, mean over folds and shuffles; not positive: nothing is lost.
        spread: Standard deviation of that.
        verdict: "useful", "useless", "constant", or which column it repeats.
        tree: How the target depends on it, as if/else text; empty for those of little importance.
    """

    name: str
    importance: float
    spread: float
    verdict: str
    tree: str = ""


@dataclass(frozen=True, slots=True)
class Feedback:
    """What was found out about a program's features, from rows of the search alone.

    Attributes:
        errors: Where the learner errs, as if/else text over the columns of the table.
        features: The new columns, the most important first.
        dropped: Columns of the table that the program leaves out.
        samples: A few training rows with their target, as text.
    """

    errors: str
    features: tuple[NewFeature, ...]
    dropped: tuple[str, ...]
    samples: str

    def __str__(self) -> str:
        parts = [f"Where the learner errs:\n{self.errors}"]
        if self.features:
            lines = [
                f"- {shown(f.name)}: importance {f.importance:+.3g} ± {f.spread:.2g}, {f.verdict}"
                for f in self.features
            ]
            parts.append("New features:\n" + "\n".join(lines))
        parts += [f"The target by {shown(f.name)}:\n{f.tree}" for f in self.features if f.tree]
        if self.dropped:
            parts.append("Left out of the table: " + ", ".join(shown(name) for name in self.dropped))
        parts.append(f"Some training rows:\n{self.samples}")
        return "\n\n".join(parts)


def explain(
    table: Table,
    folds: Sequence[Fold],
    features: Sequence[Transformed],
    learner: Learner,
    metric: Metric,
    *,
    seed: int,
    samples: int = 6,
    models: Sequence[Model] | None = None,
) -> Feedback:
    """Find out what a program's features do for a learner.

    Args:
        table: Holds the target and the original columns.
        folds: Folds of the search; nothing of a hold-out may be among their rows.
        features: What the program made of each fold.
        learner: What is fitted.
        metric: What counts.
        seed: Of the learner, the shuffles and the sample.
        samples: How many training rows to show.
        models: What the learner fitted to each fold with this seed; None: it is fitted here.
    """
    rng = np.random.default_rng(seed)
    models = fit_folds(table, folds, features, learner, seed=seed) if models is None else models
    first = features[0].train
    new = [name for name in first.names if name not in table.frame.columns][:_MOST_NEW]
    found = []
    for name in new:
        losses = _losses(table, folds, features, models, metric, name, rng)
        found.append(_judged(table, folds[0], first, name, losses))
    found.sort(key=lambda feature: -feature.importance)
    explained = [
        _with_tree(table, folds[0], first, feature) if i < _MOST_EXPLAINED else feature
        for i, feature in enumerate(found)
    ]
    dropped = tuple(name for name in table.frame.names if name not in first.columns)
    return Feedback(
        _error_tree(table, folds, features, models),
        tuple(explained),
        dropped,
        sample_rows(table, rng.permutation(folds[0].train)[:samples]),
    )


def sample_rows(table: Table, rows: Array) -> str:
    """Show rows of the table with their target, one a line."""
    names = [*table.frame.names, table.target_name]
    lines = [" | ".join(map(_cell, names))]
    part = table.frame.take(rows)
    columns = [_cells(values) for values in part.columns.values()]
    for index, row in enumerate(rows.tolist()):
        target = table.target[row]
        label = table.classes[target] if table.classes else f"{target:.6g}"
        lines.append(" | ".join([*(column[index] for column in columns), _cell(label)]))
    return "\n".join(lines)


def _losses(
    table: Table,
    folds: Sequence[Fold],
    features: Sequence[Transformed],
    models: Sequence[Model],
    metric: Metric,
    name: str,
    rng: np.random.Generator,
) -> list[float]:
    """Return how much worse the metric gets when a column is shuffled, for every fold and shuffle."""
    mean = float(table.target.mean()) if table.task == "regression" else 1.0
    found = []
    for fold, part, model in zip(folds, features, models, strict=True):
        truth = table.target[fold.validation]
        try:
            honest = metric.value(truth, model.predict(part.validation), mean=mean)
            for _ in range(_PERMUTATIONS):
                shuffled = part.validation.columns[name]
                order = rng.permutation(part.validation.rows)
                frame = part.validation.with_columns({name: _chosen(shuffled, order)})
                found.append(metric.sign * (honest - metric.value(truth, model.predict(frame), mean=mean)))
        except UndefinedMetricError:
            continue
    return found or [0.0]


def _chosen(values: Values, order: Array) -> Values:
    return Text(values.codes[order], values.categories) if isinstance(values, Text) else values[order]


def _judged(table: Table, fold: Fold, frame: Frame, name: str, losses: list[float]) -> NewFeature:
    importance, spread = float(np.mean(losses)), float(np.std(losses))
    values = frame.columns[name]
    verdict = "useful" if importance > spread / np.sqrt(len(losses)) else "useless"
    if distinct_count(values) < 2 and not is_missing(values).any():
        verdict = "constant"
    else:
        twin = _twin(table, fold, frame, name)
        if twin is not None:
            verdict = f"orders rows as {shown(twin)} does"
    return NewFeature(name, importance, spread, verdict)


def _twin(table: Table, fold: Fold, frame: Frame, name: str) -> str | None:
    """Return an original or earlier new column that puts rows in the same order, or in the reverse."""
    values = frame.columns[name]
    if isinstance(values, Text):
        return None
    ranks = _ranks(numbers(values))
    earlier = frame.names[: frame.names.index(name)]
    originals = table.frame.take(fold.train)
    for other in [*originals.names, *(n for n in earlier if n not in originals.columns)]:
        source = originals if other in originals.columns else frame
        compared = source.columns[other]
        if isinstance(compared, Text):
            continue
        against = _ranks(numbers(compared))
        both = ~np.isnan(ranks) & ~np.isnan(against)
        if both.sum() > 2 and abs(_correlation(ranks[both], against[both])) >= _SAME:
            return other
    return None


def _ranks(values: Array) -> Array:
    missing = np.isnan(values)
    found = np.full(len(values), np.nan)
    _, inverse, counts = np.unique(values[~missing], return_inverse=True, return_counts=True)
    found[~missing] = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    return found


def _correlation(a: Array, b: Array) -> float:
    if a.std() == 0 or b.std() == 0:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def _with_tree(table: Table, fold: Fold, frame: Frame, feature: NewFeature) -> NewFeature:
    if feature.verdict != "useful":
        return feature
    one, target = frame.select([feature.name]), table.target[fold.train]
    tree = (
        class_tree(one, target, table.classes, depth=FEATURE_DEPTH)
        if table.classes
        else value_tree(one, target, depth=FEATURE_DEPTH, what=f"mean {table.target_name}")
    )
    return NewFeature(feature.name, feature.importance, feature.spread, feature.verdict, tree)


def _error_tree(
    table: Table, folds: Sequence[Fold], features: Sequence[Transformed], models: Sequence[Model]
) -> str:
    """Tell where predictions are worst, by the original columns of the rows that were predicted."""
    rows = np.concatenate([fold.validation for fold in folds])
    errors = np.concatenate(
        [
            _errors(table.target[fold.validation], model.predict(part.validation))
            for fold, part, model in zip(folds, features, models, strict=True)
        ]
    )
    what = "chance given to a wrong class:" if table.classes else "mean absolute error"
    return value_tree(table.frame.take(rows), errors, depth=ERROR_DEPTH, what=what)


def _errors(truth: Array, predicted: Array) -> Array:
    if predicted.ndim == 2:
        return np.asarray(1.0 - predicted[np.arange(len(truth)), truth])
    return np.asarray(np.abs(truth - predicted))


def _cells(values: Values) -> list[str]:
    if isinstance(values, Text):
        return ["" if text is None else _cell(text) for text in values.texts()]
    if values.dtype.kind == "M":
        return ["" if np.isnat(v) else str(v.astype("datetime64[s]")) for v in values]
    return ["" if np.isnan(v) else f"{v:.6g}" for v in numbers(values)]


def _cell(text: str) -> str:
    """Keep a cell on one line and within its column."""
    plain = "".join(c if c.isprintable() and c != "|" else " " for c in text)
    return plain if len(plain) <= _CELL_CHARS else plain[: _CELL_CHARS - 3] + "..."
