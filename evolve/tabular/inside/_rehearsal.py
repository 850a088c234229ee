"""Do in the zygote, once, what every process of a program would have to do at its first data frame."""

from __future__ import annotations

import numpy as np
import pandas as pd

from evolve.tabular._frame import Frame, Text
from evolve.tabular.inside._calls import apply, learn

_PROGRAM = """
import numpy as np
import pandas as pd


def fit(X):
    return {"mean": X.groupby("text")["float"].mean(), "edges": X["float"].quantile([0.25, 0.75]).tolist()}


def transform(state, X):
    X = X.copy()
    X["ratio"] = X["float"] / (X["int"].abs() + 1)
    X["mean"] = X["text"].map(state["mean"]).fillna(0.0)
    X["upper"] = X["text"].str.upper()
    X["month"] = X["date"].dt.month
    X["bin"] = pd.cut(X["float"], [-np.inf, *state["edges"], np.inf], labels=False)
    X.loc[X["bool"], "ratio"] = 0.0
    return X.drop(columns=["date"])
"""
_ROWS = 8
_TIMES = 3
"""Python adapts its bytecode to what it is used for in the first few calls."""


def rehearse() -> None:
    """Transform a small table, so that lazy imports and caches are shared by all processes forked later."""
    # text kept by arrow would start threads, and forked processes must not inherit those
    pd.set_option("mode.string_storage", "python")
    numbers = np.linspace(-1.0, 1.0, _ROWS)
    frame = Frame.of(
        {
            "float": numbers,
            "int": np.arange(_ROWS),
            "bool": numbers > 0,
            "date": np.arange(_ROWS).astype("datetime64[D]").astype("datetime64[us]"),
            "text": Text.of(["a", "b", None, "c"] * (_ROWS // 4)),
        }
    ).to_plain()
    for _ in range(_TIMES):
        learned = learn(_PROGRAM, frame)
        apply(_PROGRAM, learned["state"], [frame])
