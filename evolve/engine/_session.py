"""Begin and resume runs: the folder, the store, the sandboxes and one session of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import evolve
from evolve._data_dirs import data_dir
from evolve._toml import validate
from evolve.engine._budget import explain
from evolve.engine._config import Budget, RunConfig
from evolve.engine._engine import Engine
from evolve.engine._progress import Display, Quiet
from evolve.errors import EvolveError, RunError, StoreError, UsageError
from evolve.islands import Preset, load_preset
from evolve.operators import Operator, builtin_operators, resolve_operator
from evolve.pipeline import Pipeline
from evolve.problem import Problem, Scalar, load_problem
from evolve.sandbox import LocalExecutor, default_policy
from evolve.store import Reader, Writer

UNSTEADY = ("timeout", "memory")
"""Outcomes that timing can decide when a program is near its limit."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """How a session ended.

    Attributes:
        folder: The run's folder; everything is in its `run.db`.
        problem: The problem's name.
        reason: "max_evals", "max_seconds", "target", "stagnation", "exhausted" or "interrupted".
        explanation: The same as a sentence.
        best_id: Id of the best program.
        best_objective: Its objective value; None when nothing valid was found.
        best_program: Its source text.
        evaluations: Programs evaluated, over all sessions.
        tickets: Programs proposed, over all sessions.
        statuses: Number of programs by status.
        elapsed_s: Run time in seconds, over all sessions.
        archive_digest: Hash of the archives and bandits; equal for equal runs.
    """

    folder: Path
    problem: str
    reason: str
    explanation: str
    best_id: int | None
    best_objective: float | None
    best_program: str
    evaluations: int
    tickets: int
    statuses: dict[str, int]
    elapsed_s: float
    archive_digest: str

    @property
    def unsteady(self) -> int:
        """Number of timeouts and memory kills: outcomes that may differ on another machine."""
        return sum(self.statuses.get(status, 0) for status in UNSTEADY)


def run(
    problem: str | Path,
    *,
    params: dict[str, Scalar] | None = None,
    seed: int = 0,
    workers: int = 2,
    window: int = 8,
    islands: str | Path | Preset = "single",
    sandbox: str | None = None,
    budget: Budget | None = None,
    runs: str | Path = "runs",
    run_id: str | None = None,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Begin a run and evolve until its budget ends; see `arun` for the arguments.

    Not from within a running event loop (a notebook has one): `await evolve.arun(...)` there.
    """
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "evolve.run: an event loop is running already (as in a notebook). Use: await evolve.arun(...)"
        )
    return asyncio.run(
        arun(
            problem,
            params=params,
            seed=seed,
            workers=workers,
            window=window,
            islands=islands,
            sandbox=sandbox,
            budget=budget,
            runs=runs,
            run_id=run_id,
            display=display,
            handle_signals=handle_signals,
        )
    )


