"""Export a program that makes features: the transformer, what it learned, and the model card."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from evolve.errors import RunError, StoreError
from evolve.problem import Problem
from evolve.sandbox import Limits, LocalExecutor, decode
from evolve.tabular._card import card_text
from evolve.tabular._declare import FINAL
from evolve.tabular._final import FRESH, OUTER, job_of
from evolve.tabular._folds import parcels_of
from evolve.tabular._judge import SEARCH
from evolve.tabular._kept import load
from evolve.tabular._metrics import metric_named
from evolve.tabular._protocol import learn_state, run_folds
from evolve.tabular._transformer import kinds_of, transformer_text

LOOKS = "hold_out.json"
"""In the run's folder: every look at the held-out rows, with what was seen."""
TRANSFORMER, STATE, CARD, FACTS = "transformer.py", "state.bin", "MODEL_CARD.md", "features.json"
_SCORE_S = 3600.0


async def take_home(
    run: Path, problem: Problem, program: int, text: str, search: float, folder: Path, policy: str
) -> None:
    """Write the transformer and its card into a folder.

    The held-out rows are scored once for each program, however often it is exported; every look is recorded
    in the run's folder and counted in the card.

    Args:
        run: The run's folder.
        problem: The declared table.
        program: The program's id.
        text: Its text.
        search: Its score in the search.
        folder: Where to write.
        policy: Of the sandbox.

    Raises:
        RunError: the program breaks a rule on these rows.
        StoreError: something cannot be written.
    """
    limits = limits_for(problem)
    judged = dataclasses.replace(problem, spec=problem.spec.model_copy(update={"scorer": FINAL}))
    looks = _looks(run)
    async with LocalExecutor(judged, 1, policy=policy) as executor:
        learned = await asyncio.to_thread(lambda: load(problem.folder / SEARCH))
        state = await learn_state(executor, text, learned.table.frame, limits)
        if state.status != "ok":
            raise RunError(f"program {program}: {state.status} on all rows of the search: {state.feedback}")
        fresh = await _answer(executor, problem, text, FRESH, limits, program)
        if str(program) not in looks:
            held = await _answer(executor, problem, text, OUTER, limits, program)
            looks[str(program)] = {"at": datetime.now(UTC).isoformat(), "facts": held}
            _write_whole(run / LOOKS, json.dumps(looks, indent=1).encode())
    facts = {
        "learner": learned.learner,
        "metric": learned.metric,
        "program": program,
        "search": search,
        "looks": len(looks),
        "hold_out": looks[str(program)]["facts"],
        "fresh": fresh,
        "columns": kinds_of(learned.table.frame),
        "memory_mb": problem.spec.candidate.memory_mb,
    }
    metric = metric_named(learned.metric, learned.table.task)
    title = problem.spec.problem.title
    head = f"# Found by Evolve: run {run.name}, program {program}. {CARD} says what it is worth.\n"
    files = {
        TRANSFORMER: transformer_text(text, learned.table.frame, head).encode(),
        STATE: state.output,
        CARD: card_text(title, text, metric, facts).encode(),
        FACTS: (json.dumps(facts, indent=1) + "\n").encode(),
    }
    await asyncio.to_thread(_write_all, folder, files)


def _write_all(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise StoreError(
            f"{folder}: cannot be written ({error.strerror}). Choose another folder with --out."
        ) from None


def limits_for(problem: Problem) -> Limits:
    """Return what a program may use outside of a search: more rows at once, so more time."""
    candidate = problem.spec.candidate
    return Limits(
        wall_s=4 * candidate.timeout_s,
        memory_mb=candidate.memory_mb,
        processes=candidate.processes,
        scratch_mb=candidate.scratch_mb,
        output_bytes=int(candidate.output_mb * 2**20) * 2,
    )


async def _answer(
    executor: LocalExecutor, problem: Problem, text: str, question: str, limits: Limits, program: int
) -> dict[str, Any]:
    job = await asyncio.to_thread(job_of, problem.folder, question)
    parcels = parcels_of(job.kept.table.frame, job.errands)
    ran = await run_folds(executor, text, parcels, limits)
    if ran.status != "ok":
        raise RunError(f"program {program}: {ran.status} on the {question} rows: {ran.feedback}")
    verdict = await executor.score(ran.output, {"question": question}, artifact=True, timeout_s=_SCORE_S)
    if verdict.status != "valid":
        raise RunError(f"program {program}: {verdict.status} on the {question} rows: {verdict.feedback}")
    facts: dict[str, Any] = decode(verdict.artifact)
    return facts


def _looks(run: Path) -> dict[str, Any]:
    """Return what was seen of the held-out rows so far, by program."""
    path = run / LOOKS
    if not path.exists():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return {name: {"at": look["at"], "facts": dict(look["facts"])} for name, look in found.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise RunError(
            f"{path}: cannot be read ({error}). It counts the looks at the held-out rows; restore it."
        ) from None


def _write_whole(path: Path, content: bytes) -> None:
    try:
        half = path.with_suffix(".tmp")
        half.write_bytes(content)
        os.replace(half, path)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}). Free space.") from None
