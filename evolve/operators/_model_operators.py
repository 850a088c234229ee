"""Operators that ask a model for a program."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from evolve.languages import PYTHON
from evolve.models import NoReply, Reply
from evolve.operators._base import Context, ModelSide, NoProposal, Proposal
from evolve.operators._checks import check_program, check_shorter
from evolve.operators._diff import edited, has_blocks
from evolve.operators._fields import change_of, idea_of, summary
from evolve.operators._reply import Answer, Unusable, is_program, mentions, program_of, take_apart, text_of
from evolve.prompts import PromptTooLong


@dataclass(frozen=True, slots=True)
class Task:
    """What an operator wants changed.

    Attributes:
        base: The program that edits apply to.
        parents: Ids for the lineage, main parent first.
        others: Further programs that the new one may not repeat.
    """

    base: str
    parents: tuple[int, ...]
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A reply that was read.

    Attributes:
        reply: The reply.
        proposal: What it proposes; None when no program can be made of it.
        fault: What the model is to do better; empty when nothing.
    """

    reply: Reply
    proposal: Proposal | None
    fault: str


Read = Callable[[Answer, Task, Context], str]


@dataclass(slots=True)
class ModelOperator:
    """An operator that asks a model, and asks once more when the reply cannot be used or is nothing new.

    Attributes:
        name: Its name, and that of the prompt.
        read: Makes a program of a reply.
        parents_wanted: Programs that it changes or combines.
        inspirations_wanted: Programs of other cells that the prompt shows besides.
        needs_failure: Whether it works on a program that failed instead of a parent.
        states_idea: Whether its reply states a hypothesis.
        shortens: Whether the program has to get shorter.
        needs_model: Tells it from the operators that need none.
    """

    name: str
    read: Read
    parents_wanted: int = 1
    inspirations_wanted: int = 0
    needs_failure: bool = False
    states_idea: bool = False
    shortens: bool = False
    needs_model: bool = True

    async def propose(self, context: Context) -> Proposal:
        """Propose one program, with one to three calls.

        Raises:
            NoProposal: nothing to work on, or no reply could be used.
            NoReply: the first call, or the one after an unusable reply, gets no answer.
            PromptTooLong: one of these two cannot be made.
            Stopped: no call is begun any more.
        """
        side = context.model
        if side is None:
            raise NoProposal(f"{self.name}: asks a model, and this run has none")
        task = self._task(context, side)
        reply = await side.ask(side.prompts.messages(self.name, side.view))
        draft = self._draft(reply, task, context, side)
        if draft.fault:
            draft = await self._again(draft, draft.fault, "retry", task, context, side)
        if draft.proposal is None:
            raise NoProposal(f"refused: {draft.fault.partition(chr(10))[0]}")
        known = await side.novelty(draft.proposal.text)
        if known:
            draft = await self._again(draft, known, "resample", task, context, side)
        assert draft.proposal is not None
        return draft.proposal

    def _task(self, context: Context, side: ModelSide) -> Task:
        if self.needs_failure:
            failure = side.view.failure
            if failure is None:
                raise NoProposal(f"{self.name}: needs a program that failed, got none")
            return Task(failure.text, (failure.id,))
        if len(context.parents) < self.parents_wanted:
            raise NoProposal(f"{self.name}: needs {self.parents_wanted} parents, got {len(context.parents)}")
        parents = context.parents[: self.parents_wanted]
        return Task(parents[0].text, tuple(p.id for p in parents), tuple(p.text for p in parents[1:]))

    async def _again(
        self, draft: Draft, reason: str, purpose: str, task: Task, context: Context, side: ModelSide
    ) -> Draft:
        """Ask once more with a reason; what was proposed before stays when nothing better comes."""
        try:
            messages = side.prompts.retry(self.name, side.view, draft.reply.text, reason)
            reply = await side.ask(messages, purpose=purpose)
        except (NoReply, PromptTooLong):
            if draft.proposal is None:
                raise
            return draft
        new = self._draft(reply, task, context, side)
        return draft if new.proposal is None and draft.proposal is not None else new

    def _draft(self, reply: Reply, task: Task, context: Context, side: ModelSide) -> Draft:
        answer = take_apart(reply.text, reply.finish)
        try:
            text = self.read(answer, task, context)
            check_program(text, context, task.base, task.others)
            if self.shortens:
                check_shorter(text, task.base)
        except Unusable as fault:
            return Draft(reply, None, str(fault))
        except (RecursionError, MemoryError):
            return Draft(reply, None, "The program nests too deeply to be read. Write it with less nesting.")
        idea, fault_in_idea = idea_of(answer, side.view) if self.states_idea else (None, "")
        change = change_of(answer) or summary(self.name, task.base, text)
        return Draft(reply, Proposal(text, task.parents, change, reply.model, idea), fault_in_idea)


def model_operators() -> dict[str, ModelOperator]:
    """Return the operators that ask a model, by name, in the order of their names."""
    operators = [
        ModelOperator("command", read_program, inspirations_wanted=2),
        ModelOperator("diff", read_edits, inspirations_wanted=2),
        ModelOperator("hypothesis", read_edits, inspirations_wanted=2, states_idea=True),
        ModelOperator("model_crossover", read_program, parents_wanted=2, inspirations_wanted=1),
        ModelOperator("model_simplify", read_program, shortens=True),
        ModelOperator("repair", read_program, needs_failure=True),
        ModelOperator("rewrite", read_program, inspirations_wanted=2),
    ]
    return {operator.name: operator for operator in operators}


def read_program(answer: Answer, task: Task, context: Context) -> str:
    """Return the program of a reply that is to hold a whole one; edits instead are made to the base.

    Raises:
        Unusable: see `program_of` and `edited`.
    """
    if context.language.name != PYTHON:
        return edited(task.base, answer) if has_blocks(answer.text) else text_of(answer)
    if has_blocks(answer.text):
        try:
            text = program_of(answer, context.entry, context.max_chars)
        except Unusable:
            return edited(task.base, answer)
        # What a fence around SEARCH/REPLACE blocks holds is no program, even when it mentions the entry.
        return text if is_program(text, context.entry) else edited(task.base, answer)
    return program_of(answer, context.entry, context.max_chars)


def read_edits(answer: Answer, task: Task, context: Context) -> str:
    """Return the base with the edits of a reply made to it, or the whole program of one without edits.

    Raises:
        Unusable: see `edited`.
    """
    if context.language.name != PYTHON:
        return edited(task.base, answer) if has_blocks(answer.text) else text_of(answer)
    if not has_blocks(answer.text) and mentions(answer.text, context.entry):
        return program_of(answer, context.entry, context.max_chars)
    return edited(task.base, answer)
