"""Paired comparisons reject luck about as often as they promise."""

from __future__ import annotations

import numpy as np
import pytest

from evolve.errors import UsageError
from evolve.tabular import RULES, compare
from evolve.tabular._compare import Rule, corrected_standard_error

ELITE = [0.70, 0.80, 0.75, 0.78]


def test_a_shift_of_every_fold_is_better_although_folds_differ() -> None:
    found = compare([score + 0.01 for score in ELITE], ELITE, sign=1.0, test_share=0.25, rule="corrected_t")
    assert found.better
    assert found.gain == pytest.approx(0.01)


def test_a_mean_gain_within_the_noise_is_not_better() -> None:
    candidate = [0.80, 0.72, 0.80, 0.75]
    found = {rule: compare(candidate, ELITE, sign=1.0, test_share=0.25, rule=rule) for rule in RULES}
    assert {rule: c.better for rule, c in found.items()} == {
        "one_standard_error": False,
        "corrected_t": False,
        "any": True,
    }
    assert 0.05 < found["any"].p_value < 0.5


def test_smaller_can_be_better() -> None:
    assert compare([0.5, 0.4], [0.9, 0.8], sign=-1.0, test_share=0.5).better
    assert not compare([0.5, 0.4], [0.9, 0.8], sign=1.0, test_share=0.5).better


@pytest.mark.parametrize("rule", RULES)
def test_an_equal_program_is_never_better(rule: Rule) -> None:
    found = compare(ELITE, ELITE, sign=1.0, test_share=0.25, rule=rule)
    assert (found.better, found.gain, found.p_value) == (False, 0.0, 1.0)


def test_the_standard_error_is_corrected_for_shared_rows() -> None:
    differences = np.array([0.1, -0.2, 0.3, 0.05])
    plain = differences.std(ddof=1) / 2
    assert corrected_standard_error(differences, 0.25) == pytest.approx(plain * np.sqrt(1 + 4 / 3))


def test_the_t_rule_keeps_its_level_without_an_effect() -> None:
    """Differences of overlapping folds: a part of the noise is common to all of them."""
    rng = np.random.default_rng(0)
    trials = 1500
    common = rng.normal(0, np.sqrt(0.25), (trials, 1))
    draws = common + rng.normal(0, np.sqrt(0.75), (trials, 4))
    rejected = np.mean(
        [compare(d, [0.0] * 4, sign=1.0, test_share=0.25, rule="corrected_t").better for d in draws.tolist()]
    )
    assert 0.015 < rejected < 0.065
    lucky = np.mean(
        [compare(d, [0.0] * 4, sign=1.0, test_share=0.25, rule="any").better for d in draws.tolist()]
    )
    assert 0.45 < lucky < 0.55


def test_it_says_what_it_found() -> None:
    text = str(compare([0.8, 0.9, 0.85], [0.7, 0.8, 0.74], sign=1.0, test_share=1 / 3))
    assert text.startswith("+0.1033 ± ")
    assert text.endswith("better beyond the noise (one_standard_error)")


@pytest.mark.parametrize(
    ("candidate", "elite", "options", "message"),
    [
        ([1.0], [1.0], {}, "at least two: got 1 and 1"),
        ([1.0, 2.0], [1.0], {}, "got 2 and 1 scores"),
        ([1.0, float("nan")], [1.0, 2.0], {}, "must be finite"),
        ([1.0, 2.0], [1.0, 2.0], {"test_share": 1.0}, "between 0 and 1"),
        ([1.0, 2.0], [1.0, 2.0], {"rule": "luck"}, "unknown rule 'luck'"),
    ],
)
def test_impossible_comparisons(
    candidate: list[float], elite: list[float], options: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        compare(candidate, elite, **{"sign": 1.0, "test_share": 0.25, **options})  # type: ignore[arg-type]
