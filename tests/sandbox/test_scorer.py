from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from evolve.errors import ProblemError, SandboxError
from evolve.sandbox import decode, encode
from tests.conftest import toy_problem
from tests.sandbox.helpers import Sandbox

SCORER = """
from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass

from evolve.problem import Invalid, Score

@dataclass
class Rule:
    limit: float = 1.0

def score(output, params, case):
    if output == "invalid":
        raise Invalid("above the limit by 2.5")
    if output == "error":
        raise ValueError("a fault of the scorer")
    if output == "slow":
        time.sleep(100)
    if output == "exit":
        os._exit(3)
    if output == "sys.exit":
        sys.exit(3)
    if output == "nan":
        return Score({"value": float("nan"), "size": 0.0})
    if output == "text":
        return Score({"value": "high", "size": 0.0})
    if output == "number":
        return 3.0
    if output == "artifact":
        return Score({"value": 1.0}, artifact=object())
    if output == "print":
        print("x" * 1_000_000)
        sys.stderr.write("x" * 1_000_000)
    return Score({"value": params["n"] + case.get("k", 0)}, "close to the limit", {"limit": Rule().limit})
"""


@pytest.fixture(scope="module")
def scorer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    with Sandbox(toy_problem(tmp_path_factory.mktemp("problem"), score=SCORER)) as box:
        yield box


def test_a_valid_output_gets_its_metrics(scorer: Sandbox) -> None:
    verdict = scorer.score("fine", k=2)
    assert (verdict.status, verdict.metrics) == ("valid", {"value": 5.0})
    assert (verdict.feedback, verdict.artifact) == ("close to the limit", b"")


def test_the_artifact_comes_when_asked_for(scorer: Sandbox) -> None:
    assert decode(scorer.score("fine", artifact=True).artifact) == {"limit": 1.0}


def test_a_broken_rule_is_invalid(scorer: Sandbox) -> None:
    verdict = scorer.score("invalid")
    assert (verdict.status, verdict.metrics, verdict.feedback) == ("invalid", {}, "above the limit by 2.5")


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("error", "ValueError: a fault of the scorer"),
        ("nan", "score() returned metric 'value' = nan; metrics must be finite"),
        ("text", "could not convert string to float: 'high'"),
        ("number", "score() must return evolve.problem.Score or raise Invalid, got float"),
        ("artifact", "result is of type builtins.object"),
        ("sys.exit", "SystemExit: 3"),
    ],
)
def test_a_fault_of_the_scorer_is_told_with_its_traceback(scorer: Sandbox, output: str, message: str) -> None:
    verdict = scorer.score(output, artifact=True)
    assert (verdict.status, verdict.metrics) == ("error", {})
    assert "Traceback (most recent call last)" in verdict.feedback
    assert message in verdict.feedback


def test_a_slow_scorer_is_stopped_and_replaced(scorer: Sandbox) -> None:
    verdict = scorer.score("slow", timeout_s=0.3)
    assert verdict.status == "timeout"
    assert verdict.feedback == "scoring the returned data took more than 0.3 s"
    assert scorer.score("fine").status == "valid"


def test_a_scorer_that_dies_is_the_sandboxs_failure(scorer: Sandbox) -> None:
    with pytest.raises(SandboxError, match=r"the scorer's process died \(Disconnected\) and was replaced"):
        scorer.score("exit")
    assert scorer.score("fine").status == "valid"


def test_a_scorer_that_leaves_is_an_error_of_the_problem(scorer: Sandbox) -> None:
    assert scorer.score("sys.exit").status == "error"
    assert scorer.score("fine").status == "valid"


def test_what_a_scorer_prints_goes_nowhere_and_blocks_nobody(scorer: Sandbox) -> None:
    assert scorer.score("print").status == "valid"


def test_scoring_can_be_cancelled(scorer: Sandbox) -> None:
    async def cancelled() -> None:
        call = scorer.executor.score(encode("slow"), {}, artifact=False, timeout_s=60)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.2)

    scorer.do(cancelled())
    assert scorer.score("fine").status == "valid"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("import no_such_module\ndef score(output, params, case): ...", "No module named 'no_such_module'"),
        ("def score(output, params, case): ...\nraise ValueError('at import')", "ValueError: at import"),
    ],
)
def test_a_scorer_that_cannot_be_imported_is_named(tmp_path: Path, text: str, message: str) -> None:
    folder = toy_problem(tmp_path, score=text)
    with (
        pytest.raises(ProblemError, match=rf"score\.py: the scorer cannot be imported\.\n(?s:.*){message}"),
        Sandbox(folder),
    ):
        pass
    assert not (folder / "__pycache__").exists()
