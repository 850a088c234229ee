"""Stand-in for `shinka.core.wrap_eval`: call a program's function several times, validate, aggregate, save.

Written after the documented behaviour. Runs are never stopped early, however `early_stop_method` is
set, and no pictures are drawn: all else that an evaluator can observe is meant to be the same.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import pickle
import statistics
import time
from collections.abc import Callable
from typing import Any

Kwargs = Callable[[int], dict[str, Any]]
Metrics = dict[str, Any]

DEFAULT_METRICS_ON_ERROR: Metrics = {
    "combined_score": 0.0,
    "execution_time_mean": 0.0,
    "execution_time_std": 0.0,
    "num_successful_runs": 0,
    "num_valid_runs": 0,
    "num_invalid_runs": 0,
    "all_validation_errors": [],
}


def load_program(program_path: str) -> Any:
    """Load the module at a path; raises what it raises."""
    spec = importlib.util.spec_from_file_location("program", program_path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no Python module at {program_path}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def save_json_results(results_dir: str, metrics: Metrics, correct: bool, error: str | None = None) -> None:
    """Write `metrics.json` and `correct.json`."""
    os.makedirs(results_dir, exist_ok=True)
    for name, content in (("correct", {"correct": correct, "error": error}), ("metrics", metrics)):
        with open(os.path.join(results_dir, f"{name}.json"), "w", encoding="utf-8") as file:
            json.dump(content, file, indent=4)


def run_shinka_eval(
    program_path: str,
    results_dir: str,
    experiment_fn_name: str,
    num_runs: int,
    get_experiment_kwargs: Kwargs | None = None,
    aggregate_metrics_fn: Callable[[list[Any]], Metrics] | None = None,
    validate_fn: Callable[[Any], tuple[bool, str | None]] | None = None,
    plotting_fn: Callable[[Any], list[Any]] | None = None,  # noqa: ARG001 - nobody would see the pictures
    default_metrics_on_error: Metrics | None = None,
    early_stop_method: Any = None,  # noqa: ARG001 - see the module's docstring
    early_stop_threshold: float | None = None,  # noqa: ARG001
    early_stop_score_fn: Callable[[Any], float] | None = None,  # noqa: ARG001
    early_stop_kwargs: dict[str, Any] | None = None,  # noqa: ARG001
    run_workers: int = 1,
    max_workers_cap: int | None = None,
) -> tuple[Metrics, bool, str | None]:
    """Run the program's function `num_runs` times, write metrics and correctness, and return them.

    Returns:
        The metrics; whether every run is valid and the score finite; the first error.

    Raises:
        ValueError: `run_workers` or `max_workers_cap` is below 1.
    """
    for name, value in (("run_workers", run_workers), ("max_workers_cap", max_workers_cap)):
        if value is not None and value < 1:
            raise ValueError(f"{name} must be >= 1, got {value}")
    workers = min(run_workers, max_workers_cap or run_workers, max(1, num_runs))
    try:
        results, seconds = _run_all(
            program_path, experiment_fn_name, num_runs, get_experiment_kwargs, workers
        )
        metrics, problems = _judge(results, aggregate_metrics_fn, validate_fn)
        metrics["execution_time_mean"] = statistics.fmean(seconds) if seconds else 0.0
        metrics["execution_time_std"] = statistics.pstdev(seconds) if seconds else 0.0
    except Exception as error:  # noqa: BLE001 - whatever the program or the evaluator's functions raise
        given = default_metrics_on_error or {}
        metrics = {name: given.get(name, value) for name, value in DEFAULT_METRICS_ON_ERROR.items()}
        problems = [str(error)]
    if "extra_data" in metrics:
        os.makedirs(results_dir, exist_ok=True)
        with open(os.path.join(results_dir, "extra.pkl"), "wb") as file:
            pickle.dump(metrics.pop("extra_data"), file)
    first = next(filter(None, problems), None)
    save_json_results(results_dir, metrics, not problems, first)
    return metrics, not problems, first


def _run_all(
    path: str, name: str, num_runs: int, get_kwargs: Kwargs | None, workers: int
) -> tuple[list[Any], list[float]]:
    """Return the results and the seconds of all runs, in order."""
    jobs = [get_kwargs(index) if get_kwargs else {"seed": index + 1} for index in range(num_runs)]
    if workers > 1:
        from concurrent.futures import ProcessPoolExecutor  # lazily: most evaluators use no workers

        with ProcessPoolExecutor(workers) as pool:
            pairs = [*pool.map(_load_and_run, [path] * num_runs, [name] * num_runs, jobs)]
    else:
        function = _function(path, name)
        pairs = [_timed(function, job) for job in jobs]
    return [result for result, _ in pairs], [seconds for _, seconds in pairs]


def _function(path: str, name: str) -> Callable[..., Any]:
    module = load_program(path)
    if not hasattr(module, name):
        raise AttributeError(f"Experiment function '{name}' not found in {path}")
    return getattr(module, name)  # type: ignore[no-any-return]


def _load_and_run(path: str, name: str, kwargs: dict[str, Any]) -> tuple[Any, float]:
    return _timed(_function(path, name), kwargs)


def _timed(function: Callable[..., Any], kwargs: dict[str, Any]) -> tuple[Any, float]:
    started = time.perf_counter()
    result = function(**kwargs)
    return result, time.perf_counter() - started


def _judge(
    results: list[Any],
    aggregate: Callable[[list[Any]], Metrics] | None,
    validate: Callable[[Any], tuple[bool, str | None]] | None,
) -> tuple[Metrics, list[str]]:
    """Return the metrics and what is wrong, an empty text where nothing is said about a fault."""
    verdicts = [validate(result) for result in results] if validate else []
    said = [message for valid, message in verdicts if not valid]
    problems = [f"Validation failed: {message}" if message else "" for message in said]
    if aggregate:
        metrics = aggregate(results)
    else:
        metrics = {
            "num_successful_runs": len(results),
            "first_run_result_type": str(type(results[0])) if results else "N/A",
            "raw_results_preview": str(results[:2]) if results else "N/A",
        }
    if validate:
        metrics["num_valid_runs"] = len(results) - len(said)
        metrics["num_invalid_runs"] = len(said)
        metrics["all_validation_errors"] = [*dict.fromkeys(filter(None, said))]
    if "combined_score" in metrics and not math.isfinite(metrics["combined_score"]):
        problems.append(f"combined_score is {metrics['combined_score']}")
    return metrics, problems
