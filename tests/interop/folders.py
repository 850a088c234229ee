"""Folders as other engines lay them out, written after their documentation."""

from __future__ import annotations

from pathlib import Path

OPENEVOLVE = {
    "initial_program.py": '''"""Choose points."""
import math

# EVOLVE-BLOCK-START
def step(k):
    return 0.3 + 0.01 * k
# EVOLVE-BLOCK-END


def choose(count):
    return [math.sin(step(k)) for k in range(count)]
''',
    "evaluator.py": """import importlib.util
import os
import time

from openevolve.evaluation_result import EvaluationResult
from weights import WEIGHTS

HERE = os.path.dirname(os.path.abspath(__file__))


def run(path, count):
    spec = importlib.util.spec_from_file_location("program", path)
    program = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(program)
    return program.choose(count)


def evaluate_stage1(path):
    values = run(path, 2)
    return {"combined_score": sum(values), "quick": True}


def evaluate_stage2(path):
    return evaluate(path)


def evaluate(path):
    started = time.time()
    print("judging", path)
    with open(os.path.join(HERE, "data", "offsets.txt")) as file:
        offsets = [float(line) for line in file]
    values = run(path, len(offsets))
    score = sum(w * (v + o) for w, v, o in zip(WEIGHTS, values, offsets))
    with open("notes.txt", "w") as file:
        file.write(repr(values))
    return EvaluationResult(
        metrics={"combined_score": score, "spread": max(values) - min(values), "eval_time": time.time() - started},
        artifacts={"values": ", ".join(f"{v:.3f}" for v in values)},
    )
""",
    "weights.py": "WEIGHTS = [1.0, 2.0, 0.5]\n",
    "data/offsets.txt": "0.1\n0.2\n0.3\n",
    "config.yaml": """max_iterations: 50
random_seed: 7
max_code_length: 20000
llm:
  primary_model: some-model
  api_key: sk-never-shown
prompt:
  system_message: |
    Choose points with a large weighted sum.
database:
  num_islands: 3
  feature_dimensions: [complexity, spread, diversity]
  feature_bins: 8
evaluator:
  timeout: 30
  cascade_evaluation: true
  cascade_thresholds: [0.5, 0.8]
""",
    ".env": "OPENAI_API_KEY=sk-never-shown\n",
}

SHINKA = {
    "initial.py": """import random

# EVOLVE-BLOCK-START
def guess(rng):
    return [rng.random() for _ in range(5)]
# EVOLVE-BLOCK-END


def run_experiment(seed, bound):
    values = guess(random.Random(seed))
    return values, bound * sum(values)
""",
    "evaluate.py": """import argparse
import os

from shinka.core import run_shinka_eval


def validate(result):
    values, total = result
    if len(values) != 5:
        return False, f"expected 5 values, got {len(values)}"
    return True, None


def kwargs(index):
    return {"seed": index + 10, "bound": 2.0}


def aggregate(results):
    totals = [total for _, total in results]
    return {
        "combined_score": sum(totals) / len(totals),
        "public": {"best": max(totals), "shape": "flat"},
        "private": {"secret": min(totals)},
        "text_feedback": "spread them",
        "extra_data": results,
    }


def main(program_path, results_dir, verbose):
    os.makedirs(results_dir, exist_ok=True)
    metrics, correct, error = run_shinka_eval(
        program_path=program_path,
        results_dir=results_dir,
        experiment_fn_name="run_experiment",
        num_runs=3,
        get_experiment_kwargs=kwargs,
        aggregate_metrics_fn=aggregate,
        validate_fn=validate,
    )
    print("correct" if correct else error, verbose)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--program_path", default="initial.py")
    parser.add_argument("--results_dir", default="results")
    parser.add_argument("--verbose", default="no")
    words = parser.parse_args()
    main(words.program_path, words.results_dir, words.verbose)
""",
    "run_evo.py": """from shinka.core import EvolutionConfig, ShinkaEvolveRunner
from shinka.launch import LocalJobConfig

task = "Make the sum large. Keep five values."
job = LocalJobConfig(eval_program_path="evaluate.py", time="00:01:30", extra_cmd_args={"verbose": "yes"})
evo = EvolutionConfig(task_sys_msg=task, num_generations=40, llm_models=["some-model"])
""",
}

GIGAEVO = {
    "validate.py": """import numpy as np
from helper import target


def validate(context, payload):
    values = np.asarray(payload, dtype=float)
    if values.shape != (3,):
        raise ValueError(f"expected 3 values, got shape {values.shape}")
    distance = float(np.abs(values - target(context["n"])).sum())
    return {"distance": distance, "largest": float(values.max()), "is_valid": 1 if values.min() >= 0 else 0}
""",
    "helper.py": "def target(n):\n    return n / 4\n",
    "context.py": 'def build_context():\n    return {"n": 3}\n',
    "metrics.yaml": """specs:
  distance:
    description: Sum of distances to the target
    decimals: 4
    is_primary: true
    higher_is_better: false
    lower_bound: 0.0
    upper_bound: 100.0
    include_in_prompts: true
    significant_change: 0.01
    sentinel_value: 1000.0
  largest:
    description: The largest value
    decimals: 4
    is_primary: false
    higher_is_better: true
    lower_bound: 0.0
    upper_bound: 10.0
    include_in_prompts: false
    sentinel_value: -1000.0
  is_valid:
    description: Whether it counts
    is_primary: false
    higher_is_better: true
    lower_bound: 0.0
    upper_bound: 1.0
""",
    "task_description.txt": "Return three values near the target.\n",
    "initial_programs/ones.py": (
        "from helper import target\n\n\ndef entrypoint(context):\n    return [1.0, 2.0, target(context['n'])]\n"
    ),
    "initial_programs/arange.py": (
        "import numpy as np\n\n\ndef entrypoint(context):\n    return np.arange(context['n']) * 0.5\n"
    ),
    "initial_programs/chain.json": "{}",
}

ALL = {"openevolve": OPENEVOLVE, "shinka": SHINKA, "gigaevo": GIGAEVO}


def lay_out(files: dict[str, str], folder: Path, **changed: str | None) -> Path:
    """Write a folder and return it; `changed` replaces files, with `__` for `.` in their names, None leaves out."""
    for name, text in {**files, **{name.replace("__", "."): text for name, text in changed.items()}}.items():
        if text is not None:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    return folder
