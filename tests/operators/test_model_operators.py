from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import cast

import pytest

from evolve.models import Message, NoReply, Reply, Stopped
from evolve.operators import Context, Idea, ModelSide, NoProposal, Proposal, model_operators
from evolve.prompts import ProblemView, ProgramView, PromptContext, Prompts, PromptTooLong
from tests.operators.helpers import RINGS, context

NEW = RINGS.replace("0.99", "0.98")
OTHER = RINGS.replace("0.99", "0.95")
NEWER = RINGS.replace("0.99", "0.97")
BROKEN = "def pack(n:\n    return 1\n"
EDIT = "<<<<<<< SEARCH\n    sizes = 0.99 * sizes\n=======\n    sizes = 0.98 * sizes\n>>>>>>> REPLACE\n"
IDEA = "IDEA: less room is\twasted\nMETRIC: `score`\nEXPECT: Up.\n"

PROBLEM = ProblemView(
    name="rings",
    title="Rings",
    statement="Place n circles.",
    entry="pack",
    arguments=("n",),
    returns=("centers", "radii"),
    params={},
    metric="score",
    direction="maximize",
    timeout_s=1.0,
    memory_mb=256,
    modules=("numpy",),
)


def fenced(program: str, change: str = "") -> str:
    return (f"CHANGE: {change}\n" if change else "") + f"```python\n{program}```\n"


@dataclass
class Model:
    """Answers with what it is given, in order, and notes what it was asked.

    Attributes:
        answers: Replies, or what is raised instead.
        known: What the novelty check says, in order; new when nothing is left.
        asked: (purpose, the last message) of each call.
        checked: Programs that the novelty check was asked about.
    """

    answers: list[str | Reply | Exception]
    known: list[str] = field(default_factory=list)
    asked: list[tuple[str, str]] = field(default_factory=list)
    checked: list[str] = field(default_factory=list)

    async def ask(
        self,
        messages: Sequence[Message],
        *,
        purpose: str = "propose",
        known_by: Sequence[Message] | None = None,  # noqa: ARG002
    ) -> Reply:
        self.asked.append((purpose, messages[-1].content))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Reply):
            return answer
        return Reply(answer, "a-model", 10, 20, 0.0, 0.1, "stop")

    def messages(self, name: str, view: PromptContext) -> tuple[Message, ...]:
        return (Message("system", view.problem.name), Message("user", name))

    def retry(self, name: str, view: PromptContext, reply: str, reason: str) -> tuple[Message, ...]:
        if reason == "too long":
            raise PromptTooLong(name, 2, 1)
        return (*self.messages(name, view), Message("assistant", reply), Message("user", reason))

    async def novelty(self, text: str) -> str:
        self.checked.append(text)
        return self.known.pop(0) if self.known else ""


def given(
    model: Model, *texts: str, failure: str | None = None, metrics: dict[str, float] | None = None
) -> Context:
    view = PromptContext(
        problem=PROBLEM,
        parent=ProgramView(1, RINGS, "valid", 1.0, metrics or {"score": 1.0, "spread": 0.5}),
        failure=None if failure is None else ProgramView(7, failure, "failed", None),
    )
    side = ModelSide(model.ask, cast("Prompts", model), view, model.novelty)
    return replace(context(*(texts or (RINGS, OTHER))), model=side)


def propose(
    name: str,
    model: Model,
    *texts: str,
    failure: str | None = None,
    metrics: dict[str, float] | None = None,
) -> Proposal:
    operator = model_operators()[name]
    return asyncio.run(operator.propose(given(model, *texts, failure=failure, metrics=metrics)))


def purposes(model: Model) -> list[str]:
    return [purpose for purpose, _ in model.asked]


def test_what_each_operator_wants() -> None:
    wanted = {
        name: (operator.parents_wanted, operator.inspirations_wanted, operator.needs_failure)
        for name, operator in model_operators().items()
    }
    assert wanted == {
        "command": (1, 2, False),
        "diff": (1, 2, False),
        "hypothesis": (1, 2, False),
        "model_crossover": (2, 1, False),
        "model_simplify": (1, 0, False),
        "repair": (1, 0, True),
        "rewrite": (1, 2, False),
    }
    assert all(operator.needs_model for operator in model_operators().values())
    assert all(operator.name == name for name, operator in model_operators().items())


