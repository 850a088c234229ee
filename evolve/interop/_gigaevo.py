"""Read GigaEvo's layout: `validate.py`, `metrics.yaml`, `task_description.txt`, `initial_programs/`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from evolve.errors import ProblemError
from evolve.interop._draft import Draft
from evolve.interop._source import functions, read_python, read_text, size_measure
from evolve.interop._yaml import Settings

EVALUATOR, METRICS, TASK, SEEDS, HINTS = (
    "validate.py",
    "metrics.yaml",
    "task_description.txt",
    "initial_programs",
    "task_hints.txt",
)
_ENTRY = "entrypoint"
_VALIDITY = "is_valid"
_BINS = 16
_MOST_MEASURES = 2
_PROMPTS = ("mutation_system_prompt.txt", "mutation_user_prompt.txt", "prompts")


def matches(folder: Path) -> bool:
    """Tell whether a folder has this layout."""
    return all((folder / name).exists() for name in (EVALUATOR, METRICS, SEEDS))


def read(folder: Path, entry: str | None) -> Draft:
    """Read a folder of this layout.

    Raises:
        ProblemError: a file is missing or wrong, or no seed program is usable.
    """
    entry = entry or _ENTRY
    left: list[str] = []
    seeds = _seeds(folder, entry, left)
    specs = Settings(folder / METRICS).take("specs", dict)
    primary = [
        name for name, spec in (specs or {}).items() if isinstance(spec, dict) and spec.get("is_primary")
    ]
    if specs is None or len(primary) != 1:
        raise ProblemError(
            f"{folder / METRICS}: specs: exactly one metric must have `is_primary: true`, got {len(primary)}."
        )
    objective = specs[primary[0]]
    draft = Draft(
        layout="gigaevo",
        evaluator=EVALUATOR,
        entry=entry,
        seeds=seeds,
        statement=_statement(folder, specs),
        objective={
            "metric": str(primary[0]),
            "direction": "maximize" if objective.get("higher_is_better", True) else "minimize",
        },
        measures=_measures(specs, primary[0]),
        left=left,
    )
    draft.max_chars = max(draft.max_chars, *(len(text) for text in seeds.values()))
    draft.carried += [
        (TASK, "problem.statement, with the metrics' descriptions"),
        (f"{METRICS}: {primary[0]}", "objective"),
        (f"{SEEDS}/", f"candidate.seeds, {len(seeds)} of them"),
    ]
    if draft.measures:
        names = ", ".join(measure["metric"] for measure in draft.measures)
        draft.carried.append((f"{METRICS}: bounds of {names}", "measures"))
    else:
        draft.measures.append(size_measure(folder / SEEDS / next(iter(seeds)), _BINS))
    left += [
        f"{name}: prompts are written here by templates." for name in _PROMPTS if (folder / name).exists()
    ]
    left += [
        "sentinel_value, significant_change, decimals: a failed program has no metrics, any gain counts.",
        "Time limits of its stages are settings of a run there; candidate.timeout_s is a guess.",
    ]
    return draft


def _seeds(folder: Path, entry: str, left: list[str]) -> dict[str, str]:
    seeds: dict[str, str] = {}
    for path in sorted((folder / SEEDS).iterdir()):
        if not path.name.isprintable():
            left.append(f"{SEEDS}/{path.name!a}: a name of printable characters is needed.")
        elif path.suffix != ".py":
            if path.is_file():
                left.append(f"{SEEDS}/{path.name}: only Python programs are imported.")
        elif entry in functions(read_python(path, folder)):
            seeds[path.name] = read_text(path, folder)
        else:
            left.append(f"{SEEDS}/{path.name}: defines no function {entry!r}.")
    if not seeds:
        raise ProblemError(
            f"{folder / SEEDS}: holds no Python program that defines {entry!r}; at least one is needed."
        )
    return seeds


def _statement(folder: Path, specs: dict[Any, Any]) -> str:
    parts = [read_text(folder / name).strip() for name in (TASK, HINTS) if (folder / name).is_file()]
    described = [
        f"* {name}: {spec['description']}"
        for name, spec in specs.items()
        if isinstance(spec, dict) and spec.get("description") and spec.get("include_in_prompts", True)
    ]
    return "\n\n".join(filter(None, (*parts, "\n".join(("Metrics:", *described)) if described else "")))


def _measures(specs: dict[Any, Any], primary: Any) -> list[dict[str, Any]]:
    """Take the first metrics with bounds; the container itself is a setting of a run there."""
    measures = []
    for name, spec in specs.items():
        if name in (primary, _VALIDITY) or not isinstance(spec, dict):
            continue
        low, high = _number(spec.get("lower_bound")), _number(spec.get("upper_bound"))
        if low < high:
            measures.append({"metric": str(name), "range": [low, high], "bins": _BINS})
    return measures[:_MOST_MEASURES]


def _number(value: Any) -> float:
    """Return a finite number; NaN, which compares as false, for anything else."""
    usable = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if usable else math.nan
