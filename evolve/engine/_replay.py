"""Repeat a run from its record, or continue another way from a point of it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evolve._toml import validate
from evolve.engine._budget import CALL_LIMITS
from evolve.engine._config import Budget, RunConfig
from evolve.engine._folder import (
    MEMORY_IN,
    PROMPTS,
    copy_into,
    copy_templates,
    create_folder,
    remove_if_empty,
)
from evolve.engine._order import Script
from evolve.engine._progress import Display, Quiet
from evolve.engine._resumed import limits_of
from evolve.engine._rows import event_row
from evolve.engine._session import RunResult, check_same_problem, run_row, session
from evolve.engine._setup import check_usable, template_folders
from evolve.engine._steering import steering_rows
from evolve.errors import EvolveError, ModelError, RunError, StoreError, UsageError
from evolve.models import preflight
from evolve.problem import Problem, load_problem
from evolve.store import REPLAYS, Batch, Commit, Reader, Writer, copy_calls, copy_commits

FORKED = "forked"
"""Event of a run that was forked from another: of which, and how many commits it took over."""
_MAY_CHANGE = frozenset(("seed", "workers", "window", "order", "operators", "models", "prompts", "sandbox"))
"""Settings that a fork may change: with others, its programs could not be compared with earlier ones."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay showed.

    Attributes:
        result: How the replay ended; its folder is a run of its own.
        same: Every program, score and answer of the archives is equal to the last bit.
        commits: Number of commits that were repeated.
        difference: The first thing that differs, as a sentence; empty when nothing does.
    """

    result: RunResult
    same: bool
    commits: int
    difference: str


async def areplay(
    folder: str | Path,
    *,
    workers: int | None = None,
    sandbox: str | None = None,
    run_id: str | None = None,
    display: Display | None = None,
    handle_signals: bool = False,
) -> Replayed:
    """Repeat a run from its record: the same commits in the same order, without a single call to a model.

    Programs are proposed and evaluated anew, into a run of its own beside the other one; then both are
    compared. What a fork has taken over from another run is taken over again: it was made with the settings
    of that run, and is repeated by the replay of that run.

    Args:
        folder: The run's folder; the run must not be in progress.
        workers: Another number of workers; the run is the same with any.
        sandbox: Another policy.
        run_id: Name of the new run's folder; "NAME-replay" when omitted.
        display: What shows the progress.
        handle_signals: See `arun`.

    Raises:
        RunError: no run there, it holds no commit, or its problem has changed since.
        ModelError: a question was never asked; says where the runs parted before, when they did.
        StoreError: the store cannot be read, or the new one not be written.
    """
    folder = Path(folder)
    config, problem = _recorded(folder)
    changes = {"workers": workers or config.workers, "sandbox": sandbox or config.sandbox}
    config = validate({**config.model_dump(), **changes}, RunConfig, UsageError, where="replay")
    with Reader(folder) as reader:
        script, forks = Script(reader.commits()), reader.events(kind=FORKED)
        steering = steering_rows(reader)
    if not len(script):
        raise RunError(f"{folder}: holds no commit yet, so there is nothing to repeat.")
    target = create_folder(folder.parent, run_id, f"{folder.name}-replay", None)
    try:
        _copy_inputs(folder, target)
        config.save(target)
        writer = Writer(target, run_row(config, problem))
        writer.write(Batch(events=[event_row(REPLAYS, None, 0.0, {"run": folder.name})]))
        for event in forks[-1:]:
            note = event_row(FORKED, event.ticket, event.at_s, event.data)
            copy_commits(folder, writer, event.data["commits"], [note])
        writer.write(Batch(events=[{**row, "at_s": 0.0} for row in steering]))
        copy_calls(folder, writer)
        result = await session(target, config, problem, writer, display or Quiet(), handle_signals, script)
    except EvolveError as error:
        parted = _parted(folder, target) if isinstance(error, ModelError) else ""
        remove_if_empty(target)
        if parted:
            raise ModelError(f"{error}{parted}") from None
        raise
    difference = _first_difference(folder, target)
    return Replayed(result, not difference, len(script), difference)


async def afork(
    folder: str | Path,
    at: int,
    *,
    changes: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    run_id: str | None = None,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Continue from a point of a run with other settings, as a run of its own.

    Everything up to and including the commit of program `at` is copied, with what it cost; the other run
    stays as it is.

    Args:
        folder: The run's folder.
        at: Id of the last program to take over.
        changes: Settings of `RunConfig` that replace those of the run: "seed", "workers", "window",
            "order", "operators", "models", "prompts", "sandbox".
        budget: Limits that replace those of the run, one by one; one that is given as None is dropped. They
            count from the run's very beginning.
        run_id: Name of the new run's folder; "NAME-fork" when omitted.
        display: What shows the progress.
        handle_signals: See `arun`.

    Raises:
        UsageError: no such program, or a setting is wrong.
        RunError: no run there, or its problem has changed since.
        ModelError: no model can be used; what was found until then is safe.
        StoreError: the store cannot be read, or the new one not be written.
    """
    folder = Path(folder)
    config, problem = _recorded(folder)
    fixed = sorted((changes or {}).keys() - _MAY_CHANGE)
    if fixed:
        raise UsageError(f"{fixed[0]}: cannot be changed by a fork, only {', '.join(sorted(_MAY_CHANGE))}.")
    with Reader(folder) as reader:
        last = reader.commit(at).program
        steering = steering_rows(reader, until=last.seq)
    seq = last.seq
    if seq < len(problem.seeds):
        raise UsageError(
            f"--at {at}: must be a program after the {len(problem.seeds)} seeds, or the last of them."
        )
    limits = limits_of(config, budget)
    merged = {**config.model_dump(), **(changes or {}), "budget": limits.model_dump()}
    if merged["models"] is None:  # what is for models alone ends with them
        limits = limits.model_copy(update=dict.fromkeys(CALL_LIMITS)).or_default()
        merged |= {"prompts": None, "memory": None, "budget": limits.model_dump()}
    forked = validate(merged, RunConfig, UsageError, where="fork")
    check_usable(forked.model_copy(update={"memory": None}), problem)
    if forked.models is not None:
        await preflight(forked.models, forked.budget.max_usd)
    target = create_folder(folder.parent, run_id, f"{folder.name}-fork", None)
    try:
        if forked.prompts == config.prompts:
            _copy_inputs(folder, target)
        else:
            _copy_inputs(folder, target, prompts=False)
            copy_into(target, template_folders(forked, problem), None)
        forked.save(target)
        writer = Writer(target, run_row(forked, problem))
        note = event_row(FORKED, at, last.at_s, {"run": folder.name, "commits": seq})
        copy_commits(folder, writer, seq, [note, *steering])
        return await session(target, forked, problem, writer, display or Quiet(), handle_signals)
    except EvolveError:
        remove_if_empty(target)
        raise


