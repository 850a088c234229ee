from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from evolve.errors import ProblemError, SandboxError
from evolve.pipeline import Evaluation, Pipeline, Scored, StageResult, Task, _load
from evolve.pipeline._stages import BUILTIN_STAGES, Run
from evolve.problem import Problem, StageSpec, Value, load_problem
from evolve.sandbox import Command, CommandResult, Limits, LocalExecutor, RunResult, Verdict, decode, encode
from tests.conftest import toy_problem

PROGRAM = "def solve(n):\n    return n\n"
HASH = b"\1" * 16
DEFAULT: list[dict[str, Any]] = [
    {"name": "parse", "kind": "parse"},
    {"name": "run", "kind": "run", "needs": ["parse"]},
    {"name": "score", "kind": "score", "needs": ["run"]},
    {"name": "complexity", "kind": "complexity", "needs": ["parse"]},
]


class FakeExecutor:
    """Answers at once; a test replaces `on_run` or `on_score`. Remembers every call."""

    def __init__(self) -> None:
        self.runs: list[dict[str, Value] | Sequence[dict[str, Value]]] = []
        self.limits: list[Limits] = []
        self.scores: list[tuple[bytes, dict[str, Value], bool]] = []
        self.on_run: Callable[[int], Awaitable[RunResult]] | None = None
        self.on_score: Callable[[int], Verdict] | None = None

    async def run(
        self,
        program: str,  # noqa: ARG002
        entry: str,  # noqa: ARG002
        arguments: dict[str, Value] | Sequence[dict[str, Value]],
        limits: Limits,
    ) -> RunResult:
        self.runs.append(arguments)
        self.limits.append(limits)
        return await self.on_run(len(self.runs)) if self.on_run else ran()

    async def command(self, command: Command, limits: Limits) -> CommandResult:
        raise NotImplementedError

    async def score(
        self,
        output: bytes,
        case: dict[str, Value],
        *,
        artifact: bool,
        timeout_s: float,  # noqa: ARG002
    ) -> Verdict:
        self.scores.append((output, case, artifact))
        return self.on_score(len(self.scores)) if self.on_score else verdict()


def ran(status: str = "ok", feedback: str = "", output: bytes = b"output") -> RunResult:
    output = output if status == "ok" else b""
    return RunResult(status, output, feedback, "printed", 0.5, 0.25, ("session",))


def verdict(metrics: dict[str, float] | None = None, feedback: str = "fine") -> Verdict:
    return Verdict("valid", metrics or {"value": 2.0, "size": 0.5}, feedback, b"artifact")


def evaluate(
    problem: Problem, executor: FakeExecutor, text: str = PROGRAM, **options: Any
) -> tuple[Evaluation, FakeExecutor]:
    async def limited() -> Evaluation:
        async with asyncio.timeout(10):
            return await Pipeline(problem, executor).evaluate(text, **options)

    return asyncio.run(limited()), executor


def problem_with(tmp_path: Path, *stages: dict[str, Any], **overrides: Any) -> Problem:
    return load_problem(toy_problem(tmp_path, stages=list(stages) or None, **overrides))


def statuses(evaluation: Evaluation) -> dict[str, str]:
    return {name: result.status for name, result in evaluation.stages.items()}


@pytest.fixture
def toy(tmp_path: Path) -> Problem:
    return load_problem(toy_problem(tmp_path))


@pytest.fixture
def fake() -> FakeExecutor:
    return FakeExecutor()


# -- the default stages --------------------------------------------------------------------------


def test_a_valid_program_gets_objective_measures_and_metrics(toy: Problem, fake: FakeExecutor) -> None:
    evaluation, _ = evaluate(toy, fake)
    assert evaluation.status == "valid"
    assert evaluation.objective == 2.0
    assert evaluation.measures == (0.5,)
    assert evaluation.metrics == {
        "value": 2.0,
        "size": 0.5,
        "lines": 2.0,
        "ast_nodes": 7.0,
        "cyclomatic": 1.0,
    }
    assert evaluation.feedback == "fine"
    run = evaluation.stages["run"]
    assert (run.printed, run.wall_s, run.cpu_s, run.layers) == ("printed", 0.5, 0.25, ("session",))
    assert fake.runs == [{"n": 3}]
    assert fake.scores == [(b"output", {}, False)]


