"""What a run with models needs before it begins: its models, prompts and memory, all checked."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

from evolve._toml import validate
from evolve.engine._background import Background
from evolve.engine._budget import CALL_LIMITS
from evolve.engine._config import RunConfig
from evolve.engine._folder import MEMORY_IN, MEMORY_OUT, PROMPTS
from evolve.engine._journal import StoreJournal
from evolve.engine._offer import offer_of
from evolve.engine._programs import Programs
from evolve.engine._state import State
from evolve.errors import ProblemError, UsageError
from evolve.islands import Preset
from evolve.memory import Memory, load_memory
from evolve.models import CallBudget, Models, ModelsConfig, parse_model_option, scrub
from evolve.operators import marker_fault
from evolve.pipeline import asks, load_stages
from evolve.problem import Problem, with_descriptors
from evolve.prompts import Prompts
from evolve.store import Reader, Writer

_PLAIN_WINDOW = 8


def models_config(options: Sequence[str]) -> ModelsConfig:
    """Return the configuration that asks the models of `--model` options.

    Raises:
        UsageError: one is not of the form "provider/model" or "provider/model=weight".
    """
    named = [parse_model_option(option) for option in options]
    uses = {"use": [{"name": name, "weight": weight} for name, weight in named]}
    return validate(uses, ModelsConfig, UsageError, where="models")


def default_window(models: ModelsConfig | None, workers: int) -> int:
    """Return how many tickets have to be in flight to keep all calls and all workers busy.

    Replies come in bursts, since calls that began together end together: half as many tickets again as there
    are calls may be waiting for their evaluation without a call lying idle.
    """
    if models is None:
        return _PLAIN_WINDOW
    calls = sum(spec.concurrency for spec in models.use) + sum(spec.concurrency for spec in models.command)
    return calls + max(_PLAIN_WINDOW, 2 * workers, calls // 2)


def check_usable(config: RunConfig, problem: Problem) -> None:
    """Try what can be wrong with a run before its folder is made.

    Raises:
        UsageError: an operator needs a model and there is none, an island cannot be made, a budget of
            calls limits nothing, the memory or a template cannot be used.
        ProblemError: a template of the problem, or an EVOLVE-BLOCK comment of a seed, is wrong.
    """
    problem = measured(problem, config.islands)
    offer = offer_of(config, problem)
    for name, text in problem.seeds:
        if fault := marker_fault(text):
            raise ProblemError(f"{problem.folder / name}: {fault}")
    _check_stages(config, problem)
    if config.models is None:
        _check_plain(config)
    else:
        _check_models(config, config.models, problem)
    State(problem, config, offer)


def _check_stages(config: RunConfig, problem: Problem) -> None:
    graph, kinds = load_stages(problem)
    for name, spec in graph.specs.items() if config.models is None else ():
        if asks(kinds[name]) and spec.options.get("objective"):
            raise UsageError(
                f"stage {name!r} of {problem.name}: asks a model for the objective, and this run has none. "
                "Give --model PROVIDER/NAME."
            )


def _check_plain(config: RunConfig) -> None:
    """Refuse what only runs with models have."""
    limits = [name for name in CALL_LIMITS if getattr(config.budget, name)]
    for given in (*limits, *(name for name in ("prompts", "memory") if getattr(config, name))):
        option = "--" + given.replace("_", "-")
        raise UsageError(f"{option}: is for runs with models, and this one has none. Give --model too.")


def _check_models(config: RunConfig, models: ModelsConfig, problem: Problem) -> None:
    if not models.names:
        raise UsageError("models: must name at least one model or command. Give --model PROVIDER/NAME.")
    settings = models.model_dump_json()
    if scrub(settings) != settings:
        raise UsageError(
            "models: a setting holds the value of an environment variable that is named like a key. It would "
            "be stored with the run. Leave it out: keys are read from the environment, by commands too."
        )
    Prompts(template_folders(config, problem), max_tokens=models.prompt_tokens)
    memory_of(problem, memory_file(config))


def measured(problem: Problem, islands: Preset) -> Problem:
    """Return the problem with the stage that islands with measures of their own may need."""
    metrics = {measure.metric for spec in islands.island for measure in spec.measures or ()}
    return replace(problem, spec=with_descriptors(problem.spec, metrics))


def template_folders(config: RunConfig, problem: Problem) -> list[Path]:
    """Return the folders of templates that replace the package's, the run's own first.

    Raises:
        UsageError: the one of the run is no folder.
    """
    folders = []
    if config.prompts is not None:
        if not Path(config.prompts).is_dir():
            raise UsageError(f"--prompts {config.prompts}: must be a folder of templates. Check the path.")
        folders.append(Path(config.prompts))
    if (problem.folder / PROMPTS).is_dir():
        folders.append(problem.folder / PROMPTS)
    return folders


def memory_file(config: RunConfig) -> Path | None:
    """Return the file of the memory that the run begins with; None: with none.

    Raises:
        UsageError: there is no such file.
    """
    if config.memory is None:
        return None
    path = Path(config.memory)
    path = path / MEMORY_OUT if path.is_dir() else path
    if not path.is_file():
        raise UsageError(
            f"--memory {config.memory}: must be the folder of a run with models, or its {MEMORY_OUT}. "
            "Check the path; `evolve runs` lists the runs."
        )
    return path


def memory_of(problem: Problem, file: Path | None) -> Memory:
    """Return the memory that a run begins with.

    Raises:
        UsageError: the file is no memory, or that of another problem.
    """
    carried = None if file is None else load_memory(file, problem.name)
    known = [*(text for _, text in problem.seeds), *(block.text for block in problem.blocks)]
    return Memory(problem.spec.candidate.entry, known=known, carried=carried)


@contextlib.asynccontextmanager
async def open_background(
    folder: Path,
    config: RunConfig,
    problem: Problem,
    state: State,
    programs: Programs,
    writer: Writer,
    reader: Reader,
    *,
    offline: bool,
) -> AsyncIterator[Background]:
    """Open the models of a session and what is kept for them; `offline`: recorded answers only.

    Raises:
        ModelError: a price is needed and not known.
    """
    assert config.models is not None
    budget = config.budget
    ledger = CallBudget(max_calls=budget.max_calls, max_tokens=budget.max_tokens, max_usd=budget.max_usd)
    copied = folder / PROMPTS
    prompts = Prompts([copied] if copied.is_dir() else [], max_tokens=config.models.prompt_tokens)
    carried = folder / MEMORY_IN
    memory = memory_of(problem, carried if carried.is_file() else None)
    background = Background(
        problem,
        state,
        programs,
        prompts,
        memory,
        run_seed=config.seed,
        similarity=config.models.similarity,
        reflect_every=config.models.reflect_every if config.models.use else 0,  # commands write programs only
        embeds=config.models.embedding is not None,
    )
    journal = StoreJournal(writer, reader)
    async with Models(
        config.models, ledger, journal, on_event=background.told, offline=offline
    ) as background.models:
        yield background
