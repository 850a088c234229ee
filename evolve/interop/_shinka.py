"""Read ShinkaEvolve's layout: `initial.py`, `evaluate.py`, and what `run_evo.py` or a YAML file tells."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from evolve.interop._draft import Draft
from evolve.interop._source import (
    find_entry,
    functions,
    literal_argument,
    python_seed,
    read_python,
    read_text,
    size_measure,
    text_argument,
)
from evolve.interop._yaml import Settings

SEED, EVALUATOR = "initial.py", "evaluate.py"
_CLOCK_METRICS = ["execution_time_mean", "execution_time_std"]
_BINS = 16


def matches(folder: Path) -> bool:
    """Tell whether a folder has this layout."""
    return (folder / EVALUATOR).is_file() and any(folder.glob("initial.*"))


def read(folder: Path, entry: str | None) -> Draft:
    """Read a folder of this layout.

    Raises:
        ProblemError: a file is missing or wrong, or the programs are not Python.
    """
    seed, evaluator = python_seed(folder, SEED), folder / EVALUATOR
    tree = read_python(evaluator)
    runners = sorted(folder.glob("run_evo*.py"))
    configs = sorted((*folder.glob("*.yaml"), *folder.glob("*.yml")), key=lambda path: path.name)
    draft = Draft(
        layout="shinka",
        evaluator=EVALUATOR,
        entry=_entry(seed, evaluator, tree, entry),
        seeds={SEED: read_text(seed)},
        statement="",
        objective={"metric": "combined_score", "direction": "maximize"},
        measures=[size_measure(seed, _BINS), {"metric": "cyclomatic", "range": [0.0, 64.0], "bins": _BINS}],
        options={"drop": list(_CLOCK_METRICS)},
        private=frozenset(path.name for path in (*runners, *configs)),
    )
    draft.max_chars = max(draft.max_chars, *(len(text) for text in draft.seeds.values()))
    for path in runners:
        _from_runner(draft, path)
    for path in configs:
        _from_config(draft, path)
    draft.left += [
        "Private metrics: they are not for a proposer's eyes, and the metrics kept here are shown to one.",
        "Pictures of `plotting_fn` and other files that it writes: they go with its scratch folder.",
    ]
    if "early_stop_method" in read_text(evaluator):
        draft.left.append("early_stop_method: all runs are made.")
    if runners or configs:
        draft.left.append(
            "Settings about models, prompts, islands, length of a run: give --model, --islands, --max-evals "
            "and --seed to `evolve run` instead."
        )
    return draft


def _entry(seed: Path, evaluator: Path, tree: ast.Module, wanted: str | None) -> str:
    named = text_argument(tree, "experiment_fn_name")
    if wanted is None and named in functions(read_python(seed)):
        return str(named)
    return find_entry(seed, evaluator, wanted)


def _from_runner(draft: Draft, path: Path) -> None:
    """Take over what a script passes to the engine as plain texts and numbers; it is read, not run."""
    tree = read_python(path)
    _take(
        draft,
        path.name,
        statement=text_argument(tree, "task_sys_msg"),
        time=text_argument(tree, "time"),
        arguments=literal_argument(tree, "extra_cmd_args"),
    )


def _from_config(draft: Draft, path: Path) -> None:
    settings = Settings(path)
    for prefix in ("", "evo_config.", "evolution.", "job_config.", "job."):
        _take(
            draft,
            path.name,
            statement=settings.peek(f"{prefix}task_sys_msg"),
            time=settings.peek(f"{prefix}time"),
            arguments=settings.peek(f"{prefix}extra_cmd_args"),
        )


def _take(draft: Draft, source: str, *, statement: Any, time: Any, arguments: Any) -> None:
    if isinstance(statement, str) and statement.strip() and not draft.statement:
        draft.statement = statement.strip()
        draft.carried.append((f"task_sys_msg in {source}", "problem.statement"))
    seconds = _seconds(time)
    if seconds:
        draft.timeout_s = seconds
        draft.carried.append((f"time in {source}", f"candidate.timeout_s = {seconds:g}"))
    if isinstance(arguments, dict) and arguments and "arguments" not in draft.options:
        draft.options["arguments"] = [word for k, v in arguments.items() for word in (f"--{k}", str(v))]
        draft.carried.append((f"extra_cmd_args in {source}", "options.arguments"))


def _seconds(time: Any) -> float | None:
    """Read a time limit such as "00:05:00"."""
    match = re.fullmatch(r"(\d+):(\d\d):(\d\d)", time) if isinstance(time, str) else None
    return None if match is None else float(int(match[1]) * 3600 + int(match[2]) * 60 + int(match[3])) or None
