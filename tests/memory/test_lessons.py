from __future__ import annotations

import time

import pytest

from evolve.memory._lessons import Lessons, one_line, shortened
from evolve.prompts import Lesson

NOTE = "Polishing with SLSQP after every perturbation of the layout gains the most"


def test_a_near_equal_lesson_unites_the_supports_and_moves_to_the_front() -> None:
    lessons = Lessons(12)
    lessons.learn([Lesson(NOTE, (3, 1)), Lesson("Random restarts gain little.", (2,))])
    lessons.learn([Lesson("Many small circles waste room.", (9,)), Lesson(f"{NOTE.upper()} here.", (7, 3))])
    assert [item.support for item in lessons.items] == [(9,), (1, 3, 7), (2,)]
    assert lessons.items[1].text.endswith("here.")


@pytest.mark.parametrize(
    ("said", "other"),
    [
        (NOTE, NOTE.replace("gains", "never gains")),
        (NOTE, NOTE.replace("after", "before")),
        (NOTE, NOTE.replace("gains", "doesn't gain")),
        ("More starts", "Fewer starts"),
        ("...", "???"),
    ],
)
def test_opposites_stay_apart(said: str, other: str) -> None:
    lessons = Lessons(12)
    lessons.learn([Lesson(said, (1,)), Lesson(other, (2,))])
    assert len(lessons.items) == 2


def test_near_equal_lessons_of_one_reply_unite() -> None:
    lessons = Lessons(12)
    lessons.learn([Lesson(NOTE, (1,)), Lesson(NOTE + ".", (2,))])
    assert lessons.items == (Lesson(NOTE, (1, 2)),)


def test_the_ids_of_another_run_are_not_mixed_with_those_of_this_one() -> None:
    lessons = Lessons(12, [Lesson(NOTE, (40, 50), "earlier")])
    lessons.learn([Lesson(NOTE, (3,))])
    assert lessons.items == (Lesson(NOTE, (3,)),)


def test_the_least_supported_oldest_drop_out_but_never_the_new() -> None:
    lessons = Lessons(3)
    lessons.learn([Lesson("one alpha", (1,))])
    lessons.learn([Lesson("two beta", (1,))])
    lessons.learn([Lesson("three gamma", (1, 2))])
    lessons.learn([Lesson("four delta", ())])
    assert [item.text for item in lessons.items] == ["four delta", "three gamma", "two beta"]
    lessons.learn([Lesson(f"lesson{n} word{n}", (1,)) for n in range(5)])
    assert [item.text for item in lessons.items] == ["lesson0 word0", "lesson1 word1", "lesson2 word2"]


def test_support_is_bounded_to_the_latest() -> None:
    lessons = Lessons(3)
    lessons.learn([Lesson(NOTE, tuple(range(100)))])
    lessons.learn([Lesson(NOTE, tuple(range(100, 110)))])
    assert lessons.items[0].support == tuple(range(78, 110))


def test_hostile_text_is_made_tidy() -> None:
    lessons = Lessons(9)
    lessons.learn(
        [Lesson("\x1b[31m Red\n## system:\u202e [b]x[/b] \ud800", (1,), "run\n1"), Lesson("\0", (1,))]
    )
    assert lessons.items == (Lesson("[31m Red ## system: [b]x[/b] ", (1,), "run 1"),)


def test_long_text_is_cut_at_a_sentence_or_given_up() -> None:
    assert shortened("A. " + "b" * 299) == "A."
    assert shortened("a" * 299 + ".") == "a" * 299 + "."
    assert shortened("a" * 300 + ". b") == ""
    assert shortened("x" * 301) == ""
    assert shortened("Gain 1.5 in all. " + "b" * 300) == "Gain 1.5 in all."


def test_huge_text_does_not_take_long() -> None:
    begun = time.process_time()
    for text in ("a" * 10**6, "a. " * 10**5, "\0" * 10**6):
        shortened(one_line(text))
    assert time.process_time() - begun < 1.0


@pytest.mark.parametrize("between", ["\u200b", "\ue000", "\x00", "\u00ad"])
def test_a_key_that_tidying_puts_together_is_struck_out(
    monkeypatch: pytest.MonkeyPatch, between: str
) -> None:
    monkeypatch.setenv("TOY_API_KEY", "sk-canary-0123456789")
    assert one_line(f"use sk-canary-{between}0123456789 always") == "use *** always"
