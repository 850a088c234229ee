"""What a run keeps for its models: the past, the memory, and how a prompt's context is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from evolve._brief import shown
from evolve.engine._history import History, Past
from evolve.engine._novelty import Recent, Seen
from evolve.engine._programs import Programs
from evolve.engine._state import State
from evolve.engine._tickets import Ticket, identity, ticket_seed
from evolve.languages import PYTHON
from evolve.memory import Memory, reflect
from evolve.models import Models, NoReply, TicketCalls
from evolve.operators import Idea, ModelSide, Operator, has_markers
from evolve.problem import Problem
from evolve.prompts import BlockView, Hypothesis, Lesson, ProblemView, PromptContext, Prompts

_BLOCKS_SHOWN = 12
_PARAM_CHARS = 200
"""Of longer parameters a prompt shows the beginning."""
_ANGLES = (
    "the starting point that the search sets out from",
    "how a step decides what to change next",
    "a quantity that is computed exactly where a bound would do, or the other way round",
    "what is done with the time that is left over",
    "a step that throws away information which a later step could use",
    "a structure of the problem, such as a symmetry, that the program does not use yet",
    "how it gets out of a local optimum",
    "the last step, which polishes the result",
    "a method for this kind of problem that is not used here at all",
    "the worst part of the result, and the step that makes it so",
    "the order in which the steps are done",
    "parameters that are fixed but could follow from the input",
)
"""What a prompt may ask to look at first."""
_PAUSES_STREAM = 2**61
"""Spawn keys from here on belong to the pauses between attempts, which leave a ticket's own draws alone."""


class Background:
    """Everything that exists for the sake of models; a run without any has none.

    A pure fold over the commits, like `State`. Owned by the engine's thread.
    """

    def __init__(
        self,
        problem: Problem,
        state: State,
        programs: Programs,
        prompts: Prompts,
        memory: Memory,
        *,
        run_seed: int,
        similarity: float,
        reflect_every: int,
        embeds: bool = False,
    ) -> None:
        self.models: Models
        self.listener: Callable[[str, dict[str, object]], None] = lambda _kind, _data: None
        self.memory = memory
        self.prompts = prompts
        self.history = History()
        self.recent = Recent()
        self._embeds = embeds
        self._embedded: dict[int, Sequence[float]] = {}
        self._problem = problem
        self._view = problem_view(problem)
        self._state = state
        self._programs = programs
        self._run_seed = run_seed
        self._similarity = similarity
        self._reflect_every = reflect_every
        self._priced = False

    # -- the fold ----------------------------------------------------------------------------------

    def commit(self, past: Past, text: str | None, reward: float) -> None:
        """Take in the commit that the state took in just now.

        Args:
            past: What later prompts may tell of it.
            text: Its source when it was evaluated; None when there was nothing to evaluate.
            reward: What it is worth to the memory, 0 to 1.
        """
        self.history.commit(past)
        vector = self._embedded.pop(past.id, None)
        if text is not None:
            self.recent.commit(past.id, text, vector if self._embeds else None)
            code = text if self._problem.language.name == PYTHON else None  # blocks are functions of Python
            self.memory.commit(past.id, code, reward=reward)

    def ban(self, program: int) -> None:
        """Tell models of a program no more."""
        self.history.banned.add(program)
        self.memory.bar(program)

    def unban(self, program: int) -> None:
        """Undo `ban`."""
        self.history.banned.discard(program)
        self.memory.unbar(program)

    def paid(self, usd: float) -> None:
        """Take in what the commit cost."""
        self._priced = self._priced or usd > 0

    def cost(self, ticket: Ticket) -> float:
        """Return what the bandit is told that a ticket cost: dollars once a call had a price, else tokens."""
        if ticket.calls is None:
            return 0.0
        return ticket.calls.usd if self._priced or ticket.calls.usd > 0 else float(ticket.calls.tokens)

    def told(self, kind: str, data: dict[str, object]) -> None:
        """Pass on what became of a model; "text" says it to the user."""
        self.listener(kind, data)

    # -- tickets -----------------------------------------------------------------------------------

    def reflects(self, number: int) -> bool:
        """Tell whether a ticket is a reflection: it proposes lessons instead of a program."""
        proposed = number - len(self._problem.seeds)
        return self._reflect_every > 0 and proposed % self._reflect_every == 0

    def calls(self, number: int, saw: int, model: str | None) -> TicketCalls:
        """Return the asking of a ticket."""
        pauses = np.random.default_rng(ticket_seed(self._run_seed, _PAUSES_STREAM + number))
        return self.models.for_ticket(number, saw, model or "", pauses)

    def side(
        self,
        calls: TicketCalls,
        operator: Operator,
        island: int,
        parents: tuple[int, ...],
        inspirations: tuple[int, ...],
        rng: np.random.Generator,
    ) -> ModelSide:
        """Return what an operator that asks a model gets besides, as of the commits so far."""
        failures = self.history.failures(island) if getattr(operator, "needs_failure", False) else ()
        failure = self._programs.view(failures[int(rng.integers(len(failures)))]) if failures else None
        parent = failure.id if failure else parents[0]
        view = PromptContext(
            problem=self._view,
            parent=self._programs.view(parents[0]),
            other=self._programs.view(parents[1]) if len(parents) > 1 else None,
            failure=failure,
            inspirations=tuple(self._programs.view(program) for program in inspirations),
            ancestors=self.history.ancestors(parent),
            siblings=self.history.siblings(parent),
            hypotheses=self.history.hypotheses(),
            lessons=self.memory.lessons(),
            blocks=self._blocks(),
            angle=_ANGLES[int(rng.integers(len(_ANGLES)))],
            editable=has_markers(self._programs.view(parent).text),
        )
        known = partial(self._known, calls, self._state.committed, self.recent.seen(), (*parents, parent))
        return ModelSide(calls, self.prompts, view, known)

    def reflection(self) -> PromptContext:
        """Return what the prompt of a reflection shows, as of the commits so far."""
        return PromptContext(
            problem=self._view,
            hypotheses=self.history.hypotheses(),
            lessons=self.memory.lessons(),
            wins=self.history.wins(),
            losses=self.history.losses(),
        )

    async def reflect(self, ticket: Ticket) -> tuple[Lesson, ...]:
        """Ask for lessons; raises what asking raises."""
        assert ticket.calls is not None
        assert ticket.view is not None
        return await reflect(ticket.calls, self.prompts, ticket.view)

    def _blocks(self) -> tuple[BlockView, ...]:
        declared = [BlockView(block.name, block.doc, block.text) for block in self._problem.blocks]
        names = {block.name for block in declared}
        found = (block for block in self.memory.blocks(_BLOCKS_SHOWN) if block.name not in names)
        return (*declared, *found)

    def embedded(self, program: int, vector: Sequence[float]) -> None:
        """Keep the vector of a program that is about to be committed."""
        self._embedded[program] = vector

    async def _known(
        self, calls: TicketCalls, saw: int, seen: Seen, parents: tuple[int, ...], text: str
    ) -> str:
        """Say why a program is not new, judged by the commits that the ticket saw."""
        first = self._state.first_with(identity(text, self._problem.language), up_to=saw)
        if first is not None:
            return f"it is the same program as number {first}, apart from layout and comments"
        nearest = seen.nearest(text, parents=parents)
        if nearest is not None and nearest[1] >= self._similarity:
            return (
                f"it is nearly the same as program {nearest[0]} (similarity {nearest[1]:.3f}), tried already"
            )
        if not self._embeds:
            return ""
        try:
            (vector,) = await calls.embed([text])
        except NoReply:
            return ""  # the program is paid for: without a vector it is compared by its text alone
        self.embedded(calls.ticket, vector)
        close = seen.closest(vector, parents=parents)
        if close is not None and close[1] >= self._similarity:
            return f"it means nearly the same as program {close[0]} (cosine {close[1]:.3f}), tried already"
        return ""


