"""Run a program over folds: the engine's side, which passes on what it says without reading it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from evolve.sandbox import CodecError, Limits, RunResult, decode, encode
from evolve.tabular._folds import Parcel
from evolve.tabular._frame import Frame

PRELOAD = ("numpy", "pandas", "evolve.tabular.inside")
"""What a problem's `candidate.preload` has to name."""
_HARNESS = "from evolve.tabular.inside import apply, learn\n"
_LEARN, _APPLY = "learn", "apply"
_BATCHES = 3


class Sandbox(Protocol):
    """The part of an executor that is used here."""

    async def run(self, program: str, entry: str, arguments: dict[str, Any], limits: Limits) -> RunResult:
        """See `evolve.sandbox.Executor.run`."""
        ...


async def run_folds(sandbox: Sandbox, text: str, parcels: Sequence[Parcel], limits: Limits) -> RunResult:
    """Fit and apply a program on every fold.

    The first fold goes ahead, so that a program that fails costs one call; the others run at once, as many as
    the sandbox has workers.

    Args:
        sandbox: Where programs run.
        text: The program.
        parcels: One for each fold.
        limits: For each of the two calls of a fold.

    Returns:
        The end of all calls: times added, and as `output` what `read_folds` reads. When a call does not
        succeed, the end of the first such fold.

    Raises:
        SandboxError: the sandbox itself failed.
    """
    ends = [await _run_fold(sandbox, text, parcels[0], limits)]
    if ends[0].status == "ok":
        ends += await _at_once([_run_fold(sandbox, text, parcel, limits) for parcel in parcels[1:]])
    failed = next((end for end in ends if end.status != "ok"), None)
    total = replace(
        failed or ends[0],
        wall_s=sum(end.wall_s for end in ends),
        cpu_s=sum(end.cpu_s for end in ends),
        parts=_added([end.parts for end in ends]),
    )
    return total if failed else replace(total, output=encode([end.output for end in ends]))


async def learn_state(sandbox: Sandbox, text: str, frame: Frame, limits: Limits) -> RunResult:
    """Fit a program to rows; as `output` the encoded state, which `apply_state` takes."""
    learned = await sandbox.run(_HARNESS, _LEARN, {"text": text, "train": frame.to_plain()}, limits)
    parts = _bytes_of(learned, ("state", "train"))
    return parts if isinstance(parts, RunResult) else replace(learned, output=parts[0])


async def apply_state(sandbox: Sandbox, text: str, state: bytes, frame: Frame, limits: Limits) -> RunResult:
    """Transform rows with what was learned; as `output` an encoded list of one encoded table, unchecked."""
    arguments = {"text": text, "state": state, "batches": [frame.to_plain()]}
    return await sandbox.run(_HARNESS, _APPLY, arguments, limits)


async def _at_once(calls: Sequence[Any]) -> list[RunResult]:
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]


async def _run_fold(sandbox: Sandbox, text: str, parcel: Parcel, limits: Limits) -> RunResult:
    learned = await sandbox.run(_HARNESS, _LEARN, {"text": text, "train": parcel.train}, limits)
    parts = _bytes_of(learned, ("state", "train"))
    if isinstance(parts, RunResult):
        return parts
    state, train = parts
    arguments = {"text": text, "state": state, "batches": parcel.batches}
    applied = await sandbox.run(_HARNESS, _APPLY, arguments, limits)
    applied = replace(
        applied,
        wall_s=learned.wall_s + applied.wall_s,
        cpu_s=learned.cpu_s + applied.cpu_s,
        printed=learned.printed or applied.printed,
        parts=_added([learned.parts, applied.parts]),
    )
    batches = _bytes_of(applied, None)
    if isinstance(batches, RunResult):
        return batches
    return replace(applied, output=encode([train, *batches]))


def _bytes_of(ran: RunResult, keys: tuple[str, ...] | None) -> list[bytes] | RunResult:
    """Take a call's answer apart without looking into the parts; a failure is returned as it is."""
    if ran.status != "ok":
        return ran
    try:
        answer = decode(ran.output, max_nodes=1 + 2 * _BATCHES)
    except CodecError as error:
        return replace(ran, status="failed", output=b"", feedback=f"answered unreadable data: {error}")
    if keys is not None and isinstance(answer, dict) and answer.keys() == set(keys):
        answer = [answer[key] for key in keys]
    wanted = _BATCHES if keys is None else len(keys)
    if isinstance(answer, list) and len(answer) == wanted and all(type(part) is bytes for part in answer):
        return answer
    return replace(ran, status="failed", output=b"", feedback="answered something else than tables")


def _added(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: sum(part.get(name, 0.0) for part in parts) for name in names}
