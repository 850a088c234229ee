"""Begin and resume runs: the folder, the store, the sandboxes and one session of the engine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

import evolve
from evolve._data_dirs import data_dir
from evolve._toml import validate
from evolve.engine._again import MEASURED_AGAIN, MeasuredAgain, measure_again
from evolve.engine._background import Background
from evolve.engine._budget import CALL_LIMITS, explain
from evolve.engine._config import Budget, RunConfig
from evolve.engine._controls import Controls
from evolve.engine._engine import INTERRUPTED, Engine
from evolve.engine._folder import MEMORY_OUT, copy_into, create_folder, remove_if_empty
from evolve.engine._obey import Obedience
from evolve.engine._offer import offer_of
from evolve.engine._order import OrderName, Script
from evolve.engine._plan import plan_run
from evolve.engine._programs import Programs
from evolve.engine._progress import Display, Quiet
from evolve.engine._resumed import check_same_models, limits_of
from evolve.engine._setup import (
    check_usable,
    default_window,
    measured,
    memory_file,
    models_config,
    open_background,
    template_folders,
)
from evolve.engine._state import State
from evolve.errors import EvolveError, RunError, SandboxError, StoreError, UsageError
from evolve.islands import Preset, load_preset
from evolve.models import ModelsConfig, preflight
from evolve.pipeline import Pipeline, Recall
from evolve.problem import Problem, Value, load_problem
from evolve.prompts import ProgramView
from evolve.sandbox import LocalExecutor, default_policy
from evolve.store import CACHE_FILE, Reader, ResultCache, Writer

FAILED = "failed"
"""Event of a session that ended in an error; says which."""
_UNTIL_SPAWNED = 4
"""Turns of the event loop after which an executor has begun all of its processes."""
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
        calls: Calls to models, over all sessions, failed ones included.
        tokens: Tokens of these calls.
        usd: Their price in US dollars.
        failures: Calls that got no answer, whatever the reason.
        measured_again: The seed and the best once more, where the objective does not repeat.
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
    calls: int = 0
    tokens: int = 0
    usd: float = 0.0
    failures: int = 0
    measured_again: MeasuredAgain | None = None

    @property
    def unanswered(self) -> bool:
        """Whether models were asked, or could not be for want of budget, and none has ever answered."""
        return self.calls == self.failures and (self.calls > 0 or self.reason in CALL_LIMITS)

    @property
    def unsteady(self) -> int:
        """Number of timeouts and memory kills: outcomes that may differ on another machine."""
        return sum(self.statuses.get(status, 0) for status in UNSTEADY)


class RunOptions(TypedDict, total=False):
    """The options of `run`; `arun` says what they mean."""

    params: dict[str, Value] | None
    seed: int
    workers: int
    window: int | None
    order: OrderName | None
    islands: str | Path | Preset
    operators: Mapping[str, float] | None
    models: ModelsConfig | Sequence[str] | None
    prompts: str | Path | None
    memory: str | Path | None
    sandbox: str | None
    budget: Budget | None
    runs: str | Path
    run_id: str | None
    cache: bool
    display: Display | None
    handle_signals: bool


def run(problem: str | Path, **options: Unpack[RunOptions]) -> RunResult:
    """Begin a run and evolve until its budget ends; see `arun` for the options.

    Not from within a running event loop (a notebook has one): `await evolve.arun(...)` there.
    """
    with contextlib.suppress(RuntimeError):
        asyncio.get_running_loop()
        raise UsageError(
            "evolve.run: an event loop is running already (as in a notebook). Use: await evolve.arun(...)"
        )
    return asyncio.run(arun(problem, **options))


async def arun(
    problem: str | Path,
    *,
    params: dict[str, Value] | None = None,
    seed: int = 0,
    workers: int = 2,
    window: int | None = None,
    order: OrderName | None = None,
    islands: str | Path | Preset = "single",
    operators: Mapping[str, float] | None = None,
    models: ModelsConfig | Sequence[str] | None = None,
    prompts: str | Path | None = None,
    memory: str | Path | None = None,
    sandbox: str | None = None,
    budget: Budget | None = None,
    runs: str | Path = "runs",
    run_id: str | None = None,
    cache: bool = True,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Begin a run and evolve until its budget ends.

    Args:
        problem: Name of a shipped problem, or the folder of one.
        params: Overrides of the problem's parameters.
        seed: Seed of the run; equal seeds give equal runs.
        workers: Programs evaluated at once; does not change what is found.
        window: Tickets in flight; part of what decides the run. Omitted: 8, or with models as many as
            keep all calls and workers busy.
        order: "ticket": commits in ticket order, so that timing decides nothing; "arrival": as they come.
            Omitted: "arrival" with models, whose replies no seed repeats, else "ticket".
        islands: Name of a shipped archipelago preset, a preset's path, or a `Preset`.
        operators: Weight by operator, for islands that name none; omitted: all that can be used.
        models: The models to ask: litellm's names, such as ["openai/gpt-5-mini", "ollama/qwen3=2"], or a
            whole configuration. Keys are read from the environment by litellm alone.
        prompts: Folder of templates that replace the problem's and the package's.
        memory: A run's folder, or its `memory.json`: lessons and blocks to begin with.
        sandbox: Policy "strict" (the default on Linux) or "process" (the portable floor).
        budget: When to stop; 500 evaluations when nothing is given.
        runs: Folder that gets the run's folder.
        run_id: Name of the run's folder; made from date and problem when omitted.
        cache: Use results that other runs in `runs` have found for the same program, and keep those of this
            one; only of stages that are deterministic, so that what is found stays the same.
        display: What shows the progress; nothing when omitted.
        handle_signals: Let SIGINT and SIGTERM stop the run cleanly (twice: at once). Main thread only.

    Raises:
        UsageError: an argument is wrong.
        ProblemError: the problem's declaration, a seed or the scorer is wrong.
        ModelError: no model can be used; what was found until then is safe.
        StoreError: the run's folder cannot be written.
        SandboxError: the sandboxes cannot be started.
    """
    loaded = load_problem(problem, params)
    options = RunOptions(
        params=params,
        seed=seed,
        workers=workers,
        window=window,
        order=order,
        islands=islands,
        operators=operators,
        models=models,
        prompts=prompts,
        memory=memory,
        sandbox=sandbox,
        budget=budget,
    )
    config = resolve(loaded, options)
    if config.models is not None:
        await preflight(config.models, config.budget.max_usd)
    folder = create_folder(Path(runs), run_id, loaded.name, seed)
    try:
        copy_into(folder, template_folders(config, loaded), memory_file(config))
        config.save(folder)
        writer = Writer(folder, run_row(config, loaded))
        shown = display or Quiet()
        return await session(folder, config, loaded, writer, shown, handle_signals, cache=cache)
    except EvolveError:
        remove_if_empty(folder)
        raise


