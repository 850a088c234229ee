"""Call an evaluator that was written for another engine, as that engine would.

The engine sends this module's text into the sandbox as if it were a program, so it must stand alone:
the standard library and nothing else. It shares its process with the evaluator and with the program that is
evaluated: what it answers is worth no more than what they say.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import runpy
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from numbers import Real
from pathlib import Path
from types import ModuleType
from typing import Any

_OWN_FILES = (
    "<program>",
    "<frozen runpy>",
    "<frozen importlib._bootstrap>",
    "<frozen importlib._bootstrap_external>",
)
_TEXT_CHARS = 4000
_FEEDBACK_CHARS = 12_000
_FRAMES = 8

Answer = dict[str, Any]
"""`status` ("ok", "failed", "invalid", "memory", or "error" when the evaluator itself is at fault), `metrics`
(floats by name) and `feedback`."""


def evaluate(job: str) -> Answer:
    """Evaluate a program.

    Args:
        job: JSON: `program` (its text), `layout`, `evaluator` (path), `standins` (texts by path),
            `thresholds` (of a cascade, or null), `features` (metrics that are no part of a score),
            `arguments` (further words of a command line), `entry` (the program's function).
    """
    task = json.loads(job)
    sys.modules.pop("program", None)  # it is this module; evaluators use the name for theirs
    program = _furnish(task)
    try:
        metrics, texts = _LAYOUTS[task["layout"]](task, program)
    except _AtFault as fault:
        return {"status": fault.status, "metrics": {}, "feedback": fault.feedback}
    except MemoryError as error:
        return {"status": "memory", "metrics": {}, "feedback": _trace(error)}
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001 - its own failure, whatever it is
        return {"status": "failed", "metrics": {}, "feedback": _trace(error)}
    numbers = {name: float(value) for name, value in metrics.items() if isinstance(value, Real)}
    return {"status": "ok", "metrics": numbers, "feedback": "\n".join(texts)[:_FEEDBACK_CHARS]}


class _AtFault(Exception):  # noqa: N818 - it says who is
    def __init__(self, status: str, feedback: str) -> None:
        super().__init__(feedback)
        self.status = status
        self.feedback = feedback


def _furnish(task: Mapping[str, Any]) -> str:
    """Lay out the scratch folder, put modules within reach, and return the path of the program."""
    scratch = os.getcwd()
    folder = os.path.dirname(task["evaluator"])
    standins = os.path.join(scratch, "standins")
    for name, text in task["standins"].items():
        _write(os.path.join(standins, name), text)
    program = _write(os.path.join(scratch, "candidate", "program.py"), task["program"])
    # relative paths lead to the evaluator's files, which cannot be changed; new ones can be beside
    work = os.path.join(scratch, "work")
    os.mkdir(work)
    for name in os.listdir(folder):
        os.symlink(os.path.join(folder, name), os.path.join(work, name))
    os.chdir(work)
    sys.path[:0] = [folder, standins]
    os.environ["PYTHONPATH"] = standins
    os.environ["PATH"] = os.pathsep.join(
        (os.path.dirname(sys.executable), "/usr/local/bin", "/usr/bin", "/bin")
    )
    if sys.version_info >= (3, 14):
        import multiprocessing  # lazily: not every evaluator does

        multiprocessing.set_start_method("fork", force=True)  # a fork server needs a socket; there are none
    return program


def _write(path: str, text: str) -> str:
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


# -- OpenEvolve: evaluate(path), or stages of a cascade ----------------------------------------------


def _openevolve(task: Mapping[str, Any], program: str) -> tuple[dict[str, Any], list[str]]:
    module = _evaluator(task["evaluator"], "evaluation_module")
    thresholds = task["thresholds"]
    if thresholds and hasattr(module, "evaluate_stage1"):
        metrics, artifacts, note = _cascade(module, program, thresholds, task["drop"])
    else:
        metrics, artifacts = _split(_needed(module, "evaluate")(program))
        note = ""
    texts = [*_texts(metrics), *_texts(artifacts), note]
    score = _combined(_without(metrics, task["drop"]), task["features"])
    error = metrics.get("error")
    said = error if isinstance(error, str) else ""
    unknown = [name for name in task["features"] if note and name not in metrics]
    if unknown:
        raise _AtFault(
            "invalid", "\n".join((*filter(None, texts), f"{', '.join(unknown)} was not measured by then"))
        )
    if score is None or (said and not score > 0):
        raise _AtFault("invalid" if said else "failed", "\n".join(filter(None, texts)) or "gave no score")
    return {**metrics, "combined_score": score}, [text for text in texts if text]


def _cascade(
    module: ModuleType, program: str, thresholds: list[float], drop: list[str]
) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Call stages while the score is high enough; return metrics, artifacts, and why it ended early."""
    metrics, artifacts = _split(module.evaluate_stage1(program))
    for number, threshold in zip((2, 3), thresholds, strict=False):
        stage = getattr(module, f"evaluate_stage{number}", None)
        mean = _mean_for_gate(_without(metrics, drop))
        if stage is None:
            break
        if mean is None or not mean >= threshold:
            reached = "no score" if mean is None else f"{mean:.6g}"
            note = f"stopped after stage {number - 1}: {reached} is below the threshold {threshold:g}"
            return metrics, artifacts, note
        more, texts = _split(stage(program))
        merged = {**metrics, **{k: v for k, v in more.items() if k != "error" or isinstance(v, str)}}
        metrics = {k: float(v) if isinstance(v, int) else v for k, v in merged.items()}
        artifacts = {**artifacts, **texts}
    return metrics, artifacts, ""


def _split(result: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Take a dict, or anything with metrics and artifacts."""
    if isinstance(result, dict):
        return dict(result), {}
    metrics, artifacts = getattr(result, "metrics", None), getattr(result, "artifacts", None)
    if not isinstance(metrics, dict):
        raise _AtFault(
            "error", f"evaluate must return a dict or an EvaluationResult, got {type(result).__name__}"
        )
    return dict(metrics), dict(artifacts or {})


def _without(metrics: Mapping[str, Any], drop: list[str]) -> dict[str, Any]:
    """Leave out metrics such as measured times, with which a mean would never repeat."""
    return {name: value for name, value in metrics.items() if name not in drop}


def _combined(metrics: Mapping[str, Any], features: list[str]) -> float | None:
    """Return the score: `combined_score`, else the mean of the numbers that are no features."""
    try:
        return float(metrics["combined_score"])
    except (KeyError, TypeError, ValueError):
        numbers = {k: float(v) for k, v in metrics.items() if _is_number(v) and not math.isnan(v)}
    scores = [value for name, value in numbers.items() if name not in features] or [*numbers.values()]
    return sum(scores) / len(scores) if numbers.keys() - {"error"} else None


def _mean_for_gate(metrics: Mapping[str, Any]) -> float | None:
    """Return what a threshold is compared with; flags count here."""
    if isinstance(metrics.get("combined_score"), (int, float)):
        return float(metrics["combined_score"])
    values = [float(v) for k, v in metrics.items() if k != "error" and isinstance(v, (int, float))]
    return sum(values) / len(values) if values else None


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


# -- ShinkaEvolve: a command line that writes metrics.json and correct.json ---------------------------


def _shinka(task: Mapping[str, Any], program: str) -> tuple[dict[str, Any], list[str]]:
    results = os.path.join(os.path.dirname(os.getcwd()), "results")
    os.mkdir(results)
    sys.argv = [task["evaluator"], "--program_path", program, "--results_dir", results, *task["arguments"]]
    try:
        runpy.run_path(task["evaluator"], run_name="__main__")
    except SystemExit as end:
        if end.code not in (None, 0):
            raise _AtFault("failed", f"the evaluator ended with exit status {end.code}") from None
    metrics = _read_json(os.path.join(results, "metrics.json"))
    verdict = _read_json(os.path.join(results, "correct.json"))
    public = metrics.pop("public", {})
    metrics.pop("private", None)  # not for the eyes of a proposer
    shown = public if isinstance(public, dict) else {}
    feedback = str(metrics.pop("text_feedback", "") or "")
    texts = [feedback[:_TEXT_CHARS], *_texts(shown)]
    if not verdict.get("correct"):
        raise _AtFault(
            "invalid", "\n".join(filter(None, (str(verdict.get("error") or ""), *texts))) or "not correct"
        )
    return {**shown, **metrics}, [text for text in texts if text]


def _read_json(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise _AtFault(
            "failed", f"the evaluator left no readable {os.path.basename(path)}: {error}"
        ) from None
    return content if isinstance(content, dict) else {}


# -- GigaEvo: the entry's result is handed to validate() ----------------------------------------------


def _gigaevo(task: Mapping[str, Any], program: str) -> tuple[dict[str, Any], list[str]]:
    validate = _needed(_evaluator(task["evaluator"], "validator"), "validate")
    source = os.path.join(os.path.dirname(task["evaluator"]), "context.py")
    context = []
    if os.path.isfile(source):
        build = _needed(_evaluator(source, "context"), "build_context")
        context = [_blame("error", build)]
    output = _needed(_load(program, "user_code"), task["entry"], status="failed")(*context)
    result = _blame("invalid", validate, *context, output)
    metrics, artifact = result if isinstance(result, tuple) else (result, None)
    if not isinstance(metrics, dict):
        raise _AtFault("error", f"validate must return a dict of metrics, got {type(metrics).__name__}")
    texts = [*_texts(metrics), *_texts(artifact if isinstance(artifact, dict) else {"artifact": artifact})]
    valid = metrics.get("is_valid", 1)
    if isinstance(valid, Real) and not float(valid) > 0:
        raise _AtFault("invalid", "\n".join(texts) or "is_valid is 0")
    return metrics, texts


def _blame(status: str, function: Callable[..., Any], *arguments: Any) -> Any:
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - a verdict by exception
        raise _AtFault(status, _trace(error)) from None


# -- common -------------------------------------------------------------------------------------------


def _evaluator(path: str, name: str) -> ModuleType:
    """Load a file of the problem's author; that it cannot be loaded is no program's fault."""
    try:
        return _load(path, name)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - it may raise anything
        raise _AtFault("error", f"{os.path.basename(path)} cannot be imported.\n{_trace(error)}") from None


def _load(path: str, name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _needed(module: ModuleType, name: str, status: str = "error") -> Callable[..., Any]:
    function = getattr(module, name, None)
    if not callable(function):
        raise _AtFault(status, f"{os.path.basename(str(module.__file__))} defines no function {name!r}")
    return function  # type: ignore[no-any-return]


def _texts(values: Mapping[str, Any]) -> Iterator[str]:
    """Say what is text among values."""
    for name, value in values.items():
        if isinstance(value, str) and value.strip():
            line = f"{name}:\n{value}" if "\n" in value else f"{name}: {value}"
            yield line[:_TEXT_CHARS]


def _trace(error: BaseException) -> str:
    """Render an error with the frames of the evaluator and the program alone."""
    said = traceback.TracebackException.from_exception(error, compact=True)
    frames = [frame for frame in said.stack if frame.filename not in _OWN_FILES]
    said.stack = traceback.StackSummary.from_list(frames[-_FRAMES:])
    return "".join(said.format(chain=False))[-_TEXT_CHARS:]


_LAYOUTS = {"openevolve": _openevolve, "shinka": _shinka, "gigaevo": _gigaevo}
