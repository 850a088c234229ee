"""Programs over folds, in real sandboxes: what they reach, and what the trusted side refuses."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from evolve.problem import Invalid
from evolve.sandbox import Limits, RunResult, decode, encode
from evolve.tabular import (
    PRELOAD,
    Errand,
    Fold,
    Frame,
    Text,
    Transformed,
    errands_of,
    k_folds,
    parcels_of,
    read_folds,
    run_folds,
    splittable,
)
from tests.conftest import toy_problem
from tests.sandbox.helpers import POLICIES_HERE, Sandbox

pytest.importorskip("pandas")
pytest.importorskip("sklearn")

ROWS = 60
LIMITS = Limits(wall_s=30.0, memory_mb=512)


def _frame() -> Frame:
    rng = np.random.default_rng(0)
    holes = np.where(rng.uniform(size=ROWS) < 0.2, np.nan, rng.standard_normal(ROWS))
    return Frame.of(
        {
            "x": rng.standard_normal(ROWS),
            "mark": 1_000_000.5 + np.arange(ROWS),  # tells rows apart, and is found in any memory
            "holes": holes,
            "n": rng.integers(0, 5, ROWS),
            "day": rng.integers(0, 900, ROWS).astype("datetime64[D]").astype("datetime64[us]"),
            "word": Text.of(["abc"[i % 3] for i in range(ROWS - 1)] + [None]),
        }
    )


FRAME = _frame()
FOLDS = k_folds(splittable(FRAME, np.arange(ROWS) % 2, classes=True), 3, 0)
ERRANDS = errands_of(FOLDS, 7)
PARCELS = parcels_of(FRAME, ERRANDS)


@pytest.fixture(scope="module", params=POLICIES_HERE)
def sandbox(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = toy_problem(tmp_path_factory.mktemp("problem"), candidate={"preload": list(PRELOAD)})
    with Sandbox(folder, workers=2, policy=request.param) as box:
        yield box


def run(sandbox: Sandbox, text: str, limits: Limits = LIMITS) -> RunResult:
    result = sandbox.do(run_folds(sandbox.executor, text, PARCELS, limits))
    assert isinstance(result, RunResult)
    return result


def features(sandbox: Sandbox, text: str) -> list[Transformed]:
    ran = run(sandbox, text)
    assert ran.status == "ok", ran.feedback
    return read_folds(ran.output, ERRANDS, max_columns=20)


GOOD = """
import numpy as np
import pandas as pd

def fit(X):
    edges = X["x"].quantile([0.3, 0.7]).tolist()
    return {"mean": X.groupby("word")["x"].mean(), "edges": edges, "all": X["x"].mean()}

def transform(state, X):
    X = X.copy()
    X["gap"] = X["x"] - X["word"].map(state["mean"]).fillna(state["all"])
    X["bin"] = pd.cut(X["x"], [-np.inf, *state["edges"], np.inf])
    X["month"] = X["day"].dt.month
    X["rare"] = X["word"].where(X["n"] > 2)
    return X.drop(columns=["holes"])
