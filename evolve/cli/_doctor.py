"""`evolve doctor`: what this machine offers, and what is missing."""

from __future__ import annotations

import dataclasses
import platform
import sys

from evolve.cli import _options as options
from evolve.cli._display import emit
from evolve.cli._text import out, plain, table
from evolve.sandbox import examine

_PARTS = {
    "bare fork": "a fork of this process, which confines nothing",
    "run": "a program run, from request to result",
    "fork": "  fork of the warm process",
    "confine": "  namespaces, root, limits, filters",
    "program": "  the program itself, with its result's way back",
    "end": "  kill what is left and clean up",
    "score": "a call of the scorer",
}


def doctor(sandbox: options.Sandbox = None, json: options.Json = False) -> None:
    """Examine the sandbox: which layers are in force here, what is missing, what an evaluation costs.

    Exit code 0 when programs can be run under the policy, 2 when they cannot.
    """
    found = examine(options.policy(sandbox))
    if json:
        emit(dataclasses.asdict(found))
    else:
        cores = options.default_workers()
        out.print(
            plain(f"{found.system}, Python {platform.python_version()}, {cores} cores, policy {found.policy}")
        )
        out.print()
        rows = [
            (
                layer.name,
                plain(*_state(layer.in_force, layer.required)),
                "yes" if layer.required else "",
                layer.purpose,
            )
            for layer in found.layers
        ]
        out.print(table(("layer", "in force", "required", "what for"), rows))
        out.print()
        if found.trouble:
            out.print(plain(found.trouble, "red"), soft_wrap=True)
        else:
            costs = [
                (text, f"{found.costs_ms[part]:.2f}")
                for part, text in _PARTS.items()
                if part in found.costs_ms
            ]
            out.print(table(("median cost", "ms"), costs, numeric=(1,)))
        for advice in found.advice:
            out.print(plain(advice, "yellow"), soft_wrap=True)
    if found.trouble:
        sys.exit(2)


def _state(in_force: bool, required: bool) -> tuple[str, str]:
    if in_force:
        return "yes", "green"
    return "no", "bold red" if required else "yellow"
