"""Small programs, blocks and contexts for the tests of the operators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from evolve.operators import Context, NoProposal, Parent, Proposal, builtin_operators
from evolve.operators._program import Change, Program
from evolve.problem import Block

RINGS = '''"""Circles on rings."""

import numpy as np

# Distance between rings.
SPACING = 0.2


def place(n, growth=6):
    """Return points – on rings."""
    points = [(0.5, 0.5)]
    for k in range(1, n):
        angle = 2.4 * k  # golden angle
        points.append((0.5 + SPACING * np.cos(angle), 0.5 + SPACING * np.sin(angle) / growth))
    return np.array(points[:n])


def pack(n):
    """Pack n circles."""
    points = place(n)
    sizes = np.full(n, 0.01)
    # Shrink them a little.
    sizes = 0.99 * sizes
    return points, sizes
'''

START = Block(
    name="grid_start",
    text='''"""Start from a grid."""

import math

import numpy as np


# Row by row.
def grid_start(n, seed=0, spread=0.5):
    """Return n points."""
    side = math.ceil(math.sqrt(n))
    return np.array([(i % side, i // side) for i in range(n)]) * spread / side
''',
    call="centers = grid_start(n)",
    doc="Start from a grid.",
)

POLISH = Block(
    name="polish",
    text='''"""Improve a layout."""

import numpy as np
from scipy.optimize import minimize

STEPS = 10
SMALL = 1e-9


def polish(centers, radii):
    """Return a better layout."""
    return shrink(centers, STEPS), radii - SMALL


def shrink(centers, steps):
    return np.clip(centers, 1 / steps, 1 - 1 / steps)
''',
    call="centers, radii = polish(centers, radii)",
    doc="Improve a layout.",
)

RADII = Block(
    name="radii_of",
    text="def radii_of(centers):\n    return [0.1 for _ in centers]\n",
    call="radii = radii_of(centers)",
    doc="",
)

BLOCKS = (START, POLISH, RADII)


def context(
    *texts: str,
    seed: int = 0,
    entry: str = "pack",
    arguments: Sequence[str] = ("n",),
    returns: Sequence[str] = ("centers", "radii"),
    blocks: Sequence[Block] = (),
    max_chars: int = 40_000,
) -> Context:
    """Make a context whose parents are `texts`, with ids from 1."""
    return Context(
        entry=entry,
        arguments=tuple(arguments),
        returns=tuple(returns),
        parents=tuple(Parent(id=i, text=text, objective=0.0) for i, text in enumerate(texts, start=1)),
        blocks=tuple(blocks),
        rng=np.random.default_rng(seed),
        max_chars=max_chars,
    )


def propose(name: str, given: Context) -> Proposal:
    """Run a built-in operator, which waits for nothing and so needs no event loop."""
    try:
        builtin_operators()[name].propose(given).send(None)
    except StopIteration as stop:
        result = stop.value
    assert isinstance(result, Proposal)
    return result


def proposals(name: str, *texts: str, tries: int = 60, blocks: Sequence[Block] = ()) -> dict[str, str]:
    """Return what an operator proposes with many seeds: text by change."""
    found = {}
    for seed in range(tries):
        try:
            proposal = propose(name, context(*texts, seed=seed, blocks=blocks))
        except NoProposal:
            continue
        found[proposal.change] = proposal.text
    return found


def program_of(given: Context) -> Program:
    """Parse the first parent."""
    return Program.of(given.parents[0], given)


def text_of(change: Change | None) -> str:
    """Return the text of a change that must be there."""
    assert change is not None
    return change.text


NAMES = ("a", "b", "c", "n")


@st.composite
def statements(draw: st.DrawFn, depth: int = 0) -> list[str]:
    """Draw one statement as lines; every name in `NAMES` is bound before it."""
    target, one, two = (draw(st.sampled_from(NAMES)) for _ in range(3))
    number = draw(st.sampled_from(["0", "1", "2.5", "1e-3", "-7", "100", "0.0"]))
    simple = [
        f"{target} = {number}",
        f"{target} = ({one} + {number}) * {two}  # wärmer",
        f"{target} = helper({one}, seed=3) - {two} ** 2",
        f"{target} = min({one}, {two}, {number})",
        f"{target} += {number} * {one}",
        f"{target}, {one} = {one}, {two}",
        f"{target} = [{one} for {one} in [1, {two}]][0]",
        f"{target} = max(\n    {one},  # first\n    {number},\n)",
        f"{target} = (lambda x: x + {one})({number})",
        f'label = f"{{{one}:>{{3}}}} {{{two} + 1!r}}"',
    ]
    heads = [
        "for i in range(3):",
        f"if {one} < {number}:",
        f"while {one} is None:",
        f"if {one} and {two}:",
        "try:",
    ]
    kind = draw(st.integers(0, len(simple) + (len(heads) if depth < 2 else 0) - 1))
    if kind < len(simple):
        return simple[kind].split("\n")
    head = heads[kind - len(simple)]
    inner = [line for part in draw(st.lists(statements(depth + 1), min_size=1, max_size=3)) for line in part]
    lines = [head, *("    " + line for line in inner)]
    if head.startswith("for") and draw(st.booleans()):
        lines.append("    break")
    if head == "try:":
        lines += ["except ValueError:", "    pass"]
    elif head.startswith("if") and draw(st.booleans()):
        lines += [f"elif {two}:", f"    {target} = {number}", "else:", f"    {target} = 1"]
    return lines


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Draw a program with the entry `pack(n)` that returns two values."""
    body = [line for part in draw(st.lists(statements(), min_size=1, max_size=6)) for line in part]
    returned = draw(st.sampled_from(["a, b", "(a, b)", "helper(a), c"]))
    lines = [
        '"""A drawn program – with a docstring."""',
        "import math",
        "import numpy as np",
        "",
        "LIMIT = 0.5",
        "",
        "",
        "# The helper's own remark.",
        "def helper(x, seed=0, scale=1.5):",
        "    # kept as it is",
        "    return scale * x + LIMIT + seed",
        "",
        "",
        "def pack(n):",
        "    a, b, c = 1.0, n, 0.25",
        *("    " + line for line in body),
        f"    return {returned}",
    ]
    return "\n".join(lines) + "\n"
