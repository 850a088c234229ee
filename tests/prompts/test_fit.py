"""No prompt exceeds the limit, and what matters least is left out first."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evolve.prompts import (
    BlockView,
    Hypothesis,
    Lesson,
    ProgramView,
    PromptContext,
    PromptTooLong,
    Step,
    estimate,
)
from evolve.prompts._fit import Omission, Rendered, fit, leave_out, omissions
from tests.prompts.helpers import OPERATORS, PROMPTS, full_context, limited, tokens

TEXT = st.text(st.sampled_from("ab `é\n"), max_size=300)
IDS = st.integers(0, 50)
PROGRAM = st.builds(
    ProgramView,
    id=IDS,
    text=TEXT,
    status=st.just("valid"),
    objective=st.just(1.0),
    feedback=TEXT | st.just("f" * 5000),
)
STEPS = st.lists(
    st.builds(Step, id=IDS, change=TEXT, status=st.just("valid"), before=st.just(1.0), after=st.just(2.0)),
    max_size=6,
).map(tuple)
CONTEXT = st.builds(
    PromptContext,
    problem=st.just(full_context().problem),
    parent=PROGRAM,
    other=PROGRAM,
    failure=PROGRAM,
    inspirations=st.lists(PROGRAM, max_size=4).map(tuple),
    ancestors=STEPS,
    siblings=STEPS,
    wins=STEPS,
    losses=STEPS,
    hypotheses=st.lists(
        st.builds(
            Hypothesis,
            program=IDS,
            idea=TEXT,
            metric=st.just("m"),
            direction=st.just("up"),
            before=st.none(),
            after=st.none(),
            held=st.booleans(),
        ),
        max_size=4,
    ).map(tuple),
    lessons=st.lists(st.builds(Lesson, text=TEXT, support=st.just((1,))), max_size=4).map(tuple),
    blocks=st.lists(
        st.builds(BlockView, name=st.just("f"), doc=TEXT, text=TEXT, library=st.booleans()), max_size=4
    ).map(tuple),
)
COUNTS = st.sampled_from([estimate, len])


@settings(deadline=None, max_examples=60)
@given(CONTEXT, st.sampled_from(OPERATORS), st.integers(200, 12_000), COUNTS)
def test_the_limit_holds_and_no_more_is_left_out_than_needed(
    context: PromptContext, name: str, limit: int, count: Callable[[str], int]
) -> None:
    steps = omissions(context)
    prefixes = [PROMPTS.messages(name, leave_out(context, steps[:n])) for n in range(len(steps) + 1)]
    sizes = [sum(count(message.content) for message in messages) for messages in prefixes]
    first = next((n for n, size in enumerate(sizes) if size <= limit), None)
    if first is not None:
        assert limited(limit, count).messages(name, context) == prefixes[first]
        return
    with pytest.raises(PromptTooLong) as caught:
        limited(limit, count).messages(name, context)
    error = caught.value
    assert (error.template, error.estimate, error.limit) == (name, sizes[-1], limit)


@settings(deadline=None, max_examples=30)
@given(CONTEXT, st.sampled_from(OPERATORS), st.integers(2_000, 12_000), st.text(max_size=3_000))
def test_the_limit_holds_for_a_retry(context: PromptContext, name: str, limit: int, reply: str) -> None:
    prompts = limited(limit, len)
    try:
        said = prompts.retry(name, context, reply, "no program")
    except PromptTooLong:
        return
    assert tokens(said) <= limit
    assert [message.role for message in said] == ["system", "user", "assistant", "user"]
    if tokens(PROMPTS.retry(name, context, reply, "no program")) <= limit:
        assert said[:2] == prompts.messages(name, context)


def numbered() -> PromptContext:
    def step(number: int) -> Step:
        return Step(number, f"change {number}", "valid", 1.0, 2.0)

    def block(name: str, *, library: bool) -> BlockView:
        return BlockView(name, "", "", library=library)

    full = full_context()
    assert full.parent
    long = replace(full.parent, feedback="x" * 2001)
    return replace(
        full,
        parent=long,
        other=long,
        failure=replace(long, feedback="x" * 2000),
        blocks=(
            block("a", library=False),
            block("b", library=True),
            block("c", library=False),
            block("d", library=True),
        ),
        siblings=(step(1), step(2)),
        wins=(step(3), step(6)),
        losses=(step(4), step(5)),
    )


def test_the_order() -> None:
    order = [
        ("blocks", 3),
        ("blocks", 1),
        ("blocks", 2),
        ("blocks", 0),
        ("inspirations", 1),
        ("inspirations", 0),
        ("siblings", 0),
        ("siblings", 1),
        ("ancestors", 0),
        ("ancestors", 1),
        ("hypotheses", 0),
        ("hypotheses", 1),
        ("wins", 0),
        ("losses", 0),
        ("losses", 1),
        ("wins", 1),
        ("lessons", 1),
        ("lessons", 0),
        ("other", 0),
        ("parent", 0),
    ]
    assert omissions(numbered()) == [Omission(*each) for each in order]


def test_leaving_out_keeps_the_rest_in_order() -> None:
    context = numbered()
    shown = leave_out(context, omissions(context)[:2])
    assert [block.name for block in shown.blocks] == ["a", "c"]
    assert shown == replace(context, blocks=shown.blocks)
    bare = leave_out(context, omissions(context))
    assert bare.parent
    assert len(bare.parent.feedback) == 2000
    assert bare.failure == context.failure
    emptied: dict[str, Any] = dict.fromkeys(
        {each.section for each in omissions(context)} - {"parent", "other"}, ()
    )
    assert bare == replace(context, parent=bare.parent, other=bare.other, **emptied)


def test_what_never_goes() -> None:
    context = numbered()
    with pytest.raises(PromptTooLong) as caught:
        limited(1).messages("rewrite", context)
    said = limited(caught.value.estimate).messages("rewrite", context)
    assert context.parent
    assert context.problem.statement in said[0].content
    assert context.parent.text in said[1].content
    assert "CHANGE: <one line>" in said[1].content


@pytest.mark.parametrize("right", [True, False], ids=["weights are right", "weights mislead"])
def test_few_renderings_find_the_answer(right: bool) -> None:
    change = "c" * 300
    steps = tuple(Step(n, change, "valid", None, None) for n in range(1000))
    context = replace(numbered(), siblings=steps)
    rendered = 0

    def render(shown: PromptContext) -> Rendered:
        nonlocal rendered
        rendered += 1
        return Rendered((), 115 * len(shown.siblings) if right else 115 * (len(shown.siblings) > 700))

    fit("rewrite", context, render, 115 * 500)
    assert rendered <= (5 if right else 16)


def test_the_error_says_what_to_do_and_survives_a_process() -> None:
    error = PromptTooLong("rewrite", 20_000, 16_000)
    assert pickle.loads(pickle.dumps(error)).estimate == 20_000
    for part in ("'rewrite'", "20000", "16000", "models.prompt_tokens", "candidate.max_chars"):
        assert part in str(error)


def test_the_estimate_counts_digits_more() -> None:
    assert estimate("") == 0
    assert estimate("abc") == estimate("12") == 1
    assert estimate("abcd") == estimate("123") == 2
    assert estimate("\ud800é") == 2
