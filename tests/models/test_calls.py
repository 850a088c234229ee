from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from evolve.errors import ModelError
from evolve.models import (
    CallBudget,
    Failure,
    MemoryJournal,
    Message,
    ModelsConfig,
    NoReply,
    RawReply,
    Reply,
    Stopped,
)
from evolve.models._failure import Kind
from tests.models.helpers import QUESTION, Bench, ToyEmbedder, always, answer, config, failing, first

# What a call reserves: 12 bytes of question, 16 a message, 64 in all, and the longest answer.
PROMPT_BOUND = 12 + 16 + 64


def test_an_answer_comes_with_all_that_is_known_of_it() -> None:
    bench = Bench(
        always(answer("ünï 🎈")), config("toy/a", usd_per_million_prompt=1, usd_per_million_reply=2)
    )
    ticket = bench.ticket(7)
    reply = bench.run(lambda: ticket(QUESTION))
    assert reply == Reply("ünï 🎈", "toy/a", 10, 5, 20e-6, 1.0, "stop")
    assert (ticket.calls, ticket.tokens, ticket.usd, ticket.model) == (1, 15, 20e-6, "toy/a")
    ((sent, ended),) = bench.journal.calls
    assert (sent.ticket, sent.turn, sent.attempt, sent.purpose) == (7, 0, 0, "propose")
    assert (sent.reserved_tokens, sent.reserved_nano_usd) == (
        PROMPT_BOUND + 8192,
        (PROMPT_BOUND + 2 * 8192) * 1000,
    )
    assert json.loads(sent.request)["messages"] == [{"role": "user", "content": "What is new?"}]
    assert ended is not None
    assert (ended.status, ended.tokens, ended.nano_usd) == ("ok", 15, 20_000)
    spent = bench.models.spent
    assert (spent.total.calls, spent.total.failures, spent.by_model["toy/a"].mean_latency_s) == (1, 0, 1.0)
    assert bench.budget.tokens == 15


def test_the_request_is_recorded_before_it_is_sent_and_the_end_before_the_ticket_knows() -> None:
    seen: list[Any] = []

    def look(_: int) -> RawReply:
        seen.append(list(bench.journal.calls))
        return answer()

    bench = Bench(look)
    bench.ask_all(1)
    assert [ended for _, ended in seen[0]] == [None]


def test_a_request_that_cannot_be_recorded_is_not_sent() -> None:
    class Full(MemoryJournal):
        def sent(self, call: Any) -> int:
            raise OSError("disk full", call)

    bench = Bench(always(answer()), journal=Full(), budget=CallBudget(max_calls=1))
    assert isinstance(bench.ask_all(1)[0], OSError)
    assert bench.toy.sent == []
    assert bench.budget.in_flight == 0


def test_texts_that_are_no_unicode_are_mended_before_they_are_sent_or_stored() -> None:
    bench = Bench(always(answer("a\ud800b")))
    reply = bench.run(lambda: bench.ticket(0)([Message("user", "c\udc00d")]))
    assert reply.text == "a?b"
    assert bench.toy.sent[0][1][0].content == "c?d"
    assert "c?d" in bench.journal.calls[0][0].request


# Attempts


def test_a_transient_failure_is_tried_again_after_a_pause_that_doubles() -> None:
    bench = Bench(first(3, Failure("transient", "bad")))
    assert isinstance(bench.ask_all(1)[0], Reply)
    gaps = [b - a - bench.toy.latency_s for a, b in zip(bench.toy.at, bench.toy.at[1:], strict=False)]
    for gap, base in zip(gaps, (0.5, 1, 2), strict=True):
        assert 0.5 * base <= gap <= 1.5 * base
    assert [sent.attempt for sent, _ in bench.journal.calls] == [0, 1, 2, 3]


def test_a_ticket_whose_attempts_all_fail_gets_no_reply_and_the_run_goes_on() -> None:
    bench = Bench(first(4, Failure("transient", "toy/a: bad")))
    ticket = bench.ticket(0)

    async def work() -> Any:
        with pytest.raises(NoReply, match="toy/a: bad"):
            await ticket(QUESTION)
        return await bench.ask(1)

    assert isinstance(bench.run(work), Reply)
    assert ticket.calls == 1
    assert [ended.status for _, ended in bench.journal.calls if ended] == ["failed"] * 3 + ["no_reply", "ok"]


def test_a_refusal_is_not_tried_again() -> None:
    bench = Bench(first(1, Failure("refused", "toy/a: too long")))
    refused, answered = bench.run(lambda: _in_turn(bench, 2))
    assert isinstance(refused, NoReply)
    assert isinstance(answered, Reply)
    assert len(bench.toy.sent) == 2


