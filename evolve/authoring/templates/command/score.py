"""Trusted scorer: the count must be exact; what counts is the processor time that the kernel has measured."""

from evolve.problem import Invalid, Score


def divisors(last):
    """Count the divisors of all numbers from 1 to last: d divides every d-th of them."""
    return sum(last // d for d in range(1, last + 1))


def score(output, params, case):
    """Judge what a program printed: possibly nonsense, possibly meant to deceive.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    words = output["stdout"].split()
    start = case["start"]
    right = divisors(start + params["n"]) - divisors(start)
    if words != [str(right)]:
        raise Invalid(f"must print the exact count for start = {start}, got {output['stdout'][:60]!r}")
    milliseconds = 1000.0 * output["cpu_s"]
    return Score(
        metrics={"cpu_ms": milliseconds, "speed": 1000.0 / (1.0 + milliseconds)},
        feedback=f"Exact, in {milliseconds:.2f} ms.",
    )