"""


def test_features_are_those_of_the_fold_s_own_training_rows(sandbox: Sandbox) -> None:
    x, word = FRAME.columns["x"], FRAME.columns["word"]
    assert isinstance(x, np.ndarray)
    assert isinstance(word, Text)
    for fold, found in zip(FOLDS, features(sandbox, GOOD), strict=True):
        assert found.train.names == ("x", "mark", "n", "day", "word", "gap", "bin", "month", "rare")
        means = {code: x[fold.train][word.codes[fold.train] == code].mean() for code in (0, 1, 2)}
        means[-1] = x[fold.train].mean()
        for rows, frame in ((fold.train, found.train), (fold.validation, found.validation)):
            assert np.array_equal(frame.columns["mark"], FRAME.columns["mark"][rows])  # type: ignore[index,arg-type]
            expected = [x[row] - means[int(word.codes[row])] for row in rows]
            if not (rows[word.codes[rows] == -1]).size:
                assert np.allclose(frame.columns["gap"], expected)  # type: ignore[arg-type]


def test_a_function_of_rows_needs_no_fit(sandbox: Sandbox) -> None:
    text = "def modify_features(df):\n    df['r'] = df['x'] / (df['n'] + 1)\n    return df\n"
    found = features(sandbox, text)[0].validation
    rows = FOLDS[0].validation
    x, n = FRAME.columns["x"], FRAME.columns["n"]
    assert isinstance(x, np.ndarray)
    assert isinstance(n, np.ndarray)
    assert np.allclose(found.columns["r"], x[rows] / (n[rows] + 1))  # type: ignore[arg-type]


def test_the_table_itself_stays_as_it_was() -> None:
    assert np.array_equal(FRAME.columns["x"], _frame().columns["x"])  # type: ignore[arg-type]


# -- what does not succeed -----------------------------------------------------------------------

FAILURES = {
    "raises": (
        "def transform(s, X):\n    return X['none']\n",
        r"KeyError: 'none'(?s:.*)line 2, in transform",
    ),
    "neither": ("def nothing():\n    pass\n", "must define transform"),
    "syntax": ("def transform(:\n", "SyntaxError"),
    "no frame": ("def transform(s, X):\n    return 3\n", "transform must return a pandas DataFrame, got int"),
    "fewer rows": ("def modify_features(df):\n    return df.dropna()\n", "was given 40 rows and returned"),
    "sorted": (
        "def modify_features(df):\n    return df.sort_values('x')\n",
        "in the order in which they were given",
    ),
    "a model": (
        "def fit(X):\n    return object()\ndef transform(s, X):\n    return X\n",
        "state is of type builtins.object",
    ),
    "target": (
        "def fit(X, y):\n    pass\ndef transform(s, X):\n    return X\n",
        "missing 1 required positional argument: 'y'",
    ),
    "exits": ("import os\nos._exit(0)\n", "ended without a result"),
    "late": ("def transform(s, X):\n    return X if len(X) > 35 else X['none']\n", "KeyError"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_failures_are_data(sandbox: Sandbox, name: str) -> None:
    text, message = FAILURES[name]
    ran = run(sandbox, text)
    assert (ran.status, ran.output) == ("failed", b"")
    assert re.search(message, ran.feedback), ran.feedback
    assert "evolve" not in ran.feedback


def test_too_long_and_too_large(sandbox: Sandbox) -> None:
    slow = "def transform(s, X):\n    while True:\n        pass\n"
    assert run(sandbox, slow, Limits(wall_s=0.5, memory_mb=512)).status == "timeout"
    large = "def transform(s, X):\n    X['a'] = len(bytearray(10**9))\n    return X\n"
    assert run(sandbox, large, Limits(wall_s=20, memory_mb=128)).status == "memory"
    wide = "def transform(s, X):\n    return X.assign(**{f'c{i}': X['x'] for i in range(900)})\n"
    ran = run(sandbox, wide, Limits(wall_s=20, memory_mb=512, output_bytes=10_000))
    assert "larger than the problem allows" in ran.feedback


INVALID = {
    "mean of the batch": (
        "def modify_features(df):\n    df['z'] = df['x'] - df['x'].mean()\n    return df\n",
        r"fold 1: column 'z' depends on which other rows are .*\(10 of 10 rows differ\)",
    ),
    "rank in the batch": (
        "def modify_features(df):\n    df['z'] = df['x'].rank()\n    return df\n",
        "column 'z' depends on which other rows",
    ),
    "the row before": (
        "def modify_features(df):\n    df['z'] = df['x'].shift(1).fillna(0)\n    return df\n",
        "column 'z' depends on which other rows",
    ),
    "its place": (
        "def modify_features(df):\n    df['z'] = range(len(df))\n    return df\n",
        "column 'z' depends on which other rows",
    ),
    "chance": (
        "import numpy as np\n"
        "def modify_features(df):\n    df['z'] = np.random.rand(len(df))\n    return df\n",
        "column 'z' depends on which other rows",
    ),
    "text by batch": (
        "def modify_features(df):\n    n = df['word'].value_counts()\n"
        "    df['z'] = df['word'].map(n).astype(str)\n    return df\n",
        "column 'z' depends on which other rows",
    ),
    "kept elsewhere": (
        "SEEN = {}\ndef fit(X):\n    SEEN['m'] = X['x'].mean()\n"
        "def transform(s, X):\n    X['z'] = X['x'] - SEEN.get('m', 0.0)\n    return X\n",
        "column 'z' is another one for a training row",
    ),
    "knows training rows": (
        "def fit(X):\n    return X['mark'].tolist()\n"
        "CALLS = []\ndef transform(s, X):\n    CALLS.append(1)\n"
        "    X['z'] = X['mark'].isin(s) * (len(X) > 30)\n    return X\n",
        "column 'z' is another one for a training row",
    ),
    "infinite": (
        "def modify_features(df):\n    df['z'] = 1 / (df['n'] - df['n'])\n    return df\n",
        "fold 1: column 'z' is infinite or beyond 3.4e.38 in 40 of 40 rows; guard divisions",
    ),
    "huge": (
        "def modify_features(df):\n    df['z'] = df['x'] * 1e200\n    return df\n",
        "'z' is infinite or beyond",
    ),
    "columns by rows": (
        "def fit(X):\n    return None\ndef transform(s, X):\n    X[f'n{len(X)}'] = 1\n    return X\n",
        "different columns for different rows: some calls add 'n20'; some lack 'n40'",
    ),
    "order by rows": (
        "def modify_features(df):\n    return df[sorted(df, reverse=len(df) > 30)]\n",
        "different columns for different rows: their order changes",
    ),
    "types by rows": (
        "def modify_features(df):\n    df['z'] = 'a' if len(df) > 30 else 1\n    return df\n",
        "column 'z' holds numbers and text for different rows; give it one type",
    ),
    "no columns": ("def modify_features(df):\n    return df[[]]\n", "a table without columns came back"),
    "too many": (
        "def modify_features(df):\n    return df.assign(**{f'z{i}': df['x'] * i for i in range(40)})\n",
        "46 columns; at most 20 are allowed",
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_broken_rules_are_named(sandbox: Sandbox, name: str) -> None:
    text, message = INVALID[name]
    with pytest.raises(Invalid, match=message):
        features(sandbox, text)


# -- leaks ---------------------------------------------------------------------------------------

SEARCH = """
import ctypes, gc, struct, sys

