"""What a run with models will cost, told before anything is spent."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from evolve.engine._background import problem_view
from evolve.engine._config import DEFAULT_MAX_EVALS, Budget, RunConfig
from evolve.engine._offer import offer_of
from evolve.engine._state import Offer
from evolve.models import CommandSpec, ModelsConfig, ModelSpec, Price, count_tokens, estimate_tokens
from evolve.operators import has_markers
from evolve.pipeline import asks, load_stages
from evolve.problem import Problem
from evolve.prompts import BlockView, ProgramView, PromptContext, Prompts

REPLY_TOKENS_PER_S = 80.0
"""How fast hosted models write, as a rule of thumb; `--latency` replaces it."""
FIRST_TOKEN_S = 1.0
_TALK_TOKENS = 250
"""What a model says beside the program or the edits, hidden reasoning not counted."""
_OPINION_TOKENS = (250, 120)
"""Of the prompt of a stage that asks about a program, without program and problem; and of its reply."""
_CALLS_A_TICKET = 1.15
"""One, and a second one for a reply that cannot be used or is known: about every seventh."""
_WHOLE = {"rewrite": 1.1, "model_crossover": 1.2, "model_simplify": 0.8, "repair": 1.0, "command": 1.1}
"""Length of the reply in lengths of the program, for operators that return all of it."""
_EDITED = 0.35
"""The same for those that return edits, with the text to be replaced."""


@dataclass(frozen=True, slots=True)
class Line:
    """What one operator asks of one model.

    Attributes:
        operator: Its name.
        model: The model's.
        share: Share of the tickets that it gets at first.
        prompt_tokens: Of the prompt about the seed, by estimate.
        reply_tokens: Of the reply, by estimate.
        usd: Price of a call; None when the model's price is not known.
        counted: Whether its tokens count; those of a command do not, for nobody knows them.
        reserved_tokens: The most that a call may use: set aside while it is in flight.
        reserved_usd: The most that it may cost; None when the model's price is not known.
    """

    operator: str
    model: str
    share: float
    prompt_tokens: int
    reply_tokens: int
    usd: float | None
    counted: bool = True
    reserved_tokens: int = 0
    reserved_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What to expect of a run.

    Attributes:
        lines: One for each pair of operator and model.
        prompt_tokens: Of the mean call.
        reply_tokens: Of the mean call.
        evaluation_s: Seconds of one evaluation, as measured on the seeds.
        latency_s: Seconds of a call.
        calls: Until the budget ends.
        evaluations: Until then.
        tokens: Until then.
        usd: Until then; None when a price is not known.
        wall_s: Until then.
        ends_by: The limit that ends the run.
        reasoning: Models that reason before they answer: tokens of the reply that are not foreseen.
        opinions: One for each stage that asks a model about every program; `operator` is the stage's name.
    """

    lines: tuple[Line, ...]
    prompt_tokens: float
    reply_tokens: float
    evaluation_s: float
    latency_s: float
    calls: int
    evaluations: int
    tokens: int
    usd: float | None
    wall_s: float
    ends_by: str
    reasoning: tuple[str, ...] = ()
    opinions: tuple[Line, ...] = ()

    def facts(self) -> dict[str, Any]:
        """Return the plan as plain data."""
        return asdict(self)


def plan_run(
    config: RunConfig,
    problem: Problem,
    seed: ProgramView,
    evaluation_s: float,
    prompts: Prompts,
    prices: Mapping[str, Price | None],
    latency_s: float | None = None,
    reasoning: Sequence[str] = (),
) -> Plan:
    """Foresee a run from the prompts as they would be sent and the measured evaluation of a seed.

    Args:
        config: The run's configuration, with models.
        problem: What is to be solved.
        seed: A seed program with its evaluation.
        evaluation_s: Seconds of one evaluation.
        prompts: The templates in force.
        prices: What the tokens of each model cost; None: not known.
        latency_s: Seconds of a call; None: guessed from the length of the reply.
        reasoning: Models that are known to reason before they answer.
    """
    assert config.models is not None
    offer = offer_of(config, problem)
    weights = _weights(offer)
    specs: dict[str, ModelSpec | CommandSpec] = {spec.name: spec for spec in config.models.use}
    specs |= {spec.name: spec for spec in config.models.command}
    lines = tuple(_lines(offer, weights, seed, problem, prompts, prices, specs))
    opinions = tuple(_opinions(problem, seed, prices, config.models))
    calls = [(line.share * _CALLS_A_TICKET, line) for line in lines] + [(1.0, line) for line in opinions]
    asking = sum(often for often, _ in calls) or 1.0
    counted = sum(often * (line.prompt_tokens + line.reply_tokens) for often, line in calls if line.counted)
    counted /= asking
    prompt = sum(often * line.prompt_tokens for often, line in calls) / asking
    reply = sum(often * line.reply_tokens for often, line in calls) / asking
    priced = all(line.usd is not None for _, line in calls)
    usd = sum(often * (line.usd or 0.0) for often, line in calls) / asking if priced else None
    latency = FIRST_TOKEN_S + reply / REPLY_TOKENS_PER_S if latency_s is None else latency_s
    calls_a_ticket = asking + _reflections(config)
    at_once = sum(spec.concurrency for spec in config.models.use)
    at_once += sum(spec.concurrency for spec in config.models.command)
    ticket_s = max(calls_a_ticket * latency / at_once, evaluation_s / config.workers)
    tickets, ends_by = _tickets(config.budget.or_default(), calls_a_ticket, counted, usd, ticket_s)
    sent = math.floor(tickets * calls_a_ticket + 1e-9)
    return Plan(
        lines=lines,
        prompt_tokens=prompt,
        reply_tokens=reply,
        evaluation_s=evaluation_s,
        latency_s=latency,
        calls=sent,
        evaluations=math.ceil(tickets),
        tokens=math.ceil(sent * counted),
        usd=None if usd is None else sent * usd,
        wall_s=tickets * ticket_s,
        ends_by=ends_by,
        reasoning=tuple(name for name in reasoning if any(line.model == name for _, line in calls)),
        opinions=opinions,
    )


