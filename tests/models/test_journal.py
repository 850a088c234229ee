from __future__ import annotations

from dataclasses import replace

from evolve.models import Ended, MemoryJournal, Recorded, Sent, Usage, usage_of

SENT = Sent(
    ticket=1,
    saw=0,
    turn=0,
    attempt=0,
    model="a",
    purpose="propose",
    request="{}",
    question="q",
    reserved_tokens=100,
    reserved_nano_usd=1000,
)
OK = Ended("ok", text="yes", prompt_tokens=3, reply_tokens=4, tokens=7, nano_usd=70, latency_s=2.0)


def test_only_what_ended_a_turn_is_recalled_and_the_newest_of_it() -> None:
    journal = MemoryJournal()
    assert journal.recorded(1, 0) is None
    call = journal.sent(SENT)
    assert journal.recorded(1, 0) is None
    journal.ended(call, Ended("failed", kind="transient", error="bad"))
    assert journal.recorded(1, 0) is None
    journal.ended(journal.sent(SENT), Ended("no_reply", kind="refused", error="no"))
    journal.ended(journal.sent(replace(SENT, question="other", model="b")), OK)
    journal.ended(journal.sent(SENT), Ended("cancelled", kind="cancelled"))
    journal.sent(SENT)
    assert journal.recorded(1, 0) == Recorded("other", "b", OK)
    assert journal.recorded(1, 1) is None


def test_usage_counts_open_calls_with_their_reservation() -> None:
    assert usage_of(SENT, OK) == Usage(1, 0, 7, 70, 2.0)
    assert usage_of(SENT, Ended("failed", tokens=5, nano_usd=50, latency_s=9)) == Usage(1, 1, 5, 50)
    assert usage_of(SENT, None) == Usage(1, 1, 100, 1000)
    journal = MemoryJournal()
    journal.ended(journal.sent(SENT), OK)
    journal.sent(SENT)
    journal.sent(replace(SENT, model="b"))
    assert journal.usage() == {"a": Usage(2, 1, 107, 1070, 2.0), "b": Usage(1, 1, 100, 1000)}
    assert journal.usage()["a"].mean_latency_s == 2.0
