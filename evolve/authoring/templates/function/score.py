"""Trusted scorer: how far a curve is from measured values."""

import itertools

from evolve.problem import Invalid, Score

MEASURED = [
    *(2.492, 2.271, 1.978, 1.625, 1.246, 0.852, 0.488, 0.173, -0.066, -0.245, -0.379),
    *(-0.448, -0.438, -0.355, -0.27, -0.163, -0.003, 0.134, 0.282, 0.414, 0.521),
    *(0.62, 0.675, 0.704, 0.724, 0.717, 0.663, 0.634, 0.575, 0.527, 0.46),
]
"""Values at equally spaced points from 0 to 1. Programs cannot read this file."""

LARGEST = 1000.0
UNSEEN = 3
"""Every third value is kept out of the objective, to see what a program does where it was not chosen."""


def score(output, params, case):
    """Judge what a program returned: plain data, possibly nonsense, possibly meant to deceive.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    values = _numbers(output, params["n"])
    errors = [abs(value - target) for value, target in zip(values, MEASURED, strict=True)]
    seen = [error for k, error in enumerate(errors) if k % UNSEEN != 1]
    unseen = [error for k, error in enumerate(errors) if k % UNSEEN == 1]
    mean = sum(seen) / len(seen)
    worst = max(range(len(seen)), key=seen.__getitem__)
    return Score(
        metrics={
            "mean_error": mean,
            "fit": 1.0 / (1.0 + mean),
            "unseen_error": sum(unseen) / len(unseen),
            "roughness": _roughness(values),
        },
        feedback=f"Mean error {mean:.4g}; the largest is {seen[worst]:.4g}.",
        artifact={"values": values},
    )


def _numbers(output, n):
    if n != len(MEASURED):
        raise ValueError(f"n must be {len(MEASURED)}, the number of measured values, got {n}")
    if type(output) is not list or len(output) != n:
        raise Invalid(f"must be a list of {n} numbers")
    for k, value in enumerate(output):
        if type(value) not in (int, float):
            raise Invalid(f"value {k} must be a number, got a value of type {type(value).__name__}")
        if not abs(value) <= LARGEST:  # NaN would pass `abs(value) > LARGEST`
            raise Invalid(f"value {k} must be between -{LARGEST:g} and {LARGEST:g}, got {value}")
    return [float(value) for value in output]


def _roughness(values):
    """Return the mean size of the second differences relative to that of the first, 0 for a straight line."""
    first = [b - a for a, b in itertools.pairwise(values)]
    second = [b - a for a, b in itertools.pairwise(first)]
    size = sum(map(abs, first)) / len(first)
    return sum(map(abs, second)) / len(second) / size if size else 0.0
