from __future__ import annotations

import asyncio
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evolve.errors import ProblemError, SandboxError
from evolve.models import Message, NoReply, Reply
from evolve.pipeline import Ancestor, Evaluation, Pipeline, Surroundings, scored_cases
from evolve.pipeline._lineage import changed_lines
from evolve.problem import Problem, load_problem
from evolve.sandbox import RunResult, Verdict
from tests.conftest import toy_problem
from tests.pipeline.test_pipeline import DEFAULT, PROGRAM, FakeExecutor, problem_with, ran, statuses, verdict

GATE = {"name": "gate", "kind": "gate", "needs": ["score"], "options": {"require": "value >= 3"}}
COSTLY = {"name": "costly", "kind": "run", "needs": ["gate", "parse"]}
REPEAT = {"name": "repeat", "kind": "repeat", "needs": ["parse"], "options": {"seeds": [1, 2, 4]}}


def evaluate(problem: Problem, fake: FakeExecutor, **options: Any) -> Evaluation:
    async def limited() -> Evaluation:
        async with asyncio.timeout(10):
            return await Pipeline(problem, fake).evaluate(PROGRAM, **options)

    return asyncio.run(limited())


def test_a_gate_stops_cheaply_and_says_so(tmp_path: Path) -> None:
    fake = FakeExecutor()
    found = evaluate(problem_with(tmp_path, *DEFAULT, GATE, COSTLY), fake)
    assert (found.status, found.objective) == ("gated", None)
    assert found.feedback == (
        "stopped early, before the costly part of the evaluation: value = 2, wanted value >= 3"
    )
    assert len(fake.runs) == 1
    assert statuses(found)["costly"] == "skipped"
    fake.on_score = lambda _call: verdict({"value": 3.0, "size": 0.5})
    assert evaluate(problem_with(tmp_path, *DEFAULT, GATE, COSTLY), fake).status == "valid"


def test_a_condition_decides_whether_a_stage_runs(tmp_path: Path) -> None:
    stages = [
        *DEFAULT,
        {"name": "more", "kind": "run", "needs": ["parse"], "after": ["score"], "when": "value > 2"},
    ]
    found = evaluate(problem_with(tmp_path, *stages), FakeExecutor())
    assert found.status == "valid"
    assert found.stages["more"].status == "idle"
    assert found.stages["more"].feedback == "value = 2, wanted value > 2"


@pytest.mark.parametrize(
    ("how", "expected"), [("worst", 1.0), ("median", 4.0), ("quantile 0.25", 2.5), ({"value": "max"}, 9.0)]
)
def test_cases_unite_as_declared(tmp_path: Path, how: Any, expected: float) -> None:
    stages = [dict(stage) for stage in DEFAULT]
    stages[2]["aggregate"] = how
    fake = FakeExecutor()
    fake.on_score = lambda call: verdict({"value": float(call**2), "size": 0.25})
    found = evaluate(
        problem_with(tmp_path, *stages, cases=[{"k": 1}, {"k": 2}, {"k": 3}], seed=PROGRAM), fake
    )
    found = found if found.status == "valid" else evaluate_k(tmp_path, stages, fake)
    assert found.objective == expected
    assert found.cases["value"] == (1.0, 4.0, 9.0)


def evaluate_k(tmp_path: Path, stages: list[dict[str, Any]], fake: FakeExecutor) -> Evaluation:
    problem = problem_with(tmp_path, *stages, cases=[{"k": 1}, {"k": 2}, {"k": 3}])
    return asyncio.run(Pipeline(problem, fake).evaluate("def solve(n, k):\n    return n"))


def test_repeat_gives_mean_spread_and_worst(tmp_path: Path) -> None:
    fake = FakeExecutor()
    fake.on_score = lambda call: verdict({"value": float(call), "size": 0.5})
    problem = problem_with(tmp_path, DEFAULT[0], REPEAT, params={"seed": 0, "n": 3})
    found = asyncio.run(Pipeline(problem, fake).evaluate("def solve(n, seed):\n    return n"))
    assert [run["seed"] for run in fake.runs if isinstance(run, dict)] == [1, 2, 4]
    assert [case for _, case, _ in fake.scores] == [{"seed": 1}, {"seed": 2}, {"seed": 4}]
    assert found.objective == 2.0
    assert found.metrics["value_worst"] == 1.0
    assert found.metrics["value_spread"] == pytest.approx((2 / 3) ** 0.5)


