"""Which operators a run offers, with which models, and how often each is used at first."""

from __future__ import annotations

from evolve.engine._config import RunConfig
from evolve.engine._state import Offer
from evolve.errors import UsageError
from evolve.islands import Arm
from evolve.languages import PYTHON
from evolve.models import ModelsConfig
from evolve.operators import TEXT_EDITS, Operator, builtin_operators, resolve_operator
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
    mix = dict(sorted(config.operators.items())) or _default_mix(models, problem)
    named = {name for spec in config.islands.island for name in spec.operators}
    operators = {name: resolve_operator(name) for name in sorted(mix.keys() | named)}
    arms: list[Arm] = []
    for name, operator in operators.items():
        arms += _arms(name, operator, models)
    if all(spec.operators for spec in config.islands.island):
        arms = [arm for arm in arms if arm.operator in named]
    return Offer(operators, tuple(arms), mix)


def _default_mix(models: ModelsConfig | None, problem: Problem) -> dict[str, float]:
    builtin = sorted(builtin_operators().keys() - (set() if problem.blocks else _NEED_BLOCKS))
    if problem.language.name != PYTHON:
        builtin = [name for name in builtin if name in TEXT_EDITS]
    if models is None:
        return dict.fromkeys(builtin, 1.0)
    mix = dict(_MODEL_MIX) if models.use else {}
    if models.command:
        mix[COMMAND] = 1.0 if models.use else sum(_MODEL_MIX.values())
    each = _BUILTIN_SHARE * sum(mix.values()) / len(builtin)
    return dict(sorted({**mix, **dict.fromkeys(builtin, each)}.items()))


def _arms(name: str, operator: Operator, models: ModelsConfig | None) -> list[Arm]:
    if not getattr(operator, "needs_model", False):
        return [Arm(name)]
    specs = () if models is None else models.command if name == COMMAND else models.use
    if not specs:
        wanted = "--command 'PROGRAM ARGUMENTS'" if name == COMMAND else "--model PROVIDER/NAME"
        raise UsageError(f"operator {name!r}: asks a model, but the run has none. Give {wanted}.")
    return [Arm(name, spec.name, spec.weight) for spec in specs]
