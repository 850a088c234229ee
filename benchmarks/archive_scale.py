"""What 100,000 programs cost: insertion, selection by every rule, resuming, memory.

Limits that hold on a machine with nothing else to do: insertion above 50,000 programs a second in
batches, a selection below 50 microseconds, a stored run resumed (from its opening until new tickets are
prepared) within 3 seconds, memory below 1 GB. `python benchmarks/archive_scale.py [--programs 100000]`.
"""

from __future__ import annotations

import argparse
import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import _results
import numpy as np
from _stored_run import stored_run

from evolve.archive import Archive, CVTArchive, GridArchive
from evolve.engine import Budget, RunConfig, aresume
from evolve.engine._offer import offer_of
from evolve.engine._rows import Single, verdict_of_commit
from evolve.engine._state import State
from evolve.islands import SELECTIONS, Birth, Goal, Goals, Observing, load_preset, resolve_selection
from evolve.problem import Measure, load_problem
from evolve.store import Reader

CASES = 10
GOALS = Goals((Goal("a", 1.0), Goal("b", -1.0)), tuple(Goal(f"case[{i}]", 1.0) for i in range(CASES)))
BATCH = 1000


def measures(side: int, *, adapt: bool = False) -> list[Measure]:
    """Return two measures that divide into side * side cells."""
    return [Measure(metric=name, range=(0.0, 1.0), bins=side, adapt=adapt) for name in ("a", "b")]


ARCHIVES: dict[str, Callable[[], Archive]] = {
    "grid of 400 cells": lambda: GridArchive(measures(20)),
    "grid of 10,000 cells": lambda: GridArchive(measures(100)),
    "grid of 1,000,000 cells": lambda: GridArchive(measures(1000)),
    "grid of 10,000 cells that adapts": lambda: GridArchive(measures(100, adapt=True)),
    "cvt of 1,000 cells": lambda: CVTArchive(measures(100), cells=1000),
}


def insertion(programs: int) -> tuple[dict[str, Any], list[Archive]]:
    """Fill every kind of archive in batches; return programs per second and the full archives."""
    rng = np.random.default_rng(0)
    ids, fitness, points = np.arange(programs), rng.random(programs), rng.random((programs, 2))
    figures, filled = {}, []
    for name, make in ARCHIVES.items():
        archive = make()
        started = time.perf_counter()
        for start in range(0, programs, BATCH):
            rows = slice(start, start + BATCH)
            archive.add(ids[rows], fitness[rows], points[rows])
        seconds = time.perf_counter() - started
        figures[name] = {"programs_per_s": round(programs / seconds), "elites": archive.size}
        filled.append(archive)
        print(f"insertion, {name}: {programs / seconds:,.0f} programs/s, {archive.size:,} elites")
    return figures, filled


def births(programs: int) -> list[Birth]:
    """Return what became of that many programs, each a child of a recent one; every fourth is not valid."""
    rng = np.random.default_rng(1)
    back = np.minimum(rng.geometric(0.02, programs), np.arange(programs)).tolist()
    values = np.round(rng.random((programs, CASES)), 2)
    told = []
    for program in range(programs):
        parents = (program - back[program],) if program else ()
        if program and program % 4 == 0:
            told.append(Birth(program, parents))
            continue
        cases = tuple(values[program].tolist())
        told.append(Birth(program, parents, cases[0], cases[0] > 0.5, cases[:2], cases))
    return told


def selection(archives: list[Archive], programs: int) -> dict[str, Any]:
    """Time one draw of a parent by every rule: microseconds of processor time, the median of the blocks."""
    told = births(programs)
    figures: dict[str, Any] = {}
    for kind in SELECTIONS:
        for archive in archives[:3]:
            chosen = resolve_selection(kind)
            if isinstance(chosen, Observing):
                chosen.begin(GOALS)
                for birth in told:
                    chosen.observe(birth)
                for program in archive.ids.tolist():  # a rule knows what it was told of; elites are valid
                    chosen.observe(Birth(program, (), 0.5, True, (0.5, 0.5), ()))
            rng = np.random.default_rng(2)
            blocks = []
            for _ in range(15):
                started = time.process_time()
                for _ in range(200):
                    chosen.select(archive, rng, 1)
                blocks.append((time.process_time() - started) / 200)
            micros = round(1e6 * statistics.median(blocks), 1)
            figures.setdefault(kind, {})[f"{archive.size} elites"] = micros
        print(f"selection, {kind}: " + ", ".join(f"{v} us ({k})" for k, v in figures[kind].items()))
    return figures


def resuming(programs: int, preset: str) -> dict[str, float]:
    """Resume a stored run as `evolve resume` does; return the seconds until a new program is under way.

    `archives` is the part in which the state is rebuilt, `ticket` the time from the opening of the run
    until new tickets are prepared, which includes the start of the sandbox, `commit` the time until the
    first of them is committed.
    """
    problem = load_problem("circle_packing")
    config = RunConfig(problem="circle_packing", islands=load_preset(preset))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "run"
        stored_run(folder, programs, config, problem)
        state = State(problem, config, offer_of(config, problem))
        with Reader(folder) as reader:
            started = time.perf_counter()
            commits = reader.briefs(metrics=bool(state.archipelago.metrics))
            single = Single.of(problem)
            state.catch_up(verdict_of_commit(commit, single) for commit in commits)
            archives = time.perf_counter() - started
        begun = time.time()
        result = asyncio.run(aresume(folder, budget=Budget(max_evals=state.evaluations + 20)))
        with Reader(folder) as reader:
            (event,) = reader.events(kind="resumed")
            ticket = datetime.fromisoformat(event.at).timestamp() - begun
            first = ticket + next(reader.commits(after=programs)).program.at_s - event.at_s
    assert (state.committed, result.evaluations) == (programs, state.evaluations + 20)
    seconds = {"archives": archives, "ticket": ticket, "commit": first}
    print(
        f"resume, {preset}, {programs:,} commits: " + ", ".join(f"{k} {v:.2f} s" for k, v in seconds.items())
    )
    return {name: round(value, 2) for name, value in seconds.items()}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--programs", type=int, default=100_000, help="programs seen")
    options = parser.parse_args()
    inserted, archives = insertion(options.programs)
    selected = selection(archives, options.programs)
    del archives
    resumed = {preset: resuming(options.programs, preset) for preset in ("single", "ring4", "tree")}
    unit = 1 if sys.platform == "darwin" else 1024
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    print(f"memory at its peak: {memory_mb:.0f} MiB")
    slowest = max(value for by_size in selected.values() for value in by_size.values())
    _results.write(
        "archive_scale",
        {
            "programs": options.programs,
            "insertion": inserted,
            "selection_us": selected,
            "resume_s": resumed,
            "memory_mb": round(memory_mb),
            "limits_hold": {
                "insertion above 50,000/s": min(row["programs_per_s"] for row in inserted.values()) > 50_000,
                "selection below 50 us": slowest < 50,
                "resume below 3 s": max(seconds["ticket"] for seconds in resumed.values()) < 3,
                "memory below 1 GB": memory_mb < 1000,
            },
        },
    )


if __name__ == "__main__":
    main()
