"""The problem that attacked executors work on, and an honest program whose score is known.

The value is (Σx)² / (n Σx²) of n numbers: at most 1, whatever they are. Any other value is forged.
"""

from __future__ import annotations

from pathlib import Path

_DECLARATION = """
[problem]
name = "hostile"
title = "A problem for attacks"
statement = "Return three numbers that are as equal as possible."

[candidate]
entry = "solve"
seeds = ["seed.py"]
preload = ["numpy", "numpy.random"]
modules = ["email.*"]

[objective]
metric = "value"
direction = "maximize"

[[measures]]
metric = "value"
range = [0.0, 1.0]
bins = 8
"""

_SCORER = '''
"""{secret}: nobody but the scorer's process may read this."""

import math
from fractions import Fraction

import numpy as np

from evolve.problem import Invalid, Score


def score(output, params, case):
    if type(output) is np.ndarray:
        if output.shape != (3,) or output.dtype.kind not in "iuf":
            raise Invalid("must be three real numbers")
        output = output.tolist()
    if type(output) not in (list, tuple) or len(output) != 3:
        raise Invalid("must be three numbers")
    return Score({{"value": float(_value([_exact(number) for number in output]))}})


def _exact(number):
    if type(number) not in (int, float) or (type(number) is float and not math.isfinite(number)):
        raise Invalid("must be finite real numbers")
    if number < 0:
        raise Invalid("must not be negative")
    return Fraction(number)


def _value(numbers):
    squares = sum(number * number for number in numbers)
    if squares == 0:
        raise Invalid("must not all be zero")
    return sum(numbers) ** 2 / (len(numbers) * squares)
'''

HONEST = """
import fractions
import json
import numpy as np

def solve():
    numbers = np.sort(np.array([3.0, 1.0, 2.0])) * float(fractions.Fraction(1, 2))
    return json.loads(json.dumps(numbers.tolist()))
"""
HONEST_VALUE = 6 / 7


def write_problem(folder: Path, secret: str) -> Path:
    """Write the problem into an empty folder; return its scorer, which holds the secret."""
    (folder / "problem.toml").write_text(_DECLARATION)
    (folder / "seed.py").write_text(HONEST)
    scorer = folder / "score.py"
    scorer.write_text(_SCORER.format(secret=secret))
    return scorer
