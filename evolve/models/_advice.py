"""What to do about a model that cannot be used."""

from __future__ import annotations

from collections.abc import Iterable

from evolve.models._failure import Failure
from evolve.models._lane import Lane
from evolve.models._settings import CommandSpec


def all_given_up(lanes: Iterable[Lane]) -> str:
    """Say which models were given up, why, and what to do about each."""
    lines = ["no model can be used any more."]
    for lane in lanes:
        failure = lane.health.last
        if failure is not None:
            failed = f"{lane.health.row} call{'s' * (lane.health.row != 1)} failed in a row"
            said = failure.text.removeprefix(f"{lane.spec.name}: ").rstrip(".")
            lines.append(f"{lane.spec.name}: {failed}, the last: {said}. {advise(lane, failure)}")
    if len(lines) == 1:
        return "no model is configured. Name one: --model provider/model, or [[models.use]] in config.toml."
    return "\n".join(lines)


def advise(lane: Lane, failure: Failure) -> str:
    """Say what a user can do about a failure."""
    spec = lane.spec
    if isinstance(spec, CommandSpec):
        return f"Run {spec.argv[0]!r} by hand with a prompt on its input, then `evolve resume`."
    if failure.advice:
        return failure.advice
    endpoint = spec.api_base or "the provider"
    return {
        "rate_limit": "Wait, or set rpm, tpm or a lower concurrency in [models]; then `evolve resume`.",
        "transient": f"Check that {endpoint} answers, wait if it is down, then `evolve resume`.",
        "refused": "If prompts are too long, lower prompt_tokens or max_tokens in [models]; if the content "
        "is refused, change the problem's statement or the model; then `evolve resume`.",
        "model": "Check its name, its key and its parameters in [models]; then `evolve resume`.",
    }[failure.kind]
