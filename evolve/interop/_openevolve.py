"""Read OpenEvolve's layout: `initial_program.py`, `evaluator.py`, `config.yaml`."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from evolve.errors import ProblemError
from evolve.interop._draft import Draft
from evolve.interop._source import find_entry, functions, python_seed, read_python, read_text, size_measure
from evolve.interop._yaml import Settings

SEED, EVALUATOR = "initial_program.py", "evaluator.py"
_BINS = 10
_THRESHOLDS = [0.5, 0.75, 0.9]
_MAX_CHARS = 10_000
_STAGES = ("evaluate_stage1", "evaluate_stage2", "evaluate_stage3")


def matches(folder: Path) -> bool:
    """Tell whether a folder has this layout."""
    return (folder / EVALUATOR).is_file() and any(folder.glob("initial_program.*"))


def read(folder: Path, entry: str | None) -> Draft:
    """Read a folder of this layout.

    Raises:
        ProblemError: a file is missing or wrong, or the programs are not Python.
    """
    seed, evaluator = python_seed(folder, SEED), folder / EVALUATOR
    defined = functions(read_python(evaluator))
    if "evaluate" not in defined:
        raise ProblemError(
            f"{evaluator}: must define the function 'evaluate'; it has {', '.join(defined) or 'none'}."
        )
    configs = sorted((*folder.glob("config*.yaml"), *folder.glob("config*.yml")), key=lambda path: path.name)
    chosen = next((path for path in configs if path.stem == "config"), None)
    settings = Settings(chosen)
    draft = Draft(
        layout="openevolve",
        evaluator=EVALUATOR,
        entry=find_entry(seed, evaluator, entry),
        seeds={SEED: read_text(seed)},
        statement=(settings.take("prompt.system_message", str) or "").strip(),
        objective={"metric": "combined_score", "direction": "maximize"},
        measures=[],
        private=frozenset(path.name for path in configs),
    )
    if draft.statement:
        draft.carried.append(("prompt.system_message", "problem.statement"))
    _limits(draft, settings)
    _cascade(draft, settings, defined)
    _measures(draft, settings, seed)
    draft.left += [f"{path.name}: only config.yaml is read." for path in configs if path != chosen]
    rest = settings.rest()
    if rest:
        draft.left.append(
            f"Settings of config.yaml about models, prompts, islands, length of a run: {', '.join(rest)}. "
            "Give --model, --islands, --max-evals and --seed to `evolve run` instead."
        )
    if settings.peek("evaluator.use_llm_feedback"):
        draft.left.append(
            "evaluator.use_llm_feedback: no model judges programs; the score is the evaluator's alone."
        )
    return draft


def _limits(draft: Draft, settings: Settings) -> None:
    draft.timeout_s = settings.take("evaluator.timeout", float) or draft.timeout_s
    memory = settings.take("evaluator.memory_limit_mb", int)
    if memory:
        draft.memory_mb = max(16, memory)
        draft.carried.append(("evaluator.memory_limit_mb", "candidate.memory_mb"))
    length = settings.take("max_code_length", int) or _MAX_CHARS
    draft.max_chars = max(100, length, *(len(text) for text in draft.seeds.values()))
    draft.carried.append(("max_code_length", f"candidate.max_chars = {draft.max_chars}"))


def _cascade(draft: Draft, settings: Settings, defined: list[str]) -> None:
    on = settings.take("evaluator.cascade_evaluation", bool)
    thresholds = settings.take("evaluator.cascade_thresholds", list)
    given = _THRESHOLDS if thresholds is None else thresholds
    stages = [name for name in _STAGES if name in defined]
    if on is not False and _STAGES[0] in stages and given:
        if not all(type(value) in (int, float) and math.isfinite(value) for value in given):
            raise ProblemError(
                f"evaluator.cascade_thresholds must be finite numbers, got {given!r}. Correct config.yaml."
            )
        draft.options["thresholds"] = [float(value) for value in given]
        draft.carried.append(
            (
                f"evaluator.cascade_thresholds, {', '.join(stages)}",
                f"options.thresholds = {given[: len(stages) - 1]}",
            )
        )
        draft.timeout_s *= len(stages)
        draft.left.append(
            "A time limit for each stage of the cascade: there is one for all of them together, "
            f"{draft.timeout_s:g} s. A program that fails or runs out of time in a later stage has failed; "
            "it does not keep the score of an earlier one."
        )
    draft.carried.append(("evaluator.timeout", f"candidate.timeout_s = {draft.timeout_s:g}"))


def _measures(draft: Draft, settings: Settings, seed: Path) -> None:
    given = settings.take("database.feature_dimensions", list)
    names = ["complexity", "diversity"] if given is None else [*dict.fromkeys(map(str, given))]
    bins = settings.peek("database.feature_bins")
    own = [name for name in names if name not in ("complexity", "diversity", "score")]
    for name in names:
        count = _bins(bins, name)
        if name == "complexity":
            draft.measures.append(size_measure(seed, count))
            draft.carried.append(
                ("feature dimension complexity", "measure ast_nodes, nodes of the syntax tree")
            )
        elif name == "diversity":
            draft.left.append(
                "Feature dimension diversity: it depends on the population, not on the program alone."
            )
        else:
            metric = "combined_score" if name == "score" else name
            draft.measures.append({"metric": metric, "range": [0.0, 1.0], "bins": count})
            draft.carried.append((f"feature dimension {name}", f"measure {metric}"))
            draft.left.append(
                f"The range of feature dimension {name}: OpenEvolve fits it to what it has seen, here it is "
                "declared. [0, 1] is a guess; correct it in problem.toml."
            )
    if not draft.measures:
        draft.measures.append(size_measure(seed, _BINS))
    if own:
        draft.options["features"] = own


def _bins(given: Any, name: str) -> int:
    count = given.get(name) if isinstance(given, dict) else given
    return count if type(count) is int and 1 <= count <= 1000 else _BINS
