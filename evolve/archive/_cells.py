"""The archive of cells: keeps the fittest program of every cell of a partition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from evolve.archive._admit import Added, AddResult, admit, admit_one
from evolve.archive._bins import Bins, bins_for
from evolve.archive._columns import Columns, Elite, Elites
from evolve.archive._errors import NonFiniteError, ShapeError
from evolve.archive._partition import Partition
from evolve.archive._ranges import History, fitted
from evolve.problem import Measure


def bins_of(measures: Sequence[Measure]) -> tuple[Bins, ...]:
    """Return the bins of every measure; raises ShapeError when there is none, ProblemError as `bins_for`."""
    if not measures:
        raise ShapeError("an archive must have at least one measure, got none. Declare [[measures]].")
    return tuple(bins_for(measure) for measure in measures)


class CellArchive:
    """Keeps the fittest program of every cell; how the space is divided is the partition's matter.

    Memory grows with the number of programs offered, some ten bytes for each of their numbers: they are
    kept so that a program can be taken out again. An empty archive of ten million cells is as small as one
    of ten.

    Ranges of measures that adapt are fitted to what was seen after 16, 32, 64 ... rows. Cells are then filled
    anew from every row ever offered, so the archive is what it would be had the ranges been these
    from the beginning: no elite is lost, and programs come back that a finer division has a cell for.

    Concurrency and determinism: see `Archive`.

    Args:
        measures: One dimension each, at least one.
        partition: Divides them.
        floor: Fitness that counts as no achievement: the gain of a program in a new cell is its fitness
            above the floor, and so is its share of the QD score. None: gains are measured from the lowest
            fitness admitted so far, and the QD score is the plain sum of fitness.

    Raises:
        NonFiniteError: `floor` is NaN or infinite.
    """

    def __init__(self, measures: Sequence[Measure], partition: Partition, floor: float | None) -> None:
        if floor is not None and not math.isfinite(floor):
            raise NonFiniteError(f"floor must be finite, got {floor}. Omit it to use the lowest fitness.")
        self._measures = tuple(measures)
        self._partition = partition
        self._floor = floor
        self._columns = Columns(len(self._measures))
        self._history = History(len(self._measures))
        self._revision = 0

    @property
    def bins(self) -> tuple[Bins, ...]:
        """The bins of every measure, in the order of the measures."""
        return self._partition.bins

    @property
    def revision(self) -> int:
        """How often the ranges were fitted to what was seen; the cells' numbers hold within one revision."""
        return self._revision

    @property
    def size(self) -> int:
        """Number of elites."""
        return self._columns.size

    @property
    def cells(self) -> int:
        """Number of cells, occupied or not."""
        return self._partition.count

    @property
    def coverage(self) -> float:
        """Share of the cells that are occupied: 0 .. 1."""
        return self._columns.size / self._partition.count

    @property
    def floor(self) -> float | None:
        """What a program in a new cell is compared with: as given, else the lowest fitness so far.

        None when none was given and the archive is empty.
        """
        if self._floor is not None:
            return self._floor
        return self._columns.lowest if self.size else None

    @property
    def best(self) -> tuple[int, float] | None:
        """(program id, fitness) of the fittest elite, the earliest admitted of equals; None when empty."""
        row = self._columns.best_row
        return None if row < 0 else (self._columns.id_at(row), self._columns.best_fitness)

    @property
    def qd_score(self) -> float:
        """Sum over the elites of fitness above the given floor (above 0 when none was given).

        Infinite when it exceeds the largest float.
        """
        return self._columns.total.value - self.size * (self._floor or 0.0)

    @property
    def ids(self) -> np.ndarray:
        """(size,) int64 in the order of `elites`: a read-only view, valid until the next insertion."""
        return _read_only(self._columns.ids)

    @property
    def fitness(self) -> np.ndarray:
        """(size,) float64 in the order of `elites`: a read-only view, valid until the next insertion."""
        return _read_only(self._columns.fitness)

    @property
    def measures(self) -> np.ndarray:
        """(size, k) float64 in the order of `elites`: a read-only view, valid until the next insertion."""
        return _read_only(self._columns.measures)

    @property
    def offered(self) -> np.ndarray:
        """(n,) int64 ids of all programs offered and not removed, in order: a read-only view."""
        return _read_only(self._history.ids)

    def cell_of(self, measures: Sequence[float] | np.ndarray) -> int:
        """Return the cell of one point: ``k`` values; those outside the range belong to the edge cells.

        Raises:
            ShapeError: not ``k`` values.
            NonFiniteError: a value is NaN or infinite.
        """
        values = [float(value) for value in measures]
        self._check_single(0.0, values)
        return self._partition.cell(values)

    def add(self, ids: ArrayLike, fitness: ArrayLike, measures: ArrayLike) -> AddResult:
        """Insert a batch; every cell keeps its fittest program.

        Ties keep the incumbent, and among the rows of a batch the earlier one, so that a batch equals the
        same rows added one by one. A batch with a bad row is refused whole.

        Args:
            ids: (n,) program ids.
            fitness: (n,) finite numbers, higher is better.
            measures: (n, k) finite numbers; those outside the range belong to the edge cells.

        Returns:
            ``status`` (n,) int8: 0 rejected, 1 improved, 2 new cell; ``gain`` (n,) float64 in units
            of fitness, see `Added`; ``cell`` (n,) int64.

        Raises:
            ShapeError: the arrays are not (n,), (n,) and (n, k), or the ids are not integers.
            NonFiniteError: a fitness or a measure is NaN or infinite; names the first bad row.
        """
        id_array = np.asarray(ids)
        fitness_array = np.asarray(fitness, dtype=np.float64)
        measure_array = np.asarray(measures, dtype=np.float64)
        if not fitness_array.size:
            measure_array = measure_array.reshape(-1, len(self._partition.bins))
        self._check(id_array, fitness_array, measure_array)
        return self._add(id_array.astype(np.int64), fitness_array, measure_array)

    def add_single(self, program_id: int, fitness: float, measures: Sequence[float] | np.ndarray) -> Added:
        """Insert one program: `add` with one row, but faster.

        Args:
            program_id: Fits into 64 bits.
            fitness: Finite, higher is better.
            measures: ``k`` finite numbers; those outside the range belong to the edge cells.

        Raises:
            ShapeError: `measures` has not ``k`` values.
            NonFiniteError: the fitness or a measure is NaN or infinite.
        """
        score = float(fitness)
        values = [float(value) for value in measures]
        self._check_single(score, values)
        cell = self._partition.cell(values)
        added = admit_one(self._columns, cell, program_id, score, values, self._floor)
        self._history.append_one(program_id, score, values)
        if not self._history.room:
            self._fit(self._history)
        return added

    def remove(self, program_id: int) -> Elite | None:
        """Take a program out: from now on all is as if it had never been offered.

        Its cell goes to the fittest of the others that were offered for it, the earliest of equals. Ranges
        that adapt stay as they are until they are fitted again. Takes time by the number of rows offered.

        Returns:
            What it was offered with, whether or not it was an elite, and its cell; None when it was not
            offered.
        """
        history = self._history
        row = int(np.argmax(history.ids == program_id)) if history.size else 0
        if row >= history.size or history.ids.item(row) != program_id:
            return None
        measures = history.measures[row].tolist()
        cell = self._partition.cell(measures)
        taken = Elite(program_id, history.fitness.item(row), tuple(measures), cell)
        history.remove(program_id)
        self._columns = Columns(len(self._measures))
        self._admit(history.ids, history.fitness, history.measures)
        return taken

    def elites(self) -> Elites:
        """Return all elites in the order in which their cells were first occupied."""
        columns = self._columns
        return Elites(
            columns.ids.copy(), columns.fitness.copy(), columns.measures.copy(), columns.cells.copy()
        )

    def elite_in(self, cell: int) -> Elite | None:
        """Return the elite of a cell, or None when it is vacant.

        Raises:
            IndexError: there is no such cell.
        """
        if not 0 <= cell < self._partition.count:
            raise IndexError(f"cell must be 0 .. {self._partition.count - 1}, got {cell}.")
        row = self._columns.row_of.get(cell)
        return None if row is None else self._columns.elite_at(row)

    def _add(self, ids: np.ndarray, fitness: np.ndarray, measures: np.ndarray) -> AddResult:
        history = self._history
        parts = []
        start = 0
        while start < len(ids):
            rows = slice(start, start + history.room)  # up to the row after which ranges are fitted
            parts.append(self._admit(ids[rows], fitness[rows], measures[rows]))
            history.append(ids[rows], fitness[rows], measures[rows])
            if not history.room:
                self._fit(history)
            start = rows.stop
        return _joined(parts) if parts else self._admit(ids, fitness, measures)

    def _admit(self, ids: np.ndarray, fitness: np.ndarray, measures: np.ndarray) -> AddResult:
        return admit(self._columns, self._partition.cells(measures), ids, fitness, measures, self._floor)

    def _fit(self, history: History) -> None:
        """Fit the ranges; when that moves one, fill the cells anew from every row ever offered."""
        bins = fitted(self._measures, self._partition.bins, history.measures)
        if bins != self._partition.bins:
            self._revision += 1
            self._partition = self._partition.with_bins(bins)
            self._columns = Columns(len(self._measures))
            self._admit(history.ids, history.fitness, history.measures)
        history.grow()

    def _check_single(self, fitness: float, values: list[float]) -> None:
        if len(values) != len(self._partition.bins):
            raise ShapeError(
                f"measures must be {len(self._partition.bins)} values ({self._names()}), got {len(values)}."
            )
        # The sum first, because it is cheaper: it is not finite when a value is not, or by overflow.
        if not math.isfinite(sum(values, fitness)) and not all(map(math.isfinite, (fitness, *values))):
            raise self._non_finite(0, fitness, values)

    def _check(self, ids: np.ndarray, fitness: np.ndarray, measures: np.ndarray) -> None:
        k = len(self._partition.bins)
        n = len(fitness) if fitness.ndim == 1 else -1
        if n < 0 or ids.shape != (n,) or measures.shape != (n, k):
            raise ShapeError(
                f"ids, fitness and measures must be (n,), (n,) and (n, {k}) for {self._names()}, got "
                f"{ids.shape}, {fitness.shape} and {measures.shape}. Give one row per program."
            )
        if n and ids.dtype.kind not in "iu":
            raise ShapeError(f"ids must be (n,) integers, got {ids.dtype}. Give the programs' ids.")
        finite = np.isfinite(fitness) & np.isfinite(measures).all(axis=1)
        if not finite.all():
            row = int(np.argmin(finite))
            raise self._non_finite(row, fitness[row].item(), measures[row].tolist())

    def _non_finite(self, row: int, fitness: float, values: list[float]) -> NonFiniteError:
        names = ["fitness", *(f"measure {bins.metric}" for bins in self._partition.bins)]
        bad = next(pair for pair in zip(names, [fitness, *values], strict=True) if not math.isfinite(pair[1]))
        return NonFiniteError(
            f"fitness and measures must be finite, got {bad[0]} = {bad[1]} (row {row}). "
            "An evaluation without a finite objective is a failed one; do not offer it to an archive."
        )

    def _names(self) -> str:
        return ", ".join(bins.metric for bins in self._partition.bins)


def _joined(parts: list[AddResult]) -> AddResult:
    return AddResult(
        np.concatenate([part.status for part in parts]),
        np.concatenate([part.gain for part in parts]),
        np.concatenate([part.cell for part in parts]),
    )


def _read_only(view: np.ndarray) -> np.ndarray:
    view.flags.writeable = False
    return view
