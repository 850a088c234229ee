"""What the zygotes learn: modules that programs import and that every child would import again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fnmatch import fnmatchcase

_SEEN_OFTEN = 3
_MOST_MODULES = 64
_LONGEST_NAME = 100
_RUNS_BETWEEN = 25
"""A restart costs a second or so: what was learned meanwhile is loaded together."""


class Learned:
    """Modules to preload besides the declared ones; shared by the zygotes of an executor.

    Only names that the problem allows are taken, since a program could name anything.
    """

    def __init__(self, allowed: Iterable[str]) -> None:
        self._allowed = tuple(allowed)
        self._counts: Counter[str] = Counter()
        self.modules: list[str] = []
        """In the order in which they were learned."""

    @property
    def lesson(self) -> int:
        """How much has been learned; grows."""
        return len(self.modules)

    def saw(self, modules: Iterable[str]) -> None:
        """Take in which modules one program had to import; how often it names one counts for nothing."""
        for name in sorted(set(modules).difference(self.modules)):
            if len(self.modules) >= _MOST_MODULES:
                return
            if len(name) <= _LONGEST_NAME and any(fnmatchcase(name, pattern) for pattern in self._allowed):
                self._counts[name] += 1
                if self._counts[name] >= _SEEN_OFTEN:
                    self.modules.append(name)
                    del self._counts[name]

    def worth_a_restart(self, lesson: int, runs: int) -> bool:
        """Tell whether a zygote that knows so much, and has run so often, should start anew."""
        return self.lesson > lesson and runs >= _RUNS_BETWEEN
