"""Runs with models, as a user sees them: what is said, written and returned."""

from __future__ import annotations

import contextlib
import io
import json
import re
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from evolve.cli import main
from evolve.engine import Replayed, RunConfig, RunResult
from evolve.store import Reader, Writer
from evolve.testing.model_server import ModelServer, always
from tests.cli.toy import NASTY, Said, Shell, write_toy
from tests.engine.models import MODEL, serve

KEY = "sk-canary-51c09d27ab66e0f4"
PRICES = {"usd_per_million_prompt": 1.0, "usd_per_million_reply": 4.0}
AGENT = """
import re, sys
prompt = sys.stdin.read()
code = re.findall(r"```python\\n(.*?)```", prompt, re.S)[0]
print("CHANGE: a constant\\n```python\\n" + code.replace("1.5", "1.5" + str(len(prompt))) + "```")
"""


@pytest.fixture(scope="module")
def server(litellm_loaded: None) -> Iterator[ModelServer]:  # noqa: ARG001
    """Return a model that answers, with its key in the environment."""
    with serve() as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", KEY)
        yield server


@pytest.fixture(scope="module")
def asked(server: ModelServer, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Said]:
    """Return a folder with the problem `toy` and its run `runs/asked` of 30 calls, and what was said."""
    folder = tmp_path_factory.mktemp("asked")
    write_toy(folder)
    settings(folder, server)
    words = ["run", folder / "toy", "-c", folder / "models.toml", "--max-calls", 30]
    return folder, said(*words, "--id", "asked", "--runs", folder / "runs")


@pytest.fixture
def run(place: Path, asked: tuple[Path, Said]) -> Path:
    """Return that run as one of this folder's problem, free to be changed."""
    folder, _ = asked
    copy = place / "runs" / "asked"
    shutil.copytree(folder / "runs" / "asked", copy)
    config = copy / "config.toml"
    config.write_text(config.read_text().replace(str(folder), str(place)))
    return copy


def settings(folder: Path, server: ModelServer, **others: Any) -> Path:
    """Write a file for `--config` that asks the server."""
    models = {"api_base": server.url, "max_tokens": 2000, "reflect_every": 10, **PRICES}
    path = folder / "models.toml"
    table = {"sandbox": "process", "models": {**models, "use": [{"name": MODEL}]}, **others}
    path.write_bytes(tomli_w.dumps(table).encode())
    return path