class FixedBar:
    """Wants the same of every program."""

    def __init__(self, goal: float | None, *measures: str) -> None:
        self.goal = goal
        self.measures = measures

    def __call__(self, metrics: Mapping[str, float]) -> float | None:
        return self.goal if metrics.keys() >= {*self.measures} else None


EARLY = {
    "name": "score",
    "kind": "repeat",
    "needs": ["parse"],
    "after": ["complexity"],
    "options": {"early_stop": True},
}


def test_an_evaluation_ends_when_it_is_decided(tmp_path: Path) -> None:
    problem = problem_with(
        tmp_path,
        DEFAULT[0],
        DEFAULT[3],
        EARLY,
        cases=[{"k": k} for k in range(4)],
        objective={"metric": "value", "direction": "maximize", "bounds": [0, 10]},
        measures=[{"metric": "lines", "range": [0, 9], "bins": 3}],
    )
    fake = FakeExecutor()
    fake.on_score = lambda _call: verdict({"value": 1.0})
    text = "def solve(n, k):\n    return n"
    lost = asyncio.run(
        Pipeline(problem, fake).evaluate(text, around=Surroundings(bar=FixedBar(6.0, "lines")))
    )
    assert lost.status == "gated"
    assert "stopped early after 2 of 4 cases: value can no longer reach 6" in lost.feedback
    for bar in (
        FixedBar(None, "lines"),
        FixedBar(6.0, "lines", "of_another_stage"),
        FixedBar(6.0, "value_spread"),
    ):
        free = asyncio.run(Pipeline(problem, fake).evaluate(text, around=Surroundings(bar=bar)))
        assert free.status == "valid"
    fake.on_score = lambda _call: verdict({"value": 10.5})
    beyond = asyncio.run(Pipeline(problem, fake).evaluate(text))
    assert beyond.status == "error"
    assert "value = 10.5 lies outside of its bounds [0, 10]" in beyond.feedback


def test_lineage_says_what_a_change_did(tmp_path: Path) -> None:
    stage = {"name": "lineage", "kind": "lineage", "needs": ["score"], "always": True}
    parent = Ancestor(7, "def solve(n):\n    return 1\n", "valid", 1.0, {"value": 1.0, "size": 0.5})
    fake = FakeExecutor()
    problem = problem_with(tmp_path, *DEFAULT, stage)
    found = evaluate(problem, fake, around=Surroundings((parent,), "other value"))
    assert "against program 7: 1 lines added, 1 removed (other value); value 1 -> 2" in found.feedback
    fake.on_score = lambda _call: Verdict("invalid", {}, "broken")
    found = evaluate(problem, fake, around=Surroundings((parent,), "other value"))
    assert found.feedback == "broken\nagainst program 7: 1 lines added, 1 removed (other value); now invalid"


@given(st.lists(st.sampled_from("abc"), max_size=12), st.lists(st.sampled_from("abc"), max_size=12))
def test_changed_lines_are_as_few_as_can_be(old: list[str], new: list[str]) -> None:
    rows = [[0] * (len(new) + 1)]
    for a in old:
        row = [0]
        for j, b in enumerate(new):
            row.append(rows[-1][j] + 1 if a == b else max(row[-1], rows[-1][j + 1]))
        rows.append(row)
    kept = rows[-1][-1]
    expected = (len(new) - kept, len(old) - kept)
    assert changed_lines("\n".join([*old, ""]), "\n".join([*new, ""])) == expected


def test_hostile_texts_are_compared_as_fast_as_others() -> None:
    """Of two kinds of lines in disorder, the time of a careful comparison grows with the cube."""
    rng = random.Random(0)
    old, new = ("\n".join(rng.choices("ab", k=9000)) for _ in range(2))
    added, removed = changed_lines(old, new)
    assert added == removed
    assert 500 < added < 4000
    assert changed_lines("a\n" * 15_000, "b\n" * 15_000) == (1, 1), "beyond, kinds of lines are counted"


class Model:
    def __init__(self, text: str | None) -> None:
        self.text = text
        self.purposes: list[str] = []

    async def __call__(self, messages: Any, *, purpose: str = "propose", known_by: Any = None) -> Reply:  # noqa: ARG002
        assert isinstance(messages[0], Message)
        self.purposes.append(purpose)
        if self.text is None:
            raise NoReply("out")
        return Reply(self.text, "m", 1, 1, 0.0, 0.0, "stop")