def test_an_empty_or_huge_answer_is_a_failure_whose_tokens_are_counted() -> None:
    replies = [answer(" \n", 10, 0), answer("x" * 400_001, 10, 90), answer("fine", 10, 5)]
    bench = Bench(lambda number: replies[number])
    assert isinstance(bench.ask_all(1)[0], Reply)
    errors = [ended.error for _, ended in bench.journal.calls if ended]
    assert "empty content" in errors[0]
    assert "huge reply of 400001" in errors[1]
    assert bench.budget.tokens == 10 + 100 + 15


def test_another_model_stands_in_when_one_is_given_up() -> None:
    settings = config("toy/a", "toy/b")

    bench = Bench(first(1, Failure("model", "toy/a: HTTP 401")), settings)
    reply = bench.run(lambda: bench.ticket(0, "toy/a")(QUESTION))
    assert reply.model == "toy/b"
    assert [name for name, _ in bench.toy.sent] == ["toy/a", "toy/b"]
    assert bench.models.usable == ("toy/b",)
    assert bench.events == [("model_given_up", {"model": "toy/a", "failures": 1, "error": "toy/a: HTTP 401"})]


def test_the_preferred_model_is_asked_first_then_the_heaviest() -> None:
    settings = ModelsConfig.model_validate(
        {"use": [{"name": "a"}, {"name": "b", "weight": 3}, {"name": "c"}]}
    )
    bench = Bench(always(answer()), settings)

    async def work() -> list[str]:
        return [(await bench.ask(number, prefer)).model for number, prefer in enumerate(["c", "", "nobody"])]

    assert bench.run(work) == ["c", "b", "b"]


def test_a_paused_model_is_stood_in_for_and_comes_back() -> None:
    bench = Bench(first(1, Failure("rate_limit", "slow", retry_after_s=30)), config("a", "b"))

    async def work() -> list[str]:
        names = [(await bench.ask(0, "a")).model]
        await bench.time.sleep(30)
        return [*names, (await bench.ask(1, "a")).model]

    assert bench.run(work) == ["b", "a"]


def test_without_a_stand_in_the_pause_is_waited_for() -> None:
    bench = Bench(first(1, Failure("rate_limit", "slow", retry_after_s=30)))
    replies = bench.ask_all(3)
    assert all(isinstance(reply, Reply) for reply in replies)
    assert bench.toy.at[-1] - bench.toy.at[0] >= 31


def test_commands_answer_only_when_they_are_named() -> None:
    settings = config("a", command=[{"name": "mine", "argv": ["x"], "weight": 99}])
    bench = Bench(first(1, Failure("model", "a: gone")), settings)

    async def work() -> list[Any]:
        return [
            await bench.ask(0, "mine"),
            await bench.ask(1, "mine"),
            await bench.ask(2),
            await bench.ask(3, "mine"),
        ]

    # The first call is that of "mine": it is given up and "a" stands in for it.
    assert [reply.model for reply in bench.run(work)] == ["a", "a", "a", "a"]

    alone = Bench(failing("model"), settings)
    assert isinstance(alone.run(lambda: alone.ask(0)), ModelError)
    assert [name for name, _ in alone.toy.sent] == ["a"]


# The always failing model


@pytest.mark.parametrize("concurrency", [1, 8, 64])
@pytest.mark.parametrize("retry_after_s", [None, 0.0, 5.0])
@pytest.mark.parametrize("kind", ["rate_limit", "transient", "refused", "model"])
def test_a_model_that_always_fails_stops_the_run_within_twenty_calls(
    kind: Kind, retry_after_s: float | None, concurrency: int
) -> None:
    bench = Bench(failing(kind, retry_after_s=retry_after_s), config("toy/a", concurrency=concurrency))
    outcomes = []

    async def worker(numbers: Any) -> None:
        for number in numbers:
            outcomes.append(await bench.ask(number))
            if isinstance(outcomes[-1], ModelError):
                return

    async def work() -> None:
        numbers = iter(range(10_000))
        await asyncio.gather(*(worker(numbers) for _ in range(64)))

    bench.run(work)
    assert len(bench.toy.sent) <= 19
    assert bench.time.now < 1000 + 600
    error = next(outcome for outcome in outcomes if isinstance(outcome, ModelError))
    assert "toy/a" in str(error)
    assert "failed in a row" in str(error)
    assert "evolve resume" in str(error)


def test_two_models_that_always_fail_are_both_named() -> None:
    bench = Bench(failing("model"), config("toy/a", "toy/b"))
    (error,) = bench.ask_all(1)
    assert isinstance(error, ModelError)
    assert "toy/a: 1 call failed" in str(error)
    assert "toy/b: 1 call failed" in str(error)


