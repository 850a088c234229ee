"""Edits of features: what they propose runs, keeps to the contract, and can be taken back."""

from __future__ import annotations

import asyncio
import contextlib

import numpy as np
import pytest

from evolve.operators import Context, NoProposal, Operator, Parent
from evolve.problem import Invalid
from evolve.sandbox import decode, encode
from evolve.tabular import (
    DRAWS,
    SEED,
    Columns,
    Feature,
    Fold,
    Frame,
    Text,
    Transformed,
    errands_of,
    insert,
    parcels_of,
    planted,
    read_folds,
    table_operators,
)
from evolve.tabular._insert import drop_column, features_of, remove
from evolve.tabular._operators import combine, swap_column

pytest.importorskip("pandas")

from evolve.tabular.inside import apply, learn


def mixed(rows: int = 80) -> Frame:
    rng = np.random.default_rng(0)

    def words(letters: str) -> Text:
        return Text.of([None if c == "_" else c for c in rng.choice(list(letters), rows).tolist()])

    return Frame.of(
        {
            "a": rng.standard_normal(rows),
            "it's": np.where(rng.uniform(size=rows) < 0.2, np.nan, rng.standard_normal(rows)),
            "n": rng.integers(0, 4, rows),
            "flag": rng.uniform(size=rows) > 0.5,
            "other flag": rng.uniform(size=rows) > 0.5,
            "shop": words("abc_"),
            "kind": words("xyz"),
            "from": rng.integers(0, 900, rows).astype("datetime64[D]").astype("datetime64[us]"),
            "to": rng.integers(0, 900, rows).astype("datetime64[D]").astype("datetime64[us]"),
        }
    )


FRAME = mixed()
COLUMNS = Columns.of(FRAME, pairs=[("a", "n"), ("shop", "a")])
FOLD = Fold(np.arange(0, 60), np.arange(60, 80))
ERRANDS = errands_of([FOLD], 0)


def transformed(text: str, frame: Frame = FRAME) -> Transformed:
    """Run a program of ours by the protocol, without a sandbox."""
    parcel = parcels_of(frame, ERRANDS)[0]
    learned = learn(text, parcel.train)
    batches = apply(text, learned["state"], parcel.batches)
    return read_folds(encode([encode([learned["train"], *batches])]), ERRANDS, max_columns=100)[0]


class Infinite(Exception):  # noqa: N818 - an outcome
    """A ratio of ratios may have an infinite value, which the contract does not allow."""


def run_finite(text: str) -> None:
    try:
        transformed(text)
    except Invalid as verdict:
        if "infinite" in str(verdict):
            raise Infinite from None
        raise


def propose(operator: Operator, *texts: str, seed: int = 0) -> str:
    parents = tuple(Parent(i, text, 0.0) for i, text in enumerate(texts))
    context = Context("transform", ("state", "X"), (), parents, (), np.random.default_rng(seed))
    return asyncio.run(operator.propose(context)).text


def test_the_seed_is_the_table_as_it_is() -> None:
    found = transformed(SEED)
    assert found.train.names == FRAME.names
    assert found.train.columns["shop"].texts() == FRAME.columns["shop"].texts()[:60]  # type: ignore[union-attr]


@pytest.mark.parametrize("kind", DRAWS)
def test_every_kind_of_feature_keeps_to_the_contract(kind: str) -> None:
    names = set()
    for seed in range(25):
        feature = DRAWS[kind](COLUMNS, np.random.default_rng(seed))
        assert feature is not None
        text = insert(SEED, feature)
        assert text is not None
        found = transformed(text)
        assert found.train.names == (*FRAME.names, feature.name)
        names.add(feature.name)
    assert len(names) >= 2


@pytest.mark.parametrize("kind", DRAWS)
def test_a_table_without_the_columns_has_no_such_feature(kind: str) -> None:
    rng = np.random.default_rng(0)
    assert DRAWS[kind](Columns({}), rng) is None


