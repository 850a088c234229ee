"""Trusted scorer: verifies a Golomb ruler in whole numbers."""

from itertools import combinations, pairwise

from evolve.problem import Invalid, Score

LARGEST = 1_000_000


def score(output, params, case):
    """Judge what a program returned: plain data, possibly nonsense, possibly meant to deceive.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    marks = _marks(output, params["n"])
    seen = {}
    for a, b in combinations(marks, 2):
        if b - a in seen:
            c, d = seen[b - a]
            raise Invalid(f"the distance {b - a} occurs twice: from {c} to {d} and from {a} to {b}")
        seen[b - a] = (a, b)
    length = marks[-1]
    gaps = [b - a for a, b in pairwise(marks)]
    missing = [distance for distance in range(1, length) if distance not in seen]
    return Score(
        metrics={
            "length": float(length),
            "density": len(seen) / length,
            "largest_gap": max(gaps) / length,
        },
        feedback=f"Valid, length {length}; {len(missing)} distances below it do not occur, the least of them "
        f"{', '.join(map(str, missing[:5])) or 'none'}.",
        artifact={"marks": marks},
    )


def _marks(output, n):
    if n < 2:
        raise ValueError(f"n must be at least 2, got {n}")
    if type(output) is not list or len(output) != n:
        raise Invalid(f"must be a list of {n} whole numbers")
    for k, mark in enumerate(output):
        if type(mark) is not int:  # bool is no int here, and neither is 3.0
            raise Invalid(f"mark {k} must be a whole number, got a value of type {type(mark).__name__}")
        if not 0 <= mark <= LARGEST:
            raise Invalid(f"mark {k} must be from 0 to {LARGEST}")
    if output[0] != 0 or any(a >= b for a, b in pairwise(output)):
        raise Invalid("marks must ascend and begin with 0")
    return output