JUDGE = {
    "name": "judge",
    "kind": "judge",
    "needs": ["score"],
    "options": {"criteria": "clarity", "metric": "clear"},
}
INSIGHT = {"name": "insight", "kind": "insight", "needs": ["score"]}


def test_models_judge_and_advise_one_after_the_other(tmp_path: Path) -> None:
    model = Model("SCORE: 70\nFEEDBACK: name things.\nTRY: another start.")
    problem = problem_with(tmp_path, *DEFAULT, JUDGE, INSIGHT)
    found = evaluate(problem, FakeExecutor(), around=Surroundings(ask=model))
    assert model.purposes == ["judge", "insight"]
    assert found.metrics["clear"] == 10.0
    assert "a model's judgement: name things." in found.feedback
    silent = evaluate(problem, FakeExecutor(), around=Surroundings(ask=Model(None)))
    assert (silent.status, "clear" in silent.metrics) == ("valid", False)


def test_a_score_that_nobody_gave_is_missed_with_the_reason(tmp_path: Path) -> None:
    measures = [{"metric": "clear", "range": [0, 10], "bins": 5}]
    problem = problem_with(tmp_path, *DEFAULT, JUDGE, measures=measures)
    found = evaluate(problem, FakeExecutor(), around=Surroundings(ask=Model(None)))
    assert found.status == "error"
    assert "metric 'clear'; judge had nothing to do: no model answered" in found.feedback