def resolve(problem: Problem, options: RunOptions) -> RunConfig:
    """Return the whole configuration that the options of a run stand for, checked.

    Raises:
        UsageError: an option is wrong.
        ProblemError: a template of the problem is wrong.
    """
    models, workers = options.get("models"), options.get("workers", 2)
    asked = models if isinstance(models, ModelsConfig) or models is None else models_config(models)
    islands = options.get("islands", "single")
    shipped = problem.folder.parent == data_dir("problems")
    prompts, memory = options.get("prompts"), options.get("memory")
    settings = {
        "problem": problem.folder.name if shipped else str(problem.folder),
        "params": options.get("params") or {},
        "seed": options.get("seed", 0),
        "workers": workers,
        "window": options.get("window") or default_window(asked, workers),
        "order": options.get("order") or ("arrival" if asked else "ticket"),
        "islands": islands if isinstance(islands, Preset) else load_preset(islands),
        "operators": dict(options.get("operators") or {}),
        "models": asked,
        "prompts": None if prompts is None else str(prompts),
        "memory": None if memory is None else str(memory),
        "sandbox": options.get("sandbox") or default_policy(),
        "budget": _checked(options.get("budget")).or_default(),
    }
    config = validate(settings, RunConfig, UsageError, where="run")
    check_usable(config, problem)
    return config


