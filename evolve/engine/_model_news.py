"""What became of a model, as a sentence for the user."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def said_of_model(kind: str, data: Mapping[str, Any]) -> str:
    """Say an event of a model as one line; see `evolve.models.OnEvent` for the kinds.

    Args:
        kind: "model_paused", "model_given_up", "model_recovered", "model_overcharged"; any other is said with
            what it tells.
        data: What the event tells; "model" names it, "error" is the last failure.
    """
    name = data.get("model", "model")
    said = str(data.get("error", "")).removeprefix(f"{name}: ").rstrip(".")
    last = f", the last: {said}" if said else ""
    failed = _failed(int(data.get("failures", 0)))
    if kind == "model_paused":
        return f"{name}: paused for {data.get('seconds', 0):g} s after {failed}{last}"
    if kind == "model_given_up":
        return f"{name}: not asked any more after {failed}{last}"
    if kind == "model_recovered":
        return f"{name}: answers again"
    if kind == "model_overcharged":
        used, most = data.get("tokens", 0), data.get("reserved_tokens", 0)
        return f"{name}: used {used:,} tokens for a call, more than the {most:,} that it may; all are counted"
    told = ", ".join(f"{key} {value}" for key, value in data.items() if key not in ("model", "error"))
    about = f" ({told})" if told else ""
    return f"{name}: {kind.replace('_', ' ')}{about}" + (f": {said}" if said else "")


def _failed(count: int) -> str:
    return f"{count} failed call" + ("" if count == 1 else "s in a row")
