"""Trusted scorer: the count must be exact; what counts is the processor time that the kernel has measured."""

from evolve.problem import Invalid, Score


def score(output, params, case):
    """Judge what a program printed: possibly nonsense, possibly meant to deceive.

    Raise Invalid for whatever breaks a rule, and say by how much: proposers read it. Any other
    exception counts as a fault of this file.
    """
    words = output["stdout"].split()
    right = str(sum(params["n"] // d for d in range(1, params["n"] + 1)))
    if words != [right]:
        raise Invalid(f"must print {right}, got {output['stdout'][:60]!r}")
    milliseconds = 1000.0 * output["cpu_s"]
    return Score(
        metrics={"cpu_ms": milliseconds, "speed": 1000.0 / (1.0 + milliseconds)},
        feedback=f"Exact, in {milliseconds:.2f} ms.",
    )