def test_the_candidates_limits_reach_the_sandbox(tmp_path: Path, fake: FakeExecutor) -> None:
    limits = {
        "timeout_s": 7,
        "memory_mb": 99,
        "processes": 3,
        "output_mb": 0.5,
        "cpu_s": 2,
        "scratch_mb": 0.5,
    }
    evaluate(load_problem(toy_problem(tmp_path, candidate=limits)), fake)
    expected = Limits(
        wall_s=7.0,
        memory_mb=99,
        processes=3,
        output_bytes=2**19,
        cpu_s=2.0,
        scratch_mb=0.5,
        scratch_files=4096,
    )
    assert fake.limits == [expected]


def test_the_artifact_is_passed_on_when_asked_for(toy: Problem, fake: FakeExecutor) -> None:
    evaluation, _ = evaluate(toy, fake, artifact=True)
    assert fake.scores[0][2] is True
    assert evaluation.stages["score"].value == Scored([b"artifact"])


@pytest.mark.parametrize(
    ("text", "feedback"),
    [
        (
            "def solve(n):\n    return n  # " + "x" * 200,
            "the program has 230 characters; at most 200 are allowed",
        ),
        ("def solve(n):\n    return (", "line 2: '(' was never closed"),
        ("x = '\0'", "source code string cannot contain null bytes"),
        ("def solver(n):\n    return n", "the program must define `def solve(...)` at top level"),
        ("async def solve(n):\n    return n", "the program must define `def solve(...)` at top level"),
        ("def solve():\n    return 1", "`solve` must be callable with the keyword arguments n"),
        ("def solve(n, m):\n    return 1", "`solve` must be callable with the keyword arguments n"),
        ("def solve(n, /):\n    return 1", "`solve` must be callable with the keyword arguments n"),
    ],
)
def test_unusable_text_is_refused_before_it_runs(
    tmp_path: Path, fake: FakeExecutor, text: str, feedback: str
) -> None:
    problem = load_problem(toy_problem(tmp_path, candidate={"max_chars": 200}))
    evaluation, _ = evaluate(problem, fake, text)
    assert (evaluation.status, evaluation.feedback) == ("refused", feedback)
    assert (evaluation.objective, evaluation.measures, evaluation.metrics) == (None, None, {})
    assert statuses(evaluation) == {
        "parse": "refused",
        "run": "skipped",
        "complexity": "skipped",
        "score": "skipped",
    }
    assert fake.runs == []


@pytest.mark.parametrize(
    ("text", "metrics"),
    [
        ("def solve(n): return n", (1, 7, 1)),
        ("def solve(n):\n    if n: pass\n    elif not n: pass\n    return n", (4, 17, 3)),
        ("def solve(n):\n    # a comment\n\n    return [n for n in n if n or n and n]", (2, 23, 4)),
    ],
)
def test_complexity_is_exact(
    toy: Problem, fake: FakeExecutor, text: str, metrics: tuple[int, int, int]
) -> None:
    found = evaluate(toy, fake, text)[0].metrics
    assert (found["lines"], found["ast_nodes"], found["cyclomatic"]) == metrics


@pytest.mark.parametrize("status", ["failed", "timeout", "memory"])
def test_a_failed_run_skips_what_needs_it_and_nothing_else(
    toy: Problem, fake: FakeExecutor, status: str
) -> None:
    async def fail(_call: int) -> RunResult:
        return ran(status, "what happened")

    fake.on_run = fail
    evaluation, _ = evaluate(toy, fake)
    assert (evaluation.status, evaluation.feedback) == (status, "what happened")
    assert statuses(evaluation) == {"parse": "ok", "run": status, "complexity": "ok", "score": "skipped"}
    assert evaluation.metrics.keys() == {"lines", "ast_nodes", "cyclomatic"}
    assert (evaluation.objective, evaluation.measures) == (None, None)