@pytest.mark.parametrize("name", ["rewrite", "command", "diff"])
@pytest.mark.parametrize("reply", [fenced(NEW, "less room"), f"CHANGE: less room\n{EDIT}"])
def test_a_whole_program_or_edits_are_proposed(name: str, reply: str) -> None:
    model = Model([reply])
    assert propose(name, model) == Proposal(NEW, (1,), "less room", "a-model")
    assert model.asked == [("propose", name)]
    assert model.checked == [NEW]


def test_a_command_may_answer_with_plain_code() -> None:
    assert propose("command", Model([NEW])).text == NEW


def test_the_change_is_one_clean_line() -> None:
    change = "a\x1b[31m\u202e b\t" + "c" * 200
    assert propose("rewrite", Model([fenced(NEW, change)])).change == "a [31m b " + "c" * 108 + "..."
    assert propose("rewrite", Model([fenced(NEW)])).change == "rewrite: 1 line changed"
    assert (
        propose("diff", Model([EDIT.replace(" * sizes\n>", " * sizes\n\n>")])).change
        == "diff: 2 lines changed"
    )


def test_crossover_names_both_parents() -> None:
    assert propose("model_crossover", Model([fenced(NEW)])).parents == (1, 2)
    with pytest.raises(NoProposal, match="refused: The program says the same as one that it was made from"):
        propose("model_crossover", Model([fenced(OTHER), fenced(RINGS)]))
    with pytest.raises(NoProposal, match="model_crossover: needs 2 parents, got 1"):
        propose("model_crossover", Model([]), RINGS)


def test_repair_works_on_the_program_that_failed() -> None:
    failure = RINGS.replace("0.99 * sizes", "sizes / 0")
    edit = EDIT.replace("0.99 * sizes", "sizes / 0")
    for reply in (fenced(NEW), edit):
        assert propose("repair", Model([reply]), failure=failure) == Proposal(
            NEW, (7,), "repair: 1 line changed", "a-model"
        )
    with pytest.raises(NoProposal, match="repair: needs a program that failed, got none"):
        propose("repair", Model([]))
    assert propose("repair", Model([fenced(NEW)]), failure=BROKEN).text == NEW


def test_simplify_has_to_get_shorter() -> None:
    shorter = RINGS.replace("    sizes = 0.99 * sizes\n", "")
    model = Model([fenced(NEW), fenced(shorter)])
    assert propose("model_simplify", model).text == shorter
    assert model.asked[1][0] == "retry"
    assert "must get shorter than its" in model.asked[1][1]


def test_a_hypothesis_comes_with_its_idea() -> None:
    for change in (EDIT, fenced(NEW)):
        proposal = propose("hypothesis", Model([IDEA + change]))
        assert proposal.text == NEW
        assert proposal.idea == Idea("less room is wasted", "score", "up")
    found = propose(
        "hypothesis", Model(["**IDEA:** x\n**METRIC:** spread\n**EXPECT:** decreases a lot\n" + EDIT])
    )
    assert found.idea == Idea("x", "spread", "down")


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (EDIT, "not understood: IDEA, METRIC, EXPECT"),
        (IDEA.replace("Up", "better") + EDIT, "`EXPECT: up` or `EXPECT: down`; not understood: EXPECT."),
        (IDEA.replace("score", "speed") + EDIT, "METRIC must be one of score, spread, got speed."),
    ],
)
def test_an_idea_that_is_not_understood_is_asked_for_once(reply: str, reason: str) -> None:
    model = Model([reply, IDEA + EDIT])
    assert propose("hypothesis", model).idea == Idea("less room is wasted", "score", "up")
    assert reason in model.asked[1][1]
    # The change is worth an evaluation all the same.
    for second in (reply, "I give up.", NoReply("none"), Reply("", "a-model", 1, 1, 0.0, 0.1, "length")):
        model = Model([reply, second])
        assert propose("hypothesis", model) == Proposal(NEW, (1,), "hypothesis: 1 line changed", "a-model")
        assert purposes(model) == ["propose", "retry"]


