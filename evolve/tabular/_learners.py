"""The learners that judge features, with the preprocessing that each needs; in one thread, so runs repeat."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from evolve.errors import UsageError
from evolve.tabular._frame import Array, Frame, Text, Values, is_missing
from evolve.tabular._metrics import Task

_INSTALL = "Install it with: pip install 'evolve-engine[tabular]'."
_MICROSECONDS_A_DAY = 86_400e6
_MOST_INDICATORS = 50
"""Categories of a column that the linear learners tell apart: the most frequent ones."""
_MOST_NATIVE = 255
"""Categories of a column that histogram boosting takes as such; beyond that they are numbered."""


class Model(Protocol):
    """A fitted learner."""

    def predict(self, frame: Frame) -> Array:
        """Return (n, classes) probabilities for a classification, (n,) values for a regression."""
        ...


class Learner(Protocol):
    """Fits a model to features; equal arguments give equal models."""

    @property
    def name(self) -> str:
        """As it is called on the command line."""
        ...

    def fit(self, frame: Frame, target: Array, task: Task, classes: int, seed: int) -> Model:
        """Fit.

        Args:
            frame: Features; numbers may be missing (NaN), never infinite.
            target: (n,) int classes below `classes`, or float values.
            task: What is learned.
            classes: Number of classes; 0 for a regression. Some may be absent from `target`.
            seed: For learners that draw.
        """
        ...


def learner_named(name: str) -> Learner:
    """Return a learner; raises UsageError for an unknown name or a library that is not installed."""
    if name not in LEARNERS:
        raise UsageError(f"unknown learner {name!r}. There are: {', '.join(LEARNERS)}.")
    library = "xgboost" if name == "xgboost" else "sklearn"
    try:
        import_module(library)
    except ImportError as error:
        raise UsageError(f"the learner {name!r} needs {library}: {error}. {_INSTALL}") from None
    return LEARNERS[name]


@dataclass(slots=True)
class Ordinal:
    """Columns as numbers for trees: dates in days, text by its place among the sorted training categories."""

    places: dict[str, dict[str, int]] = field(default_factory=dict)
    empty: frozenset[str] = frozenset()
    """Columns without any value in the training rows: not every learner takes these, so they become 0."""

    def fit(self, frame: Frame) -> Ordinal:
        """Learn the categories of the training rows."""
        self.places = {
            name: {text: place for place, text in enumerate(values.categories)}
            for name, values in frame.columns.items()
            if isinstance(values, Text)
        }
        self.empty = frozenset(name for name, values in frame.columns.items() if is_missing(values).all())
        return self

    def matrix(self, frame: Frame) -> Array:
        """Return (n, columns) float64; missing cells and categories that were never seen are NaN."""
        found = np.empty((frame.rows, len(frame.columns)))
        for index, (name, values) in enumerate(frame.columns.items()):
            if name in self.empty:
                found[:, index] = 0.0
            elif isinstance(values, Text):
                found[:, index] = _placed(values, self.places.get(name, {}))
            else:
                found[:, index] = numbers(values)
        return found


def _placed(values: Text, places: dict[str, int]) -> Array:
    table = np.array([*(places.get(text, np.nan) for text in values.categories), np.nan])
    return np.asarray(table[values.codes])


def numbers(values: Array) -> Array:
    """Return a column as float64; dates become days since 1970."""
    if values.dtype.kind == "M":
        days = values.view(np.int64) / _MICROSECONDS_A_DAY
        return np.where(np.isnat(values), np.nan, days)
    return values.astype(np.float64)


class Indicators:
    """Columns for linear models: scaled numbers, medians for missing ones, an indicator for each category."""

    def __init__(self) -> None:
        self._numeric: dict[str, tuple[float, float, float, bool]] = {}
        self._texts: dict[str, list[str]] = {}

    def fit(self, frame: Frame) -> Indicators:
        """Learn medians, scales and categories of the training rows."""
        for name, values in frame.columns.items():
            if isinstance(values, Text):
                counts = np.bincount(values.codes[values.codes >= 0], minlength=len(values.categories))
                top = np.argsort(-counts, kind="stable")[:_MOST_INDICATORS]
                self._texts[name] = [values.categories[code] for code in sorted(top.tolist())]
            else:
                self._numeric[name] = _scale_of(numbers(values))
        return self

    def matrix(self, frame: Frame) -> Array:
        """Return (n, features) float64 without missing values."""
        parts: list[Array] = []
        for name, values in frame.columns.items():
            if name in self._texts:
                parts += _indicators(values, self._texts[name])
            else:
                parts += self._scaled(name, values, frame.rows)
        return np.column_stack(parts) if parts else np.zeros((frame.rows, 1))

    def _scaled(self, name: str, values: Values, rows: int) -> list[Array]:
        middle, mean, scale, had_missing = self._numeric[name]
        plain = np.full(rows, np.nan) if isinstance(values, Text) else numbers(values)
        missing = np.isnan(plain)
        scaled = (np.where(missing, middle, plain) - mean) / scale
        return [scaled, missing.astype(np.float64)] if had_missing else [scaled]


def _scale_of(values: Array) -> tuple[float, float, float, bool]:
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0, 0.0, 1.0, False
    middle = float(np.median(known))
    filled = np.where(np.isnan(values), middle, values)
    unit = float(np.abs(filled).max()) or 1.0  # large numbers squared would overflow
    scale = float((filled / unit).std()) * unit
    return middle, float((filled / unit).mean()) * unit, scale or 1.0, len(known) < len(values)


def _indicators(values: Values, categories: list[str]) -> list[Array]:
    if not isinstance(values, Text):
        return [np.zeros(len(values)) for _ in categories]
    place = {text: code for code, text in enumerate(values.categories)}
    return [(values.codes == place.get(text, -2)).astype(np.float64) for text in categories]


@dataclass(frozen=True, slots=True)
class _Fitted:
    """A model of scikit-learn's interface with its preprocessing and the classes that it has seen."""

    learner: str
    encoder: Ordinal | Indicators
    estimator: Any
    present: Array | None
    classes: int

    def predict(self, frame: Frame) -> Array:
        """See `Model.predict`."""
        matrix = self.encoder.matrix(frame)
        if self.present is None:
            return np.asarray(_alone(self.learner, self.estimator.predict, matrix), dtype=np.float64)
        found = np.zeros((frame.rows, self.classes))
        if self.estimator is None:
            found[:, self.present[0]] = 1.0
        else:
            found[:, self.present] = _alone(self.learner, self.estimator.predict_proba, matrix)
        return found