@pytest.mark.parametrize("status", ["invalid", "error", "timeout"])
def test_the_scorers_word_is_the_programs_status(toy: Problem, fake: FakeExecutor, status: str) -> None:
    fake.on_score = lambda _call: Verdict(status, {}, "why")
    evaluation, _ = evaluate(toy, fake)
    assert (evaluation.status, evaluation.feedback, evaluation.objective) == (status, "why", None)


@pytest.mark.parametrize("metric", ["value", "size"])
def test_a_missing_metric_is_an_error_of_the_problem(toy: Problem, fake: FakeExecutor, metric: str) -> None:
    other = "value" if metric == "size" else "size"
    fake.on_score = lambda _call: verdict({other: 1.0})
    evaluation, _ = evaluate(toy, fake)
    assert evaluation.status == "error"
    assert evaluation.feedback.startswith(f"no stage delivered the declared metric {metric!r}. ")
    assert evaluation.feedback.endswith(f"delivered are ast_nodes, cyclomatic, lines, {other}")


@pytest.mark.parametrize(
    ("declared", "meant"),
    [("ast_node", "ast_nodes"), ("collisions", "collision"), ("seed_distanc", "seed_distance")],
)
def test_a_metric_that_is_misspelt_is_named(
    tmp_path: Path, fake: FakeExecutor, declared: str, meant: str
) -> None:
    measures = [{"metric": declared, "range": [0.0, 1.0], "bins": 8}]
    toy = load_problem(toy_problem(tmp_path, measures=measures))
    fake.on_score = lambda _call: verdict({"value": 1.0, "collision": 0.5})
    evaluation, _ = evaluate(toy, fake)
    assert evaluation.status == "error"
    assert f"{declared!r}. Did you mean {meant!r}? correct the name in problem.toml" in evaluation.feedback


# -- cases ---------------------------------------------------------------------------------------


def test_an_argument_of_a_case_that_is_misspelt_is_named(tmp_path: Path, fake: FakeExecutor) -> None:
    seed = "def solve(n, *, instance):\n    return n\n"
    toy = load_problem(toy_problem(tmp_path, seed=seed, cases=[{"instance": 1}, {"instnace": 2}]))
    evaluation, _ = evaluate(toy, fake)
    assert evaluation.status == "refused"
    assert "must be callable with the keyword arguments n, instance, instnace; " in evaluation.feedback
    assert "'instnace' is an argument of cases[1] alone. Did you mean 'instance'?" in evaluation.feedback


def test_several_cases_are_averaged(tmp_path: Path, fake: FakeExecutor) -> None:
    problem = problem_with(tmp_path, cases=[{"k": 1}, {"k": 2}, {"k": 3}])
    fake.on_score = lambda call: verdict({"value": float(call**2), "size": 0.25}, f"note {call}")
    evaluation, _ = evaluate(problem, fake, "def solve(n, k):\n    return n")
    assert fake.runs == [{"n": 3, "k": 1}, {"n": 3, "k": 2}, {"n": 3, "k": 3}]
    assert [case for _, case, _ in fake.scores] == [{"k": 1}, {"k": 2}, {"k": 3}]
    assert evaluation.objective == pytest.approx(14 / 3, rel=1e-15)
    assert evaluation.measures == (0.25,)
    assert evaluation.feedback == "case {'k': 1}: note 1\ncase {'k': 2}: note 2\ncase {'k': 3}: note 3"
    assert evaluation.stages["run"].wall_s == 1.5
    assert evaluation.stages["run"].cpu_s == 0.75


