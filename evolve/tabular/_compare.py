"""When a candidate is better than an elite and not merely luckier: comparisons over the same folds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from evolve.errors import UsageError

Rule = Literal["one_standard_error", "corrected_t", "any"]
RULES: tuple[Rule, ...] = ("one_standard_error", "corrected_t", "any")
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Comparison:
    """A candidate held against an elite, fold by fold.

    Attributes:
        gain: Mean difference over the folds; positive: the candidate is better, in either direction.
        standard_error: Of that mean, corrected for training rows that the folds share.
        p_value: One-sided: how often no real difference would show such a gain.
        better: Whether it counts as better by the rule.
        rule: The rule that decided.
    """

    gain: float
    standard_error: float
    p_value: float
    better: bool
    rule: Rule

    def __str__(self) -> str:
        verdict = "better beyond the noise" if self.better else "not better beyond the noise"
        return (
            f"{self.gain:+.4g} ± {self.standard_error:.2g} (p = {self.p_value:.2g}): {verdict} ({self.rule})"
        )


def compare(
    candidate: Sequence[float],
    elite: Sequence[float],
    *,
    sign: float,
    test_share: float,
    rule: Rule = "one_standard_error",
) -> Comparison:
    """Compare two programs by their scores on the same folds.

    Folds share training rows, so their differences are not independent and the plain standard error is too
    small: it is corrected as by Nadeau and Bengio (Machine Learning 52, 2003), with 1/n + test/train in place
    of 1/n.

    Args:
        candidate: Score on every fold.
        elite: Score on the same folds, in the same order.
        sign: +1.0 when larger scores are better, −1.0 when smaller ones are.
        test_share: Share of the rows that each fold holds out, between 0 and 1.
        rule: "one_standard_error": the gain exceeds its corrected standard error. "corrected_t": the
            corrected t-test rejects at 5 %. "any": the gain is above 0, which rewards luck.

    Raises:
        UsageError: the numbers of folds differ, there are fewer than two, a score is not finite, the share is
            not between 0 and 1, or the rule is unknown.
    """
    if rule not in RULES:
        raise UsageError(f"unknown rule {rule!r}. There are: {', '.join(RULES)}.")
    if len(candidate) != len(elite) or len(elite) < 2:
        raise UsageError(
            f"a comparison needs the same folds, at least two: got {len(candidate)} and {len(elite)} scores."
        )
    if not 0 < test_share < 1:
        raise UsageError(f"the share that is held out must be between 0 and 1, got {test_share}.")
    differences = sign * (np.asarray(candidate, dtype=np.float64) - np.asarray(elite, dtype=np.float64))
    if not np.isfinite(differences).all():
        raise UsageError("scores that are compared must be finite.")
    gain = float(differences.mean())
    error = corrected_standard_error(differences, test_share)
    p_value = _p_value(gain, error, len(differences) - 1)
    verdict = {"one_standard_error": gain > error, "corrected_t": p_value < LEVEL, "any": True}[rule]
    return Comparison(gain, error, p_value, bool(gain > 0 and verdict), rule)


def corrected_standard_error(differences: Sequence[float] | np.ndarray, test_share: float) -> float:
    """Return the standard error of a mean over folds that share training rows."""
    count = len(differences)
    variance = float(np.var(differences, ddof=1))
    return math.sqrt(variance * (1.0 / count + test_share / (1.0 - test_share)))


def _p_value(gain: float, error: float, freedom: int) -> float:
    if error == 0:
        return 0.0 if gain > 0 else 1.0
    from scipy.stats import t

    return float(t.sf(gain / error, freedom))
