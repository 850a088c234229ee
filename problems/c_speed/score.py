"""Trusted scorer: the count must be exact; what is measured is the processor time that the kernel counted."""

from __future__ import annotations

from functools import cache
from typing import Any

from evolve.problem import Invalid, Score

VALUES, REACH = 1000, 10
_MASK = 2**64 - 1


@cache
def expected(n: int, seed: int) -> int:
    """Count the pairs by how often each value occurs."""
    counts = [0] * VALUES
    x = seed
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) & _MASK
        counts[(x >> 33) % VALUES] += 1
    pairs = sum(count * (count - 1) // 2 for count in counts)
    return pairs + sum(
        counts[value] * counts[value + step] for step in range(1, REACH + 1) for value in range(VALUES - step)
    )


def score(output: Any, params: dict[str, Any], case: dict[str, Any]) -> Score:
    """Score one case: see the statement in problem.toml."""
    if not isinstance(output, dict) or not isinstance(output.get("stdout"), str):
        raise Invalid("must be the outcome of a command")
    words = output["stdout"].split()
    if len(words) != 1 or not words[0].isascii() or not words[0].isdigit() or len(words[0]) > 20:
        raise Invalid(f"must print one integer, got {output['stdout'][:60]!r}")
    right = expected(params["n"], case["seed"])
    if int(words[0]) != right:
        raise Invalid(f"counted {words[0]} pairs, which are too {'many' if int(words[0]) > right else 'few'}")
    cpu_s = output.get("cpu_s")
    if not isinstance(cpu_s, float) or not cpu_s >= 0.0:
        raise Invalid("has no processor time")
    return Score(
        {"cpu_ms": 1000.0 * cpu_s, "wall_ms": 1000.0 * float(output["wall_s"])}, f"{1000.0 * cpu_s:.2f} ms"
    )