def test_the_first_case_that_fails_ends_it_and_is_named(tmp_path: Path, fake: FakeExecutor) -> None:
    problem = problem_with(tmp_path, cases=[{"k": 1}, {"k": 2}, {"k": 3}])

    async def second_fails(call: int) -> RunResult:
        return ran("failed", "why") if call == 2 else ran()

    fake.on_run = second_fails
    evaluation, _ = evaluate(problem, fake, "def solve(n, k):\n    return n")
    assert (evaluation.status, evaluation.feedback) == ("failed", "case {'k': 2}: why")
    assert len(fake.runs) == 2
    fake.on_run = None
    fake.on_score = lambda call: Verdict("invalid", {}, "broken") if call == 2 else verdict()
    evaluation, _ = evaluate(problem, fake, "def solve(n, k):\n    return n")
    assert (evaluation.status, evaluation.feedback) == ("invalid", "case {'k': 2}: broken")


def test_cases_with_different_metrics_are_an_error(tmp_path: Path, fake: FakeExecutor) -> None:
    problem = problem_with(tmp_path, cases=[{"k": 1}, {"k": 2}])
    fake.on_score = lambda call: verdict({"value": 1.0, "size": 0.5} | ({"more": 1.0} if call == 2 else {}))
    evaluation, _ = evaluate(problem, fake, "def solve(n, k):\n    return n")
    assert evaluation.status == "error"
    assert evaluation.feedback == "the scorer returned different metrics for different cases"


# -- cases in one process ------------------------------------------------------------------------

CASES = [{"k": 1}, {"k": 2}]
TWO = "def solve(n, k):\n    return n * k"


def in_one_process(tmp_path: Path, **candidate: Any) -> Problem:
    return problem_with(tmp_path, cases=CASES, candidate={"one_process": True, **candidate})


def test_all_cases_can_run_in_one_process(tmp_path: Path, fake: FakeExecutor) -> None:
    async def both(_call: int) -> RunResult:
        return ran(output=encode([b"first", b"second"]))

    fake.on_run = both
    evaluation, _ = evaluate(in_one_process(tmp_path, timeout_s=3, cpu_s=2), fake, TWO)
    assert evaluation.status == "valid"
    assert fake.runs == [[{"n": 3, "k": 1}, {"n": 3, "k": 2}]]
    assert fake.scores == [(b"first", CASES[0], False), (b"second", CASES[1], False)]
    assert (fake.limits[0].wall_s, fake.limits[0].cpu_s) == (6.0, 4.0)
    assert evaluation.stages["run"].wall_s == 0.5


def test_a_single_case_needs_no_list(tmp_path: Path, fake: FakeExecutor) -> None:
    evaluate(problem_with(tmp_path, candidate={"one_process": True}), fake)
    assert fake.runs == [{"n": 3}]


@pytest.mark.parametrize(
    "forged",
    [
        [b"1"],
        [b"1", "2"],
        [b"1", None],
        {"0": b"1"},
        b"12",
        None,
    ],
    ids=repr,
)
def test_anything_but_a_result_for_every_case_is_a_failure(
    tmp_path: Path, fake: FakeExecutor, forged: Any
) -> None:
    async def forge(_call: int) -> RunResult:
        return ran(output=encode(forged))

    fake.on_run = forge
    evaluation, _ = evaluate(in_one_process(tmp_path), fake, TWO)
    assert evaluation.status == "failed"
    assert evaluation.feedback == "returned something else than a result for every case"
    assert fake.scores == []


@pytest.mark.parametrize("forged", [[b"1", b"2", b"3"], {"0": b"1", "1": b"2"}, [[b"1"], [b"2"]]], ids=repr)
def test_more_than_a_result_for_every_case_is_not_read_to_the_end(
    tmp_path: Path, fake: FakeExecutor, forged: Any
) -> None:
    async def forge(_call: int) -> RunResult:
        return ran(output=encode(forged))

    fake.on_run = forge
    evaluation, _ = evaluate(in_one_process(tmp_path), fake, TWO)
    assert evaluation.status == "failed"
    assert evaluation.feedback.endswith("more than 3 items")
    assert fake.scores == []


def test_unreadable_results_are_a_failure(tmp_path: Path, fake: FakeExecutor) -> None:
    evaluation, _ = evaluate(in_one_process(tmp_path), fake, TWO)
    assert evaluation.status == "failed"
    assert evaluation.feedback.startswith("returned unreadable data: ")


