"""Arms: what an island's bandit chooses among, operators or pairs of operator and model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Arm:
    """An operator, with the model that it asks when it asks one.

    Attributes:
        operator: The operator's name.
        model: The model's name; None for an operator that asks none.
        share: Positive weight beside the other models of the same operator.
    """

    operator: str
    model: str | None = None
    share: float = 1.0

    @property
    def name(self) -> str:
        """The arm's name in the record."""
        return self.operator if self.model is None else f"{self.operator}@{self.model}"


def arm_weights(operators: Mapping[str, float], arms: Iterable[Arm]) -> dict[str, float]:
    """Divide each operator's weight among its arms by their shares; keeps the order of the arms.

    Args:
        operators: Positive weight by operator; arms of other operators are left out.
        arms: All arms of the run.
    """
    used = [arm for arm in arms if arm.operator in operators]
    totals: dict[str, float] = {}
    for arm in used:
        totals[arm.operator] = totals.get(arm.operator, 0.0) + arm.share
    return {arm.name: operators[arm.operator] * arm.share / totals[arm.operator] for arm in used}
