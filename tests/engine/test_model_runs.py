"""Runs with models: budgets, failures, resume, replay, forks."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from evolve.engine import Budget, afork, areplay, aresume
from evolve.errors import ModelError, ProblemError, UsageError
from evolve.store import Reader
from evolve.testing.model_server import Canned, Script, always
from tests.engine.helpers import write_problem
from tests.engine.models import MODEL, evolve_with, flaky, models_for, serve

pytestmark = pytest.mark.usefixtures("litellm_loaded", "key")


def digest(folder: Path) -> str:
    with Reader(folder) as reader:
        return reader.digest()


def test_a_model_proposes_programs_and_is_credited(tmp_path: Path) -> None:
    with serve() as server:
        result = evolve_with(server, tmp_path)
    assert result.reason == "max_calls"
    assert result.calls == server.calls == 30
    assert result.tokens == server.tokens
    with Reader(result.folder) as reader:
        commits = list(reader.commits())
        uses = {use.arm: use for use in reader.arms()}
        bandits = reader.events(kind="bandits")
    asked = [commit.program for commit in commits if commit.program.model]
    assert {program.model for program in asked} == {MODEL}
    assert any(commit.evaluation.status == "valid" for commit in commits if commit.program.model)
    assert sum(use.tokens for use in uses.values()) <= result.tokens
    assert any("@" + MODEL in arm for arm in bandits[-1].data["islands"][0]["means"])


@pytest.mark.parametrize("order", ["ticket", "arrival"])
def test_a_replay_repeats_programs_scores_and_archives_without_a_call(tmp_path: Path, order: str) -> None:
    with serve(flaky(0.3), latency_s=0.02) as server:
        result = evolve_with(server, tmp_path, order=order, settings={"timeout_s": 1.0})
        calls = server.calls
        again = asyncio.run(areplay(result.folder, workers=1))
        assert server.calls == calls
    assert (again.same, again.difference) == (True, "")
    assert again.commits == result.tickets
    assert digest(again.result.folder) == digest(result.folder)
    assert again.result.archive_digest == result.archive_digest
    twice = asyncio.run(areplay(again.result.folder))
    assert twice.same


def test_a_replay_says_what_differs(tmp_path: Path) -> None:
    with serve() as server:
        result = evolve_with(server, tmp_path)
    import sqlite3

    with sqlite3.connect(result.folder / "run.db") as database:
        database.execute("UPDATE evaluation SET objective = objective + 1 WHERE program = 1")
    database.close()
    again = asyncio.run(areplay(result.folder))
    assert not again.same
    assert again.difference.startswith("program 1: objective was 1.")


def test_in_ticket_order_equal_answers_give_equal_runs(tmp_path: Path) -> None:
    with serve(latency_s=0.03) as server:
        options = {"order": "ticket", "budget": Budget(max_evals=25), "window": 6}
        first = evolve_with(server, tmp_path, "first", workers=1, **options)
    with serve(latency_s=0.0) as server:
        second = evolve_with(server, tmp_path, "second", workers=3, **options)
    assert first.calls > 0
    assert digest(first.folder) == digest(second.folder)


def test_a_stopped_run_asks_nothing_twice(tmp_path: Path) -> None:
    with serve(latency_s=0.05) as server:
        first = evolve_with(server, tmp_path, budget=Budget(max_seconds=1.0))
        assert first.reason == "max_seconds"
        most = first.calls + 20
        budget = Budget(max_seconds=1000.0, max_calls=most)
        last = asyncio.run(aresume(first.folder, budget=budget))
        assert server.calls <= most
        assert max(server.paid_prompts.values()) <= 2  # one that was cut off in flight is asked again
    assert last.reason == "max_calls"
    assert first.calls < last.calls <= most
    assert asyncio.run(areplay(first.folder)).same


@pytest.mark.parametrize("limit", [{"max_calls": 17}, {"max_tokens": 30_000}, {"max_usd": 0.02}])
def test_64_calls_in_flight_never_overrun_the_budget(tmp_path: Path, limit: dict[str, float]) -> None:
    prices = {"usd_per_million_prompt": 1.0, "usd_per_million_reply": 4.0}
    settings: dict[str, Any] = {"concurrency": 64, "max_tokens": 500, **prices}
    with serve(flaky(0.3), latency_s=0.01) as server:
        settings["timeout_s"] = 2.0
        budget = Budget.model_validate(limit)
        result = evolve_with(server, tmp_path, budget=budget, window=80, settings=settings)
        used = {"max_calls": server.calls, "max_tokens": server.tokens, "max_usd": result.usd}
    charged = {"max_calls": result.calls, "max_tokens": result.tokens, "max_usd": result.usd}
    assert result.reason == next(iter(limit))
    assert server.calls <= result.calls, "one that times out on its way to the server is paid for"
    for name, most in limit.items():
        assert used[name] <= most
        assert charged[name] > 0.3 * most


@pytest.mark.parametrize("mode", ["server_error", "unauthorized", "rate_limit_bare", "dropped", "empty"])
def test_a_model_that_always_fails_stops_the_run_soon(
    tmp_path: Path, mode: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evolve.models._health.FIRST_PAUSE_S", 0.01)
    with serve(always(mode)) as server:  # type: ignore[arg-type]
        with pytest.raises(ModelError, match="no model can be used any more") as error:
            evolve_with(
                server, tmp_path, budget=Budget(max_calls=1000), window=80, settings={"concurrency": 64}
            )
        assert 1 <= server.calls <= 20
    assert MODEL in str(error.value)
    assert "evolve resume" in str(error.value) or "API_KEY" in str(error.value)
    assert key not in str(error.value)
    for path in (tmp_path / "runs").rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes()


def test_an_unknown_price_is_an_error_when_dollars_are_limited(tmp_path: Path) -> None:
    with serve() as server, pytest.raises(ModelError, match="usd_per_million_prompt"):
        evolve_with(server, tmp_path, budget=Budget(max_usd=1.0))
    assert not list(tmp_path.glob("runs/*"))


def test_a_fork_goes_on_from_its_point(tmp_path: Path) -> None:
    with serve() as server:
        result = evolve_with(server, tmp_path)
        with Reader(result.folder) as reader:
            commits = list(reader.commits())
        at = commits[11].program.id
        forked = asyncio.run(
            afork(
                result.folder,
                at,
                changes={"seed": 5, "models": models_for(server, temperature=1.0)},
                budget=Budget(max_calls=40),
            )
        )
    assert forked.folder.name == "run-fork"
    with Reader(forked.folder) as reader:
        copied = list(reader.commits())
    assert [commit.program.id for commit in copied[:12]] == [commit.program.id for commit in commits[:12]]
    assert [commit.program.seed for commit in copied[12:]] != [commit.program.seed for commit in commits[12:]]
    assert forked.calls == 40
    assert asyncio.run(areplay(result.folder)).same


def test_a_fork_needs_a_program_of_the_run(tmp_path: Path) -> None:
    with serve() as server:
        result = evolve_with(server, tmp_path, budget=Budget(max_calls=3))
    with pytest.raises(UsageError, match="program 999: this run has programs"):
        asyncio.run(afork(result.folder, 999))


def test_lessons_and_blocks_go_to_another_run(tmp_path: Path) -> None:
    with serve() as server:
        first = evolve_with(server, tmp_path, "first", budget=Budget(max_calls=40))
        with Reader(first.folder) as reader:
            assert reader.lessons()
        assert (first.folder / "memory.json").is_file()
        second = evolve_with(server, tmp_path, "second", memory=first.folder, budget=Budget(max_calls=5))
        with Reader(second.folder) as reader:
            requests = [reader.payload(request.request) for request, _ in reader.calls()]
    assert any("of the run first" in request for request in requests)
    assert asyncio.run(areplay(second.folder)).same


def test_a_memory_of_another_problem_is_refused(tmp_path: Path) -> None:
    (tmp_path / "memory.json").write_text(
        '{"version": 1, "problem": "other", "run": "x", "lessons": [], "blocks": []}'
    )
    with serve() as server, pytest.raises(UsageError, match="other"):
        evolve_with(server, tmp_path, memory=tmp_path / "memory.json")


def test_what_was_foreseen_is_kept(tmp_path: Path) -> None:
    with serve() as server:
        result = evolve_with(server, tmp_path)
    with Reader(result.folder) as reader:
        plans = reader.events(kind="plan")
    assert len(plans) == 1
    assert plans[0].data["ends_by"] == "max_calls"
    assert plans[0].data["calls"] == pytest.approx(30, abs=2)


def test_a_program_of_the_user_proposes(tmp_path: Path) -> None:
    script = tmp_path / "agent.py"
    script.write_text(
        "import re, sys\n"
        "prompt = sys.stdin.read()\n"
        "code = re.findall(r'```python\\n(.*?)```', prompt, re.S)[0]\n"
        "number = len(prompt) % 97\n"
        "print(code.replace('first = 0.25', f'first = 0.{number + 100}'))\n"
    )
    import sys

    from evolve.engine import arun
    from evolve.models import ModelsConfig

    command = {"name": "agent", "argv": [sys.executable, str(script)]}
    result = asyncio.run(
        arun(
            write_problem(tmp_path / "sums"),
            models=ModelsConfig.model_validate({"command": [command]}),
            budget=Budget(max_calls=4),
            runs=tmp_path / "runs",
            sandbox="process",
        )
    )
    with Reader(result.folder) as reader:
        mine = [c for c in reader.commits() if c.program.operator == "command"]
    assert result.calls == 4
    assert any(commit.evaluation.status == "valid" for commit in mine)
    assert {commit.program.model for commit in mine if commit.program.model} == {"agent"}
    assert asyncio.run(areplay(result.folder)).same


def test_limits_of_calls_need_a_model(tmp_path: Path) -> None:
    from evolve.engine import arun

    with pytest.raises(UsageError, match="--max-usd: is for runs with models"):
        asyncio.run(
            arun(write_problem(tmp_path / "sums"), budget=Budget(max_usd=1.0), runs=tmp_path / "runs")
        )


def test_programs_can_be_compared_by_meaning(tmp_path: Path) -> None:
    settings = {"embedding": "openai/embedder", "similarity": 0.5}
    with serve() as server:
        result = evolve_with(server, tmp_path, settings=settings, budget=Budget(max_calls=40))
    with Reader(result.folder) as reader:
        purposes = {request.purpose for request, _ in reader.calls()}
        asked = [
            reader.payload(request.request) for request, _ in reader.calls() if request.purpose == "resample"
        ]
    assert {"propose", "embed", "resample"} <= purposes
    assert any("nearly the same" in text or "same program as" in text for text in asked)
    assert asyncio.run(areplay(result.folder)).same


def deep(depth: int) -> str:
    """Return a program that the parser takes, but that is too deep for functions that call themselves."""
    branches = "".join(f"    elif n == {number}:\n        first = {number}\n" for number in range(depth))
    return f"def value(n):\n    if n < 0:\n        first = 0\n{branches}    return 1.0 * first\n"


@pytest.mark.parametrize("depth", [500, 700, 1500])
def test_a_program_that_nests_too_deeply_ends_no_run(tmp_path: Path, depth: int) -> None:
    canned = Canned(pattern="def value", replies=(f"CHANGE: deep\n```python\n{deep(depth)}```\n",))
    with serve(Script(canned=(canned,))) as server:
        result = evolve_with(
            server, tmp_path, budget=Budget(max_calls=6), operators={"rewrite": 1.0, "jitter": 1.0}
        )
    assert result.reason == "max_calls"
    assert asyncio.run(areplay(result.folder)).same


def test_a_setting_that_holds_a_key_is_refused(tmp_path: Path, key: str) -> None:
    with (
        serve() as server,
        pytest.raises(UsageError, match="holds the value of an environment variable") as error,
    ):
        evolve_with(server, tmp_path, settings={"extra": {"user": f"of {key}"}})
    assert key not in str(error.value)
    assert not (tmp_path / "runs").exists()


def test_templates_behind_links_are_not_read(tmp_path: Path, key: str) -> None:
    secret = tmp_path / "secret.j2"
    secret.write_text(f"{key}\n")
    folder = write_problem(tmp_path / "sums")
    (folder / "prompts").mkdir()
    (folder / "prompts" / "_secret.j2").symlink_to(secret)
    (folder / "prompts" / "system.j2").write_text('{% include "_secret.j2" %}\n')
    with serve() as server, pytest.raises(ProblemError, match="_secret"):
        evolve_with(server, tmp_path)