def marks():
    "Every row whose mark lies anywhere in this process's own memory."
    found = set()
    try:
        maps = open("/proc/self/maps").read().splitlines()
    except OSError:
        maps = []
    for line in maps:
        span, mode = line.split()[:2]
        if "rw" not in mode or "[v" in line:
            continue
        start, end = (int(part, 16) for part in span.split("-"))
        try:
            data = ctypes.string_at(start, end - start)
        except OSError:
            continue
        for row in range(60):
            if struct.pack("<d", 1000000.5 + row) in data:
                found.add(row)
    for thing in gc.get_objects():
        if isinstance(thing, dict) and "mark" in thing:
            found |= {int(v - 1000000) for v in thing["mark"]}
    return sorted(found)

def fit(X):
    return marks()

def transform(state, X):
    for row in range(60):
        X[f"saw_{row}"] = float(row in state)
    return X
"""


def _saw(found: Transformed) -> set[int]:
    return {row for row in range(ROWS) if found.train.columns[f"saw_{row}"][0] == 1.0}  # type: ignore[index]


def test_rows_that_are_held_out_are_nowhere_in_the_process_that_fits(sandbox: Sandbox) -> None:
    ran = run(sandbox, SEARCH)
    assert ran.status == "ok", ran.feedback
    for fold, found in zip(FOLDS, read_folds(ran.output, ERRANDS, max_columns=100), strict=True):
        assert not _saw(found) & set(fold.validation.tolist())


def test_a_search_of_memory_does_find_the_training_rows(sandbox: Sandbox) -> None:
    """Without this the test before would prove nothing."""
    text = SEARCH.replace("return marks()", "kept = X['mark'].to_numpy().copy(); return marks()")
    if "own_root" in sandbox.layers():  # no /proc within
        text = text.replace(
            "return marks()", "kept = {'mark': X['mark'].tolist()}; gc.collect(); return marks()", 1
        )
        text = text.replace("kept = X['mark'].to_numpy().copy(); ", "")
    ran = run(sandbox, text)
    assert ran.status == "ok", ran.feedback
    found = read_folds(ran.output, ERRANDS, max_columns=100)
    assert _saw(found[0]) == set(FOLDS[0].train.tolist())


def test_nothing_is_left_for_another_fold(sandbox: Sandbox) -> None:
    text = """
import os, tempfile, builtins, pandas
PLACES = [tempfile.gettempdir(), os.getcwd(), os.path.expanduser("~"), "/dev/shm", "/tmp", "/var/tmp"]

def left():
    found = [p for p in PLACES if os.path.exists(os.path.join(p, "evolve-left"))]
    return len(found) + hasattr(builtins, "left") + hasattr(pandas, "left")

def fit(X):
    seen = left()
    for place in PLACES:
        try:
            open(os.path.join(place, "evolve-left"), "w").write("x")
        except OSError:
            pass
    builtins.left = pandas.left = True
    return seen

def transform(state, X):
    X["left"] = state
    return X
"""
    for _ in range(2):
        for found in features(sandbox, text):
            assert found.train.columns["left"].max() == 0  # type: ignore[union-attr]


def test_rows_are_shuffled_and_numbered_anew(sandbox: Sandbox) -> None:
    text = """
def fit(X):
    return {"index": X.index.tolist(), "marks": X["mark"].tolist()}

def transform(state, X):
    X["ordered"] = float(state["marks"] == sorted(state["marks"]))
    X["index"] = float(state["index"] == list(range(len(state["index"]))))
    return X
