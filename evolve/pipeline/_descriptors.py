"""The `descriptors` stage: what can be measured of a program without running it or parsing it for good."""

from __future__ import annotations

import hashlib
import math
import re
from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise

from evolve.pipeline._declared import known_options
from evolve.pipeline._stage import StageResult, Task
from evolve.problem import Problem, StageSpec
from evolve.source import parse, tree_tokens

_WORD = re.compile(r"\w+|[^\w\s]")


class Descriptors:
    """Measure a program's text: its length, its distance to the seeds, and its place on a map of texts.

    ``chars``: characters of the text. ``seed_distance``: edit distance in tokens to the nearest seed, as a
    share of the longer of both: 0 (the same) to 1 (nothing in common). ``text_x`` and ``text_y``: a random
    projection of what tokens and pairs of tokens occur, with the first seed at (0, 0); programs
    that share little lie about 1.4 apart. A function of the problem's seeds and of what the program says:
    comments and layout change `chars` only.
    """

    version = "1"
    needs_value = False
    ignores = ("timeout_s", "aggregate")

    def check(self, problem: Problem, spec: StageSpec) -> None:
        """See `Stage.check`."""
        known_options(problem, spec)

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        """See `Stage.timeout_s`."""
        return 60.0

    async def execute(self, task: Task) -> StageResult:
        """See `Stage.execute`."""
        longest = task.problem.spec.candidate.max_chars
        if len(task.text) > longest:
            text = f"the program has {len(task.text):,} characters; at most {longest:,} are allowed"
            return StageResult("refused", feedback=text)
        tokens = tokens_of(task.text)
        seeds = [tokens_of(text) for _, text in task.problem.seeds]
        distance = min(edit_distance(tokens, seed) / max(len(tokens), len(seed), 1) for seed in seeds)
        (x, y), (origin_x, origin_y) = placed(tokens), placed(seeds[0])
        return StageResult(
            metrics={
                "chars": float(len(task.text)),
                "seed_distance": distance,
                "text_x": x - origin_x,
                "text_y": y - origin_y,
            }
        )


def tokens_of(text: str) -> list[str]:
    """Return what a program says, token by token; text that is no Python by its words and signs."""
    try:
        return tree_tokens(parse(text))
    except (SyntaxError, RecursionError):
        return _WORD.findall(text)


def edit_distance(one: Sequence[Hashable], two: Sequence[Hashable]) -> int:
    """Return the least number of insertions, deletions and replacements that make one sequence the other.

    Levenshtein's distance by bit vectors (Hyyrö 2003, after Myers 1999): one step on integers of
    `len(two)` bits for every item of `one`, so that programs of thousands of tokens take milliseconds.
    """
    start = 0
    while start < min(len(one), len(two)) and one[start] == two[start]:
        start += 1
    end = 0
    while end < min(len(one), len(two)) - start and one[-1 - end] == two[-1 - end]:
        end += 1
    one, two = one[start : len(one) - end], two[start : len(two) - end]
    if not one or not two:
        return len(one) or len(two)
    matches: dict[Hashable, int] = {}
    for place, item in enumerate(two):
        matches[item] = matches.get(item, 0) | 1 << place
    last = 1 << (len(two) - 1)
    mask = (last << 1) - 1
    higher, lower, distance = mask, 0, len(two)
    for item in one:
        equal = matches.get(item, 0)
        diagonal = (((equal & higher) + higher) ^ higher) | equal | lower
        up = lower | ~(diagonal | higher) & mask
        down = higher & diagonal
        distance += bool(up & last) - bool(down & last)
        up, down = (up << 1 | 1) & mask, down << 1 & mask
        higher, lower = down | ~(diagonal | up) & mask, up & diagonal
    return distance


def placed(tokens: Sequence[str]) -> tuple[float, float]:
    """Return where a text lies on a plane.

    Every token and pair of neighbours that occurs counts with the root of how often; each has a random
    direction of its own, drawn from its hash; the sum is divided by the length of the vector of
    counts. That is a random projection (Achlioptas 2003) of hashed features: it keeps distances on average.
    """
    counts = Counter([*tokens, *map(" ".join, pairwise(tokens))])
    if not counts:
        return 0.0, 0.0
    length = math.sqrt(sum(counts.values()))  # the squares of the roots
    weighted = [(math.sqrt(count), *_signs(feature)) for feature, count in counts.items()]
    x, y = (math.fsum(row[0] * row[axis] for row in weighted) / length for axis in (1, 2))
    return x, y


def _signs(feature: str) -> tuple[int, int]:
    bits = hashlib.blake2b(feature.encode("utf-8", "surrogatepass"), digest_size=1).digest()[0]
    return 1 - 2 * (bits & 1), 1 - (bits & 2)