def test_an_outage_of_minutes_is_ridden_out() -> None:
    def act(_: int) -> RawReply | Failure:
        out = 1010 < bench.time.now < 1010 + 300
        return Failure("transient", "toy/a: HTTP 503") if out else answer()

    bench = Bench(act, config("toy/a", concurrency=4))

    async def work() -> list[Any]:
        return await _in_turn(bench, 60)

    outcomes = bench.run(work)
    assert not any(isinstance(outcome, ModelError) for outcome in outcomes)
    assert isinstance(outcomes[-1], Reply)
    assert sum(isinstance(outcome, NoReply) for outcome in outcomes) <= 5
    assert ("model_recovered", {"model": "toy/a"}) in bench.events


def test_concurrency_and_slow_start_hold() -> None:
    bench = Bench(always(answer()), config("toy/a", concurrency=20), latency_s=1)
    bench.ask_all(100)
    assert bench.toy.most == 20
    assert sum(at == 1000 for at in bench.toy.at) == 8


def test_requests_per_minute_hold() -> None:
    bench = Bench(always(answer()), config("toy/a", rpm=5, concurrency=50))
    bench.ask_all(20)
    for at in bench.toy.at:
        assert sum(at <= other < at + 60 for other in bench.toy.at) <= 5


def test_tickets_are_served_in_the_order_in_which_they_ask() -> None:
    bench = Bench(always(answer()), config("toy/a", rpm=3, concurrency=2))

    async def ask(number: int) -> None:
        await bench.ticket(number)([Message("user", str(number))])

    async def work() -> None:
        await asyncio.gather(*(ask(number) for number in range(20)))

    bench.run(work)
    assert [messages[0].content for _, messages in bench.toy.sent] == [str(number) for number in range(20)]


# The budget


def test_calls_are_never_more_than_the_limit() -> None:
    bench = Bench(always(answer()), config(concurrency=64), budget=CallBudget(max_calls=10))
    outcomes = bench.ask_all(64)
    assert len(bench.toy.sent) == 10
    assert sum(isinstance(outcome, Stopped) for outcome in outcomes) == 54
    assert bench.models.exhausted == "max_calls"


def test_a_reservation_that_does_not_fit_waits_for_those_in_flight() -> None:
    # Two reservations fit at once, but calls use far less: all twenty get their turn.
    one = PROMPT_BOUND + 100
    bench = Bench(
        always(answer("x", 10, 5)), config(max_tokens=100), budget=CallBudget(max_tokens=2 * one + 20 * 15)
    )
    outcomes = bench.ask_all(20)
    assert all(isinstance(outcome, Reply) for outcome in outcomes)
    assert bench.toy.most <= 3
    assert bench.models.exhausted is None


@pytest.mark.parametrize("failures", [0, 3, 100])
def test_dollars_are_never_exceeded(failures: int) -> None:
    settings = config(max_tokens=100, concurrency=64, usd_per_million_prompt=7, usd_per_million_reply=11)
    budget = CallBudget(max_usd=0.02)
    act = first(failures, Failure("transient", "cut", used=None), answer("x", PROMPT_BOUND, 100))
    bench = Bench(act, settings, budget=budget)
    outcomes = bench.ask_all(64)
    assert budget.nano_usd <= 20_000_000
    assert any(isinstance(outcome, Stopped | ModelError) for outcome in outcomes)
    assert budget.nano_usd == sum(ended.nano_usd for _, ended in bench.journal.calls if ended)


@pytest.mark.parametrize(("used", "charged"), [((0, 0), 15), (None, PROMPT_BOUND + 100 + 15), ((3, 4), 22)])
def test_a_failed_call_is_charged_with_what_it_may_have_cost(used: Any, charged: int) -> None:
    bench = Bench(first(1, Failure("transient", "bad", used=used)), config(max_tokens=100))
    bench.ask_all(1)
    assert (bench.budget.calls, bench.budget.tokens) == (2, charged)


def test_a_server_that_charges_more_than_it_may_is_reported() -> None:
    bench = Bench(always(answer("x", 10, 100_000)))
    bench.ask_all(1)
    assert bench.budget.tokens == 100_010
    assert bench.events[0][0] == "model_overcharged"


def test_dollars_cannot_be_limited_for_a_model_of_unknown_price() -> None:
    bench = Bench(always(answer()), config("toy/a", "toy/b"), budget=CallBudget(max_usd=1))
    with pytest.raises(ModelError, match=r"toy/a, toy/b .*usd_per_million_prompt.*drop --max-usd"):
        bench.ask_all(1)