"""
    for found in features(sandbox, text):
        assert found.train.columns["ordered"].max() == 0  # type: ignore[union-attr]
        assert found.train.columns["index"].min() == 1  # type: ignore[union-attr]


# -- forged answers ------------------------------------------------------------------------------


def forged(answer: Any, *, place: int = 1) -> bytes:
    """Return an honest output with one table of the first fold replaced."""
    output = []
    for errand in ERRANDS:
        shown = (errand.train, errand.validation, *errand.again)
        output.append([encode(FRAME.take(rows).to_plain()) for rows in shown])
    output[0][place] = answer if isinstance(answer, bytes) else encode(answer)
    return encode([encode(fold) for fold in output])


def test_an_honest_output_passes() -> None:
    honest = encode(FRAME.take(ERRANDS[0].validation).to_plain())
    assert len(read_folds(forged(honest), ERRANDS, max_columns=20)) == 3


FORGED: dict[str, tuple[Any, str]] = {
    "no encoding": (b"junk", "fold 1: must begin with"),
    "no table": ([1, 2, 3], "fold 1: expected a table"),
    "no bytes": (None, "fold 1: expected a table"),
    "another fold's rows": (FRAME.take(ERRANDS[0].train).to_plain(), "20 rows were given and 40 came back"),
    "unhashable": ({"rows": 20, "names": [[]], "kinds": ["float"], "data": [0]}, "distinct text"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged_tables_are_refused(name: str) -> None:
    answer, message = FORGED[name]
    with pytest.raises(Invalid, match=message):
        read_folds(forged(answer), ERRANDS, max_columns=20)


@pytest.mark.parametrize(
    "output",
    [b"", b"junk", encode([]), encode([b"", b"", b""]), encode([[1]] * 3), encode({"a": 1}), encode(3)],
)
def test_forged_outputs_are_refused(output: bytes) -> None:
    with pytest.raises(Invalid, match=r"cannot be read|four tables for every fold"):
        read_folds(output, ERRANDS, max_columns=20)


class _Scripted:
    """Answers calls with what it is given, and counts them."""

    def __init__(self, answers: Sequence[Any]) -> None:
        self._answers = list(answers)
        self.calls: list[str] = []

    async def run(self, program: str, entry: str, arguments: dict[str, Any], limits: Limits) -> RunResult:  # noqa: ARG002
        self.calls.append(entry)
        await asyncio.sleep(0)
        answer = self._answers[min(len(self.calls), len(self._answers)) - 1]
        if isinstance(answer, RunResult):
            return answer
        return RunResult("ok", answer if isinstance(answer, bytes) else encode(answer), "", "", 1.0, 0.5, ())


LEARNED = {"state": b"s", "train": b"t"}
APPLIED = [b"1", b"2", b"3"]


@pytest.mark.parametrize(
    "answers",
    [
        [b"junk"],
        [3],
        [{"state": b""}],
        [{"state": 1, "train": b""}],
        [LEARNED, b"junk"],
        [LEARNED, [b"1"]],
        [LEARNED, [1, 2, 3]],
    ],
)
def test_answers_of_another_shape_are_failures(answers: list[Any]) -> None:
    ran = asyncio.run(run_folds(_Scripted(answers), "", PARCELS, LIMITS))
    assert (ran.status, ran.output) == ("failed", b"")
    assert re.search("unreadable data|something else than tables", ran.feedback)


def test_a_program_that_fails_costs_one_call() -> None:
    failed = RunResult("failed", b"", "no", "", 1.0, 0.5, ())
    scripted = _Scripted([failed])
    assert asyncio.run(run_folds(scripted, "", PARCELS, LIMITS)).feedback == "no"
    assert scripted.calls == ["learn"]


def test_times_add_up() -> None:
    ran = asyncio.run(run_folds(_Scripted([LEARNED, APPLIED, LEARNED, APPLIED]), "", PARCELS[:1], LIMITS))
    assert (ran.status, ran.wall_s, ran.cpu_s) == ("ok", 2.0, 1.0)
    assert [decode(part) for part in decode(ran.output)] == [[b"t", b"1", b"2", b"3"]]


# -- errands -------------------------------------------------------------------------------------


def test_errands_repeat_and_show_each_row_twice() -> None:
    again = errands_of(FOLDS, 7)
    other = errands_of(FOLDS, 8)
    for errand, twin, stranger in zip(ERRANDS, again, other, strict=True):
        assert np.array_equal(errand.train, twin.train)
        assert not np.array_equal(errand.train, stranger.train)
        assert sorted(errand.train.tolist()) == errand.fold.train.tolist()
        assert sorted(errand.validation.tolist()) == errand.fold.validation.tolist()
        second = np.concatenate(errand.again)
        assert set(errand.validation.tolist()) < set(second.tolist())
        assert set(second.tolist()) & set(errand.train.tolist())
        assert len(errand.again[0]) != len(errand.again[1])


def test_a_single_row_can_be_held_out() -> None:
    errand: Errand = errands_of([Fold(np.arange(1, 12), np.array([0]))], 0)[0]
    assert [len(rows) for rows in errand.again] == [1, 1]