@pytest.mark.parametrize("status", ["failed", "timeout", "memory"])
def test_a_failure_of_one_case_is_that_of_all(tmp_path: Path, fake: FakeExecutor, status: str) -> None:
    async def fail(_call: int) -> RunResult:
        return ran(status, "why")

    fake.on_run = fail
    evaluation, _ = evaluate(in_one_process(tmp_path), fake, TWO)
    assert (evaluation.status, evaluation.feedback) == (status, "why")
    assert len(fake.runs) == 1


# -- the graph -----------------------------------------------------------------------------------

RUN_A: dict[str, Any] = {"name": "run_a", "kind": "run", "needs": ["parse"]}
RUN_B: dict[str, Any] = {"name": "run_b", "kind": "run", "needs": ["parse"]}
SCORE_A: dict[str, Any] = {"name": "score", "kind": "score", "needs": ["run_a"]}


def test_stages_may_be_declared_in_any_order(tmp_path: Path, fake: FakeExecutor) -> None:
    evaluation, _ = evaluate(problem_with(tmp_path, *reversed(DEFAULT)), fake)
    assert evaluation.status == "valid"
    order = list(evaluation.stages)
    assert order.index("parse") < order.index("run") < order.index("score")
    assert order.index("parse") < order.index("complexity")


def test_independent_stages_run_at_once(tmp_path: Path, fake: FakeExecutor) -> None:
    async def both_there(_call: int) -> RunResult:
        await barrier.wait()
        return ran()

    barrier = asyncio.Barrier(2)
    fake.on_run = both_there
    evaluation, _ = evaluate(problem_with(tmp_path, DEFAULT[0], RUN_A, RUN_B, SCORE_A), fake)
    assert evaluation.status == "valid"


@pytest.mark.parametrize("first", ["ok", "failed"])
def test_an_order_edge_waits_whatever_the_outcome(tmp_path: Path, fake: FakeExecutor, first: str) -> None:
    events: list[str] = []

    async def slow_first(call: int) -> RunResult:
        events.append(f"begin {call}")
        await asyncio.sleep(0)
        events.append(f"end {call}")
        return ran(first if call == 1 else "ok")

    fake.on_run = slow_first
    problem = problem_with(tmp_path, DEFAULT[0], RUN_A, RUN_B | {"after": ["run_a"]}, SCORE_A)
    evaluation, _ = evaluate(problem, fake)
    assert events == ["begin 1", "end 1", "begin 2", "end 2"]
    assert statuses(evaluation)["run_b"] == "ok"
    assert evaluation.status == ("valid" if first == "ok" else "failed")


REFUSED_STAGES: list[tuple[list[dict[str, Any]], str]] = [
    (
        [DEFAULT[0], RUN_A | {"after": ["run_b"]}, RUN_B | {"needs": ["run_a"]}],
        r"problem\.toml: stages: they need each other in a circle: run_\w -> run_\w -> run_\w\. Remove one",
    ),
    (
        [{"name": "it", "kind": "run", "after": ["it"]}],
        "they need each other in a circle: it -> it",
    ),
    (
        [{"name": "it", "kind": "complxity"}],
        r"problem\.toml: stages\.it: unknown kind 'complxity'\. Did you mean 'complexity'\? Known: parse",
    ),
    (
        [DEFAULT[0] | {"options": {"strict": True}}],
        r"problem\.toml: stages\.parse: kind 'parse' has no option 'strict'; remove it, this kind has none",
    ),
    (
        [DEFAULT[0], {"name": "score", "kind": "score", "needs": ["parse"]}],
        r"stages: parse -> score: kind 'score' of 'score' must need exactly one stage .* Outputs, got 0",
    ),
    (
        [DEFAULT[0], RUN_A, RUN_B, SCORE_A | {"needs": ["run_a", "run_b"]}],
        "must need exactly one stage that gives Outputs, got 2. Stages that give it: run_a, run_b",
    ),
    (
        [DEFAULT[0], RUN_A, {"name": "size", "kind": "complexity", "needs": ["run_a", "parse"]}],
        r"stages: parse -> run_a -> size: 'run_a' gives Outputs, but kind 'complexity' of 'size' reads",
    ),
]


