"""How far the main job gets: circle packing from the naive seed, several seeds, a fixed time each.

Reported for every seed: the final value, and after how many evaluations each threshold was passed.
Nothing is selected: a bad seed stays in the table. `python benchmarks/circle_packing.py --seconds 120`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile

import _results

import evolve
from evolve.store import Reader

THRESHOLDS = {26: (2.60, 2.63, 2.635, 2.63598), 32: (2.90, 2.92, 2.93, 2.939)}


def one_seed(n: int, seed: int, seconds: float, islands: str, workers: int) -> dict[str, object]:
    """Run one seed; return its final value and when it passed the thresholds."""
    with tempfile.TemporaryDirectory() as runs:
        result = evolve.run(
            "circle_packing",
            params={"n": n},
            seed=seed,
            islands=islands,
            workers=workers,
            budget=evolve.Budget(max_seconds=seconds),
            runs=runs,
        )
        passed: dict[str, int | None] = {str(value): None for value in THRESHOLDS.get(n, ())}
        with Reader(result.folder) as reader:
            evaluations = 0
            for commit in reader.commits():
                evaluations += commit.evaluation.status not in ("duplicate", "refused")
                for value, at in passed.items():
                    if at is None and (commit.evaluation.objective or 0.0) >= float(value):
                        passed[value] = evaluations
    print(f"seed {seed}: {result.best_objective!r} after {result.evaluations} evaluations; passed {passed}")
    return {
        "seed": seed,
        "best": result.best_objective,
        "evaluations": result.evaluations,
        "evaluations_to_threshold": passed,
        "statuses": result.statuses,
    }


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=120.0, help="run time of each seed")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0 on")
    parser.add_argument("--n", type=int, default=26, help="number of circles")
    parser.add_argument("--islands", default="ring4", help="archipelago preset")
    parser.add_argument("--workers", type=int, default=2, help="programs evaluated at once")
    options = parser.parse_args()
    rows = [
        one_seed(options.n, seed, options.seconds, options.islands, options.workers)
        for seed in range(options.seeds)
    ]
    finals = [float(row["best"]) for row in rows]  # type: ignore[arg-type]
    print(
        f"n={options.n}: min {min(finals):.6f}, median {statistics.median(finals):.6f}, max {max(finals):.6f}"
    )
    _results.write(f"circle_packing_{options.n}", {**vars(options), "runs": rows})


if __name__ == "__main__":
    main()
