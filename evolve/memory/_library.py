"""The block library: functions of programs that improved an archive, and what they were worth since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from evolve.memory._carried import KeptBlock
from evolve.memory._standalone import Standalone
from evolve.prompts import BlockView

_DISCOUNT = 0.95  # weight of the past in a block's credit: about its last 20 uses
_PRIOR_USES = 3.0  # a block is ranked as if it had been used so often before, with the run's mean reward
_CARRIED_USES = 2.0  # what an earlier run found out counts as no more uses than this


@dataclass(slots=True)
class _Block:
    """A block of the library; `total / weight` is its credit."""

    found: Standalone
    program: int
    origin: str = ""
    total: float = 0.0
    weight: float = 0.0
    uses: int = 0

    @property
    def name(self) -> str:
        return self.found.function.name

    @property
    def credit(self) -> float | None:
        return self.total / self.weight if self.weight else None

    def use(self, reward: float) -> None:
        self.total = _DISCOUNT * self.total + reward
        self.weight = _DISCOUNT * self.weight + 1.0
        self.uses += 1


class Library:
    """At most `limit` blocks, the best by credit.

    When there are too many, the best of every name stay before second versions of any: constants
    that are varied would fill the library with copies of one function otherwise.
    """

    def __init__(self, limit: int, known: Iterable[bytes]) -> None:
        """Create an empty library that never takes in what has a key of `known`."""
        self._limit = limit
        self._known = frozenset(known)
        self._blocks: dict[bytes, _Block] = {}
        self._rewards = 0.0
        self._programs = 0
        self.barred: set[int] = set()
        """Programs of this run whose blocks are not handed out; their credit stays."""

    def carry(self, found: Standalone, kept: KeptBlock) -> None:
        """Take in a block of an earlier run."""
        if found.key in self._known or found.key in self._blocks:
            return
        weight = 0.0 if kept.credit is None else min(float(kept.uses), _CARRIED_USES)
        total = (kept.credit or 0.0) * weight
        block = _Block(found, kept.program, kept.origin, total, weight, kept.uses)
        self._blocks[found.key] = block
        self._drop_worst()

    def credit(self, program: int, found: Iterable[Standalone], reward: float) -> None:
        """Credit the blocks that a program contains; when it earned something, take in new ones."""
        self._rewards += reward
        self._programs += 1
        # A function that a program holds under two names is used once.
        for key, item in {item.key: item for item in found}.items():
            block = self._blocks.get(key)
            if block is None and reward > 0.0 and key not in self._known and not item.function.trivial:
                block = self._blocks[key] = _Block(item, program)
            if block is not None:
                block.use(reward)
        self._drop_worst()

    def views(self, limit: int) -> tuple[BlockView, ...]:
        """Return the best blocks, most useful first: one of each name, none that is part of another."""
        chosen: list[_Block] = []
        names: set[str] = set()
        parts: set[bytes] = set()
        for block in self._ranked():
            if len(chosen) >= limit:
                break
            if block.name not in names and block.found.key not in parts and not self._is_barred(block):
                chosen.append(block)
                names.add(block.name)
                parts |= block.found.parts
        return tuple(
            BlockView(b.name, b.found.function.doc, b.found.text, b.credit, library=True) for b in chosen
        )

    def kept(self) -> list[KeptBlock]:
        """Return all blocks, most useful first, for another run."""
        return [
            KeptBlock(b.name, b.found.text, b.credit, b.uses, b.program, b.origin)
            for b in self._ranked()
            if not self._is_barred(b)
        ]

    def _is_barred(self, block: _Block) -> bool:
        return block.program in self.barred and not block.origin  # else its program is of another run

    def state(self) -> list[object]:
        """Return everything that later answers depend on, in an order of its own."""
        blocks = [
            (key, b.name, b.found.text, b.program, b.origin, b.total, b.weight, b.uses)
            for key, b in self._blocks.items()
        ]
        return [self._rewards, self._programs, blocks]

    def __len__(self) -> int:
        return len(self._blocks)

    def _ranked(self) -> list[_Block]:
        """Sort by credit, with a prior for what is little known; the larger and the older come first."""
        mean = self._rewards / self._programs if self._programs else 0.0

        def rank(block: _Block) -> tuple[float, int, int]:
            score = (block.total + mean * _PRIOR_USES) / (block.weight + _PRIOR_USES)
            return -score, -block.uses, -len(block.found.parts)

        return sorted(self._blocks.values(), key=rank)

    def _drop_worst(self) -> None:
        if len(self._blocks) <= self._limit:
            return
        best: dict[str, _Block] = {}
        others = [block for block in self._ranked() if best.setdefault(block.name, block) is not block]
        for block in [*best.values(), *others][self._limit :]:
            del self._blocks[block.found.key]
