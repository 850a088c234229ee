"""What a resumed run may change, and what makes another run of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from evolve._toml import validate
from evolve.engine._config import Budget, RunConfig, RunFile
from evolve.errors import UsageError
from evolve.islands import load_preset
from evolve.models import CallSettings, ModelsConfig

_FORK = "`evolve fork RUN --at PROGRAM` goes on another way, as a run of its own."
_DECIDING = ("embedding", "similarity", "prompt_tokens", "reflect_every")
"""Settings of `[models]` that decide what is asked: changed on the way, a run could not be repeated."""
_FREE = frozenset({"workers", "sandbox", "budget", "models", "problem"})
"""Keys of a file that a resumed run takes, or that need no comparison."""


def limits_of(config: RunConfig, budget: Budget | None) -> Budget:
    """Return the limits of a run with those that replace them; one that is set to None is dropped."""
    changes = budget.model_dump(exclude_unset=True) if budget else {}
    return config.budget.model_copy(update=changes).or_default()


def check_same_models(before: ModelsConfig | None, after: ModelsConfig | None) -> None:
    """Refuse models other than those that a run began with; how they are called may differ.

    Raises:
        UsageError: a model is new, missing or of another weight, or what is asked would differ.
    """
    was, now = _who(before), _who(after)
    if was != now:
        raise UsageError(
            f"models: must be those that the run began with ({_listed(was)}), got {_listed(now)}. "
            f"Addresses, limits and parameters may change; to ask others, {_FORK}"
        )
    for name in _DECIDING if before is not None else ():
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            raise UsageError(f"models.{name}: is {old!r} in this run and cannot become {new!r}: {_FORK}")


def resumed_models(config: RunConfig, file: RunFile) -> ModelsConfig | None:
    """Return the models of a run with the settings of a file; those of `[models]` itself hold for all.

    Raises:
        UsageError: the file names other models, or changes what a resumed run must keep.
    """
    _check_kept(config, file)
    if config.models is None or file.models is None:
        check_same_models(config.models, file.models or config.models)
        return config.models
    given = file.models.model_dump(exclude_unset=True)
    table = config.models.model_dump(exclude_unset=True)
    uses, commands = given.pop("use", ()), given.pop("command", ())
    for_all = {key: value for key, value in given.items() if key in CallSettings.model_fields}
    table["use"] = _merged(table.get("use", ()), uses, for_all)
    table["command"] = _merged(table.get("command", ()), commands, {})
    merged = validate({**table, **given}, ModelsConfig, UsageError, where="models")
    check_same_models(config.models, merged)
    return merged


def _check_kept(config: RunConfig, file: RunFile) -> None:
    for name in sorted(file.model_fields_set - _FREE):
        new, old = getattr(file, name), getattr(config, name)
        new = load_preset(new) if name == "islands" and isinstance(new, str) else new
        if new is not None and new != old:
            raise UsageError(f"{name}: belongs to what the run is and cannot be changed by a resume: {_FORK}")


def _merged(
    entries: Sequence[Mapping[str, Any]],
    given: Sequence[Mapping[str, Any]],
    for_all: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """Return the entries with the settings for all of them, and those of the given one of the same name."""
    changes = {entry["name"]: entry for entry in given}
    known = {entry["name"] for entry in entries}
    found = [{**entry, **for_all, **changes.get(entry["name"], {})} for entry in entries]
    return found + [dict(entry) for name, entry in changes.items() if name not in known]


def _who(models: ModelsConfig | None) -> dict[str, float]:
    if models is None:
        return {}
    uses = {spec.name: spec.weight for spec in models.use}
    return uses | {spec.name: spec.weight for spec in models.command}


def _listed(models: Mapping[str, float]) -> str:
    named = (name if weight == 1 else f"{name}={weight:g}" for name, weight in models.items())
    return ", ".join(named) or "none"