def _recorded(folder: Path) -> tuple[RunConfig, Problem]:
    """Return the configuration and the problem of a run, the problem unchanged since."""
    config = RunConfig.load(folder)
    problem = load_problem(config.problem, config.params)
    with Reader(folder) as reader:
        check_same_problem(folder, reader.run().problem_digest, problem)
    return config, problem


def _copy_inputs(source: Path, target: Path, *, prompts: bool = True) -> None:
    try:
        if prompts and (source / PROMPTS).is_dir():
            copy_templates(source / PROMPTS, target / PROMPTS)
        if (source / MEMORY_IN).is_file():
            shutil.copyfile(source / MEMORY_IN, target / MEMORY_IN)
    except OSError as error:
        raise StoreError(
            f"{target}: cannot be written ({error}). Free space or choose another folder."
        ) from None


def _parted(recorded: Path, replayed: Path) -> str:
    """Say where a replay that asks what was never asked had parted from its run; empty when it had not."""
    with Reader(recorded) as before, Reader(replayed) as after:
        found = _first_of_commits(before, after)
    return f" The runs had parted before: {found}." if found else ""


def _first_of_commits(before: Reader, after: Reader) -> str:
    pairs = zip(before.commits(), after.commits(), strict=False)
    return next((found for old, new in pairs if (found := _difference(old, new))), "")


def _first_difference(recorded: Path, replayed: Path) -> str:
    """Say where two runs part; an empty text when they are equal."""
    with Reader(recorded) as before, Reader(replayed) as after:
        if found := _first_of_commits(before, after):
            return found
        was, now = before.committed(), after.committed()
        if was != now:
            return f"{was} commits are on record, {now} were repeated"
        if before.digest() != after.digest():
            return "every program and score is equal, but the archives or lessons are not"
    return ""


def _difference(old: Commit, new: Commit) -> str:
    pairs = {
        "id": (old.program.id, new.program.id),
        "operator": (old.program.operator, new.program.operator),
        "model": (old.program.model, new.program.model),
        "parents": (old.parents, new.parents),
        "text": (old.program.source, new.program.source),
        "status": (old.evaluation.status, new.evaluation.status),
        "objective": (old.evaluation.objective, new.evaluation.objective),
        "measures": (old.evaluation.measures, new.evaluation.measures),
        "metrics": (old.evaluation.metrics, new.evaluation.metrics),
    }
    for name, (was, now) in pairs.items():
        if was != now:
            return f"program {old.program.id}: {name} was {was!r} on record and is {now!r} now"
    return ""