def _weights(offer: Offer) -> dict[str, float]:
    """Return the share of the tickets that each operator gets at first."""
    used = {arm.operator for arm in offer.arms}
    mix = {name: weight for name, weight in offer.mix.items() if name in used} or dict.fromkeys(used, 1.0)
    total = sum(mix.values())
    return {name: weight / total for name, weight in mix.items()}


def _lines(
    offer: Offer,
    weights: Mapping[str, float],
    seed: ProgramView,
    problem: Problem,
    prompts: Prompts,
    prices: Mapping[str, Price | None],
    specs: Mapping[str, ModelSpec | CommandSpec],
) -> list[Line]:
    context = _first_context(problem, seed)
    length = estimate_tokens(seed.text)
    found = []
    for arm in offer.arms:
        if arm.model is None:
            continue
        messages = prompts.messages(arm.operator, context)
        prompt = sum(estimate_tokens(message.content) for message in messages)
        reply = _TALK_TOKENS + math.ceil(length * _WHOLE.get(arm.operator, _EDITED))
        shares = sum(other.share for other in offer.arms if other.operator == arm.operator)
        share = weights.get(arm.operator, 0.0) * arm.share / shares
        spec, price = specs[arm.model], prices[arm.model]
        line = Line(arm.operator, arm.model, share, prompt, reply, _usd(price, prompt, reply))
        if isinstance(spec, CommandSpec):
            line = replace(line, counted=False)
        else:
            most = count_tokens(messages)
            reserved = _usd(price, most, spec.max_tokens)
            line = replace(line, reserved_tokens=most + spec.max_tokens, reserved_usd=reserved)
        found.append(line)
    return found


def _opinions(
    problem: Problem, seed: ProgramView, prices: Mapping[str, Price | None], models: ModelsConfig
) -> list[Line]:
    """Return what stages ask about every program, of the model of most weight; commands are not asked."""
    if not models.use:
        return []
    _, kinds = load_stages(problem)
    model = max(models.use, key=lambda spec: spec.weight).name
    more, reply = _OPINION_TOKENS
    prompt = estimate_tokens(seed.text) + estimate_tokens(problem.spec.problem.statement) + more
    usd = _usd(prices[model], prompt, reply)
    return [Line(name, model, 1.0, prompt, reply, usd) for name, kind in kinds.items() if asks(kind)]


def _usd(price: Price | None, prompt: int, reply: int) -> float | None:
    return None if price is None else price.nano_usd(prompt, reply) / 1e9


def _first_context(problem: Problem, seed: ProgramView) -> PromptContext:
    """Return what the prompts of the first tickets show: a seed, with itself in every other part."""
    return PromptContext(
        problem=problem_view(problem),
        parent=seed,
        other=seed,
        failure=seed,
        inspirations=(seed,),
        blocks=tuple(BlockView(block.name, block.doc, block.text) for block in problem.blocks),
        editable=has_markers(seed.text),
    )


def _reflections(config: RunConfig) -> float:
    every = config.models.reflect_every if config.models and config.models.use else 0
    return 1 / every if every else 0.0


def _tickets(
    budget: Budget, calls: float, tokens: float, usd: float | None, ticket_s: float
) -> tuple[float, str]:
    """Return how many tickets the nearest limit allows, and its name.

    Args:
        budget: The limits.
        calls: Calls of a ticket.
        tokens: Tokens of a call.
        usd: Price of a call; None: not known.
        ticket_s: Seconds of a ticket when as many as may are in flight.
    """
    ends: list[tuple[float, str]] = []
    if budget.max_evals is not None:
        ends.append((budget.max_evals, "max_evals"))
    if budget.max_seconds is not None:
        ends.append((budget.max_seconds / ticket_s, "max_seconds"))
    if budget.max_calls is not None:
        ends.append((budget.max_calls / calls, "max_calls"))
    if budget.max_tokens is not None and tokens:
        ends.append((budget.max_tokens / (calls * tokens), "max_tokens"))
    if budget.max_usd is not None and usd:
        ends.append((budget.max_usd / (calls * usd), "max_usd"))
    return min(ends) if ends else (DEFAULT_MAX_EVALS, "")
