"""The archives of a run, rebuilt from the store as the engine built them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from evolve.archive import Archive, CVTArchive, Elite
from evolve.errors import EvolveError, ProblemError
from evolve.islands import Preset, resolve_archive
from evolve.store import Offered, Steered, Viewer
from evolve.tui.data._about import About
from evolve.tui.data._island_map import IslandMap

_STEP = 2_000
"""Commits that are folded in one go."""


class Atlas:
    """Archives of all islands as they stand after a number of commits.

    Fed from the store with every answer of the archives, in order, so that ranges that adapt and islands that
    began anew come out as they did in the engine. Belongs to one thread.

    Args:
        about: The run.
        islands: The tables `[islands]` of its configuration.

    Raises:
        ProblemError: the problem's declaration, which says what is measured, cannot be read.
        UsageError: an archive's settings are not known here.
    """

    def __init__(self, about: About, islands: Preset) -> None:
        if about.declared is None:
            raise ProblemError(
                f"the archives cannot be drawn: {about.trouble or 'the problem is not at hand.'}"
            )
        self._sign = 1.0 if about.maximize else -1.0
        problem = tuple(about.declared.spec.measures)
        self._specs = islands.islands
        self._names = tuple(measure.metric for measure in problem)
        self._measures = tuple(tuple(spec.measures) if spec.measures else problem for spec in self._specs)
        self._settlers = islands.migration.settlers if islands.migration else 0
        self._own = any(spec.measures for spec in self._specs)
        self._archives = [self._empty(island) for island in range(len(self._specs))]
        self._banned: list[dict[int, Elite]] = [{} for _ in self._specs]
        self._seq = self._migration = self._steer = 0

    def _empty(self, island: int) -> Archive:
        return resolve_archive(self._specs[island].archive).make(self._measures[island])

    def advance(self, viewer: Viewer, up_to: int) -> bool:
        """Take in at most some thousand commits; tell whether there are more.

        Args:
            viewer: The store.
            up_to: The last commit to take in.
        """
        end = min(up_to, self._seq + _STEP)
        made, moved = viewer.offered(self._seq, end, self._migration, metrics=self._own)
        steps = viewer.steered(self._steer, end)
        self._fold(made, moved, viewer.reseeded(self._seq, end), steps)
        self._seq = end
        self._migration = moved[-1].order if moved else self._migration
        self._steer = steps[-1].event if steps else self._steer
        return self._seq < up_to

    def _fold(
        self,
        made: Sequence[Offered],
        moved: Sequence[Offered],
        begun: Sequence[tuple[int, int, int]],
        steps: Sequence[Steered],
    ) -> None:
        """Replay commits: at each, what was made, what migrated, who began anew; then what users did."""
        waiting: dict[int, list[Offered]] = {}
        moves: dict[int, list[Offered]] = {}
        for one in moved:
            moves.setdefault(one.seq, []).append(one)
        anew: dict[int, list[tuple[int, int]]] = {}
        for seq, island, source in begun:
            anew.setdefault(seq, []).append((island, source))
        stops = sorted({*moves, *anew, *(step.commits for step in steps)})
        start = 0
        for seq in stops:
            while start < len(made) and made[start].seq <= seq:
                waiting.setdefault(made[start].island, []).append(made[start])
                start += 1
            self._migrate(waiting, moves.get(seq, []), anew.get(seq, []))
            for step in steps:
                if step.commits == seq:
                    self._flush(waiting)
                    self._obey(step)
        for one in made[start:]:
            waiting.setdefault(one.island, []).append(one)
        self._flush(waiting)

    def _migrate(
        self, waiting: dict[int, list[Offered]], moves: list[Offered], anew: list[tuple[int, int]]
    ) -> None:
        settlers: list[tuple[int, list[Offered]]] = []
        for island, source in sorted(anew, reverse=True):  # their rows come last, island by island
            tail: list[Offered] = []
            while (
                moves
                and len(tail) < self._settlers
                and (moves[-1].source, moves[-1].island) == (source, island)
            ):
                tail.append(moves.pop())
            settlers.append((island, tail[::-1]))
        for move in moves:
            waiting.setdefault(move.island, []).append(move)
        for island, first in reversed(settlers):
            self._flush(waiting)
            self._archives[island] = self._empty(island)
            waiting[island] = first

    def _obey(self, step: Steered) -> None:
        """Take a banned program out of all archives, or offer it again where it was."""
        for archive, banned in zip(self._archives, self._banned, strict=True):
            if step.kind == "ban":
                taken = archive.remove(step.program)
                if taken is not None:
                    banned[step.program] = taken
            elif step.program in banned:
                again = banned.pop(step.program)
                archive.add_single(again.id, again.fitness, again.measures)

    def _flush(self, waiting: dict[int, list[Offered]]) -> None:
        for island, rows in waiting.items():
            if rows:
                ids = [row.program for row in rows]
                fitness = [self._sign * row.objective for row in rows]
                points = [self._point(island, row) for row in rows]
                self._archives[island].add(ids, fitness, points)
        waiting.clear()

    def _point(self, island: int, row: Offered) -> list[float]:
        if self._specs[island].measures is None:
            return list(row.measures)
        known = {**dict(zip(self._names, row.measures, strict=False)), **row.metrics}
        return [known[measure.metric] for measure in self._measures[island]]

    def island(self, island: int) -> IslandMap:
        """Return an island's elites as they stand."""
        archive = self._archives[island]
        elites = archive.elites()
        return IslandMap(
            island,
            self._measures[island],
            archive.bins,
            elites.ids,
            self._sign * elites.fitness,
            elites.measures,
            elites.cells,
            archive.cells,
            archive.qd_score,
            archive.centroids if isinstance(archive, CVTArchive) else None,
            archive.revision,
        )


def preset_of(config: dict[str, Any]) -> Preset:
    """Return the islands that a run's configuration declares; raises EvolveError when they do not fit."""
    from pydantic import ValidationError

    try:
        return Preset.model_validate(config.get("islands"))
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise EvolveError(f"config.toml: islands.{where}: {first['msg']}") from None