def problem_view(problem: Problem) -> ProblemView:
    """Return what prompts tell of a problem."""
    spec = problem.spec
    names = (*spec.candidate.preload, *spec.candidate.modules)
    modules = tuple(dict.fromkeys(name.split(".")[0] for name in names))
    return ProblemView(
        name=problem.name,
        title=spec.problem.title,
        statement=spec.problem.statement,
        entry=spec.candidate.entry,
        arguments=problem.arguments,
        returns=spec.candidate.returns,
        params={
            name: shown(value, _PARAM_CHARS) if isinstance(value, str | list) else value
            for name, value in problem.params.items()
        },
        metric=spec.objective.metric,
        direction=spec.objective.direction,
        timeout_s=spec.candidate.timeout_s,
        memory_mb=spec.candidate.memory_mb,
        modules=modules,
        language=spec.candidate.language,
        language_title=problem.language.title,
    )


def settle(program: int, idea: Idea, before: Mapping[str, float], after: Mapping[str, float]) -> Hypothesis:
    """Say whether an idea held, by the metrics of the program's parent and its own."""
    old, new = before.get(idea.metric), after.get(idea.metric)
    moved = old is not None and new is not None and (new > old if idea.direction == "up" else new < old)
    return Hypothesis(program, idea.text, idea.metric, idea.direction, old, new, moved)


def reward_of(statuses: list[int], *, is_best: bool) -> float:
    """Return what a commit is worth to the memory: 1 for a new best, less for what an archive took."""
    if is_best:
        return 1.0
    return {0: 0.0, 1: 0.5, 2: 0.25}[max(statuses, default=0)]
