"""The module that takes a program home: a transformer of scikit-learn's kind that needs nothing of ours."""

from __future__ import annotations

from evolve.tabular._frame import Frame, kind_of

CLASS = "TableFeatures"
_WRAPPER = '''

# What follows makes a transformer of the program above; it was written by the export, not by the search.

import copy as _copy

import numpy as _np
import pandas as _pd
from sklearn.base import BaseEstimator as _BaseEstimator
from sklearn.base import TransformerMixin as _TransformerMixin
from sklearn.utils.validation import check_is_fitted as _check_is_fitted

_COLUMNS = {columns!r}
_program_fit, _program_transform = globals().get("fit"), globals()["transform"]


class {name}(_TransformerMixin, _BaseEstimator):
    """Make the features of a table, as found by a search.

    Parameters
    ----------
    numeric : bool, default=True
        Turn text into numbers (its place among the sorted texts that `fit` saw, NaN for others), dates into
        days and booleans into 0 and 1, as the search's learners had them. False: leave them as they are.
    """

    def __init__(self, numeric=True):
        self.numeric = numeric

    def fit(self, X, y=None):
        """Learn what the features need; `y` is not looked at."""
        rows = _rows(X)
        self.n_features_in_ = len(_COLUMNS)
        self.feature_names_in_ = _np.asarray(list(_COLUMNS), dtype=object)
        self.state_ = None if _program_fit is None else _program_fit(rows)
        made = _program_transform(_copy.deepcopy(self.state_), _rows(X))
        self.columns_ = list(made.columns)
        self.categories_ = {{
            name: sorted(set(made[name].dropna().astype(str)))
            for name in made.columns
            if not (_is_plain(made[name]) or _pd.api.types.is_datetime64_any_dtype(made[name]))
        }}
        return self

    def transform(self, X):
        """Return a DataFrame with one row for each of `X`, its index unchanged."""
        _check_is_fitted(self, "columns_")
        made = _program_transform(_copy.deepcopy(self.state_), _rows(X))
        if list(made.columns) != self.columns_ or len(made) != len(X):
            raise ValueError("the program made other columns or rows than it did in fit")
        if self.numeric:
            made = _pd.DataFrame({{name: self._number(name, made[name]) for name in self.columns_}})
        made.index = X.index
        return made

    def get_feature_names_out(self, input_features=None):
        """Return the names of the columns that `transform` makes."""
        _check_is_fitted(self, "columns_")
        return _np.asarray(self.columns_, dtype=object)

    def _number(self, name, values):
        if name in self.categories_:
            places = {{text: float(place) for place, text in enumerate(self.categories_[name])}}
            return values.map(lambda cell: _np.nan if _pd.isna(cell) else places.get(str(cell), _np.nan))
        if _pd.api.types.is_datetime64_any_dtype(values):
            return (values - _pd.Timestamp(0)) / _pd.Timedelta(days=1)
        return values.astype(float)


def _is_plain(values):
    return _pd.api.types.is_numeric_dtype(values) or _pd.api.types.is_bool_dtype(values)


def _rows(X):
    """Return the columns that the program knows, of the types that it knows them in, rows from 0."""
    if not isinstance(X, _pd.DataFrame):
        raise TypeError(f"expected a DataFrame with the columns {{list(_COLUMNS)}}, got {{type(X).__name__}}")
    missing = [name for name in _COLUMNS if name not in X.columns]
    if missing:
        raise ValueError(f"columns are missing: {{missing}}")
    return _pd.DataFrame({{name: _typed(X[name], kind).array for name, kind in _COLUMNS.items()}})


def _typed(values, kind):
    values = values.reset_index(drop=True)
    if kind == "text":
        return _pd.Series([_np.nan if _pd.isna(cell) else str(cell) for cell in values], dtype=object)
    if kind == "date":
        return _pd.to_datetime(values).astype("datetime64[us]")
    numbers = _pd.to_numeric(values).astype(float)
    if kind in ("int", "bool") and not numbers.isna().any() and (numbers == numbers.round()).all():
        return numbers.astype("int64" if kind == "int" else bool)
    return numbers
'''


def kinds_of(frame: Frame) -> dict[str, str]:
    """Return what each column holds: float, int, bool, date or text."""
    return {name: kind_of(values) or "float" for name, values in frame.columns.items()}


def transformer_text(program: str, frame: Frame, head: str) -> str:
    """Return the module: the program as it was found, and a class that calls it.

    Args:
        program: Its text.
        frame: Rows of the table, by which columns and their types are known.
        head: Comment lines for the top, which say where it comes from.
    """
    return head + program.rstrip() + "\n" + _WRAPPER.format(columns=kinds_of(frame), name=CLASS)
