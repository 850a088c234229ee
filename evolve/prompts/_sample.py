"""Contexts made up to try templates on: one with everything, one with as little as there can be."""

from __future__ import annotations

from dataclasses import replace

from evolve.prompts._context import (
    BlockView,
    Hypothesis,
    Lesson,
    ProblemView,
    ProgramView,
    PromptContext,
    Step,
)

_TEXT = """import numpy as np


def pack(n):
    side = int(np.ceil(np.sqrt(n)))
    grid = (np.arange(side) + 0.5) / side
    centers = np.array([(x, y) for x in grid for y in grid])[:n]
    return centers, np.full(n, 0.5 / side)
"""

_PROBLEM = ProblemView(
    name="circles",
    title="Circles in a square",
    statement="Place n circles inside the unit square so that the sum of their radii is largest.",
    entry="pack",
    arguments=("n",),
    returns=("centers", "radii"),
    params={"n": 26},
    metric="sum_radii",
    direction="maximize",
    timeout_s=5.0,
    memory_mb=512,
    modules=("numpy", "scipy.optimize"),
)


def full_context() -> PromptContext:
    """Return a context in which nothing is missing."""
    parent = ProgramView(
        id=12,
        text=_TEXT,
        status="valid",
        objective=2.1666666666666665,
        metrics={"sum_radii": 2.1666666666666665, "radius_std": 0.0123456789, "lines": 8.0},
        feedback="sum of radii 2.166667\nsmallest gap 0.0",
    )
    other = replace(parent, id=9, text=_TEXT.replace("0.5", "0.25"), objective=1.5, feedback="")
    failure = ProgramView(
        id=15,
        text=_TEXT.replace("side = int", "side = float"),
        status="failed",
        objective=None,
        feedback="Traceback (most recent call last):\n"
        '  File "program.py", line 6, in pack\n'
        "TypeError: 'float' object cannot be interpreted as an integer",
    )
    return PromptContext(
        problem=_PROBLEM,
        parent=parent,
        other=other,
        failure=failure,
        inspirations=(other, replace(parent, id=7, objective=2.0, metrics={}, feedback="")),
        ancestors=(
            Step(3, "Place the circles on a grid", "valid", 1.5, 2.0),
            Step(12, "Make the grid as coarse as n allows", "valid", 2.0, 2.1666666666666665),
        ),
        siblings=(
            Step(13, "Turn the grid by 45 degrees", "valid", 2.1666666666666665, 1.9),
            Step(14, "Solve for centres and radii together", "timeout", 2.1666666666666665, None),
        ),
        hypotheses=(
            Hypothesis(
                8, "Unequal radii use the gaps of the grid.", "radius_std", "up", 0.0, 0.02, held=True
            ),
            Hypothesis(11, "A ring layout wastes the corners.", "sum_radii", "up", 2.0, None, held=False),
        ),
        lessons=(
            Lesson("A joint optimisation from one start stays in the start's local optimum.", (3, 7)),
            Lesson(
                "Solve the radii as a linear program once the centres are fixed.", (41,), origin="packing-1"
            ),
        ),
        blocks=(
            BlockView(
                "shrink",
                "Scale radii until no two circles overlap.",
                "def shrink(centers, radii):\n    return radii * 0.99\n",
                credit=0.25,
                library=True,
            ),
            BlockView(
                "hexagonal_start",
                "Place n centres in staggered rows.",
                "def hexagonal_start(n):\n    return rows(n)\n",
            ),
        ),
        wins=(Step(3, "Place the circles on a grid", "valid", 1.5, 2.0),),
        losses=(
            Step(13, "Turn the grid by 45 degrees", "valid", 2.1666666666666665, 1.9),
            Step(14, "Solve for centres and radii together", "timeout", 2.1666666666666665, None),
        ),
        editable=True,
        angle="the starting point that the search sets out from",
    )


def minimal_context(*needed: str) -> PromptContext:
    """Return a context without anything optional.

    Args:
        needed: The programs that it has all the same: "parent", "other", "failure".
    """
    program = ProgramView(id=0, text="def solve():\n    return 0\n", status="invalid", objective=None)
    problem = replace(
        _PROBLEM,
        statement="Return a number.",
        entry="solve",
        arguments=(),
        returns=(),
        params={},
        direction="minimize",
        modules=(),
    )
    return PromptContext(
        problem,
        parent=program if "parent" in needed else None,
        other=program if "other" in needed else None,
        failure=program if "failure" in needed else None,
    )