@pytest.mark.parametrize(
    ("stages", "message"), REFUSED_STAGES, ids=[message for _, message in REFUSED_STAGES]
)
def test_impossible_stages_are_refused(tmp_path: Path, stages: list[dict[str, Any]], message: str) -> None:
    with pytest.raises(ProblemError, match=message):
        Pipeline(problem_with(tmp_path, *stages), FakeExecutor())


# -- failures of the infrastructure --------------------------------------------------------------


def test_a_sandbox_failure_is_tried_again(toy: Problem, fake: FakeExecutor) -> None:
    async def first_fails(call: int) -> RunResult:
        if call == 1:
            raise SandboxError("a hiccup.")
        return ran()

    fake.on_run = first_fails
    assert evaluate(toy, fake)[0].status == "valid"
    assert len(fake.runs) == 2


@pytest.mark.parametrize("retries", [0, 3])
def test_a_lasting_sandbox_failure_is_raised(tmp_path: Path, fake: FakeExecutor, retries: int) -> None:
    async def fail(_call: int) -> RunResult:
        raise SandboxError("no more memory.")

    fake.on_run = fail
    stages = [dict(stage) for stage in DEFAULT]
    stages[1]["retries"] = retries
    message = (
        rf"^stage 'run' failed {retries + 1} times for .* of the program: no more memory\. The run can be"
    )
    with pytest.raises(SandboxError, match=message):
        evaluate(problem_with(tmp_path, *stages), fake, "def solve(n):\n    return 2\n")
    assert len(fake.runs) == 2 * (retries + 1), "a seed program was tried too, to tell whose fault it is"


def test_a_program_that_breaks_the_sandbox_alone_has_failed(toy: Problem, fake: FakeExecutor) -> None:
    async def breaks(call: int) -> RunResult:
        if call <= 2:
            raise SandboxError("the zygote died.")
        return ran()

    fake.on_run = breaks
    found = evaluate(toy, fake, "def solve(n):\n    return 2\n")[0]
    assert found.status == "failed"
    assert found.feedback == "the sandbox failed 2 times on this program: the zygote died"


