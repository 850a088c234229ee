"""Declare a table as a problem: a folder with the declaration, the rows of the search, and those held out."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import tomli_w

from evolve.errors import ProblemError, UsageError
from evolve.problem import TABULAR
from evolve.tabular._insert import SEED
from evolve.tabular._judge import DEPARTURE, NEW, SEARCH, fold_values, predict
from evolve.tabular._kept import Kept, part_of, save
from evolve.tabular._learners import learner_named
from evolve.tabular._metrics import Metric, UndefinedMetricError, default_metric, metric_named
from evolve.tabular._protocol import PRELOAD
from evolve.tabular._scores import untransformed
from evolve.tabular._splits import INNER_FOLDS, OUTER_FOLDS, OUTER_SEED, Fold, hold_out, repeated_folds
from evolve.tabular._stage import digest_of
from evolve.tabular._statement import statement_of
from evolve.tabular._table import Table
from evolve.tabular._tree import interacting_pairs

HELD_OUT, FINAL = "hold_out.table", "final.py"
DEFAULT_LEARNER = "xgboost"
_SHARE = 1 / OUTER_FOLDS
_FEW_ROWS, _REPEATS = 1000, 2
"""Below as many rows the folds are drawn twice, since one partition says little."""
_SEEDS = "seeds/table.py"
_SCORERS = {
    "score.py": ("what a program made of the rows of the search", "judge"),
    FINAL: ("an exported program on the rows that were held out", "judge_final"),
}


def declare(
    table: Table,
    home: Path,
    *,
    metric: str | None = None,
    learner: str = DEFAULT_LEARNER,
    seed: int = 0,
    source: str = "",
) -> Path:
    """Write the folder of a table, named after its content, unless it is there already.

    A fifth of the rows is held out, always the same ones; they lie in a file of their own that no evaluation
    of a search opens. The rest is split into folds by `seed`.

    Args:
        table: The whole table.
        home: Folder of such folders.
        metric: What counts; None: accuracy or nrmse.
        learner: Name of the learner that judges features.
        seed: Of the run: another one gives other folds.
        source: Where the table came from, for people.

    Raises:
        UsageError: the table cannot be split, or the metric or the learner does not suit.
        ProblemError: the folder cannot be written.
    """
    for needed in (learner, "linear"):  # the latter's library splits rows too
        learner_named(needed)
    chosen = default_metric(table.task) if metric is None else metric_named(metric, table.task)
    outer = hold_out(table.splittable(), _SHARE, OUTER_SEED)
    search = _searched(part_of(table, outer.train), chosen, learner, seed)
    held = Kept(part_of(table, outer.validation), chosen.name, learner, seed)
    try:
        home.mkdir(parents=True, exist_ok=True)
        half = Path(tempfile.mkdtemp(prefix=".table-", dir=home))
        try:
            save(half / SEARCH, search)
            save(half / HELD_OUT, held)
            _write(half, search, chosen, source or table.name)
            return _placed(half, home, name_of(table.name))
        finally:
            shutil.rmtree(half, ignore_errors=True)
    except OSError as error:
        raise ProblemError(
            f"{home}: cannot be written ({error.strerror}). Choose another with --runs."
        ) from None


def _searched(table: Table, metric: Metric, learner: str, seed: int) -> Kept:
    repeats = _REPEATS if table.rows < _FEW_ROWS else 1
    rows = np.arange(table.rows)
    folds = repeated_folds(table.splittable(), rows, folds=INNER_FOLDS, repeats=repeats, seed=seed)
    kept = Kept(
        table, metric.name, learner_named(learner).name, seed, len(folds) // INNER_FOLDS, tuple(folds)
    )
    base = predict(kept, untransformed(table.frame, folds))
    try:
        fold_values(kept, base)
    except UndefinedMetricError as error:
        raise UsageError(f"{table.name}: {error}. Use another metric, or more rows.") from None
    return replace(kept, base=tuple(base), pairs=tuple(_pairs(table)))


def _pairs(table: Table) -> list[tuple[str, str]]:
    """Find pairs of columns that seem to act together, one class at a time."""
    if table.task == "regression":
        return interacting_pairs(table.frame, table.target)
    found: dict[tuple[str, str], None] = {}
    for label in range(len(table.classes)):
        for pair in interacting_pairs(table.frame, (table.target == label).astype(np.float64)):
            found.setdefault(pair)
    return list(found)


def name_of(source: str) -> str:
    """Make a problem's name of a table's."""
    stem = re.sub(r"\.(csv|tsv|txt|parquet|pq)$", "", source.lower())
    name = re.sub(r"[^a-z0-9]+", "_", stem).strip("_")[:40].strip("_") or "table"
    return name if name[0].isalpha() else f"t_{name}"


def _write(folder: Path, kept: Kept, metric: Metric, source: str) -> None:
    (folder / "seeds").mkdir()
    (folder / _SEEDS).write_text(SEED, encoding="utf-8")
    for file, (what, function) in _SCORERS.items():
        (folder / file).write_text(_scorer(what, function), encoding="utf-8")
    digests = {name: digest_of(folder / name) for name in (SEARCH, HELD_OUT, FINAL)}
    declaration = _declaration(kept, metric, source, digests)
    (folder / "problem.toml").write_bytes(tomli_w.dumps(declaration, multiline_strings=True).encode())


def _scorer(what: str, function: str) -> str:
    return f'''"""Trusted scorer: a learner judges {what}."""

from pathlib import Path

from evolve.tabular import {function}


def score(output, params, case):
    """Judge what the folds became."""
    return {function}(Path(__file__).parent, output, case)
'''


def _declaration(kept: Kept, metric: Metric, source: str, digests: Mapping[str, str]) -> dict[str, Any]:
    table = kept.table
    megabytes = _size_mb(table)
    return {
        "scorer": "score.py",
        "problem": {
            "name": name_of(table.name),
            "title": f"Features of {_line(table.name)} that predict {_line(table.target_name)}",
            "statement": statement_of(table, metric, kept.learner),
        },
        "candidate": {
            "entry": "transform",
            "seeds": [_SEEDS],
            "preload": list(PRELOAD),
            "timeout_s": 30.0 + 2.0 * megabytes,
            "memory_mb": 512 + int(16 * megabytes),
            "output_mb": min(1024.0, 16.0 + 8.0 * megabytes),
        },
        "objective": {
            "metric": metric.name,
            "direction": "maximize" if metric.maximize else "minimize",
        },
        "measures": [
            {"metric": NEW, "range": [0.0, 12.0], "bins": 12},
            {"metric": DEPARTURE, "range": [0.0, 0.5], "bins": 10, "adapt": True},
        ],
        "cases": [{"fold": number} for number in range(len(kept.folds))],
        "stages": [
            {"name": "parse", "kind": "parse"},
            {
                "name": "features",
                "kind": TABULAR,
                "needs": ["parse"],
                "options": {
                    "source": _line(source),
                    "target": _line(table.target_name),
                    "learner": kept.learner,
                    "sha256": dict(digests),
                },
            },
            {"name": "complexity", "kind": "complexity", "needs": ["parse"]},
        ],
    }


def _size_mb(table: Table) -> float:
    return table.rows * len(table.frame.columns) * 8 / 2**20


def _line(text: str) -> str:
    """Keep a name on one line, without what cannot be seen or stored."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)[:200] or "table"


def _placed(half: Path, home: Path, stem: str) -> Path:
    """Move a finished folder to where its content says; what is there already is the same."""
    digest = hashlib.sha256((half / "problem.toml").read_bytes()).hexdigest()[:12]
    target = home / f"{stem}-{digest}"
    half.chmod(0o755)
    try:
        os.rename(half, target)
    except OSError:
        if not (target / "problem.toml").is_file():
            raise
    return target.resolve()


def outer_fold(search: Kept, held: Kept) -> Fold:
    """Return the fold of the joined table that fits on the search's rows and predicts those held out."""
    return Fold(
        np.arange(search.table.rows),
        np.arange(search.table.rows, search.table.rows + held.table.rows),
    )
