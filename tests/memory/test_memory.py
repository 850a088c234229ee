from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.memory import Carried, KeptBlock, Memory
from evolve.memory._standalone import standalone_functions
from evolve.prompts import Lesson

ENTRY = "def solve(n):\n    return n\n"


def function(name: str, number: int = 0, doc: str = "") -> str:
    return f"def {name}(x):\n    {doc!r}\n    y = x + {number}\n    return y\n"


def program(*functions: str) -> str:
    return "\n\n".join([*functions, ENTRY])


def fill(memory: Memory, *rewards: float, name: str = "f") -> None:
    for number, reward in enumerate(rewards):
        memory.commit(number, program(function(name)), reward=reward)


def test_a_function_of_a_program_that_earned_something_becomes_a_block() -> None:
    memory = Memory("solve")
    memory.commit(1, program(function("f", doc="Add.")), reward=0.5)
    (block,) = memory.blocks(5)
    assert (block.name, block.doc, block.credit) == ("f", "Add.", 0.5)
    assert block.text == function("f", doc="Add.")


def test_nothing_is_harvested_from_programs_that_earned_nothing() -> None:
    memory = Memory("solve")
    fill(memory, 0.0)
    memory.commit(2, None, reward=0.0)
    assert memory.blocks(5) == ()


def test_one_liners_and_what_is_at_hand_are_not_harvested() -> None:
    memory = Memory("solve", known=[program(function("old")), "no program ("])
    memory.commit(1, program("def tiny(x):\n    'Doc.'\n    return x\n", function("renamed")), reward=1.0)
    assert memory.blocks(5) == ()


def test_a_block_is_credited_for_later_failures() -> None:
    memory = Memory("solve")
    fill(memory, 0.8, 0.0, 0.0, 0.0)
    credit = memory.blocks(1)[0].credit
    assert credit == pytest.approx(0.8 * 0.95**3 / (1 + 0.95 + 0.95**2 + 0.95**3))


def test_a_function_under_two_names_is_used_once() -> None:
    memory = Memory("solve")
    memory.commit(1, program(function("f"), function("g")), reward=0.5)
    assert memory.carried("r").blocks[0].uses == 1


def test_the_best_block_of_a_name_comes_first_and_alone() -> None:
    memory = Memory("solve")
    memory.commit(1, program(function("f", 1)), reward=0.2)
    memory.commit(2, program(function("f", 2)), reward=0.9)
    memory.commit(3, program(function("g")), reward=0.5)
    assert [(b.name, b.credit) for b in memory.blocks(5)] == [("f", 0.9), ("g", 0.5)]
    assert len(memory.blocks(1)) == 1
    assert memory.blocks(0) == ()


def test_part_of_a_block_is_not_shown_beside_it() -> None:
    memory = Memory("solve")
    outer = "def outer(x):\n    y = inner(x)\n    return y\n"
    memory.commit(1, program(function("inner"), outer), reward=0.5)
    assert [block.name for block in memory.blocks(5)] == ["outer"]


def test_versions_of_one_function_do_not_fill_the_library() -> None:
    memory = Memory("solve", max_blocks=3)
    memory.commit(1, program(function("rare")), reward=0.1)
    for number in range(10):
        memory.commit(number + 2, program(function("f", number + 1)), reward=0.9)
    assert [block.name for block in memory.carried("r").blocks] == ["f", "f", "rare"]


def test_a_carried_block_begins_with_little_weight() -> None:
    kept = KeptBlock("f", function("f"), 0.9, 50, 7, "earlier")
    memory = Memory("solve", carried=Carried(blocks=(kept,)))
    assert memory.blocks(1)[0].credit == pytest.approx(0.9)
    fill(memory, 0.0, 0.0, 0.0)
    credit = memory.blocks(1)[0].credit
    assert credit is not None
    assert credit < 0.4
    assert memory.carried("now").blocks[0].origin == "earlier"


def test_carried_blocks_that_are_at_hand_or_useless_here_are_left_out() -> None:
    blocks = tuple(
        KeptBlock(name, text, None, 0, 1, "earlier")
        for name, text in [
            ("f", function("f")),
            ("solve", function("solve", 3)),
            ("f", "def f(x):\n    y = x\n    return solve(y)\n"),
            ("gone", function("other")),
            ("broken", "def broken("),
        ]
    )
    memory = Memory("solve", known=[function("f")], carried=Carried(blocks=blocks))
    assert memory.blocks(9) == ()