def test_a_stage_that_never_answers_is_taken_for_sick(
    toy: Problem, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hang(_call: int) -> RunResult:
        await asyncio.Event().wait()
        raise AssertionError

    fake.on_run = hang
    monkeypatch.setattr(Run, "timeout_s", lambda *_: 0.02)
    with pytest.raises(SandboxError, match=r"stage 'run' failed 2 times .*: no answer within 0\.02 s\."):
        evaluate(toy, fake)


# -- what is known already -----------------------------------------------------------------------


def known_of(evaluation: Evaluation, *names: str) -> dict[str, StageResult]:
    """Return results as a store gives them back: without the values in memory."""
    return {
        name: StageResult(result.status, result.metrics, result.feedback)
        for name, result in evaluation.stages.items()
        if name in names
    }


def test_known_results_are_used_and_not_recomputed(toy: Problem, fake: FakeExecutor) -> None:
    first, _ = evaluate(toy, fake)
    again, executor = evaluate(toy, FakeExecutor(), known=known_of(first, *first.stages))
    assert (executor.runs, executor.scores) == ([], [])
    assert (again.status, again.objective, again.measures) == ("valid", 2.0, (0.5,))
    assert (again.metrics, again.feedback) == (first.metrics, first.feedback)


def test_a_value_that_is_needed_is_computed_again(toy: Problem, fake: FakeExecutor) -> None:
    first, _ = evaluate(toy, fake)
    again, executor = evaluate(toy, FakeExecutor(), known=known_of(first, "parse", "run", "complexity"))
    assert (len(executor.runs), len(executor.scores)) == (1, 1)
    assert again.status == "valid"
    again, executor = evaluate(toy, FakeExecutor(), known=known_of(first, "parse", "score", "run"))
    assert (executor.runs, executor.scores) == ([], [])
    assert again.metrics == first.metrics


def test_a_known_failure_needs_no_value(toy: Problem, fake: FakeExecutor) -> None:
    known = {"parse": StageResult(), "run": StageResult("timeout", feedback="slow")}
    evaluation, _ = evaluate(toy, fake, known=known)
    assert (evaluation.status, evaluation.feedback) == ("timeout", "slow")
    assert fake.runs == []


def keys(problem: Problem, code: bytes = HASH) -> dict[str, str]:
    return Pipeline(problem, FakeExecutor()).keys(code)


def test_keys_are_equal_for_equal_work(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    first = keys(load_problem(toy_problem(one)))
    assert first == keys(load_problem(toy_problem(other)))
    assert first == keys(load_problem(one / "toy", {"n": 3}))
    assert len(set(first.values())) == len(first) == 4


def test_keys_change_with_all_that_matters(
    toy: Problem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = keys(toy)

    def changed(other: dict[str, str]) -> set[str]:
        return {name for name in first if first[name] != other[name]}

    assert changed(keys(toy, b"\2" * 16)) == set(first)
    assert changed(keys(load_problem(toy.folder, {"n": 4}))) == set(first)
    assert changed(keys(load_problem(toy_problem(tmp_path, seed=PROGRAM)))) == set(first)
    monkeypatch.setattr(BUILTIN_STAGES["run"], "version", "another", raising=True)
    assert changed(keys(toy)) == {"run", "score"}


def test_a_stages_own_declaration_is_part_of_its_key(tmp_path: Path) -> None:
    spec = problem_with(tmp_path, *DEFAULT)
    slower = spec.spec.model_copy(
        update={
            "stages": tuple(
                s.model_copy(update={"timeout_s": 9.0}) if s.name == "run" else s for s in spec.spec.stages
            )
        }
    )
    first, other = (
        keys(spec),
        keys(Problem(spec.folder, slower, spec.params, spec.seeds, spec.blocks, spec.digest)),
    )
    assert {name for name in first if first[name] != other[name]} == {"run", "score"}


# -- stages from elsewhere -----------------------------------------------------------------------


class Wordiness:
    """A stage as a plug-in would bring it."""

    version = "1"
    needs_value = False

    def check(self, problem: Problem, spec: StageSpec) -> None: ...

    def timeout_s(self, problem: Problem, spec: StageSpec) -> float:  # noqa: ARG002
        return 5.0

    async def execute(self, task: Task) -> StageResult:
        return StageResult(metrics={"words": float(len(task.text.split()))})


class EntryPoint:
    name = "wordiness"
    value = "words.stages:Wordiness"

    def __init__(self, kind: type[Any] = Wordiness) -> None:
        self.kind = kind

    def load(self) -> type[Any]:
        return self.kind


class Needy(Wordiness):
    def __init__(self, _size: int) -> None: ...


class Careless(Wordiness):
    async def execute(self, task: Task) -> Any:  # noqa: ARG002
        return {"words": 4.0}


class Boastful(Wordiness):
    async def execute(self, task: Task) -> StageResult:  # noqa: ARG002
        return StageResult("valid")


class Broken(Wordiness):
    async def execute(self, task: Task) -> StageResult:
        raise LookupError(task.text)


class Empty: ...


def test_a_registered_stage_is_found_by_its_kind(
    tmp_path: Path, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _load, "entry_points", lambda group: [EntryPoint()] if group == "evolve.stages" else []
    )
    stages = [*DEFAULT, {"name": "words", "kind": "wordiness"}]
    evaluation, _ = evaluate(problem_with(tmp_path, *stages), fake)
    assert evaluation.metrics["words"] == 4.0
    with pytest.raises(ProblemError, match=r"Did you mean 'wordiness'\? Known: .*complexity, .*, wordiness;"):
        Pipeline(problem_with(tmp_path, {"name": "words", "kind": "wordines"}), fake)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        (
            Needy,
            r"stages\.words: kind 'wordiness' cannot be loaded from words\.stages:Wordiness: .* missing 1",
        ),
        (Empty, "is no stage: words.stages:Wordiness lacks version, needs_value, check, timeout_s, execute"),
        (Careless, r"must answer a StageResult .* got \{'words': 4.0\}. Have the package mended"),
        (Boastful, "whose status is one of ok, refused, .* got 'valid'"),
    ],
)
def test_a_plug_in_that_keeps_no_contract_is_named(
    tmp_path: Path, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch, kind: type[Any], message: str
) -> None:
    monkeypatch.setattr(_load, "entry_points", lambda group: [EntryPoint(kind)] if group else [])
    problem = problem_with(tmp_path, *DEFAULT, {"name": "words", "kind": "wordiness"})
    with pytest.raises(ProblemError, match=message):
        evaluate(problem, fake)


def test_an_error_of_a_plug_in_says_where_it_came_from(
    tmp_path: Path, fake: FakeExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_load, "entry_points", lambda group: [EntryPoint(Broken)] if group else [])
    problem = problem_with(tmp_path, *DEFAULT, {"name": "words", "kind": "wordiness"})
    with pytest.raises(LookupError) as caught:
        evaluate(problem, fake)
    assert caught.value.__notes__ == ["raised by stage 'words' of kind 'wordiness'"]


# -- all of it -----------------------------------------------------------------------------------


def test_end_to_end_in_a_real_sandbox(toy: Problem) -> None:
    async def everything() -> list[Evaluation]:
        async with LocalExecutor(toy, workers=2) as executor:
            pipeline = Pipeline(toy, executor)
            texts = [toy.seeds[0][1], "def solve(n):\n    return 'x'", "def solve(n):\n    return 1 / 0"]
            return await asyncio.gather(*(pipeline.evaluate(text, artifact=True) for text in texts))

    seed, wrong, broken = asyncio.run(everything())
    assert (seed.status, seed.objective, seed.measures) == ("valid", 1.5, (0.15,))
    assert decode(seed.stages["score"].value.artifacts[0]) == {"solution": 1.5}
    assert "closed_descriptors" in seed.stages["run"].layers
    assert seed.wall_s > 0
    assert (wrong.status, wrong.feedback) == ("invalid", "must be a number, got str")
    assert broken.status == "failed"
    assert "ZeroDivisionError: division by zero" in broken.feedback


def test_end_to_end_with_all_cases_in_one_process(tmp_path: Path) -> None:
    problem = in_one_process(tmp_path)

    async def everything() -> list[Evaluation]:
        async with LocalExecutor(problem, workers=1) as executor:
            pipeline = Pipeline(problem, executor)
            texts = [TWO, "def solve(n, k):\n    return n // (k - 2)"]
            return [await pipeline.evaluate(text) for text in texts]

    good, broken = asyncio.run(everything())
    assert (good.status, good.objective) == ("valid", 4.5)
    assert broken.status == "failed"
    assert "ZeroDivisionError" in broken.feedback
    assert broken.feedback.endswith("when called as solve(n=3, k=2)")


def test_who_watches_is_told_when_stages_begin_and_end(toy: Problem, fake: FakeExecutor) -> None:
    told: list[tuple[str, bool]] = []

    def watch(stage: str, begins: bool) -> None:
        told.append((stage, begins))

    result, _ = evaluate(toy, fake, watch=watch)
    assert sorted(stage for stage, begins in told if begins) == sorted(result.stages)
    for stage in result.stages:
        assert told.index((stage, True)) < told.index((stage, False))
    told.clear()
    broken, _ = evaluate(toy, fake, "no (", watch=watch)
    assert broken.status == "refused"
    ran = [name for name, result in broken.stages.items() if result.status not in ("skipped", "blocked")]
    assert sorted(stage for stage, begins in told if not begins) == sorted(ran)
