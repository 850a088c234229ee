"""Which islands and which selection rule find more at equal evaluations, with built-in operators.

Every arrangement gets the same seeds and the same number of evaluations on every problem. Reported: the
median of the final objective with its spread, and the mean rank of the arrangement in its table (1 is best;
ranks need no common unit). Nothing is selected: a bad seed stays in the table.
`python benchmarks/search_rules.py [--evals 1000] [--seeds 5] [--problems circle_packing,...]`.

Two further problems are taken in the order in which they are shipped, unless some are named.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any

import _results

import evolve
from evolve.islands import Preset, load_preset
from evolve.problem import Objective, list_problems, load_problem
from evolve.store import Reader

ISLANDS = ("single", "ring4", "heterogeneous")
RULES: dict[str, dict[str, Any]] = {
    "uniform": {"kind": "uniform"},
    "rank": {"kind": "rank"},
    "tournament": {"kind": "tournament", "size": 3},
    "boltzmann": {"kind": "boltzmann", "temperature": 0.2},
    "novelty": {"kind": "novelty"},
    "curiosity": {"kind": "curiosity"},
    "uct": {"kind": "uct"},
    "pareto": {"kind": "pareto"},
    "objectives": {"kind": "objectives"},
}
"""The last two need several cases, or several objectives; they are left out where a problem has none."""


def of_rule(selection: Mapping[str, Any]) -> Preset:
    """Return one island that selects by a rule."""
    return Preset.model_validate({"archipelago": {"title": "one rule"}, "island": [{"selection": selection}]})


def suits(rule: str, problem: str) -> bool:
    """Tell whether a problem declares what a rule needs."""
    spec = load_problem(problem).spec
    return {"pareto": len(spec.cases) > 1, "objectives": bool(spec.objectives)}.get(rule, True)


def one_run(problem: str, islands: Preset, seed: int, evals: int, workers: int) -> dict[str, Any]:
    """Run once; return the final objective, and the archives' last coverage and QD score."""
    with tempfile.TemporaryDirectory() as runs:
        result = evolve.run(
            problem,
            seed=seed,
            islands=islands,
            workers=workers,
            budget=evolve.Budget(max_evals=evals),
            runs=runs,
        )
        with Reader(result.folder) as reader:
            last = reader.events(kind="archives")[-1].data["islands"]
    return {
        "seed": seed,
        "best": result.best_objective,
        "best_id": result.best_id,
        "unsteady": result.unsteady,
        "coverage": [island["coverage"] for island in last],
        "qd_score": [island["qd_score"] for island in last],
    }


def compare(
    problem: str, arrangements: Mapping[str, Preset], seeds: Sequence[int], evals: int, workers: int
) -> dict[str, Any]:
    """Run every arrangement with every seed; print and return the table of one problem."""
    objective = load_problem(problem).spec.objective
    rows: dict[str, dict[str, Any]] = {}
    for name, islands in arrangements.items():
        runs = [one_run(problem, islands, seed, evals, workers) for seed in seeds]
        rows[name] = {**spread([run["best"] for run in runs], objective), "runs": runs}
        print(
            f"{problem}, {name}: median {rows[name]['median']:.8g}, from {rows[name]['worst']:.8g} "
            f"to {rows[name]['best']:.8g}, sd {rows[name]['sd']:.2g}"
        )
    ranks = mean_ranks({name: [run["best"] for run in row["runs"]] for name, row in rows.items()}, objective)
    for name, rank in ranks.items():
        rows[name]["mean_rank"] = round(rank, 3)
    return rows


def spread(values: Sequence[float], objective: Objective) -> dict[str, float]:
    """Return median, best, worst and standard deviation of the final objectives."""
    ordered = sorted(values, key=lambda value: objective.sign * value)
    sd = statistics.stdev(values) if len(values) > 1 else 0.0
    return {"median": statistics.median(values), "best": ordered[-1], "worst": ordered[0], "sd": sd}


def mean_ranks(found: Mapping[str, Sequence[float]], objective: Objective) -> dict[str, float]:
    """Return the mean over the seeds of each arrangement's rank; equals share the mean of their ranks."""
    seeds = len(next(iter(found.values())))
    ranks: dict[str, list[float]] = {name: [] for name in found}
    for seed in range(seeds):
        scores = {name: objective.sign * values[seed] for name, values in found.items()}
        for name, score in scores.items():
            above = sum(other > score for other in scores.values())
            equal = sum(other == score for other in scores.values())
            ranks[name].append(above + (equal + 1) / 2)
    return {name: statistics.mean(of_name) for name, of_name in ranks.items()}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    shipped = [problem.name for problem in list_problems()]
    chosen = ["circle_packing", *(name for name in shipped if name != "circle_packing")][:3]
    parser.add_argument("--problems", default=",".join(chosen), help="names, separated by commas")
    parser.add_argument("--evals", type=int, default=1000, help="evaluations of every run")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0 on")
    parser.add_argument("--workers", type=int, default=2, help="programs evaluated at once")
    parser.add_argument("--only", choices=("islands", "rules"), help="one of the two tables")
    options = parser.parse_args()
    seeds = range(options.seeds)
    tables: dict[str, dict[str, Any]] = {}
    for problem in options.problems.split(","):
        arranged = {
            "islands": {name: load_preset(name) for name in ISLANDS},
            "rules": {name: of_rule(rule) for name, rule in RULES.items() if suits(name, problem)},
        }
        for title, arrangements in arranged.items():
            if options.only in (None, title):
                found = compare(problem, arrangements, seeds, options.evals, options.workers)
                tables.setdefault(title, {})[problem] = found
    for title, problems in tables.items():
        names = dict.fromkeys(name for rows in problems.values() for name in rows)
        for name in names:
            of_name = [rows[name]["mean_rank"] for rows in problems.values() if name in rows]
            print(f"{title}, {name}: mean rank {statistics.mean(of_name):.2f} on {len(of_name)} problems")
    settings = {"evaluations": options.evals, "seeds": options.seeds}
    _results.write("search_rules", {**settings, **tables})


if __name__ == "__main__":
    main()