def test_group_statistics_are_learned_from_training_rows() -> None:
    draws = (DRAWS["group_statistic"](COLUMNS, np.random.default_rng(seed)) for seed in range(200))
    feature = next(f for f in draws if f is not None and f.name == "a - mean of a by shop")
    text = insert(SEED, feature)
    assert text is not None
    found = transformed(text).validation.columns[feature.name]
    a, shop = FRAME.columns["a"], FRAME.columns["shop"]
    assert isinstance(a, np.ndarray)
    assert isinstance(shop, Text)
    means = {code: a[:60][shop.codes[:60] == code].mean() for code in range(3)} | {-1: np.nan}
    expected = [a[row] - means[int(shop.codes[row])] for row in range(60, 80)]
    assert np.allclose(found, expected, equal_nan=True)  # type: ignore[arg-type]


def test_pairs_that_a_tree_suggests_are_preferred() -> None:
    rng = np.random.default_rng(0)
    drawn = [DRAWS["ratio"](COLUMNS, rng) for _ in range(200)]
    hinted = sum(f is not None and f.name in ("a / n", "n / a") for f in drawn)
    assert hinted > 90  # without hints one in ten


def test_a_planted_ratio_can_be_drawn() -> None:
    secret = planted("ratio")
    columns = Columns.of(secret.table.frame)
    draws = (DRAWS["ratio"](columns, np.random.default_rng(seed)) for seed in range(300))
    feature = next(f for f in draws if f is not None and f.name == "cost / revenue")
    text = insert(SEED, feature)
    assert text is not None
    found = transformed(text, secret.table.frame).train.columns[feature.name]
    assert np.allclose(found, secret.feature[:60])  # type: ignore[arg-type]


# -- places --------------------------------------------------------------------------------------

GAP = Feature("gap", "X['a'] - state['mean a']", {"mean a": "float(X['a'].mean())"})
DOUBLE = Feature("double", "np.abs(X['a']) * 2")


def test_features_go_in_and_come_out() -> None:
    text = insert(SEED, GAP)
    assert text is not None
    assert features_of(text) == [GAP]
    assert insert(text, GAP) is None
    assert remove(text, "gap") == SEED
    assert remove(text, "none") is None


def test_what_others_need_stays() -> None:
    text = insert(insert(SEED, GAP) or "", Feature("more", "X['gap'] + state['mean a']", GAP.learned))
    assert text is not None
    assert text.count("state['mean a'] =") == 1
    assert remove(text, "gap") is None
    assert "mean a" in (remove(text, "more") or "")


def test_names_of_the_program_s_own_are_kept() -> None:
    program = (
        '"""Doc."""\nfrom __future__ import annotations\n\n\ndef fit(train):\n    s = {}\n    return s\n\n\n'
        "def transform(learned, rows):\n    out = rows.copy()\n    return out\n"
    )
    text = insert(insert(program, GAP) or "", DOUBLE)
    assert text is not None
    assert "out['gap'] = out['a'] - learned['mean a']" in text
    assert "s['mean a'] = float(train['a'].mean())" in text
    assert text.index("from __future__") < text.index("import numpy as np") < text.index("def fit")
    assert features_of(text) == [GAP, DOUBLE]
    transformed(text)


def test_a_function_of_rows_takes_features_that_learn_nothing() -> None:
    program = "import numpy as np\r\ndef modify_features(df):\r\n    df = df.copy()\r\n    return df\r\n"
    assert insert(program, GAP) is None
    text = insert(program, DOUBLE)
    assert text is not None
    assert transformed(text).train.names[-1] == "double"


def test_features_come_before_columns_are_left_out() -> None:
    text = drop_column(SEED, "a")
    assert text is not None
    assert drop_column(text, "a") is None
    found = transformed(insert(text, DOUBLE) or "")
    assert "a" not in found.train.names
    assert "double" in found.train.names


@pytest.mark.parametrize(
    "program",
    [
        "def transform(:\n",
        "x = 1\n",
        "def transform(X):\n    X = X\n    return X\n",
        "def transform(s, X):\n    return X.copy()\n",
        "def transform(s, X):\n    X = X; return X\n",
        "def transform(s, X):\n    return X\n",
        "transform = print\n",
    ],
)
def test_without_a_place_nothing_is_put_in(program: str) -> None:
    assert insert(program, DOUBLE) is None
    assert features_of(program) == []