async def arun(
    problem: str | Path,
    *,
    params: dict[str, Scalar] | None = None,
    seed: int = 0,
    workers: int = 2,
    window: int = 8,
    islands: str | Path | Preset = "single",
    sandbox: str | None = None,
    budget: Budget | None = None,
    runs: str | Path = "runs",
    run_id: str | None = None,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Begin a run and evolve until its budget ends.

    Args:
        problem: Name of a shipped problem, or the folder of one.
        params: Overrides of the problem's parameters.
        seed: Seed of the run; equal seeds give equal runs.
        workers: Programs evaluated at once; does not change what is found.
        window: Tickets in flight; part of what decides the run.
        islands: Name of a shipped archipelago preset, a preset's path, or a `Preset`.
        sandbox: Policy "strict" (the default on Linux) or "process" (the portable floor).
        budget: When to stop; 500 evaluations when nothing is given.
        runs: Folder that gets the run's folder.
        run_id: Name of the run's folder; made from date and problem when omitted.
        display: What shows the progress; nothing when omitted.
        handle_signals: Let SIGINT and SIGTERM stop the run cleanly (twice: at once). Main thread only.

    Raises:
        UsageError: an argument is wrong.
        ProblemError: the problem's declaration, a seed or the scorer is wrong.
        StoreError: the run's folder cannot be written.
        SandboxError: the sandboxes cannot be started.
    """
    loaded = load_problem(problem, params)
    preset = islands if isinstance(islands, Preset) else load_preset(islands)
    shipped = loaded.folder.parent == data_dir("problems")
    named = loaded.folder.name if shipped else str(loaded.folder)
    settings = {
        "problem": named,
        "params": params or {},
        "seed": seed,
        "workers": workers,
        "window": window,
        "islands": preset,
        "sandbox": sandbox or default_policy(),
        "budget": _checked(budget).or_default(),
    }
    config = validate(settings, RunConfig, UsageError, where="run")
    folder = _create_folder(Path(runs), run_id, loaded.name, seed)
    try:
        config.save(folder)
        writer = Writer(folder, _run_row(config, loaded))
        return await _session(folder, config, loaded, writer, display or Quiet(), handle_signals)
    except EvolveError:
        _remove_if_empty(folder)
        raise


async def aresume(
    folder: str | Path,
    *,
    workers: int | None = None,
    sandbox: str | None = None,
    budget: Budget | None = None,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Continue a run after any stop, from its last commit.

    Args:
        folder: The run's folder.
        workers: Another number of workers; the run is the same with any.
        sandbox: Another policy: "strict" or "process".
        budget: Limits that replace those of the run, one by one.
        display: What shows the progress.
        handle_signals: See `arun`.

    Raises:
        RunError: no run there, it is in progress, or its problem has changed since.
        StoreError: the store cannot be written or has another schema version.
    """
    folder = Path(folder)
    config = RunConfig.load(folder)
    changes = budget.model_dump(exclude_none=True) if budget else {}
    settings = {
        **config.model_dump(),
        "workers": config.workers if workers is None else workers,
        "sandbox": sandbox or config.sandbox,
        "budget": config.budget.model_copy(update=changes).model_dump(),
    }
    resumed = validate(settings, RunConfig, UsageError, where="resume")
    problem = load_problem(config.problem, config.params)
    writer = Writer(folder)
    try:
        with Reader(folder) as reader:
            _check_same_problem(folder, reader.run().problem_digest, problem)
        if resumed != config:
            resumed.save(folder)
    except BaseException:
        writer.close()
        raise
    return await _session(folder, resumed, problem, writer, display or Quiet(), handle_signals)


async def _session(
    folder: Path, config: RunConfig, problem: Problem, writer: Writer, display: Display, handle_signals: bool
) -> RunResult:
    with contextlib.closing(writer), Reader(folder) as reader:
        async with LocalExecutor(problem, config.workers, policy=config.sandbox) as executor:
            operators = _operators(config.islands, problem)
            engine = Engine(config, problem, Pipeline(problem, executor), operators, writer, reader)
            with _signals(engine, display) if handle_signals else contextlib.nullcontext():
                display.started(engine)
                try:
                    reason = await engine.run()
                finally:
                    display.stopped()
        best = engine.state.best
        return RunResult(
            folder=folder,
            problem=problem.name,
            reason=reason,
            explanation=explain(reason, config.budget),
            best_id=best[0] if best else None,
            best_objective=best[1] if best else None,
            best_program=reader.text(best[0]) if best else "",
            evaluations=engine.state.evaluations,
            tickets=engine.state.committed,
            statuses=dict(sorted(engine.state.statuses.items())),
            elapsed_s=engine.elapsed_s(),
            archive_digest=engine.state.archipelago.digest(),
        )


def _checked(budget: Budget | None) -> Budget:
    if budget is not None and not isinstance(budget, Budget):
        raise UsageError(
            f"budget: must be an evolve.Budget, such as evolve.Budget(max_seconds=30), got {budget!r}."
        )
    return budget or Budget()


_NEED_BLOCKS = {"insert_block", "remove_block"}


def _operators(preset: Preset, problem: Problem) -> dict[str, Operator]:
    """Return the operators that the islands name; with one that names none, all built-in ones of use."""
    names = {name for spec in preset.island for name in spec.operators}
    if not all(spec.operators for spec in preset.island):
        names |= builtin_operators().keys() - (set() if problem.blocks else _NEED_BLOCKS)
    return {name: resolve_operator(name) for name in sorted(names)}


@contextlib.contextmanager
def _signals(engine: Engine, display: Display) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            display.message("Stopping at once.")
            engine.abort("interrupted")
        else:
            asked = True
            display.message("Stopping: the running evaluations may end. Once more to stop at once.")
            engine.request_stop("interrupted")

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def _create_folder(runs: Path, run_id: str | None, problem: str, seed: int) -> Path:
    if run_id is not None and (run_id in ("", ".", "..") or Path(run_id).name != run_id):
        raise UsageError(
            f"--id {run_id!r}: must be the plain name of a folder. Say with --runs where it is made."
        )
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    name = run_id or f"{problem}-{stamp}-s{seed}"
    try:
        runs.mkdir(parents=True, exist_ok=True)
        for attempt in range(1, 1000):
            folder = runs / (name if attempt == 1 else f"{name}-{attempt}")
            if not folder.exists():
                folder.mkdir()
                return folder
            if run_id is not None:
                raise UsageError(
                    f"{folder}: exists already. Choose another --id, or `evolve resume {run_id}`."
                )
    except OSError as error:
        raise StoreError(
            f"{runs}: a run folder cannot be made there ({error.strerror}). Choose another with --runs."
        ) from None
    raise UsageError(f"{runs / name}: a thousand runs of this name exist. Choose another --id.")


def _remove_if_empty(folder: Path) -> None:
    """Remove a run that ended in an error before its first commit: there is nothing to resume.

    On any doubt it stays: what cannot be read is not known to be empty.
    """
    if (folder / "run.db").exists():
        try:
            with Reader(folder) as reader:
                if reader.last_id() > 0:
                    return
        except EvolveError:
            return
    shutil.rmtree(folder, ignore_errors=True)


def _run_row(config: RunConfig, problem: Problem) -> dict[str, object]:
    return {
        "problem": problem.name,
        "problem_digest": problem.digest,
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "version": evolve.__version__,
        "created_at": datetime.now(UTC).isoformat(),
    }


def _check_same_problem(folder: Path, digest: str, problem: Problem) -> None:
    if digest != problem.digest:
        raise RunError(
            f"{folder}: was begun with another state of the problem in {problem.folder} (its declaration, "
            "seeds, blocks or scorer have changed since). Restore that state to resume, or begin a new run."
        )
