"""Conditions on metrics: one comparison such as `hit_rate >= 0.5`, never evaluated as code."""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

_COMPARISON = re.compile(r"\s*([A-Za-z_][\w.]*)\s*(<=|>=|==|!=|<|>)\s*(\S+)\s*")
_SIGNS: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A comparison of a metric with a number.

    Attributes:
        metric: Name of the metric.
        sign: One of < <= == != >= >.
        bound: A finite number.
    """

    metric: str
    sign: str
    bound: float

    @classmethod
    def parse(cls, text: str) -> Condition:
        """Read a condition; raises ValueError for everything else."""
        match = _COMPARISON.fullmatch(text)
        bound = math.nan
        if match is not None:
            try:
                bound = float(match[3])
            except ValueError:
                match = None
        if match is None or not math.isfinite(bound):
            raise ValueError("must compare a metric with a number, such as 'hit_rate >= 0.5'")
        return cls(match[1], match[2], bound)

    def holds(self, metrics: Mapping[str, float]) -> bool:
        """Tell whether it holds; it does not for a metric that is not there."""
        value = metrics.get(self.metric)
        return value is not None and _SIGNS[self.sign](value, self.bound)

    def explain(self, metrics: Mapping[str, float]) -> str:
        """Say what was found and what is asked for."""
        value = metrics.get(self.metric)
        found = "is not known" if value is None else f"= {value:.6g}"
        return f"{self.metric} {found}, wanted {self}"

    def __str__(self) -> str:
        return f"{self.metric} {self.sign} {self.bound:.12g}"
