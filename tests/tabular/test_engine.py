"""A table through the engine: declared, searched, resumed, exported and applied."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import pickle
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evolve.engine import Budget, aresume, run
from evolve.engine._offer import offer_of
from evolve.engine._session import RunOptions, resolve
from evolve.errors import ProblemError, UsageError
from evolve.export import evaluate_fresh, export
from evolve.problem import load_problem
from evolve.store import Reader
from evolve.tabular import SEED, Table, Text, apply_export, declare, make_table
from evolve.tabular._frame import Values
from evolve.tabular._kept import load
from evolve.tabular._take_home import LOOKS

PRODUCT = SEED.replace("    return X\n", "    X['a * b'] = X['a'] * X['b']\n    return X\n")
LEAK = "def transform(state, X):\n    return X.assign(mean=X['a'].mean())\n"


def small(rows: int = 80, shift: float = 0.0) -> Table:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=rows), rng.normal(size=rows) + shift
    columns: dict[str, Values] = {"a": a, "b": b, "shop": Text.of([f"s{i % 3}" for i in range(rows)])}
    return make_table("small.csv", {**columns, "y": (a * b > 0).astype(np.int64)}, "y", task="binary")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


@pytest.fixture(scope="module")
def folder(home: Path) -> Path:
    return declare(small(), home / "runs/tabular", learner="linear")


@pytest.fixture(scope="module")
def done(home: Path, folder: Path) -> Path:
    result = run(folder, budget=Budget(max_evals=6), runs=home / "runs", run_id="one", workers=1)
    assert result.statuses["valid"] >= 6
    return result.folder


def test_another_table_seed_or_learner_is_another_problem_and_the_same_is_found_again(
    folder: Path, home: Path
) -> None:
    again = declare(small(), home / "runs/tabular", learner="linear")
    assert again == folder
    others = [
        declare(small(shift=0.1), home / "others", learner="linear"),
        declare(small(), home / "others", learner="linear", seed=1),
        declare(small(), home / "others", learner="forest"),
        declare(small(), home / "others", learner="linear", metric="auc"),
    ]
    digests = {load_problem(path).digest for path in (folder, *others)}
    assert len(digests) == 5


def test_the_search_never_holds_a_held_out_row(folder: Path) -> None:
    search, held = load(folder / "search.table"), load(folder / "hold_out.table")
    values = [set(part.table.frame.columns["a"].tolist()) for part in (search, held)]  # type: ignore[union-attr]
    assert values[0].isdisjoint(values[1])
    assert (search.table.rows, held.table.rows) == (64, 16)
    assert "hold_out" not in (folder / "score.py").read_text()


def test_data_that_changed_afterwards_is_refused(home: Path) -> None:
    folder = declare(small(60), home / "spoilt", learner="linear")
    path = folder / "hold_out.table"
    path.write_bytes(path.read_bytes() + b"\0")
    with pytest.raises(ProblemError, match=r"hold_out\.table: is not the file that was declared"):
        run(folder, budget=Budget(max_evals=1), runs=home / "spoilt-runs")


def test_folds_are_cases_and_feedback_says_what_features_do(folder: Path) -> None:
    found = asyncio.run(evaluate_fresh(load_problem(folder), PRODUCT))
    assert found.status == "valid"
    assert found.objective is not None
    assert found.objective == pytest.approx(np.mean(found.cases["accuracy"]))
    assert len(found.cases["accuracy"]) == 8
    assert found.objective > 0.85
    assert (found.metrics["new_features"], found.metrics["width"]) == (1, 4)
    assert found.metrics["gain"] > 0.2
    assert 0 < found.metrics["departure"] < 1
    assert "better beyond the noise" in found.feedback
    assert "'a * b': importance" in found.feedback


def test_a_program_that_looks_at_other_rows_is_invalid(folder: Path) -> None:
    found = asyncio.run(evaluate_fresh(load_problem(folder), LEAK + "\n\ndef fit(X):\n    return 0\n"))
    assert found.status == "invalid"
    assert "depends on which other rows" in found.feedback


def test_operators_for_tables_are_offered_and_no_others(folder: Path) -> None:
    problem = load_problem(folder)
    mix = offer_of(resolve(problem, RunOptions()), problem).mix
    assert {"table_numbers", "table_groups", "table_combine", "table_inherit"} <= mix.keys()
    assert all(name.startswith("table_") for name in mix)
    assert mix["table_numbers"] > mix["table_drop"]


def test_a_run_repeats_with_any_number_of_workers_and_is_resumed(
    done: Path, home: Path, folder: Path
) -> None:
    twin = run(folder, budget=Budget(max_evals=6), runs=home / "twin", run_id="one", workers=2, cache=False)
    with Reader(done) as one, Reader(twin.folder) as two:
        assert one.digest() == two.digest()
    result = asyncio.run(aresume(twin.folder, budget=Budget(max_evals=8)))
    assert result.statuses["valid"] >= 7


def test_an_export_looks_at_the_hold_out_once_for_each_program(done: Path, home: Path) -> None:
    plain = asyncio.run(export(done, home / "plain"))
    assert "were not looked at" in plain.note
    assert not (done / LOOKS).exists()
    with Reader(done) as reader:
        commit = reader.best(maximize=True)
    assert commit
    asyncio.run(export(done, home / "features", final=True))
    first = (done / LOOKS).read_text()
    facts = json.loads((home / "features/features.json").read_text())
    held = facts["hold_out"]
    assert (facts["looks"], facts["program"]) == (1, commit.program.id)
    assert held["rows"] == 16
    assert held["gain"]["low"] <= held["gain"]["value"] <= held["gain"]["high"]
    asyncio.run(export(done, home / "features", final=True))
    assert (done / LOOKS).read_text() == first, "the same program is not scored again"
    other = 1 if commit.program.id != 1 else 2
    asyncio.run(export(done, home / "seed", other, final=True))
    assert "scored 2 times" in (home / "seed/MODEL_CARD.md").read_text()


@pytest.fixture(scope="module")
def features(done: Path, home: Path) -> Path:
    return asyncio.run(export(done, home / "exported", final=True)).folder


def test_the_exported_module_is_a_transformer_and_apply_agrees_with_it(features: Path, home: Path) -> None:
    import pandas as pd
    from sklearn.base import clone
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    module = imported(features / "transformer.py")
    rng = np.random.default_rng(1)
    rows = pd.DataFrame({"a": rng.normal(size=30), "b": rng.normal(size=30), "shop": ["s0", "s1", "s9"] * 10})
    rows.index = pd.Index(range(100, 130))
    labels = rows["a"] * rows["b"] > 0
    model = make_pipeline(clone(module.TableFeatures()), LogisticRegression()).fit(rows, labels)
    again = pickle.loads(pickle.dumps(model))
    assert (again.predict(rows) == model.predict(rows)).all()
    made = model[0].transform(rows)
    assert list(made.columns) == list(model[0].get_feature_names_out())
    assert list(made.index) == list(rows.index)
    with pytest.raises(ValueError, match="columns are missing: \\['shop'\\]"):
        model[0].transform(rows.drop(columns="shop"))

    rows.to_csv(home / "new.csv", index=False)
    frame = asyncio.run(apply_export(features, home / "new.csv", home / "out.parquet"))
    written = pd.read_parquet(home / "out.parquet")
    assert list(written.columns) == list(frame.names)
    assert frame.rows == 30
    np.testing.assert_allclose(written["a"], rows["a"])


def test_apply_says_what_it_cannot_use(features: Path, tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("a,b\n1,2\n")
    (tmp_path / "text.csv").write_text("a,b,shop\nx,2,s0\n")
    with pytest.raises(UsageError, match="lacks 1 of the 3 columns"):
        asyncio.run(apply_export(features, tmp_path / "few.csv", tmp_path / "o.csv"))
    with pytest.raises(UsageError, match="'a' holds text, where the table that was searched held float"):
        asyncio.run(apply_export(features, tmp_path / "text.csv", tmp_path / "o.csv"))
    with pytest.raises(UsageError, match="is no export of features"):
        asyncio.run(apply_export(tmp_path, tmp_path / "few.csv", tmp_path / "o.csv"))
    with pytest.raises(UsageError, match="is the file that is read"):
        asyncio.run(apply_export(features, tmp_path / "few.csv", tmp_path / "few.csv"))


def imported(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location("transformer", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["transformer"] = module
    spec.loader.exec_module(module)
    return module