async def aresume(
    folder: str | Path,
    *,
    workers: int | None = None,
    sandbox: str | None = None,
    budget: Budget | None = None,
    models: ModelsConfig | None = None,
    cache: bool = True,
    display: Display | None = None,
    handle_signals: bool = False,
) -> RunResult:
    """Continue a run after any stop, from its last commit.

    Args:
        folder: The run's folder.
        workers: Another number of workers; the run is the same with any.
        sandbox: Another policy: "strict" or "process".
        budget: Limits that replace those of the run, one by one; one that is given as None is dropped.
        models: The same models with other settings (an address, a limit of rates).
        cache: See `arun`.
        display: What shows the progress.
        handle_signals: See `arun`.

    Raises:
        UsageError: an option is wrong, or the models are others than those of the run.
        RunError: no run there, it is in progress, or its problem has changed since.
        ModelError: no model can be used; what was found until then is safe.
        StoreError: the store cannot be written or has another schema version.
    """
    folder = Path(folder)
    config = RunConfig.load(folder)
    check_same_models(config.models, models or config.models)
    settings = {
        **config.model_dump(),
        "workers": config.workers if workers is None else workers,
        "sandbox": sandbox or config.sandbox,
        "budget": limits_of(config, budget).model_dump(),
        "models": models or config.models,
    }
    resumed = validate(settings, RunConfig, UsageError, where="resume")
    problem = load_problem(config.problem, config.params)
    writer = Writer(folder)
    try:
        with Reader(folder) as reader:
            check_same_problem(folder, reader.run().problem_digest, problem)
    except BaseException:
        writer.close()
        raise
    return await session(folder, resumed, problem, writer, display or Quiet(), handle_signals, cache=cache)


async def session(
    folder: Path,
    config: RunConfig,
    problem: Problem,
    writer: Writer,
    display: Display,
    handle_signals: bool,
    script: Script | None = None,
    *,
    cache: bool = False,
) -> RunResult:
    """Run one session of a run and close its writer.

    Args:
        folder: The run's.
        config: How to go on.
        problem: What is to be solved.
        writer: Of the run's store.
        display: What shows the progress.
        handle_signals: See `arun`.
        script: The order of a recorded run, to be repeated without any call.
        cache: Whether to use and keep results of other runs beside this one's folder.
    """
    problem = measured(problem, config.islands)
    with contextlib.closing(writer), Reader(folder) as reader:
        async with contextlib.AsyncExitStack() as stack:
            offer = offer_of(config, problem)
            state, programs = State(problem, config, offer), Programs(reader)
            background = None
            if config.models is not None:
                background = await stack.enter_async_context(
                    open_background(
                        folder, config, problem, state, programs, writer, reader, offline=script is not None
                    )
                )
            if script is None:
                config.save(folder)  # not before the models have accepted it: it must be possible to resume
            executor = LocalExecutor(problem, config.workers, policy=config.sandbox)
            started = await stack.enter_async_context(_beginning(executor))
            recall = None
            if cache:
                shelf = ResultCache(folder.parent / CACHE_FILE, warn=display.message)
                stack.callback(shelf.close)
                recall = Recall(shelf, problem, config.sandbox)
            pipeline = Pipeline(problem, executor, recall=recall)
            engine = Engine(
                config,
                problem,
                pipeline,
                state,
                offer.operators,
                writer,
                reader,
                programs=programs,
                background=background,
                script=script,
                message=display.message,
                seeded=None if background is None else partial(_plan, config, problem, background),
            )
            engine.restore()
            await started
            obedience = Obedience(
                folder, engine, problem, reader, executor, window=config.window, message=display.message
            )
            controls = Controls(folder, engine, obedience, reader, message=display.message)
            with _signals(engine, display) if handle_signals else contextlib.nullcontext():
                display.started(engine)
                try:
                    async with controls:
                        reason = await engine.run()
                except EvolveError as error:
                    with contextlib.suppress(StoreError):  # the first error is the one to tell
                        engine.log(FAILED, {"error": str(error)})
                    raise
                finally:
                    display.stopped()
            again = None
            if script is None and reason != "interrupted":
                try:
                    again = await measure_again(problem, pipeline, reader)
                except SandboxError as error:  # the run is complete without it
                    display.message(f"the best was not measured again: {error}")
            if again is not None:
                engine.log(MEASURED_AGAIN, again.facts())
            if background is not None:
                background.memory.save(folder / MEMORY_OUT, run=folder.name, problem=problem.name)
        return _result(folder, problem, config, engine, reader, reason, again)


