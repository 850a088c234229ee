"""Accept any finite number."""

import math

from evolve.problem import Invalid, Score


def score(output, params, case):
    """Return the number, folded into [0, 1], and a measure that spreads programs."""
    if not isinstance(output, float) or not math.isfinite(output):
        raise Invalid("must be a finite float")
    return Score({"value": output % 1.0, "size": (output * 7.0) % 1.0})
