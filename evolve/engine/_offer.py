"""Which operators a run offers, with which models, and how often each is used at first."""

from __future__ import annotations

from collections.abc import Mapping

from evolve.engine._config import RunConfig
from evolve.engine._state import Offer
from evolve.errors import UsageError
from evolve.islands import Arm
from evolve.languages import PYTHON
from evolve.models import ModelsConfig
from evolve.operators import TEXT_EDITS, Operator, builtin_operators, resolve_operator
from evolve.pipeline import load_stages
from evolve.problem import Problem

COMMAND = "command"
"""The operator that asks a program of the user's own."""

_NEED_BLOCKS = {"insert_block", "remove_block"}
_MODEL_MIX = {
    "diff": 2.0,
    "rewrite": 1.0,
    "hypothesis": 1.0,
    "model_crossover": 1.0,
    "repair": 1.0,
    "model_simplify": 0.25,
}
"""First guess of how often each operator should ask; the bandit learns from there."""
_BUILTIN_SHARE = 0.25
"""Weight of all built-in operators together, as a share of that of the model operators: they cost no call,
and tune what a model leaves rough."""


def offer_of(config: RunConfig, problem: Problem) -> Offer:
    """Return the operators, arms and weights of a run.

    Raises:
        UsageError: an operator is named that does not exist, or that needs a model when there is none.
    """
    models = config.models
    brought = _brought(problem)
    mix = dict(sorted(config.operators.items())) or _default_mix(models, problem, brought)
    named = {name for spec in config.islands.island for name in spec.operators}
    wanted = sorted(mix.keys() | named)
    operators = {name: brought[name] if name in brought else resolve_operator(name) for name in wanted}
    arms: list[Arm] = []
    for name, operator in operators.items():
        arms += _arms(name, operator, models)
    if all(spec.operators for spec in config.islands.island):
        arms = [arm for arm in arms if arm.operator in named]
    return Offer(operators, tuple(arms), mix)


def _brought(problem: Problem) -> dict[str, Operator]:
    """Return the operators that kinds of stages bring along because they know the problem."""
    graph, kinds = load_stages(problem)
    found: dict[str, Operator] = {}
    for name, spec in graph.specs.items():
        bring = getattr(kinds[name], "operators", None)
        if bring is not None:
            found |= bring(problem, spec)
    return found


def _default_mix(
    models: ModelsConfig | None, problem: Problem, brought: Mapping[str, Operator]
) -> dict[str, float]:
    """Return the weights; operators made for the problem take the place of the general ones."""
    own = {name: float(getattr(operator, "weight", 1.0)) for name, operator in sorted(brought.items())}
    if not brought:
        builtin = sorted(builtin_operators().keys() - (set() if problem.blocks else _NEED_BLOCKS))
        own = {name: 1.0 for name in builtin if problem.language.name == PYTHON or name in TEXT_EDITS}
    if models is None:
        return own
    mix = dict(_MODEL_MIX) if models.use else {}
    if models.command:
        mix[COMMAND] = 1.0 if models.use else sum(_MODEL_MIX.values())
    each = _BUILTIN_SHARE * sum(mix.values()) / sum(own.values())
    return dict(sorted({**mix, **{name: each * weight for name, weight in own.items()}}.items()))


def _arms(name: str, operator: Operator, models: ModelsConfig | None) -> list[Arm]:
    if not getattr(operator, "needs_model", False):
        return [Arm(name)]
    specs = () if models is None else models.command if name == COMMAND else models.use
    if not specs:
        wanted = "--command 'PROGRAM ARGUMENTS'" if name == COMMAND else "--model PROVIDER/NAME"
        raise UsageError(f"operator {name!r}: asks a model, but the run has none. Give {wanted}.")
    return [Arm(name, spec.name, spec.weight) for spec in specs]