@contextlib.asynccontextmanager
async def _beginning(executor: LocalExecutor) -> AsyncIterator[asyncio.Task[LocalExecutor]]:
    """Start an executor while something else is done; yields what tells when it has started.

    Its helpers import what a problem preloads, which takes a second of other processes' time.
    """
    async with contextlib.AsyncExitStack() as stack:
        starting = asyncio.create_task(stack.enter_async_context(executor))
        for _ in range(_UNTIL_SPAWNED):
            await asyncio.sleep(0)
        try:
            yield starting
        finally:
            with contextlib.suppress(EvolveError):  # whoever awaits it is told; what is begun has to be ended
                await starting


def _plan(
    config: RunConfig, problem: Problem, background: Background, seed: ProgramView, evaluation_s: float
) -> dict[str, Any]:
    models = background.models
    plan = plan_run(
        config, problem, seed, evaluation_s, background.prompts, models.prices, reasoning=models.reasoning
    )
    return plan.facts()


def _result(
    folder: Path,
    problem: Problem,
    config: RunConfig,
    engine: Engine,
    reader: Reader,
    reason: str,
    again: MeasuredAgain | None,
) -> RunResult:
    best, spent = engine.state.best, engine.progress().spent
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
        calls=spent.calls if spent else 0,
        tokens=spent.tokens if spent else 0,
        usd=spent.usd if spent else 0.0,
        failures=spent.failures if spent else 0,
        measured_again=again,
    )


def _checked(budget: Budget | None) -> Budget:
    if budget is not None and not isinstance(budget, Budget):
        raise UsageError(
            f"budget: must be an evolve.Budget, such as evolve.Budget(max_seconds=30), got {budget!r}."
        )
    return budget or Budget()


@contextlib.contextmanager
def _signals(engine: Engine, display: Display) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    asked = False

    def on_signal() -> None:
        nonlocal asked
        if asked:
            display.message("Stopping at once.")
            engine.abort(INTERRUPTED)
        else:
            asked = True
            display.message("Stopping: the running evaluations may end. Once more to stop at once.")
            engine.request_stop(INTERRUPTED)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def run_row(config: RunConfig, problem: Problem) -> dict[str, object]:
    """Return the row that says what a run is."""
    return {
        "problem": problem.name,
        "problem_digest": problem.digest,
        "seed": config.seed,
        "config": config.model_dump(mode="json"),
        "version": evolve.__version__,
        "created_at": datetime.now(UTC).isoformat(),
    }


def check_same_problem(folder: Path, digest: str, problem: Problem) -> None:
    """Refuse to go on with a run whose problem has changed since; raises RunError."""
    if digest != problem.digest:
        raise RunError(
            f"{folder}: was begun with another state of the problem in {problem.folder} (its declaration, "
            "seeds, blocks or scorer have changed since). Restore that state to resume, or begin a new run."
        )
