"""What several test packages share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tomli_w

SEED = "def solve(n):\n    return n / 2\n"
SCORER = """
from evolve.problem import Invalid, Score

def score(output, params, case):
    if type(output) not in (int, float):
        raise Invalid(f"must be a number, got {type(output).__name__}")
    return Score({"value": float(output), "size": abs(output) / 10}, "fine", {"solution": output})
"""


def toy_problem(tmp_path: Path, **overrides: Any) -> Path:
    """Write a problem that starts fast and return its folder, `tmp_path / "toy"`.

    Args:
        tmp_path: Where to write it.
        overrides: `seed` and `score` replace the texts of seed.py and score.py. Every other one is
            a key of problem.toml: a table is merged into the default one, other values replace it,
            None removes it.
    """
    folder = tmp_path / "toy"
    folder.mkdir(exist_ok=True)
    (folder / "seed.py").write_text(overrides.pop("seed", SEED))
    (folder / "score.py").write_text(overrides.pop("score", SCORER))
    declaration: dict[str, Any] = {
        "problem": {"name": "toy", "title": "A toy", "statement": "Return a number."},
        "params": {"n": 3},
        "candidate": {"entry": "solve", "seeds": ["seed.py"], "timeout_s": 5, "memory_mb": 128},
        "objective": {"metric": "value", "direction": "maximize"},
        "measures": [{"metric": "size", "range": [0.0, 1.0], "bins": 8}],
    }
    for key, value in overrides.items():
        merged = declaration.get(key, {}) | value if isinstance(value, dict) else value
        declaration[key] = _without_none(merged)
    (folder / "problem.toml").write_bytes(tomli_w.dumps(_without_none(declaration)).encode())
    return folder


def _without_none(value: Any) -> Any:
    return {k: v for k, v in value.items() if v is not None} if isinstance(value, dict) else value
