"""What a run has learned so far: a pure fold over its commits and reflections."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from evolve.memory._carried import Carried
from evolve.memory._file import save_carried
from evolve.memory._lessons import Lessons
from evolve.memory._library import Library
from evolve.memory._standalone import find_block, standalone_functions
from evolve.prompts import BlockView, Lesson


class Memory:
    """Lessons and blocks of one run.

    `commit` and `learn` are the only ways to change it. Equal calls in equal order give equal
    states to the last bit, `digest` included: neither clock nor randomness nor the order of a set
    has part in it. Owned by the engine's thread. Programs are read, never run.
    """

    def __init__(
        self,
        entry: str,
        *,
        known: Sequence[str] = (),
        carried: Carried | None = None,
        max_lessons: int = 12,
        max_blocks: int = 40,
    ) -> None:
        """Begin with what an earlier run handed over.

        Args:
            entry: Name of the function that every program defines; it is never a block.
            known: Texts whose functions are at hand anyway: the seeds, the problem's own blocks.
            carried: What an earlier run learned.
            max_lessons: Most lessons to keep.
            max_blocks: Most blocks to keep.
        """
        self._entry = entry
        carried = carried or Carried()
        at_hand = {item.key for text in known for item in standalone_functions(text, entry)}
        self._library = Library(max_blocks, at_hand)
        self._lessons = Lessons(max_lessons, carried.lessons)
        for block in carried.blocks:
            found = find_block(block.name, block.text, entry)
            if found is not None:
                self._library.carry(found, block)

    def commit(self, program: int, text: str | None, *, reward: float) -> None:
        """Take in an evaluated program, in commit order.

        Args:
            program: Its id.
            text: Its source; None changes nothing.
            reward: What the program earned, 0 to 1; 0 when it was rejected or failed.
        """
        if text is not None:
            self._library.credit(program, standalone_functions(text, self._entry), reward)

    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Take in new lessons, most important first; near-equal ones unite."""
        self._lessons.learn(lessons)

    def lessons(self) -> tuple[Lesson, ...]:
        """Return what was learned, the latest learned or confirmed first."""
        barred = self._library.barred
        if not barred:
            return self._lessons.items
        return tuple(item for item in self._lessons.items if item.origin or barred.isdisjoint(item.support))

    def bar(self, program: int) -> None:
        """Hand out no more what was learned from a program: blocks found in it, lessons that rest on it."""
        self._library.barred.add(program)

    def unbar(self, program: int) -> None:
        """Undo `bar`."""
        self._library.barred.discard(program)

    def blocks(self, limit: int) -> tuple[BlockView, ...]:
        """Return the blocks of most credit: one of each name, none that is part of one before it."""
        return self._library.views(limit)

    def carried(self, run: str) -> Carried:
        """Return what to hand to another run, with `run` as the origin of all that was found in this one."""
        lessons = [lesson if lesson.origin else replace(lesson, origin=run) for lesson in self.lessons()]
        blocks = [block if block.origin else replace(block, origin=run) for block in self._library.kept()]
        return Carried(tuple(lessons), tuple(blocks))

    def save(self, path: Path, *, run: str, problem: str) -> None:
        """Write the memory for other runs, all of it or nothing.

        Args:
            path: The file, or the run's folder.
            run: The run's name.
            problem: The problem's name.

        Raises:
            StoreError: it cannot be written.
        """
        save_carried(self.carried(run), path, run=run, problem=problem)

    def digest(self) -> str:
        """Return the SHA-256 of the exact contents."""
        state = [self._library.state(), [(i.text, i.support, i.origin) for i in self._lessons.items]]
        if self._library.barred:
            state.append(sorted(self._library.barred))
        return hashlib.sha256(repr(state).encode("utf-8", "surrogatepass")).hexdigest()
