"""Find an operator by name."""

from __future__ import annotations

from importlib.metadata import entry_points

from evolve._toml import suggest
from evolve.errors import UsageError
from evolve.operators._base import Operator
from evolve.operators._blocks import block_operators
from evolve.operators._crossover import crossover_operator
from evolve.operators._expression import expression_operator
from evolve.operators._jitter import jitter_operators
from evolve.operators._model_operators import model_operators
from evolve.operators._simplify import simplify_operator
from evolve.operators._statement import statement_operator

GROUP = "evolve.operators"


def builtin_operators() -> dict[str, Operator]:
    """Return the operators that need no model, by name, in the order of their names."""
    operators: list[Operator] = [
        *block_operators(),
        crossover_operator(),
        expression_operator(),
        *jitter_operators(),
        simplify_operator(),
        statement_operator(),
    ]
    return {operator.name: operator for operator in sorted(operators, key=lambda operator: operator.name)}


def resolve_operator(name: str) -> Operator:
    """Return the operator of this name: one of evolve's own, else one that a package registers.

    A package registers an operator as an entry point of the group `evolve.operators`, which
    names the operator itself or a callable without parameters that makes it.

    Raises:
        UsageError: no such operator, or what is registered cannot be loaded or is none.
    """
    own: dict[str, Operator] = {**builtin_operators(), **model_operators()}
    if name in own:
        return own[name]
    registered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in registered:
        names = sorted([*own, *registered])
        raise UsageError(
            f"operator {name!r}: no operator has this name.{suggest(name, names)} "
            f"Operators: {', '.join(names)}. A package can add one as an entry point of the group {GROUP!r}."
        )
    try:
        found = registered[name].load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"operator {name!r}: {registered[name].value} cannot be loaded ({error}). "
            "Install or mend the package that registers it."
        ) from error
    operator = found if isinstance(found, Operator) and not isinstance(found, type) else found()
    if not isinstance(operator, Operator):
        raise UsageError(
            f"operator {name!r}: {registered[name].value} must be an operator (with name, "
            f"parents_wanted and propose) or make one, got {type(operator).__name__}. "
            "Mend the package that registers it."
        )
    return operator