def test_an_unusable_reply_is_asked_for_once_more() -> None:
    model = Model([fenced(BROKEN), fenced(NEW, "mended")])
    assert propose("rewrite", model) == Proposal(NEW, (1,), "mended", "a-model")
    assert purposes(model) == ["propose", "retry"]
    assert model.asked[1][1].startswith("The program is no valid Python: line 1: '(' was never closed")


def test_a_second_unusable_reply_is_refused() -> None:
    model = Model([fenced(BROKEN), EDIT.replace("0.99", "0.9")])
    with pytest.raises(NoProposal) as caught:
        propose("diff", model)
    assert str(caught.value).startswith("refused: Block 1: its SEARCH text is not in the program.")
    assert "\n" not in str(caught.value)
    assert model.checked == []


def test_a_known_program_is_resampled_once() -> None:
    model = Model([fenced(NEW), fenced(NEWER)], known=["program 4 is the same", "also known"])
    assert propose("rewrite", model).text == NEWER
    assert model.asked == [("propose", "rewrite"), ("resample", "program 4 is the same")]
    assert model.checked == [NEW]


@pytest.mark.parametrize("second", ["no program", fenced(BROKEN), NoReply("none")])
def test_when_the_resample_fails_the_first_program_stays(second: str | Exception) -> None:
    model = Model([fenced(NEW), second], known=["program 4 is the same"])
    assert propose("rewrite", model).text == NEW
    assert purposes(model) == ["propose", "resample"]


def test_when_the_resample_is_too_long_the_first_program_stays() -> None:
    assert propose("rewrite", Model([fenced(NEW)], known=["too long"])).text == NEW


def test_a_retry_may_be_resampled_too() -> None:
    model = Model(["nothing", fenced(NEW), fenced(NEWER)], known=["known"])
    assert propose("rewrite", model).text == NEWER
    assert purposes(model) == ["propose", "retry", "resample"]


@pytest.mark.parametrize(
    "answers",
    [
        [NoReply("refused")],
        [Stopped("budget")],
        ["nothing", NoReply("refused")],
        ["nothing", Stopped("budget")],
        [fenced(NEW), Stopped("budget")],
    ],
)
def test_no_answer_is_for_the_engine(answers: list[str | Reply | Exception]) -> None:
    raised = next(answer for answer in answers if isinstance(answer, Exception))
    with pytest.raises(type(raised), match=str(raised)):
        propose("rewrite", Model(answers, known=["known"]))


def test_without_a_model_nothing_is_proposed() -> None:
    with pytest.raises(NoProposal, match="rewrite: asks a model, and this run has none"):
        asyncio.run(model_operators()["rewrite"].propose(context(RINGS)))


def test_a_reply_that_was_cut_off_is_told_so() -> None:
    model = Model([Reply(fenced(NEW)[:-10], "a-model", 1, 1, 0.0, 0.1, "length"), fenced(NEW)])
    assert propose("rewrite", model).text == NEW
    assert "cut off at the length limit" in model.asked[1][1]


def test_a_program_may_hold_lines_like_edits() -> None:
    text = NEW + "\n\nTEXT = '''\n<<<<<<< SEARCH\n=======\n>>>>>>> REPLACE\n'''\n"
    assert propose("rewrite", Model([fenced(text)])).text == text


def test_markers_are_honoured() -> None:
    marked = RINGS.replace("    sizes = 0.99", "    # EVOLVE-BLOCK-START\n    sizes = 0.99")
    marked = marked.replace("    return points, sizes", "    # EVOLVE-BLOCK-END\n    return points, sizes")
    model = Model([fenced(marked.replace("6", "7")), EDIT])
    assert propose("diff", model, marked).text == marked.replace("0.99", "0.98")
    assert "nothing may change, but the line `def place(n, growth=6):` has become" in model.asked[1][1]
    with pytest.raises(NoProposal, match="refused: The EVOLVE-BLOCK marker lines are missing"):
        propose("rewrite", Model([fenced(NEW), fenced(NEW)]), marked)


def test_any_operator_can_be_repeated() -> None:
    replies = [IDEA + fenced(RINGS.replace("    sizes = 0.99 * sizes\n", ""), "x")]
    for name in model_operators():
        first, second = (propose(name, Model([*replies]), failure=OTHER) for _ in range(2))
        assert first == second
