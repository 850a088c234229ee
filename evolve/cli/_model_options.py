"""Options about models, shared by the commands that use them."""

from __future__ import annotations

import itertools
import re
import shlex
from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any

import typer

from evolve._toml import validate
from evolve.cli._options import limit, limit_option
from evolve.engine import Budget
from evolve.errors import UsageError
from evolve.models import ModelsConfig, parse_model_option

_HOW = "Models are named by --model PROVIDER/NAME when a run begins."

Model = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        "-m",
        metavar="PROVIDER/NAME[=WEIGHT]",
        help="Let a model propose programs: any that litellm knows; may be repeated. "
        "Its key is read from the environment.",
        show_default=False,
    ),
]
Command = Annotated[
    list[str] | None,
    typer.Option(
        "--command",
        metavar="'PROGRAM ARGS'",
        help="Let a program of yours propose: it reads the prompt on its input and writes code. "
        "It runs as you, outside of the sandbox; may be repeated.",
        show_default=False,
    ),
]
ApiBase = Annotated[
    str | None,
    typer.Option(
        "--api-base",
        metavar="URL",
        help="Address of a server that speaks the provider's protocol (Ollama, vLLM, llama.cpp ...), for all "
        "models.",
        show_default=False,
    ),
]
Concurrency = Annotated[
    int | None,
    typer.Option(
        "--concurrency",
        metavar="N",
        min=1,
        max=1024,
        help="Calls in flight per model and command. [8 for a model, 1 for a command]",
        show_default=False,
    ),
]
Prompts = Annotated[
    Path | None,
    typer.Option(
        "--prompts",
        metavar="FOLDER",
        help="Templates that replace those of the problem and of the package; see docs/reference/prompts.md.",
        show_default=False,
    ),
]
Memory = Annotated[
    Path | None,
    typer.Option(
        "--memory",
        metavar="RUN",
        help="Begin with the lessons and blocks of another run of the problem: its folder or memory.json.",
        show_default=False,
    ),
]
Order = Annotated[
    str | None,
    typer.Option(
        "--order",
        metavar="ORDER",
        help="`ticket`: commits in ticket order, so that timing decides nothing (default without a model); "
        "`arrival`: as they come (default with one).",
        show_default=False,
    ),
]
MaxCalls = Annotated[
    Any,
    limit_option("--max-calls", "N", limit(int, 1), "Never make more calls than this, failed ones included."),
]
MaxTokens = Annotated[
    Any,
    limit_option("--max-tokens", "N", limit(int, 1), "Never use more tokens, of prompts and replies."),
]
MaxUsd = Annotated[
    Any,
    limit_option("--max-usd", "DOLLARS", limit(float, 0.000001), "Never spend more US dollars."),
]


def models(
    given: ModelsConfig | None,
    model: list[str] | None,
    command: list[str] | None,
    api_base: str | None,
    concurrency: int | None,
) -> ModelsConfig | None:
    """Return the models that options ask for, on top of those of a configuration file.

    Raises:
        UsageError: an option is not of the form it has to have, or is for models that are not given.
    """
    if given is None and not model and not command:
        if api_base or concurrency:
            name = "--api-base" if api_base else "--concurrency"
            raise UsageError(f"{name}: is for runs with models, and this one has none. {_HOW}")
        return None
    table: dict[str, Any] = given.model_dump(exclude_unset=True) if given else {}
    flights = {} if concurrency is None else {"concurrency": concurrency}
    settings = flights if api_base is None else {**flights, "api_base": api_base}
    uses = [dict(use) for use in table.get("use", ())]
    known = {use["name"]: use for use in uses}
    for text in model or ():
        name, weight = parse_model_option(text)
        if name in known:
            known[name]["weight"] = weight
        else:
            uses.append({"name": name, "weight": weight})
    if api_base and not uses:
        raise UsageError(f"--api-base: is for models, and there are commands only. {_HOW}")
    commands = [dict(entry) for entry in table.get("command", ())]
    for text in command or ():
        commands.append(_command(text, {entry["name"] for entry in commands}))
    table["use"] = [{**use, **settings} for use in uses]
    table["command"] = [{**entry, **flights} for entry in commands]
    return validate(table, ModelsConfig, UsageError, where="models")


def refuse_limits(budget: Budget) -> None:
    """Refuse limits of calls for a run without models.

    Raises:
        UsageError: one is set.
    """
    for name in ("max_calls", "max_tokens", "max_usd"):
        if getattr(budget, name) is not None:
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option}: is for runs with models, and this one has none. {_HOW}")


def _command(text: str, taken: Collection[str]) -> dict[str, Any]:
    """Return the entry of a command, named after its program, with a number if that name is taken."""
    try:
        argv = shlex.split(text)
    except ValueError as error:
        raise UsageError(
            f"--command {text!r}: cannot be split into words ({error}). Check the quotes."
        ) from None
    if not argv:
        raise UsageError("--command: must name a program, such as 'my-agent --quiet'.")
    name = re.sub(r"\s", "_", Path(argv[0]).name) or "command"
    names = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    return {"name": next(free for free in names if free not in taken), "argv": argv}