def test_lessons_are_carried_with_their_origin() -> None:
    carried = Carried(lessons=(Lesson("Old news about it.", (1,), "earlier"),))
    memory = Memory("solve", carried=carried)
    memory.learn([Lesson("Something quite new here.", (5, 2))])
    assert memory.lessons() == (Lesson("Something quite new here.", (2, 5)), *carried.lessons)
    assert [item.origin for item in memory.carried("now").lessons] == ["now", "earlier"]


class Commit(NamedTuple):
    text: str | None
    reward: float


FUNCTIONS = st.builds(function, st.sampled_from("abcd"), st.integers(0, 3))
TEXTS = st.one_of(
    st.none(),
    st.lists(FUNCTIONS, max_size=4).map(lambda parts: program(*parts)),
    st.text(max_size=40),
)
COMMITS = st.builds(Commit, TEXTS, st.sampled_from([0.0, 0.0, 0.1, 0.25, 0.5, 1.0]))
LESSONS = st.lists(
    st.builds(
        Lesson,
        st.lists(st.sampled_from("more starts help not polish noise".split()), max_size=6).map(" ".join)  # noqa: SIM905
        | st.text(max_size=400),
        st.lists(st.integers(0, 50), max_size=40).map(tuple),
    ),
    max_size=4,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMITS | LESSONS, max_size=25))
def test_equal_sequences_give_equal_states_within_bounds(steps: list[Commit | list[Lesson]]) -> None:
    first, second = (Memory("solve", max_blocks=4, max_lessons=3) for _ in range(2))
    for memory in (first, second):
        for number, step in enumerate(steps):
            if isinstance(step, Commit):
                memory.commit(number, step.text, reward=step.reward)
            else:
                memory.learn(step)
    assert first.digest() == second.digest()
    assert first.blocks(9) == second.blocks(9)
    assert len(first.carried("r").blocks) <= 4
    assert len(first.lessons()) <= 3
    assert all(len(item.text) <= 300 and len(item.support) <= 32 for item in first.lessons())


@settings(max_examples=60, deadline=None)
@given(st.lists(COMMITS, max_size=25))
def test_running_credit_equals_recomputation(commits: list[Commit]) -> None:
    memory = Memory("solve", max_blocks=100)
    for number, commit in enumerate(commits):
        memory.commit(number, commit.text, reward=commit.reward)
    rewards: dict[bytes, list[float]] = {}
    for commit in commits:
        for key in {item.key for item in standalone_functions(commit.text or "", "solve")}:
            if key in rewards or commit.reward > 0:
                rewards.setdefault(key, []).append(commit.reward)
    expected = []
    for past in rewards.values():
        weights = [0.95**age for age in reversed(range(len(past)))]
        mean = sum(w * r for w, r in zip(weights, past, strict=True)) / sum(weights)
        expected.append((len(past), round(mean, 9)))
    kept = memory.carried("r").blocks
    assert sorted((b.uses, round(b.credit or 0.0, 9)) for b in kept) == sorted(expected)


def test_a_change_changes_the_digest() -> None:
    memory = Memory("solve")
    seen = {memory.digest()}
    for reward in (0.5, 0.0):
        fill(memory, reward)
        seen.add(memory.digest())
    for program_id in (1, 2):
        memory.learn([Lesson("A lesson.", (program_id,))])
        seen.add(memory.digest())
    assert len(seen) == 5


def test_what_a_barred_program_taught_is_not_handed_out() -> None:
    carried = Carried((Lesson("old", (1,), "r"),), (KeptBlock("k", function("k", 9), 0.5, 2, 1, "r"),))
    memory = Memory("solve", carried=carried)
    memory.commit(1, program(function("f")), reward=0.9)
    memory.commit(2, program(function("g", 5)), reward=0.5)
    memory.learn([Lesson("prefer f", (1, 2)), Lesson("prefer g", (2,))])
    before = memory.digest()
    memory.bar(1)
    assert {block.name for block in memory.blocks(5)} == {"g", "k"}
    assert {lesson.text for lesson in memory.lessons()} == {"prefer g", "old"}
    handed = memory.carried("s")
    assert {block.name for block in handed.blocks} == {"g", "k"}
    assert {lesson.text for lesson in handed.lessons} == {"prefer g", "old"}
    assert memory.digest() != before
    memory.unbar(1)
    assert {block.name for block in memory.blocks(5)} == {"f", "g", "k"}
    assert memory.digest() == before
