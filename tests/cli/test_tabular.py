"""`evolve run tabular` and `evolve apply`: what they take, say and refuse."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.cli.toy import Shell


@pytest.fixture
def data(place: Path) -> Path:
    rng = np.random.default_rng(0)
    rows = [f"{a:.4f},{b:.4f},{'yes' if a * b > 0 else 'no'}" for a, b in rng.normal(size=(60, 2))]
    path = place / "train.csv"
    path.write_text("a,b,label\n" + "\n".join(rows) + "\n")
    return path


@pytest.mark.usefixtures("data")
def test_a_file_becomes_a_run_that_can_be_looked_at_resumed_exported_and_applied(shell: Shell) -> None:
    table = ("--data", "train.csv", "--target", "label", "--learner", "linear")
    said = shell("run", "tabular", *table, "--max-evals", 2, "--id", "one", "-w", 1)
    assert said.code == 0
    assert "a fifth of its rows is held out" in said.err
    assert "the held-out rows were not looked at" in said.out
    assert shell("show", "one").code == 0
    assert shell("resume", "one", "--max-evals", 3).code == 0
    assert shell("replay", "one").code == 0
    assert shell("fork", "one", "--at", 2, "--max-evals", 3).code == 0
    said = shell("export", "one", "-o", "features")
    assert (said.code, Path("features/transformer.py").is_file()) == (0, True)
    assert "On rows that the search never saw" in Path("features/MODEL_CARD.md").read_text()
    said = shell("apply", "features", "train.csv", "-o", "out.csv", "--json")
    assert said.code == 0
    assert json.loads(said.out)["rows"] == 60
    assert shell("verify", "features").code == 0


@pytest.mark.usefixtures("data")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["tabular"], "needs a table. Give --data FILE --target COLUMN"),
        (["tabular", "--data", "nothing"], "there is no data set 'nothing'"),
        (["tabular", "--data", "gone.csv", "--target", "y"], "gone.csv: cannot be read"),
        (["tabular", "--data", "train.csv"], "which column is to be predicted? Give --target COLUMN"),
        (["tabular", "--data", "train.csv", "--target", "lable"], "there is no column 'lable' (target)"),
        (["tabular", "--data", "train.csv", "--target", "label", "--metric", "mae"], "the metric 'mae'"),
        (["tabular", "--data", "train.csv", "--target", "label", "--learner", "x"], "unknown learner 'x'"),
        (["tabular", "--data", "iris", "--groups", "a"], "--groups: is for tables from files"),
        (["toy", "--metric", "auc"], "--metric: is for tables, and the problem is 'toy'"),
        (["toy", "--target", "high"], "must be a number"),
    ],
)
def test_options_that_make_no_table_are_refused_with_the_way_out(
    shell: Shell, options: list[str], message: str
) -> None:
    said = shell("run", *options, "--max-evals", 1)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
