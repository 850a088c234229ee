"""Trusted scorer: generates each instance itself, verifies the packing and counts the bins."""

import math
import random

from evolve.problem import Invalid, Score

CAPACITY = 100


def score(output, params, case):
    """Judge what a program returned: plain data, possibly nonsense, possibly meant to deceive.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    items = instance(params["base"] + case["instance"], params["items"])
    loads = _loads(output, items)
    least = math.ceil(sum(items) / CAPACITY)
    return Score(
        metrics={
            "excess": 100.0 * (len(loads) / least - 1.0),
            "fill": 100.0 * sum(items) / (CAPACITY * len(loads)),
            "full": sum(load == CAPACITY for load in loads) / len(loads),
        },
        feedback=f"{len(loads)} bins; the sizes add up to those of {least}. The emptiest holds {min(loads)}.",
        artifact={"loads": loads},
    )


def instance(seed, count):
    """Return the sizes of an instance. Programs generate the same ones: both sides have this line."""
    rng = random.Random(seed)
    return [20 + int(50 * rng.random()) for _ in range(count)]


def _loads(output, items):
    """Return what each bin holds."""
    if type(output) is not list or len(output) != len(items):
        raise Invalid(f"must be a list of {len(items)} bin numbers, one for each item")
    loads = []
    for k, (chosen, item) in enumerate(zip(output, items, strict=True)):
        if type(chosen) is not int or not 0 <= chosen <= len(loads):
            raise Invalid(
                f"item {k} must go into an open bin, 0 to {len(loads) - 1}, or open bin {len(loads)}"
            )
        if chosen == len(loads):
            loads.append(0)
        loads[chosen] += item
        if loads[chosen] > CAPACITY:
            raise Invalid(f"item {k} of size {item} overfills bin {chosen} by {loads[chosen] - CAPACITY}")
    return loads
