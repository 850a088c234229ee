"""Carry out attacks and judge them."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

from evolve.sandbox import CodecError, Executor, Limits, RunResult, Verdict, decode
from evolve.testing.hostile._attack import SANDBOX_ERROR, Attack, Outcome, Report
from evolve.testing.hostile._attacks import ATTACKS
from evolve.testing.hostile._compiled import build_and_run, honest_command
from evolve.testing.hostile._problem import HONEST, HONEST_VALUE
from evolve.testing.hostile._proc import Watch
from evolve.testing.hostile._world import World

_HONEST_LIMITS = Limits(wall_s=10.0)
_SCORE_TIMEOUT_S = 10.0
_OVERRUN_S = 1.5
"""How much longer than its limit a run may take from outside, on a busy machine."""
_SETTLE_S = 1.0
"""How long the kernel may take to bury what was killed."""


async def run_attack(executor: Executor, attack: Attack, world: World) -> Report:
    """Carry out one attack, look for harm, run the honest neighbour, and put the world back.

    Args:
        executor: What is attacked; started with `world.problem`, after the world was entered.
        attack: What to do.
        world: The bait.

    Returns:
        The report; `evidence` names everything that was found.
    """
    before = world.processes()
    outcome = await _carry_out(executor, attack, world)
    await asyncio.sleep(attack.settle_s)
    strays = await _strays(world, before)
    evidence = [
        _failure_of_the_executor(outcome),
        world.leaked(outcome.output + outcome.printed.encode() + outcome.feedback.encode()),
        world.harm(),
        f"{strays} processes were left" if strays else "",
        _forged(outcome.verdict),
        _overrun(attack.limits, outcome),
        attack.succeeded(world, outcome),
        await _neighbours(executor, attack.neighbours),
        await honest_command(executor) if attack.language == "c" else "",
    ]
    world.repair(before)
    found = "; ".join(dict.fromkeys(filter(None, evidence)))
    return Report(attack, bool(found), found, outcome.status, outcome.seconds, outcome)


async def run_suite(executor: Executor, world: World, attacks: Sequence[Attack] = ATTACKS) -> list[Report]:
    """Carry out attacks one after the other.

    Args:
        executor: What is attacked; started with `world.problem`, after the world was entered.
        world: The bait.
        attacks: What to do; all of them by default.
    """
    return [await run_attack(executor, attack, world) for attack in attacks]


def check(report: Report) -> None:
    """Raise AssertionError when the attack succeeded; the text says what it tried and what shows it."""
    if report.succeeded:
        raise AssertionError(f"{report.attack.intent} It succeeded: {report.evidence}")


def conformance(
    attacks: Sequence[Attack] = ATTACKS, known_failures: Mapping[str, str] | None = None
) -> list[Any]:
    """Return the attacks as pytest parameters.

    A known failure is expected to fail, strictly: once the executor holds, its test says so.

    Args:
        attacks: What to test.
        known_failures: Names of attacks that the executor cannot hold, each with the reason.

    Raises:
        ValueError: a known failure names no attack.
    """
    import pytest  # lazily: the suite itself needs none of it

    known = known_failures or {}
    unknown = known.keys() - {attack.name for attack in attacks}
    if unknown:
        raise ValueError(f"known_failures must be names of attacks, got {', '.join(sorted(unknown))}")
    parameters = []
    for attack in attacks:
        reason = known.get(attack.name)
        marks = [pytest.mark.xfail(reason=reason, strict=True)] if reason is not None else []
        parameters.append(pytest.param(attack, id=attack.name, marks=marks))
    return parameters


async def _carry_out(executor: Executor, attack: Attack, world: World) -> Outcome:
    arguments = {name: world.facts[name] for name in attack.arguments}
    if attack.language == "c":
        return await build_and_run(executor, attack, arguments)
    started = time.monotonic()
    with Watch(active=attack.watched) as watch:
        result = await _run(executor, attack.program, "attack", arguments, attack.limits)
    seconds = time.monotonic() - started
    verdict = await _score(executor, result)
    heir = None
    if attack.heir:
        heir = await _run(executor, attack.program, "heir", arguments, attack.limits)
    return Outcome(
        SANDBOX_ERROR if verdict is None else result.status,
        _decoded(result.output),
        result.output,
        result.printed,
        result.feedback,
        result.layers,
        verdict,
        _decoded(heir.output) if heir is not None else None,
        seconds,
        0.0,
        watch.peak_tasks,
        watch.peak_mb,
    )


async def _run(
    executor: Executor, program: str, entry: str, arguments: dict[str, Any], limits: Limits
) -> RunResult:
    try:
        return await executor.run(program, entry, arguments, limits)
    except Exception as error:  # noqa: BLE001 - an executor that a program makes raise has failed, however
        return RunResult(SANDBOX_ERROR, b"", f"{type(error).__name__}: {error}", "", 0.0, 0.0, ())


async def _score(executor: Executor, result: RunResult) -> Verdict | None:
    """Score what a run returned; None when it, or the executor while scoring, failed."""
    if result.status == SANDBOX_ERROR:
        return None
    if result.status != "ok":
        return Verdict("invalid", {}, "nothing to score")
    try:
        return await executor.score(result.output, {}, artifact=False, timeout_s=_SCORE_TIMEOUT_S)
    except Exception:  # noqa: BLE001 - as above
        return None


def _decoded(output: bytes) -> Any:
    try:
        return decode(output)
    except CodecError:
        return None


async def _strays(world: World, before: frozenset[int]) -> int:
    """Count the processes that an attack has left."""
    end = time.monotonic() + _SETTLE_S
    while (more := len(world.processes()) - len(before)) > 0 and time.monotonic() < end:  # noqa: ASYNC110 - other processes
        await asyncio.sleep(0.02)
    return max(more, 0)


def _failure_of_the_executor(outcome: Outcome) -> str:
    if outcome.status == SANDBOX_ERROR:
        return f"the executor itself failed: {outcome.feedback or 'while scoring'}"
    if outcome.verdict is not None and outcome.verdict.status in ("error", "timeout"):
        return f"the scorer failed ({outcome.verdict.status}): {outcome.verdict.feedback}"
    return ""


def _forged(verdict: Verdict | None) -> str:
    if verdict is None or verdict.status != "valid":
        return ""
    value = verdict.metrics.get("value", math.nan)
    return "" if 0.0 <= value <= 1.0 else f"an impossible score was accepted: {value!r}"


def _overrun(limits: Limits, outcome: Outcome) -> str:
    if outcome.seconds > limits.wall_s + _OVERRUN_S:
        return f"ran for {outcome.seconds:.1f} s of {limits.wall_s:g}"
    if len(outcome.output) > limits.output_bytes:
        return f"returned {len(outcome.output):,} bytes of {limits.output_bytes:,}"
    if len(outcome.printed) > 2 * limits.printed_bytes:  # a note on what was dropped is welcome
        return f"{len(outcome.printed):,} printed characters were kept of {limits.printed_bytes:,}"
    return ""


async def _neighbours(executor: Executor, count: int) -> str:
    """Run the honest program some times; say what is wrong with it the first time that something is."""
    for _ in range(count):
        if wrong := await _neighbour(executor):
            return wrong
    return ""


async def _neighbour(executor: Executor) -> str:
    result = await _run(executor, HONEST, "solve", {}, _HONEST_LIMITS)
    if result.status != "ok":
        return f"an honest program failed afterwards: {result.status} {result.feedback:.300}"
    verdict = await _score(executor, result)
    value = verdict.metrics.get("value") if verdict is not None else None
    if value is None or not abs(value - HONEST_VALUE) < 1e-12:
        return f"an honest program's score changed from {HONEST_VALUE} to {value}"
    return ""
