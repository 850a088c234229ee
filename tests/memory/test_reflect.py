from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import replace

import pytest

from evolve.memory import reflect
from evolve.memory._reflect import read_lessons
from evolve.models import Message, NoReply, Reply, Stopped
from evolve.prompts import Hypothesis, Lesson, ProblemView, PromptContext, Prompts, Step

PROBLEM = ProblemView("toy", "A toy", "Do it.", "solve", ("n",), (), {}, "value", "maximize", 5.0, 128, ())
VIEW = PromptContext(
    PROBLEM,
    wins=(Step(3, "more starts", "valid", 1.0, 2.0),),
    losses=(Step(7, "no polish", "valid", 1.0, 0.5), Step(12, "noise", "failed", 1.0, None)),
)
SHOWN = frozenset({3, 7, 12})


class FakePrompts(Prompts):
    def messages(self, name: str, context: PromptContext) -> tuple[Message, ...]:
        assert context.problem is PROBLEM
        return (Message("user", name),)

    def retry(self, name: str, context: PromptContext, reply: str, reason: str) -> tuple[Message, ...]:
        assert context.problem is PROBLEM
        return (Message("user", name), Message("assistant", reply), Message("user", reason))


class FakeAsk:
    def __init__(self, *answers: str | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[Message, ...]] = []

    async def __call__(
        self,
        messages: Sequence[Message],
        *,
        purpose: str = "propose",
        known_by: Sequence[Message] | None = None,  # noqa: ARG002
    ) -> Reply:
        assert purpose == "reflect"
        self.asked.append(tuple(messages))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return Reply(answer, "fake", 1, 1, 0.0, 0.0, "stop")


def run(ask: FakeAsk, view: PromptContext = VIEW) -> tuple[Lesson, ...]:
    return asyncio.run(reflect(ask, FakePrompts(), view))


def test_a_usable_reply_takes_one_call() -> None:
    ask = FakeAsk("LESSON: More starts help. (programs 3, 7)")
    assert run(ask) == (Lesson("More starts help.", (3, 7)),)
    assert ask.asked == [(Message("user", "reflect"),)]


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I cannot say.", "no line of the form"),
        ("LESSON: Something (programs 99)", "No lesson could be used"),
    ],
)
def test_an_unusable_reply_gets_one_more_turn(reply: str, reason: str) -> None:
    ask = FakeAsk(reply, "LESSON: Polish (program 7)")
    assert run(ask) == (Lesson("Polish", (7,)),)
    assert ask.asked[1][1].content == reply
    assert reason in ask.asked[1][2].content


@pytest.mark.parametrize("reply", ["NONE", "Nothing new here.\n\n**None.**\n", "LESSON: none"])
def test_that_there_is_nothing_to_learn_is_an_answer(reply: str) -> None:
    assert run(FakeAsk(reply)) == ()


def test_a_lesson_may_rest_on_a_hypothesis() -> None:
    tried = Hypothesis(21, "Polish longer.", "value", "up", 1.0, 1.0, held=False)
    ask = FakeAsk("LESSON: Longer polishing gains nothing. (program 21)")
    view = replace(VIEW, hypotheses=(tried,))
    assert run(ask, view) == (Lesson("Longer polishing gains nothing.", (21,)),)


def test_a_second_unusable_reply_gives_nothing() -> None:
    ask = FakeAsk("", "still nothing")
    assert run(ask) == ()
    assert len(ask.asked) == 2


@pytest.mark.parametrize("outcome", [NoReply("refused"), Stopped("budget")])
@pytest.mark.parametrize("turn", [0, 1])
def test_what_ends_a_call_is_passed_on(outcome: Exception, turn: int) -> None:
    with pytest.raises(type(outcome)):
        run(FakeAsk(*["nothing"] * turn, outcome))


def test_nothing_is_asked_when_nothing_happened() -> None:
    assert run(FakeAsk(), PromptContext(PROBLEM)) == ()


@pytest.mark.parametrize(
    "line",
    [
        "LESSON: Polish it. (programs 3, 7)",
        "- LESSON: Polish it. (programs 3 and 7)",
        "* **LESSON:** Polish it. (programs: #3, #7)",
        "1. **LESSON**: Polish it. [3, 7]",
        "  2) lesson 2 - Polish it. (seen in programs 3, 7).",
        "> `LESSON:` Polish it. (ids 7, 3)",
        "### Lesson #3: Polish it. Programs 3 & 7.",
        "LESSON — **Polish it.** (programs 3, 7, 99)",
        "LESSON: Polish it.\n(programs 3, 7)",
        "LESSON: Polish\nit. (programs 3, 7)\nThat is all (program 12).",
        "Sure:\n\nLESSON: Polish\x1b \x00it. (programs 3, 7)",
    ],
)
def test_many_ways_to_write_a_lesson_are_read(line: str) -> None:
    assert read_lessons(line, SHOWN) == (Lesson("Polish it.", (3, 7)),)


@pytest.mark.parametrize(
    "reply",
    [
        "LESSON: Polish it.",
        "LESSON: Polish it. (programs 1, 2)",
        "LESSON: (programs 3, 7)",
        "LESSON: f(3) is bad",
        "LESSON: Use 3 of 7",
        "Lesson-based (3)",
        "LESSONS: many (3)",
        "LESSON: " + "a" * 301 + " (3)",
        "LESSON: Polish it.\n\n(programs 3, 7)",
    ],
)
def test_lessons_without_support_or_sentence_are_dropped(reply: str) -> None:
    assert read_lessons(reply, SHOWN) == ()


def test_the_sentence_keeps_what_is_in_its_own_parentheses() -> None:
    (lesson,) = read_lessons("LESSON: Use minimize(x) [SLSQP] with a[0] (programs 3)", SHOWN)
    assert lesson == Lesson("Use minimize(x) [SLSQP] with a[0]", (3,))


def test_at_most_five_lessons_are_taken() -> None:
    reply = "\n".join(f"LESSON: Number {n} (3)" for n in range(9))
    assert [item.text for item in read_lessons(reply, SHOWN)] == [f"Number {n}" for n in range(5)]


@pytest.mark.parametrize(
    "reply",
    [
        "LESSON: " * 10**5,
        "LESSON: a\n" + "program 3 x\n" * 10**5,
        "LESSON: a (" + "3 " * 10**5,
        "LESSON: a (" + "and3" * 500 + "x)",
        "lesson" + " " * 10**6,
        "*" * 10**6,
        "LESSON: a\n" + "(\n" * 10**5,
        "LESSON: a (programs " + "9" * 10**5 + ")",
    ],
)
def test_hostile_replies_do_not_take_long(reply: str) -> None:
    begun = time.process_time()
    assert read_lessons(reply, SHOWN) in ((), (Lesson("a", (3,)),))
    assert time.process_time() - begun < 2.0


def test_the_shipped_template_shows_the_ids_and_the_format_that_is_read() -> None:
    text = Prompts().messages("reflect", VIEW)[-1].content
    assert "program 3" in text
    assert "program 12" in text
    assert read_lessons(text, SHOWN) == (Lesson("<one sentence>", (3, 7)),)