def said(*arguments: object) -> Said:
    """Run a command where no capture is at hand."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert isinstance(ended.value.code, int)
    return Said(ended.value.code, out.getvalue(), err.getvalue())


def agent(folder: Path) -> str:
    """Write a program that proposes, and return the command that starts it."""
    (folder / "agent.py").write_text(AGENT)
    return f"{sys.executable} {folder / 'agent.py'}"


def cells(text: str, name: str) -> list[str]:
    """Return what a table says in the row of this name."""
    found = re.search(rf"^{re.escape(name)}  +(.*)$", text, re.MULTILINE)
    assert found, f"no row {name!r} in:\n{text}"
    return found[1].split()


# -- run and resume ----------------------------------------------------------------------------------


def test_a_run_says_what_it_asks_and_sets_what_was_foreseen_beside_what_was_used(
    asked: tuple[Path, Said], server: ModelServer
) -> None:
    folder, said = asked
    assert (said.code, said.err) == (0, "")
    assert f"asking {MODEL}" in said.out
    assert "30 calls to models are used up" in said.out
    assert cells(said.out, "calls") == ["30", "30"]
    assert {float(cells(said.out, "USD")[1])} == {float(re.findall(r"tokens, \$([0-9.]+)\n", said.out)[0])}
    for row in ("prompt tokens a call", "reply tokens a call", "tokens", "evaluations"):
        foreseen, used = cells(said.out, row)
        assert int(foreseen.replace(",", "")) > 0
        assert int(used.replace(",", "")) > 0
    config = RunConfig.load(folder / "runs" / "asked")
    assert (config.order, config.sandbox, config.window) == ("arrival", "process", 16)
    assert server.url not in said.out
    for path in folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes()


def test_json_tells_calls_tokens_and_dollars(shell: Shell, place: Path, server: ModelServer) -> None:
    settings(place, server, budget={"max_calls": 50})
    said = shell("run", "toy", "-c", "models.toml", "--max-calls", 4, "--max-usd", 1, "--id", "one", "--json")
    assert (said.code, said.err) == (0, "")
    lines = [json.loads(line) for line in said.out.splitlines()]
    last = lines[-1]
    assert (last["event"], last["reason"], last["calls"]) == ("done", "max_calls", 4)
    assert last["tokens"] > 0
    assert 0 < last["usd"] < 1
    assert lines[-2]["spent"]["calls"] == 4, "so do the lines before"
    budget = RunConfig.load(place / "runs/one").budget
    assert (budget.max_calls, budget.max_usd) == (4, 1.0), "options win over the file"


def test_resume_goes_on_with_more_calls(shell: Shell, run: Path) -> None:
    said = shell("resume", "asked", "--max-calls", 34)
    assert said.code == 0
    assert "34 calls to models, " in said.out
    assert cells(said.out, "prompt tokens a call"), "what was foreseen of a call still holds"
    assert not re.search(r"^calls  ", said.out, re.MULTILINE), "the rest was foreseen for 30 calls"
    with Reader(run) as reader:
        assert len(reader.calls()) == 34


@pytest.mark.usefixtures("run")
def test_resume_without_more_calls_says_which_limit_to_raise(shell: Shell, server: ModelServer) -> None:
    calls = server.calls
    said = shell("resume", "asked")
    assert said.code == 0
    assert "30 calls to models are used up. Raise it to go on: --max-calls" in said.out
    assert server.calls == calls


def test_options_win_over_the_file_and_models_are_added_to_it(shell: Shell, place: Path) -> None:
    command = agent(place)
    entry = {"name": "mine", "argv": command.split(), "weight": 2.0}
    table = {"seed": 5, "window": 3, "order": "ticket", "params": {"n": 4}, "models": {"command": [entry]}}
    (place / "file.toml").write_bytes(tomli_w.dumps({**table, "budget": {"max_calls": 2}}).encode())
    again = ["--command", command, "--concurrency", 3]
    said = shell("run", "toy", "-c", "file.toml", *again, "--seed", 7, "-p", "n=5", "--id", "one")
    assert said.code == 0
    config = RunConfig.load(place / "runs/one")
    assert config.models is not None
    assert (config.seed, config.params, config.window, config.order) == (7, {"n": 5}, 3, "ticket")
    program = Path(sys.executable).name
    found = [(spec.name, spec.weight, spec.concurrency) for spec in config.models.command]
    assert found == [("mine", 2.0, 3), (program, 1.0, 3)]
    assert config.budget.model_dump(exclude_none=True) == {"max_calls": 2}


def test_commands_of_one_program_get_names_of_their_own(shell: Shell, place: Path) -> None:
    command = agent(place)
    limits = ["--max-evals", 32, "--sandbox", "process", "--concurrency", 2]
    said = shell("run", "toy", "--command", command, "--command", command + " --x", *limits)
    program = Path(sys.executable).name
    assert f"asking {program}, {program}-2\n" in said.out
    assert said.code == 0, "nor is a command asked for lessons, which it would not know how to give"


def test_lessons_and_prompts_of_the_user_are_asked_with(
    shell: Shell, place: Path, run: Path, server: ModelServer
) -> None:
    (place / "mine").mkdir()
    (place / "mine/system.j2").write_text(
        '{% extends "package/system.j2" %}{% block role %}Be brief.{% endblock %}'
    )
    settings(place, server, prompts="mine")
    said = shell("run", "toy", "-c", "models.toml", "--memory", run, "--max-calls", 6, "--id", "one")
    assert said.code == 0
    with Reader(place / "runs/one") as reader:
        requests = [reader.payload(request.request) for request, _ in reader.calls()]
    assert all("Be brief." in request for request in requests)
    assert any("of the run asked" in request for request in requests)


def test_a_model_that_never_answers_is_named_at_the_end(
    shell: Shell, place: Path, server: ModelServer
) -> None:
    models = {"api_base": "http://127.0.0.1:9/v1", "attempts": 1}
    settings(place, server, models={**models, "use": [{"name": MODEL}]})
    said = shell("run", "toy", "-c", "models.toml", "--max-calls", 2)
    assert said.code == 3, "a run without a single answer is no success"
    assert "2 calls to models (2 failed), 0 tokens" in said.out
    assert f"no call was answered; the last failure: {MODEL}: cannot connect" in said.out


def test_a_missing_key_is_told_with_the_way_out(shell: Shell, place: Path, server: ModelServer) -> None:
    with serve(always("unauthorized")) as closed:
        settings(place, server, models={"api_base": closed.url, "use": [{"name": MODEL}]})
        said = shell("run", "toy", "-c", "models.toml", "--max-calls", 50, "--id", "one")
    assert said.code == 2
    assert "error: no model can be used any more." in said.err
    assert "HTTP 401" in said.err
    assert "Set OPENAI_API_KEY" in said.err
    assert said.err.endswith("What was found until then is safe. Go on with: evolve resume last\n")
    assert KEY not in said.err + said.out
    assert "Traceback" not in said.err
    shown = shell("show", "one")
    assert cells(shown.out, "state") == ["failed"]
    assert "HTTP 401" in shown.out


# -- show ---------------------------------------------------------------------------------------------


def test_show_tells_of_arms_models_and_lessons(shell: Shell, run: Path) -> None:
    said = shell("show", "asked")
    facts = json.loads(shell("show", "asked", "--json").out)
    arms = {arm["arm"]: arm for arm in facts["operators"]}
    asked = [name for name in arms if name.endswith("@" + MODEL)]
    assert f"diff@{MODEL}" in asked
    table = said.out[said.out.index("operator  ") :]
    for name, arm in arms.items():
        _, _, _, reward, calls, tokens, usd = cells(table, name)
        assert reward == ("–" if arm["reward"] is None else f"{arm['reward']:.3f}")
        assert (calls, tokens, usd) == (str(arm["calls"]), f"{arm['tokens']:,}", f"{arm['usd']:.4f}")
    assert any(arms[name]["reward"] > 0 for name in asked)
    assert cells(said.out, MODEL)[0] == str(facts["models"][MODEL]["calls"]) == "30"
    assert facts["models"][MODEL].keys() == {"calls", "failures", "tokens", "usd", "mean_latency_s"}
    with Reader(run) as reader:
        lessons = reader.lessons()
    assert [lesson["text"] for lesson in facts["lessons"]] == [row.text for row in lessons]
    assert f"  {lessons[-1].text} (program" in said.out


@pytest.mark.usefixtures("run")
def test_show_fits_a_terminal(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = shell("show", "asked")
    assert "…" not in said.out
    assert max(map(len, said.out.splitlines())) <= 80 + len("(programs 99, 99, 99)")


def test_show_a_program_tells_of_its_model(shell: Shell, run: Path) -> None:
    with Reader(run) as reader:
        row = next(commit.program for commit in reader.commits() if commit.program.model)
    said = shell("show", "asked", row.id)
    assert cells(said.out, "model") == [MODEL]
    assert cells(said.out, "calls") == [str(row.calls)]
    facts = json.loads(shell("show", "asked", row.id, "--json").out)
    assert (facts["model"], facts["calls"], facts["tokens"]) == (MODEL, row.calls, row.tokens)
    assert facts["usd"] == row.usd > 0


# -- plan ---------------------------------------------------------------------------------------------


def test_plan_foresees_and_sends_nothing(shell: Shell, place: Path, server: ModelServer) -> None:
    settings(place, server)
    calls = server.calls
    said = shell("plan", "toy", "-c", "models.toml", "--max-calls", 100)
    assert said.code == 0
    assert cells(said.out, "rewrite")[0] == MODEL
    assert "made by built-in operators, without a call" in said.out
    assert cells(said.out, "ends by") == ["--max-calls", "100"]
    facts = json.loads(shell("plan", "toy", "-c", "models.toml", "--max-calls", 100, "--json").out)
    assert (facts["calls"], facts["ends_by"]) == (100, "max_calls")
    assert cells(said.out, "USD") == [f"{facts['usd']:.4f}"]
    assert {line["operator"] for line in facts["lines"]} >= {"diff", "rewrite", "repair"}
    assert server.calls == calls
    assert not (place / "runs").exists()


def test_plan_without_a_limit_names_the_default(shell: Shell, place: Path) -> None:
    said = shell("plan", "toy", "--command", agent(place))
    assert "--max-evals 500, the default" in said.out


@pytest.mark.usefixtures("server")
def test_plan_of_an_unknown_price_says_where_to_set_it(shell: Shell) -> None:
    said = shell("plan", "toy", "--model", "openai/mystery", "--max-evals", 10, "--sandbox", "process")
    assert said.code == 0
    assert cells(said.out, "USD") == ["not", "known"]
    assert "no price is known for openai/mystery: set usd_per_million_prompt" in said.out


@pytest.mark.usefixtures("server")
def test_plan_knows_the_prices_of_cloud_models(shell: Shell) -> None:
    said = shell("plan", "toy", "--model", "openai/gpt-4o-mini", "--max-usd", 1, "--json")
    facts = json.loads(said.out)
    assert facts["ends_by"] == "max_usd"
    assert facts["usd"] == pytest.approx(1.0, rel=0.02)


# -- replay and fork ----------------------------------------------------------------------------------


def test_a_replay_repeats_the_run_without_a_call(shell: Shell, run: Path, server: ModelServer) -> None:
    calls = server.calls
    said = shell("replay", "asked")
    assert (said.code, said.err) == (0, "")
    assert "the same: " in said.out
    assert "30 recorded calls" in said.out
    assert " to go" not in said.out, "the budget of the record is used up from the start"
    assert server.calls == calls
    with Reader(run) as before, Reader(run.with_name("asked-replay")) as after:
        assert before.digest() == after.digest()


def test_a_replay_of_a_changed_record_ends_with_1_and_says_where(shell: Shell, run: Path) -> None:
    with sqlite3.connect(run / "run.db") as database:
        database.execute("UPDATE evaluation SET objective = 0.125 WHERE program = 1")
    database.close()
    said = shell("replay", "asked")
    assert said.code == 1
    assert "different: program 1: objective was 0.125 on record and is 0.25 now" in said.out
    last = json.loads(shell("replay", "asked", "--json").out.splitlines()[-1])
    assert (last["event"], last["same"]) == ("replayed", False)
    assert last["difference"].startswith("program 1: objective was 0.125")


def test_a_run_in_progress_is_not_replayed(shell: Shell, run: Path) -> None:
    writer = Writer(run)
    try:
        said = shell("replay", "asked")
    finally:
        writer.close()
    assert said.code == 2
    assert "is in progress. Replay it when it has ended." in said.err


def test_an_interrupted_replay_claims_no_difference(
    shell: Shell, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = RunResult(run, "toy", "interrupted", "it was interrupted", 1, 0.25, "", 3, 4, {}, 1.0, "")

    async def interrupted(*_: object, **__: object) -> Replayed:
        return Replayed(result, False, 20, "20 commits are on record, 4 were repeated")

    monkeypatch.setattr("evolve.cli._replay.areplay", interrupted)
    said = shell("replay", "asked")
    assert said.code == 130
    assert "interrupted after 4 of 20 commits" in said.out
    assert "different" not in said.out


def test_a_fork_is_a_run_of_its_own(shell: Shell, run: Path) -> None:
    with Reader(run) as reader:
        commits = list(reader.commits())
        before = reader.digest()
    said = shell("fork", "asked", "--at", commits[9].program.id, "--seed", 3, "--max-calls", 33)
    assert (said.code, said.err) == (0, "")
    assert "run      runs/asked-fork" in said.out
    with Reader(run) as reader, Reader(run.with_name("asked-fork")) as forked:
        assert reader.digest() == before
        ids = [commit.program.id for commit in forked.commits()]
    assert ids[:10] == [commit.program.id for commit in commits[:10]]
    assert RunConfig.load(run.with_name("asked-fork")).seed == 3


# -- what is wrong ------------------------------------------------------------------------------------

NONE = "is for runs with models, and this one has none"
WITH = f"--model {MODEL} --api-base http://127.0.0.1:9/v1"
WRONG = {
    "run toy --model=": "--model must be provider/model or provider/model=weight",
    "run toy --model x=0": "with a weight above 0, got 'x=0'",
    "run toy --model x=much": "with a weight above 0, got 'x=much'",
    f"run toy {WITH} --model {MODEL}": f"names must be unique: '{MODEL}' is there twice",
    "run toy --max-usd 1": f"--max-usd: {NONE}",
    "run toy --max-calls 1": f"--max-calls: {NONE}",
    "run toy --prompts toy": f"--prompts: {NONE}",
    "run toy --memory toy": f"--memory: {NONE}",
    "run toy --concurrency 2": f"--concurrency: {NONE}",
    "run toy --api-base http://127.0.0.1:9/v1": f"--api-base: {NONE}",
    "run toy --command cat --api-base http://127.0.0.1:9/v1": "there are commands only",
    f"run toy --model {MODEL} --api-base there": "must be an address like http://localhost:8000/v1",
    f"run toy {WITH} --max-usd 1": "the price of openai/scripted is not known: --max-usd 1 cannot be kept",
    f"run toy {WITH} --prompts nowhere": "--prompts nowhere: must be a folder of templates",
    f"run toy {WITH} --prompts toy": "toy/problem.toml: is no template that is asked for",
    f"run toy {WITH} --memory toy": "must be the folder of a run with models, or its memory.json",
    f"run toy {WITH} --memory toy/seed.py": "toy/seed.py: is not valid JSON",
    "run toy --order foo": "--order foo: must be ticket or arrival",
    "run toy --order tickets": "Did you mean 'ticket'?",
    "run toy --command=": "--command: must name a program",
    'run toy --command "\'a"': "cannot be split into words",
    "run toy --config nowhere.toml": "nowhere.toml: cannot be read",
    "run toy --config typo.toml": "models.concurency: unknown key (value 3). Did you mean 'concurrency'?",
    "run toy --config secret.toml": "'api_key' must not be here: keys are read from the environment",
    "run toy --config idle.toml": "models: must name at least one model or command",
    "plan toy": "is for runs with models. Give --model PROVIDER/NAME.",
    f"plan toy {WITH} --max-usd 1": "the price of openai/scripted is not known",
    "resume asked --max-usd 1 --order foo": "--order",
    "fork asked --at 99999": "program 99999: this run has programs 1 to ",
    "fork asked --at 2 --prompts nowhere": "--prompts nowhere: must be a folder of templates",
    "fork asked --at 2 --order foo": "--order foo: must be ticket or arrival",
    "fork nothere --at 2": "no such run in runs/. Latest: asked.",
    "replay nothere": "no such run in runs/. Latest: asked.",
    "replay toy": "is not a run: it holds no run.db",
}
FILES = {
    "typo.toml": "[models]\nconcurency = 3\n",
    "secret.toml": "[models]\napi_key = 'sk-0123456789'\n",
    "idle.toml": "[models]\nconcurrency = 3\n",
}


@pytest.mark.usefixtures("server", "run")
@pytest.mark.parametrize(("line", "message"), WRONG.items(), ids=list(WRONG))
def test_what_is_wrong_is_told_and_nothing_is_begun(
    shell: Shell, place: Path, line: str, message: str
) -> None:
    for name, text in FILES.items():
        (place / name).write_text(text)
    words = [word.strip('"') for word in line.split()]
    said = shell(*words)
    assert said.code == 2
    assert message in said.err
    assert "Traceback" not in said.err
    assert "sk-0123456789" not in said.err
    assert [path.name for path in (place / "runs").iterdir()] == ["asked"]


LIMITS = {
    "resume done --max-calls 3": "--max-calls: ",
    "resume done --concurrency 3": "--concurrency: ",
    "fork done --at 2 --max-usd 1": "--max-usd: ",
}


@pytest.mark.parametrize(("line", "option"), LIMITS.items(), ids=list(LIMITS))
def test_limits_of_calls_are_refused_for_a_run_without_models(
    shell: Shell, done: Path, line: str, option: str
) -> None:
    before = (done / "config.toml").read_text()
    said = shell(*line.split())
    assert said.code == 2
    assert option + NONE in said.err
    assert (done / "config.toml").read_text() == before


# -- what newcomers stumble over ----------------------------------------------------------------------


def test_a_missing_key_is_told_before_anything_is_made(
    shell: Shell, place: Path, server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings(place, server)
    monkeypatch.delenv("OPENAI_API_KEY")
    for command in ("run", "plan"):
        said = shell(command, "toy", "-c", "models.toml", "--max-calls", 5)
        assert said.code == 2
        assert said.out == "", "no headline of a run that does not begin"
        assert f"error: {MODEL}: its key is not set: expected it at {server.url}" in said.err
        assert "any text if the server wants none" in said.err
        assert not (place / "runs").exists()


@pytest.mark.usefixtures("server")
def test_an_unknown_provider_is_told_before_anything_is_made(shell: Shell, place: Path) -> None:
    for command in ("run", "plan"):
        said = shell(command, "toy", "--model", "opanai/gpt-5-mini", "--sandbox", "process")
        assert (said.code, said.out) == (2, "")
        assert "no provider is known for this name" in said.err
        assert "Did you mean 'openai/gpt-5-mini'?" in said.err
        assert not (place / "runs").exists()


def test_a_fork_without_a_key_makes_nothing(shell: Shell, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    said = shell("fork", "asked", "--at", 2, "--max-calls", 60)
    assert said.code == 2
    assert "variable OPENAI_API_KEY" in said.err
    assert [path.name for path in run.parent.iterdir()] == ["asked"]


def test_plan_warns_of_hidden_reasoning_and_of_what_a_call_sets_aside(
    shell: Shell, place: Path, server: ModelServer
) -> None:
    said = shell("plan", "toy", "--model", "openai/gpt-5-mini", "--max-usd", 1)
    assert "openai/gpt-5-mini: reasons before it answers." in said.out
    assert "a run ends when less than that is left" in said.out
    settings(place, server)
    said = shell("plan", "toy", "-c", "models.toml", "--max-tokens", 500)
    assert "reasons before it answers" not in said.out
    assert "--max-tokens 500 is less, so some calls, or all, would never be sent" in said.out


def test_plan_claims_no_tokens_of_a_command(shell: Shell, place: Path) -> None:
    said = shell("plan", "toy", "--command", agent(place), "--max-evals", 20, "--sandbox", "process")
    assert cells(said.out, "command")[-3:] == ["–", "–", "–"]
    assert cells(said.out, "tokens") == cells(said.out, "USD") == ["not", "known"]


def test_resume_takes_settings_of_models_and_refuses_other_models(
    shell: Shell, place: Path, run: Path
) -> None:
    (place / "slower.toml").write_text(
        "[models]\nmax_tokens = 1500\nconcurrency = 2\n[budget]\nmax_calls = 32\n"
    )
    assert shell("resume", "asked", "-c", "slower.toml").code == 0
    config = RunConfig.load(run)
    assert config.models is not None
    (spec,) = config.models.use
    assert (spec.max_tokens, spec.concurrency, config.budget.max_calls) == (1500, 2, 32)
    (place / "other.toml").write_text('[[models.use]]\nname = "openai/other"\n')
    said = shell("resume", "asked", "-c", "other.toml", "--max-calls", 40)
    assert said.code == 2
    assert "must be those that the run began with" in said.err
    assert "evolve fork" in said.err
    assert RunConfig.load(run).budget.max_calls == 32


def test_a_runs_own_configuration_begins_another_run_of_its_problem_alone(
    shell: Shell, place: Path, run: Path
) -> None:
    said = shell("run", "toy", "-c", run / "config.toml", "--max-calls", 3, "--id", "two")
    assert said.code == 0
    before, after = RunConfig.load(run), RunConfig.load(place / "runs/two")
    assert after.model_dump(exclude={"budget"}) == before.model_dump(exclude={"budget"})
    said = shell("run", "circle_packing", "-c", run / "config.toml")
    assert said.code == 2
    assert "is the configuration of a run of" in said.err


def test_a_limit_can_be_dropped(shell: Shell, run: Path) -> None:
    said = shell("fork", "asked", "--at", 2, "--max-calls", "none", "--max-evals", 4)
    assert said.code == 0
    assert RunConfig.load(run.with_name("asked-fork")).budget.model_dump(exclude_none=True) == {
        "max_evals": 4
    }
    said = shell("fork", "asked", "--at", 2, "--max-calls", "nine")
    assert said.code == 2
    assert "must be a whole number, or none for no such limit" in re.sub(r"[\s│]+", " ", said.err)


def test_last_is_the_run_and_not_its_replay(shell: Shell, run: Path) -> None:
    assert shell("replay", "last").code == 0
    assert (run.parent / "asked-replay").is_dir()
    assert cells(shell("show", "last").out, "run") == ["asked"]
    assert cells(shell("show", "asked-replay").out, "ended")[:2] == ["every", "recorded"]


def test_a_paid_answer_can_be_read_although_its_program_was_not_committed(shell: Shell, run: Path) -> None:
    with Reader(run) as reader:
        program = next(commit.program.id for commit in reader.commits() if commit.program.model)
        (_, reply), *_ = reader.calls(ticket=program)
        assert reply is not None
        text = reader.payload(reply.text)
    with sqlite3.connect(run / "run.db") as database:
        for name, key in (("parentage", "child"), ("archive_event", "program"), ("evaluation", "program")):
            database.execute(f"DELETE FROM {name} WHERE {key} = ?", (program,))
        database.execute("DELETE FROM program WHERE id = ?", (program,))
    database.close()
    said = shell("show", "asked", program)
    assert said.code == 2
    assert f"on record: evolve show RUN {program} --prompt --reply." in said.err
    calls = json.loads(shell("show", "asked", program, "--reply", "--json").out)
    assert calls[0]["reply"] == text
    assert shell("show", "asked", 99_999, "--reply").code == 2


def test_prompts_and_replies_of_a_program_are_shown_as_plain_text(shell: Shell, run: Path) -> None:
    with Reader(run) as reader:
        program = next(commit.program.id for commit in reader.commits() if commit.program.model)
        (request, reply), *_ = reader.calls(ticket=program)
        assert reply is not None
        text = reader.payload(reply.text)
    with sqlite3.connect(run / "run.db") as database:
        database.execute("UPDATE payload SET text = ? WHERE hash = ?", (NASTY + text, reply.text))
    database.close()
    said = shell("show", "asked", program, "--prompt", "--reply")
    assert said.code == 0
    assert f"call {request.id}: {MODEL}, {request.purpose}, question 1, attempt 1: answered" in said.out
    assert f"{reply.prompt_tokens:,} + {reply.reply_tokens:,} tokens, $" in said.out
    assert "--- system (" in said.out
    assert "[red]x[/red] [/]" in said.out
    assert "\x1b" not in said.out
    assert "\u202e" not in said.out
    only = shell("show", "asked", program, "--reply").out
    assert "--- reply (" in only
    assert "--- system (" not in only
    (call, *_) = json.loads(shell("show", "asked", program, "--prompt", "--json").out)
    assert (call["model"], call["status"], call["attempt"]) == (MODEL, "ok", 0)
    assert call["messages"][0]["role"] == "system"
    assert "reply" not in call
    assert "no model was asked" in shell("show", "asked", 1, "--prompt").out
    assert shell("show", "asked", "--prompt").code == 2


def test_show_tells_how_a_run_was_set_and_why_it_ended(shell: Shell, run: Path, server: ModelServer) -> None:
    said = shell("show", "asked")
    assert cells(said.out, "ended")[:2] == ["30", "calls"]
    assert f"api_base={server.url}" in said.out
    assert cells(said.out, "sandbox") == ["process"]
    facts = json.loads(shell("show", "asked", "--json").out)
    assert facts["asking"] == [{"model": MODEL, "api_base": server.url, "weight": 1.0}]
    assert facts.keys() >= {"workers", "sandbox", "prompts", "memory", "ended"}
    assert run.name == facts["run"]


def test_an_unknown_price_is_not_shown_as_nothing(shell: Shell, place: Path, server: ModelServer) -> None:
    settings(place, server, models={"api_base": server.url, "use": [{"name": MODEL}]})
    assert shell("run", "toy", "-c", "models.toml", "--max-calls", 3, "--id", "one").code == 0
    said = shell("show", "one")
    assert re.search(rf"^{MODEL} +3 .* not known ", said.out, re.MULTILINE)
    assert json.loads(shell("show", "one", "--json").out)["models"][MODEL]["usd"] is None


def test_wrong_islands_of_a_file_are_told_in_words(shell: Shell, place: Path) -> None:
    for text, said in {
        "islands = 3": 'islands: must be a name such as "ring4"',
        "[islands]\nring = 4": "islands.archipelago: is missing",
        "[islands.archipelago]\ntitle = 'x'\n[[islands.island]]\ncopies = 'x'": "must be an integer, got 'x'",
    }.items():
        (place / "file.toml").write_text(text)
        found = shell("run", "toy", "-c", "file.toml")
        assert found.code == 2
        assert said in found.err
        assert "Preset" not in found.err
        assert "<" not in found.err


def test_a_model_that_brings_nothing_is_told(
    shell: Shell, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with ModelServer(always("prose")) as server:
        settings(place, server)
        few = shell("run", "toy", "-c", "models.toml", "--max-calls", 6)
        none = shell("run", "toy", "-c", "models.toml", "--max-tokens", 50)
    assert few.code == 0
    assert "and no valid program came of them; the last one begins:" in few.out
    assert none.code == 3
    assert "no call was sent: the rest of 50 tokens is less than the next call may use" in none.out


def test_a_command_that_is_not_there_is_told_before_the_run(shell: Shell, place: Path) -> None:
    found = shell("run", "toy", "--command", "no-such-agent --quiet")
    assert found.code == 2
    assert "'no-such-agent' is no program on the PATH" in found.err
    assert not list(place.glob("runs/*"))