def test_an_exhausted_budget_charges_nothing_for_a_first_call_that_is_too_large() -> None:
    bench = Bench(always(answer()), budget=CallBudget(max_tokens=100))
    (outcome,) = bench.ask_all(1)
    assert isinstance(outcome, Stopped)
    assert bench.models.exhausted == "max_tokens"
    assert bench.journal.calls == []


def test_an_exhausted_budget_also_stops_those_who_wait_for_something_else() -> None:
    settings = config("a", "b")

    def act(number: int) -> RawReply | Failure:
        return (
            Failure("rate_limit", "slow", retry_after_s=100) if number == 0 else Failure("transient", "bad")
        )

    bench = Bench(act, settings, budget=CallBudget(max_calls=3), latency_s=0.1)
    outcomes = bench.run(lambda: asyncio.gather(bench.ask(0, "a"), bench.ask(1, "b"), bench.ask(2, "b")))
    assert [type(outcome) for outcome in outcomes] == [Stopped] * 3
    assert bench.time.now < 1010
    assert "max_calls" in str(outcomes[0])


# Stopping


def test_after_a_stop_nothing_is_sent_and_what_is_in_flight_may_end() -> None:
    bench = Bench(always(answer()), config(concurrency=2), latency_s=10)

    async def work() -> list[Any]:
        tasks = [asyncio.create_task(bench.ask(number)) for number in range(5)]
        await bench.time.sleep(5)
        bench.models.stop()
        return [await task for task in tasks] + [await bench.ask(9)]

    outcomes = bench.run(work)
    assert [type(outcome) for outcome in outcomes] == [Reply, Reply, Stopped, Stopped, Stopped, Stopped]
    assert bench.time.now == 1010


def test_a_stop_ends_a_back_off() -> None:
    bench = Bench(failing(), latency_s=0)

    async def work() -> tuple[Any, float]:
        task = asyncio.create_task(bench.ask(0))
        await bench.time.sleep(0.01)
        bench.models.stop()
        return await task, bench.time.now

    outcome, at = bench.run(work)
    assert isinstance(outcome, Stopped)
    assert at < 1000.1


def test_a_call_that_fails_after_the_stop_backs_off_no_more() -> None:
    bench = Bench(failing("rate_limit"), latency_s=1)

    async def work() -> tuple[Any, float]:
        task = asyncio.create_task(bench.ask(0))
        await bench.time.sleep(0.5)
        bench.models.stop()
        return await task, bench.time.now

    outcome, at = bench.run(work)
    assert isinstance(outcome, Stopped)
    assert at == 1001


@pytest.mark.parametrize("after_s", [0.0, 0.5, 1.2, 3.0, 30.0])
def test_cancelled_tickets_leave_nothing_behind(after_s: float) -> None:
    budget = CallBudget(max_tokens=10**6)
    slow = Failure("rate_limit", "slow", retry_after_s=2)
    bench = Bench(first(5, slow), config(concurrency=3, rpm=6), budget=budget)

    async def work() -> Any:
        tasks = [asyncio.create_task(bench.ask(number)) for number in range(12)]
        await bench.time.sleep(after_s)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert budget.in_flight == 0
        assert all(ended is not None for _, ended in bench.journal.calls)
        return await bench.ask(100)

    assert isinstance(bench.run(work), Reply)
    assert budget.calls == len(bench.journal.calls)
    assert budget.tokens == sum(ended.tokens for _, ended in bench.journal.calls if ended)


def test_a_cancelled_call_is_charged_with_its_reservation() -> None:
    bench = Bench(always(answer()), config(max_tokens=100), latency_s=50)

    async def work() -> None:
        task = asyncio.create_task(bench.ask(0))
        await bench.time.sleep(1)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    bench.run(work)
    ((_, ended),) = bench.journal.calls
    assert ended is not None
    assert (ended.status, ended.tokens) == ("cancelled", PROMPT_BOUND + 100)


# Records


def _conversation(bench: Bench) -> Any:
    async def work() -> tuple[list[Any], tuple[int, int, float, str | None]]:
        ticket = bench.ticket(3)
        outcomes: list[Any] = []
        for text in ("one", "two", "three"):
            try:
                outcomes.append(await ticket([Message("user", text)]))
            except NoReply as none:
                outcomes.append(str(none))
        outcomes.append(await ticket.embed(["abc", "de"]))
        return outcomes, (ticket.calls, ticket.tokens, ticket.usd, ticket.model)

    return bench.run(work)


