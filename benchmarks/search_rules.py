"""Which islands and which selection rule find more at equal evaluations, with built-in operators.

Every arrangement gets the same seeds and the same number of evaluations on every problem. Reported: the
median of the final objective with its spread, and the mean rank of the arrangement in its table (1 is best;
ranks need no common unit). Nothing is selected: a bad seed stays in the table. Whatever is done is written
after each arrangement, so that a benchmark that is stopped keeps what it has measured.
`python benchmarks/search_rules.py [--seeds 5] [--problems circle_packing:300,...]`.

`bin_packing` is the problem that `evolve new --template heuristic` writes, with short programs as a second
objective, so that the rules that need several cases or several objectives take part as well.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import _results

import evolve
from evolve.authoring import new_problem
from evolve.islands import Preset, load_preset
from evolve.problem import Objective, Problem, load_problem
from evolve.store import Reader

PROBLEMS = "circle_packing:300,heilbronn_triangle:400,bin_packing:300"
"""With the evaluations of every run: what takes each problem about a minute."""

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


RUNS = tempfile.TemporaryDirectory()


def of_rule(selection: Mapping[str, Any]) -> Preset:
    """Return one island that selects by a rule."""
    return Preset.model_validate({"archipelago": {"title": "one rule"}, "island": [{"selection": selection}]})


def declared(name: str, folder: Path) -> Problem:
    """Return a shipped problem, or the template's one, written into a folder."""
    if name != "bin_packing":
        return load_problem(name)
    made = new_problem(name, template="heuristic", into=folder).folder
    with (made / "problem.toml").open("a", encoding="utf-8") as declaration:
        declaration.write('\n[[objectives]]\nmetric = "ast_nodes"\ndirection = "minimize"\nweight = 0.2\n')
    return load_problem(made)


def suits(rule: str, problem: Problem) -> bool:
    """Tell whether a problem declares what a rule needs."""
    spec = problem.spec
    return {"pareto": len(spec.cases) > 1, "objectives": bool(spec.objectives)}.get(rule, True)


def one_run(problem: Problem, islands: Preset, seed: int, evals: int, workers: int) -> dict[str, Any]:
    """Run once; return the final objective, and the archives' last coverage and QD score.

    Runs of a problem share a cache: what one has evaluated, others need not evaluate again.
    """
    result = evolve.run(
        problem.folder,
        seed=seed,
        islands=islands,
        workers=workers,
        budget=evolve.Budget(max_evals=evals),
        runs=RUNS.name,
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
    problem: Problem, arrangements: Mapping[str, Preset], seeds: Sequence[int], evals: int, workers: int
) -> Iterator[dict[str, dict[str, Any]]]:
    """Run every arrangement with every seed; print each row, and yield the table as far as it has come."""
    objective = problem.spec.objective
    rows: dict[str, dict[str, Any]] = {}
    for name, islands in arrangements.items():
        runs = [one_run(problem, islands, seed, evals, workers) for seed in seeds]
        rows[name] = {**spread([run["best"] for run in runs], objective), "runs": runs}
        print(
            f"{problem.name}, {name}: median {rows[name]['median']:.8g}, from {rows[name]['worst']:.8g} "
            f"to {rows[name]['best']:.8g}, sd {rows[name]['sd']:.2g}",
            flush=True,
        )
        ranks = mean_ranks({row: [run["best"] for run in rows[row]["runs"]] for row in rows}, objective)
        for row, rank in ranks.items():
            rows[row]["mean_rank"] = round(rank, 3)
        yield rows


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


def summary(tables: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Return each arrangement's mean rank over the problems, as a share of the table: 0 first, 1 last."""
    found: dict[str, dict[str, float]] = {}
    for title, problems in tables.items():
        shares: dict[str, list[float]] = {}
        for of_problem in problems.values():
            rows = of_problem["rows"]
            for name, row in rows.items():
                shares.setdefault(name, []).append((row["mean_rank"] - 1) / max(len(rows) - 1, 1))
        found[title] = {name: round(statistics.mean(values), 3) for name, values in shares.items()}
    return found


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--problems", default=PROBLEMS, help="NAME:EVALUATIONS, separated by commas")
    parser.add_argument("--seeds", type=int, default=5, help="number of seeds, from 0 on")
    parser.add_argument("--workers", type=int, default=2, help="programs evaluated at once")
    parser.add_argument("--only", choices=("islands", "rules"), help="one of the two tables")
    options = parser.parse_args()
    seeds = range(options.seeds)
    tables: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for asked in options.problems.split(","):
            name, _, evals = asked.partition(":")
            problem = declared(name, Path(folder))
            arranged = {
                "islands": {preset: load_preset(preset) for preset in ISLANDS},
                "rules": {rule: of_rule(table) for rule, table in RULES.items() if suits(rule, problem)},
            }
            for title, arrangements in arranged.items():
                if options.only not in (None, title):
                    continue
                for rows in compare(problem, arrangements, seeds, int(evals), options.workers):
                    of_problem = {"evaluations": int(evals), "rows": rows}
                    tables.setdefault(title, {})[name] = of_problem
                    ranks = summary(tables)
                    _results.write("search_rules", {"seeds": options.seeds, "mean_rank": ranks, **tables})
    for title, places in summary(tables).items():
        for arrangement, place in sorted(places.items(), key=lambda item: item[1]):
            print(f"{title}, {arrangement}: {place:.2f} (0 is first on every problem and seed, 1 last)")


if __name__ == "__main__":
    main()