def test_numbers_too_large_to_compare_end_no_run(tmp_path: Path) -> None:
    fake = FakeExecutor()
    fake.on_score = lambda call: verdict({"value": 1e300 * (-1) ** call, "size": 0.5})
    stage = {**REPEAT, "name": "score", "options": {"parameter": "n", "count": 2}}
    found = evaluate(problem_with(tmp_path, DEFAULT[0], stage), fake)
    assert found.metrics["value_spread"] == pytest.approx(1e300)
    fake.on_score = lambda call: verdict({"value": 1.7e308 * (-1) ** (call // 2), "size": 0.5})
    assert evaluate(problem_with(tmp_path, DEFAULT[0], stage), fake).status == "error"


def test_a_metric_that_no_scorer_returns_has_no_aggregate(tmp_path: Path) -> None:
    score = {**DEFAULT[2], "aggregate": {"vlaue": "min"}}
    found = evaluate(problem_with(tmp_path, *DEFAULT[:2], score), FakeExecutor())
    assert found.status == "error"
    assert (
        "aggregate names the metric 'vlaue', which the scorer does not give; it gives size, value"
        in found.feedback
    )


def test_cases_keep_their_numbers(tmp_path: Path) -> None:
    cases = [{"k": k} for k in range(4)]
    some = {**DEFAULT[1], "options": {"cases": [1, 3]}}
    assert scored_cases(problem_with(tmp_path, DEFAULT[0], some, DEFAULT[2], cases=cases)) == (1, 3)
    again = {**REPEAT, "after": ["score"], "options": {"cases": [2]}}
    assert scored_cases(problem_with(tmp_path, DEFAULT[0], some, DEFAULT[2], again, cases=cases)) == (2,)
    assert scored_cases(problem_with(tmp_path, *DEFAULT, cases=cases)) == (0, 1, 2, 3)


def test_only_the_last_stage_that_scores_stops_early(tmp_path: Path) -> None:
    bounded = {"objective": {"metric": "value", "direction": "maximize", "bounds": [0, 10]}}
    later = {**REPEAT, "options": {}}
    with pytest.raises(ProblemError, match="only as the last stage that scores, and 'repeat' may"):
        Pipeline(problem_with(tmp_path, DEFAULT[0], DEFAULT[3], EARLY, later, **bounded), FakeExecutor())
    Pipeline(
        problem_with(tmp_path, DEFAULT[0], DEFAULT[3], later, {**EARLY, "after": ["repeat"]}, **bounded),
        FakeExecutor(),
    )


def test_a_parameter_that_cases_set_is_not_repeated_over(tmp_path: Path) -> None:
    stage = {**REPEAT, "options": {"parameter": "n", "count": 2}}
    with pytest.raises(ProblemError, match=r"the parameter 'n', which \[\[cases\]\] set too"):
        Pipeline(problem_with(tmp_path, DEFAULT[0], stage, cases=[{"n": 1}, {"n": 2}]), FakeExecutor())


def test_pauses_between_attempts_grow(tmp_path: Path) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    async def fail(call: int) -> RunResult:
        if call < 4:
            raise SandboxError("a hiccup.")
        return ran()

    fake = FakeExecutor()
    fake.on_run = fail
    stages = [dict(stage) for stage in DEFAULT]
    stages[1] |= {"retries": 3, "backoff_s": 0.5}
    found = asyncio.run(Pipeline(problem_with(tmp_path, *stages), fake, sleep=sleep).evaluate(PROGRAM))
    assert (found.status, pauses) == ("valid", [0.5, 1.0, 2.0])


REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {**GATE, "options": {"require": "__import__('os')"}},
        "option 'require' must compare a metric with a number",
    ),
    ({**GATE, "options": {}}, "option 'require' must be a condition such as"),
    ({**JUDGE, "options": {"criteria": "all", "metric": "value"}}, "gives the objective 'value'"),
    ({**REPEAT, "options": {"count": 2}}, r"\[params\] must declare it as an integer: seed = 0"),
    ({**REPEAT, "options": {"early_stop": True}}, "declare \\[objective\\] bounds"),
    ({**REPEAT, "options": {"parameter": "n"}}, "must have one of the options `seeds` and `count`"),
    ({**REPEAT, "options": {"parameter": "n", "seeds": [1, 2, 1]}}, "must be a list of different integers"),
    (
        {**DEFAULT[2], "name": "again", "always": True},
        "reads Outputs, which is not there when .* Remove `always`",
    ),
    (
        {**DEFAULT[3], "name": "again", "always": True},
        "parse -> again: .* reads Parsed, which is not there when",
    ),
    ({**GATE, "timeout_s": 3}, "kind 'gate' has no use for `timeout_s`, got 3.0; remove it"),
    ({**JUDGE, "timeout_s": 3}, "kind 'judge' has no use for `timeout_s`"),
    (
        {**DEFAULT[1], "name": "again", "aggregate": "worst"},
        "kind 'run' has no use for `aggregate`, got 'worst'",
    ),
    ({**DEFAULT[1], "name": "again", "needs": [], "when": "value > 1"}, "waits for no stage whose metrics"),
    (
        {**DEFAULT[2], "name": "again", "aggregate": {"size": "worst"}},
        "aggregate.size: 'worst' is known for the",
    ),
    (
        {**DEFAULT[2], "name": "again", "aggregate": ["worst"]},
        "aggregate: must be a text such as 'worst', or a",
    ),
    ({"name": "c", "kind": "command", "options": {"run": ["no_such_tool"]}}, "needs the tool 'no_such_tool'"),
    (
        {"name": "c", "kind": "command", "options": {"run": ["sh", "{m.x}"]}},
        "which is no argument; known: file, n",
    ),
    ({"name": "c", "kind": "command"}, "option 'run' must be a command"),
    (
        {"name": "c", "kind": "command", "options": {"run": ["sh"], "fresh": {"m": [0, 9]}}},
        r"draws 'm' anew, which has to be an argument that is a whole number",
    ),
    *(
        (
            {"name": "c", "kind": "command", "options": {"run": ["sh"], "fresh": given}},
            r"option 'fresh' must be a table of \[lowest, highest\]",
        )
        for given in ([0, 9], {"n": 9}, {"n": [9, 0]}, {"n": [0, 1.5]}, {"n": [False, True]})
    ),
]


@pytest.mark.parametrize(("stage", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_what_cannot_work_is_refused(tmp_path: Path, stage: dict[str, Any], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        Pipeline(problem_with(tmp_path, *DEFAULT, stage), FakeExecutor())


def test_the_whole_path_of_a_missing_stage_is_named(tmp_path: Path) -> None:
    stages = [{"name": "b", "kind": "run", "needs": ["a"]}, {"name": "c", "kind": "score", "needs": ["b"]}]
    with pytest.raises(ProblemError, match=r"stages\.b: needs 'a', which is no stage \(a -> b -> c\)"):
        load_problem(toy_problem(tmp_path, stages=stages))