def _act(number: int) -> RawReply | Failure:
    outcomes: list[RawReply | Failure] = [
        Failure("transient", "toy/a: bad"),
        answer("first"),
        Failure("refused", "toy/a: no"),
        answer("third", 100, 50),
    ]
    return outcomes[number]


SETTINGS = config(
    "toy/a", "toy/b", embedding="toy/e", usd_per_million_prompt=1, usd_per_million_reply=2, max_tokens=100
)


def test_a_replay_repeats_answers_failures_and_counts_without_a_call() -> None:
    bench = Bench(_act, SETTINGS)
    live = _conversation(bench)
    assert [getattr(outcome, "text", outcome) for outcome in live[0]] == [
        "first",
        "toy/a: no",
        "third",
        ((3.0, 1.0), (2.0, 1.0)),
    ]
    embedder = ToyEmbedder()
    replay = Bench(failing(), SETTINGS, journal=bench.journal.copy(), offline=True, embedder=embedder)
    assert _conversation(replay) == live
    assert (replay.toy.sent, embedder.calls) == ([], 0)
    resumed = Bench(failing(), SETTINGS, journal=bench.journal.copy())
    assert _conversation(resumed) == live
    assert resumed.models.spent == bench.models.spent


def test_a_replay_without_a_record_is_an_error() -> None:
    bench = Bench(always(answer()), offline=True)
    (outcome,) = bench.ask_all(1)
    assert isinstance(outcome, ModelError)
    assert "ticket 0, question 0 (propose) has no record" in str(outcome)
    assert bench.toy.sent == []


def test_another_question_is_not_answered_from_the_record() -> None:
    bench = Bench(always(answer()))
    bench.ask_all(1)
    again = Bench(always(answer("new")), journal=bench.journal.copy())
    reply = again.run(lambda: again.ticket(0)([Message("user", "Something else?")]))
    assert reply.text == "new"
    assert len(again.toy.sent) == 1


def test_an_exhausted_budget_still_answers_from_the_record() -> None:
    bench = Bench(always(answer()))
    bench.ask_all(3)
    again = Bench(always(answer()), journal=bench.journal.copy(), budget=CallBudget(max_calls=3))
    assert [type(outcome) for outcome in again.ask_all(5)] == [Reply, Reply, Reply, Stopped, Stopped]


def test_a_call_that_was_cut_off_counts_with_its_whole_reservation() -> None:
    bench = Bench(always(answer()), config(max_tokens=100))
    bench.ask_all(2)
    bench.journal.calls[1] = (bench.journal.calls[1][0], None)
    budget = CallBudget(max_calls=3, max_tokens=1000)
    again = Bench(always(answer()), config(max_tokens=100), journal=bench.journal.copy(), budget=budget)
    assert (budget.calls, budget.tokens) == (2, 15 + PROMPT_BOUND + 100)
    assert [type(outcome) for outcome in again.ask_all(3)] == [Reply, Reply, Stopped]


def test_the_failure_that_ends_the_run_is_not_held_against_its_ticket() -> None:
    bench = Bench(failing("model"))
    bench.ask_all(1)
    again = Bench(always(answer()), journal=bench.journal.copy())
    assert isinstance(again.ask_all(1)[0], Reply)


# Embeddings


def test_an_embedding_is_charged_and_recorded() -> None:
    bench = Bench(
        always(answer()), config(embedding="toy/e", usd_per_million_prompt=1, usd_per_million_reply=9)
    )
    vectors = bench.run(lambda: bench.ticket(0).embed(["abc"]))
    assert vectors == ((3.0, 1.0),)
    ((sent, ended),) = bench.journal.calls
    assert ended is not None
    assert (sent.purpose, sent.model, ended.text, ended.tokens) == ("embed", "toy/e", "[[3.0,1.0]]", 3)
    assert ended.nano_usd == 3000


def test_without_an_embedding_model_the_error_says_what_to_set() -> None:
    bench = Bench(always(answer()))
    with pytest.raises(ModelError, match="set `embedding`"):
        bench.run(lambda: bench.ticket(0).embed(["abc"]))


# Secrets


def test_a_key_that_comes_back_is_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOY_API_KEY", "canary-0123456789")
    echo = RawReply("your key is canary-0123456789", 1, 1, "canary-0123456789")
    bench = Bench(first(1, Failure("transient", "Authorization: canary-0123456789"), echo))
    (reply,) = bench.ask_all(1)
    assert reply.text == "your key is ***"
    assert "canary" not in repr((reply, bench.journal.calls, bench.events))


async def _in_turn(bench: Bench, count: int) -> list[Any]:
    return [await bench.ask(number) for number in range(count)]