Build = Callable[[Task, Ordinal | Indicators, Frame, int], Any]


@dataclass(frozen=True, slots=True)
class _Estimator:
    """A learner that scikit-learn's interface gives."""

    name: str
    encoder: type[Ordinal] | type[Indicators]
    build: Build

    def fit(self, frame: Frame, target: Array, task: Task, classes: int, seed: int) -> Model:
        """See `Learner.fit`."""
        encoder = self.encoder().fit(frame)
        if task == "regression":
            estimator = self.build(task, encoder, frame, seed)
            _alone(self.name, estimator.fit, encoder.matrix(frame), target)
            return _Fitted(self.name, encoder, estimator, None, 0)
        present, labels = np.unique(target, return_inverse=True)
        if len(present) == 1:
            return _Fitted(self.name, encoder, None, present, classes)
        estimator = self.build(task, encoder, frame, seed)
        _alone(self.name, estimator.fit, encoder.matrix(frame), labels)
        return _Fitted(self.name, encoder, estimator, present, classes)


def _alone(learner: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call a learner's library in one thread, whatever its pools are set to."""
    with _pools(learner).limit(limits=1), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=_convergence_warning())
        return function(*arguments)


@cache
def _pools(learner: str) -> Any:  # noqa: ARG001 - each learner loads further libraries with pools of their own
    """Find the thread pools of all libraries that are loaded: 2 ms, so once for each learner."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _convergence_warning() -> type[Warning]:
    from sklearn.exceptions import ConvergenceWarning

    return ConvergenceWarning  # type: ignore[no-any-return]


def _xgboost(task: Task, _encoder: Ordinal | Indicators, _frame: Frame, seed: int) -> Any:
    import xgboost  # 2 s

    kind = xgboost.XGBRegressor if task == "regression" else xgboost.XGBClassifier
    return kind(random_state=seed, n_jobs=1)


def _histogram(task: Task, _encoder: Ordinal | Indicators, frame: Frame, seed: int) -> Any:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingRegressor if task == "regression" else HistGradientBoostingClassifier
    native = [
        isinstance(values, Text) and 0 < len(values.categories) <= _MOST_NATIVE
        for values in frame.columns.values()
    ]
    return kind(random_state=seed, categorical_features=native)


def _forest(task: Task, _encoder: Ordinal | Indicators, _frame: Frame, seed: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

    kind = RandomForestRegressor if task == "regression" else RandomForestClassifier
    return kind(random_state=seed, n_jobs=1)


def _linear(task: Task, _encoder: Ordinal | Indicators, _frame: Frame, seed: int) -> Any:
    from sklearn.linear_model import LogisticRegression, Ridge

    return Ridge(random_state=seed) if task == "regression" else LogisticRegression(max_iter=1000)


LEARNERS: dict[str, Learner] = {
    learner.name: learner
    for learner in (
        _Estimator("xgboost", Ordinal, _xgboost),
        _Estimator("histogram", Ordinal, _histogram),
        _Estimator("linear", Indicators, _linear),
        _Estimator("forest", Ordinal, _forest),
    )
}