def test_features_that_lean_on_the_rest_of_a_program_stay_there() -> None:
    lines = ["X['k'] = X['a'] * K", "X['s'] = X['a'] * s['w']", "X['p'] = 1; X['q'] = 2"]
    lines += ["X['r'] = X['a']", "X['r'] = X['r'] * 2", "return X"]
    program = "K = 3\ndef transform(s, X):\n    X = X.copy()\n    " + "\n    ".join(lines) + "\n"
    assert features_of(program) == []


# -- operators -----------------------------------------------------------------------------------


def test_long_chains_of_edits_stay_sound() -> None:
    rng = np.random.default_rng(5)
    operators = table_operators(COLUMNS)
    pool, ran = [SEED], 0
    for step in range(60):
        name = sorted(operators)[int(rng.integers(len(operators)))]
        parents = [pool[int(rng.integers(len(pool)))] for _ in range(2)]
        try:
            text = propose(operators[name], *parents, seed=step)
        except NoProposal:
            continue
        with contextlib.suppress(Infinite):
            run_finite(text)
            ran += 1
            pool = [*pool[-7:], text]
    assert ran > 35


def test_proposals_repeat() -> None:
    operators = table_operators(COLUMNS)
    text = propose(operators["table_several"], SEED, seed=3)
    assert text == propose(operators["table_several"], SEED, seed=3)
    assert text != propose(operators["table_several"], SEED, seed=4)


def test_features_are_inherited_with_what_they_learn() -> None:
    second = insert(insert(SEED, GAP) or "", DOUBLE) or ""
    inherit = table_operators(COLUMNS)["table_inherit"]
    found = {
        feature
        for seed in range(10)
        for feature in map(str, features_of(propose(inherit, SEED, second, seed=seed)))
    }
    assert found == {str(GAP), str(DOUBLE)}
    with pytest.raises(NoProposal, match="program 1 has no feature that program 0 lacks"):
        propose(inherit, second, SEED)
    leaning = insert(second, Feature("more", "X['gap'] * 2")) or ""
    assert "more" not in {
        f.name for seed in range(10) for f in features_of(propose(inherit, SEED, leaning, seed=seed))
    }
    with pytest.raises(NoProposal, match="needs 2 parents, got 1"):
        propose(inherit, SEED)


def test_columns_are_swapped_for_their_like() -> None:
    text = (
        insert(SEED, Feature("gap of a", "X['a'] - state['mean of a']", {"mean of a": "X['a'].mean()"})) or ""
    )
    found = swap_column(text, Columns({"a": "X['a']", "n": "X['n']"}), np.random.default_rng(0))
    assert found is not None
    assert features_of(found[0]) == [
        Feature("gap of n", "X['n'] - state['mean of n']", {"mean of n": "X['n'].mean()"})
    ]
    assert found[1] == "gap of a: n in place of a"


def test_features_are_combined_with_each_other_alone() -> None:
    columns = Columns({name: f"X[{name!r}]" for name in "abcd"})
    one = insert(SEED, Feature("a * b", "X['a'] * X['b']")) or ""
    assert combine(one, columns, np.random.default_rng(0)) is None, "it takes two"
    two = insert(one, Feature("c * d", "X['c'] * X['d']")) or ""
    found = combine(two, columns, np.random.default_rng(0))
    assert found is not None
    [*_, feature] = features_of(found[0])
    assert feature.reads == {"a * b", "c * d"}


def test_a_table_of_numbers_has_no_operators_for_dates() -> None:
    names = set(table_operators(Columns({"a": "X['a']"})))
    assert names == {
        "table_numbers",
        "table_learned",
        "table_several",
        "table_combine",
        "table_drop",
        "table_leave_out",
        "table_swap",
        "table_inherit",
    }
    with pytest.raises(NoProposal, match="table_drop: found nothing to change in program 0 in 16 tries"):
        propose(table_operators(COLUMNS)["table_drop"], SEED)


def test_the_state_is_data() -> None:
    text = insert(SEED, GAP) or ""
    learned = learn(text, FRAME.to_plain())
    assert decode(learned["state"])[0] == "dict"
